//! The GraphQL API: async-graphql, and only here. Resolvers parse, call the service and map; there are no rules in
//! here, and no SQL.

mod connection;
mod datetime;
mod error;
mod event;
mod input;
mod limit;
mod listing;
mod mutation;
mod order;
mod plain;
mod query;
mod request;
mod types;

use std::sync::Arc;

use async_graphql::{EmptySubscription, SDLExportOptions, SchemaBuilder};

pub use error::{code, request_error};
pub use request::{Answer, Operation, Parameters};

use crate::key::service::Service;
use mutation::Mutation;
use query::Query;

/// The executable schema.
pub type Schema = async_graphql::Schema<Query, Mutation, EmptySubscription>;

/// How deep a document may nest. The introspection query of graphql-js needs 15.
const MAX_DEPTH: usize = 20;

/// What a document may cost: a field costs 1, a question to the database 20, a page its size times its fields besides, a count
/// and a mutation 50. A page of 100 with
/// both `edges` and `nodes` stays well below.
const MAX_COMPLEXITY: usize = 10_000;

/// The schema, resolved against a service.
pub fn schema(service: Arc<Service>) -> Schema {
    builder().data(service).finish()
}

/// The schema in the schema definition language, as `schema.graphql` keeps it.
pub fn sdl() -> String {
    builder().finish().sdl_with_options(
        SDLExportOptions::new()
            .include_specified_by()
            .use_space_ident()
            .indent_width(2),
    )
}

fn builder() -> SchemaBuilder<Query, Mutation, EmptySubscription> {
    async_graphql::Schema::build(Query, Mutation, EmptySubscription)
        .limit_depth(MAX_DEPTH)
        .limit_complexity(MAX_COMPLEXITY)
        .limit_directives(50)
}
