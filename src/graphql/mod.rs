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
mod nesting;
mod order;
mod plain;
mod query;
mod questions;
mod request;
mod size;
mod types;

use async_graphql::{EmptySubscription, SDLExportOptions, SchemaBuilder};

pub use error::{code, request_error};
pub use request::{Answer, Operation, Parameters};

use crate::bounds;
use mutation::Mutation;
use query::Query;
use size::Measured;

/// The executable schema.
pub type Schema = async_graphql::Schema<Query, Mutation, EmptySubscription>;

/// The schema.
pub fn schema() -> Schema {
    builder().finish()
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
        .limit_depth(bounds::DEPTH)
        .limit_complexity(bounds::COMPLEXITY)
        .limit_directives(bounds::DIRECTIVES)
        .extension(Measured)
}
