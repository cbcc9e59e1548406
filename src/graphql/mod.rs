//! The GraphQL API: async-graphql, and only here. Resolvers parse, call the service and map; there are no rules in
//! here, and no SQL.

mod completion;
mod connection;
mod datetime;
mod error;
mod event;
mod input;
mod limit;
mod listing;
mod mutation;
mod nesting;
mod plain;
mod query;
mod questions;
mod request;
mod size;
mod types;

use std::borrow::Cow;

use async_graphql::parser::types::Directive;
use async_graphql::registry::Registry;
use async_graphql::{
    ContextDirective, CustomDirective, CustomDirectiveFactory, EmptySubscription, SDLExportOptions,
    SchemaBuilder, ServerError, ServerResult,
};

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
        .directive(WithoutFloat)
}

/// Takes `Float` out of the schema, which async-graphql lists although nothing refers to it. A directive is how its registry can be
/// reached; this one is not registered as one, so that no document can use it.
struct WithoutFloat;

impl CustomDirectiveFactory for WithoutFloat {
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed("withoutFloat")
    }

    fn register(&self, registry: &mut Registry) {
        registry.types.remove("Float");
    }

    fn create(
        &self,
        _ctx: &ContextDirective<'_>,
        directive: &Directive,
    ) -> ServerResult<Box<dyn CustomDirective>> {
        let name = &directive.name;
        Err(ServerError::new("this is no directive", Some(name.pos)))
    }
}
