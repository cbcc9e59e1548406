//! Filters and orders of keys beyond that by id.
//!
//! Both read the keys of one owner, who has at most so many (`APIKEYS_MAX_KEYS_PER_OWNER`), by the index on `(owner, id)`, and
//! look at each. An index for every order would cost each write, and that for the last use one write per use.

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Text};
use jiff::Timestamp;

use super::now::Now;
use super::range::{ById, Group, sql_of, written_when_walked};
use super::types::{DbInstant, DbUuid, SqlInstant, SqlUuid};
use crate::key::api_key::ApiKeyStatus;
use crate::key::list::{Cursor, Direction, Filter, NEVER_EXPIRES, NEVER_USED, OrderField, Place};
use crate::key::model::Owner;
use crate::key::page::{End, PageRequest};

/// The keys that a filter lets pass.
#[derive(Debug, Clone)]
pub(super) struct Passes {
    name_contains: Option<String>,
    status: Option<ApiKeyStatus>,
    /// With the blanks between which it stands.
    scope: Option<String>,
    expires_before: Option<DbInstant>,
    now: Now,
}

impl Passes {
    pub(super) fn new(filter: &Filter, now: Timestamp) -> Self {
        Self {
            name_contains: filter.name_contains.clone(),
            status: filter.status,
            scope: filter.scope.as_ref().map(|scope| format!(" {scope} ")),
            expires_before: filter.expires_before.map(DbInstant),
            now: Now(DbInstant(now)),
        }
    }

    fn is_selective(&self) -> bool {
        let texts = self.name_contains.is_some() || self.scope.is_some();
        texts || self.status.is_some() || self.expires_before.is_some()
    }
}

impl<DB> QueryFragment<DB> for Passes
where
    DB: Backend + HasSqlType<SqlInstant>,
    String: ToSql<Text, DB>,
    DbInstant: ToSql<SqlInstant, DB>,
    Now: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.is_selective() {
            // There are many such statements, and a connection would keep each for ever.
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("(1 = 1");
        // What is replaced in a text is contained in it: literally, and the same on both databases.
        if let Some(text) = &self.name_contains {
            out.push_sql(" AND replace(api_keys.name_folded, ");
            out.push_bind_param::<Text, _>(text)?;
            out.push_sql(", '') <> api_keys.name_folded");
        }
        if let Some(scope) = &self.scope {
            out.push_sql(" AND replace(' ' || api_keys.scopes || ' ', ");
            out.push_bind_param::<Text, _>(scope)?;
            out.push_sql(", '') <> ' ' || api_keys.scopes || ' '");
        }
        if let Some(status) = self.status {
            out.push_sql(match status {
                ApiKeyStatus::Active => " AND api_keys.disabled_at IS NULL",
                ApiKeyStatus::Disabled => " AND api_keys.disabled_at IS NOT NULL",
                ApiKeyStatus::Expired => "",
            });
            out.push_sql(match status {
                ApiKeyStatus::Expired => " AND api_keys.expires_at <= ",
                _ => " AND (api_keys.expires_at IS NULL OR api_keys.expires_at > ",
            });
            self.now.walk_ast(out.reborrow())?;
            if status != ApiKeyStatus::Expired {
                out.push_sql(")");
            }
        }
        if let Some(end) = &self.expires_before {
            out.push_sql(" AND api_keys.expires_at < ");
            out.push_bind_param::<SqlInstant, _>(end)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

/// What keys are ordered by, in SQL.
fn push_value<DB>(field: OrderField, out: &mut AstPass<'_, '_, DB>) -> QueryResult<()>
where
    DB: Backend + HasSqlType<SqlInstant>,
    DbInstant: ToSql<SqlInstant, DB>,
{
    const USED: DbInstant = DbInstant(NEVER_USED);
    const EXPIRES: DbInstant = DbInstant(NEVER_EXPIRES);
    match field {
        OrderField::CreatedAt => out.push_sql("api_keys.id"),
        OrderField::Name => out.push_sql("api_keys.name_folded"),
        OrderField::LastUsedAt => {
            out.push_sql(
                "coalesce((SELECT max(last_used_at) FROM api_key_secrets WHERE api_key_id = api_keys.id), ",
            );
            out.push_bind_param::<SqlInstant, _>(&USED)?;
            out.push_sql(")");
        }
        OrderField::ExpiresAt => {
            out.push_sql("coalesce(api_keys.expires_at, ");
            out.push_bind_param::<SqlInstant, _>(&EXPIRES)?;
            out.push_sql(")");
        }
    }
    Ok(())
}

/// The keys on one side of cursors in an order that is not by id; all of them where there is no cursor.
#[derive(Debug, Clone, Default)]
pub(super) struct Beside(Vec<Side>);

#[derive(Debug, Clone)]
struct Side {
    place: Place,
    instant: DbInstant,
    id: DbUuid,
    /// ` > ` or ` < `.
    sign: &'static str,
    /// The other side, and what the cursor stands for.
    is_opposite: bool,
}

impl Beside {
    /// Those between the cursors of a request.
    pub(super) fn cursors(request: &PageRequest, direction: Direction) -> Self {
        let after = request.after.as_ref();
        let before = request.before.as_ref();
        let after = after.and_then(|cursor| Side::of(cursor, direction, false));
        let before = before.and_then(|cursor| Side::of(cursor, direction.reversed(), false));
        Self(after.into_iter().chain(before).collect())
    }

    /// What lies beyond the cursor that a page is counted from.
    pub(super) fn beyond(request: &PageRequest, direction: Direction) -> Option<Self> {
        let (cursor, direction) = match request.end {
            End::First => (request.after.as_ref()?, direction),
            End::Last => (request.before.as_ref()?, direction.reversed()),
        };
        Some(Self(vec![Side::of(cursor, direction, true)?]))
    }
}

impl Side {
    /// `None` where the range of ids says it all.
    fn of(cursor: &Cursor, direction: Direction, is_opposite: bool) -> Option<Self> {
        let instant = match cursor.place {
            Place::Id => return None,
            Place::Name(_) => NEVER_USED,
            Place::LastUsedAt(at) | Place::ExpiresAt(at) => at,
        };
        Some(Self {
            place: cursor.place.clone(),
            instant: DbInstant(instant),
            id: DbUuid(cursor.id),
            sign: match direction {
                Direction::Ascending => " > ",
                Direction::Descending => " < ",
            },
            is_opposite,
        })
    }
}

impl<DB> QueryFragment<DB> for Beside
where
    DB: Backend + HasSqlType<SqlInstant> + HasSqlType<SqlUuid>,
    String: ToSql<Text, DB>,
    DbInstant: ToSql<SqlInstant, DB>,
    DbUuid: ToSql<SqlUuid, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("(1 = 1");
        if !self.0.is_empty() {
            out.unsafe_to_cache_prepared();
        }
        for side in &self.0 {
            out.push_sql(match side.is_opposite {
                true => " AND NOT (",
                false => " AND (",
            });
            // value > v OR (value = v AND id > i)
            for sign in [side.sign, " = "] {
                let field = match side.place {
                    Place::Id => OrderField::CreatedAt,
                    Place::Name(_) => OrderField::Name,
                    Place::LastUsedAt(_) => OrderField::LastUsedAt,
                    Place::ExpiresAt(_) => OrderField::ExpiresAt,
                };
                push_value(field, &mut out)?;
                out.push_sql(sign);
                match &side.place {
                    Place::Name(name) => out.push_bind_param::<Text, _>(name)?,
                    _ => out.push_bind_param::<SqlInstant, _>(&side.instant)?,
                }
                if sign == side.sign {
                    out.push_sql(" OR (");
                }
            }
            out.push_sql(" AND api_keys.id");
            out.push_sql(side.sign);
            out.push_bind_param::<SqlUuid, _>(&side.id)?;
            out.push_sql("))");
        }
        out.push_sql(")");
        Ok(())
    }
}

/// An order of one owner's keys.
#[derive(Debug, Clone)]
pub(super) struct Ordered {
    field: OrderField,
    by_id: ById,
}

impl Ordered {
    pub(super) fn by(field: OrderField, direction: Direction, owner: &Owner) -> Self {
        let group = Group::keys_of(owner);
        let by_id = ById { group, direction };
        Self { field, by_id }
    }
}

impl<DB> QueryFragment<DB> for Ordered
where
    DB: Backend + HasSqlType<SqlInstant>,
    DbInstant: ToSql<SqlInstant, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if self.field == OrderField::CreatedAt {
            return self.by_id.walk_ast(out);
        }
        let direction = sql_of(self.by_id.direction);
        push_value(self.field, &mut out)?;
        for word in [direction, ", api_keys.id", direction] {
            out.push_sql(word);
        }
        Ok(())
    }
}

written_when_walked!(Passes, Beside, Ordered);
