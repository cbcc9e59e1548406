//! Which keys a list has, and in which order. Doc comments in here are what a frontend developer reads in GraphiQL.

use async_graphql::{Enum, InputObject};

use super::datetime::DateTime;
use super::types::ApiKeyStatus;
use crate::key::error::InvalidInput;
use crate::key::list;

/// Which keys are wanted: those for which all of it is so.
#[derive(InputObject)]
pub struct ApiKeyFilter {
    /// A part of the name, in capitals or not.
    name_contains: Option<String>,
    /// Whether the key works.
    status: Option<ApiKeyStatus>,
    /// One of its scopes, exactly.
    scope: Option<String>,
    /// It ends before this, or has ended.
    expires_before: Option<DateTime>,
}

impl ApiKeyFilter {
    pub(super) fn parse(self) -> Result<list::Filter, InvalidInput> {
        list::Filter::parse(
            self.name_contains.as_deref(),
            self.status.map(Into::into),
            self.scope,
            self.expires_before.map(|at| at.0),
        )
    }
}

/// In which order the keys come. Keys that are alike in it come in the order in which they were created.
#[derive(InputObject)]
pub struct ApiKeyOrder {
    /// What they are ordered by.
    field: ApiKeyOrderField,
    /// Whether the least or the greatest comes first.
    direction: OrderDirection,
}

/// What keys can be ordered by.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "list::OrderField")]
pub enum ApiKeyOrderField {
    /// When they were created.
    CreatedAt,
    /// Their names, in capitals or not, by code points.
    Name,
    /// When they were last used. Keys that never were count as used before all others.
    LastUsedAt,
    /// When they end. Keys that never do count as ending after all others.
    ExpiresAt,
}

/// Which way round.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "list::Direction")]
pub enum OrderDirection {
    /// The least first: the oldest, or A before B.
    #[graphql(name = "ASC")]
    Ascending,
    /// The greatest first: the newest, or B before A.
    #[graphql(name = "DESC")]
    Descending,
}

impl From<ApiKeyOrder> for list::Order {
    fn from(order: ApiKeyOrder) -> Self {
        Self {
            field: order.field.into(),
            direction: order.direction.into(),
        }
    }
}
