//! A range of the rows that belong together, by id: the filter that every page is read with, and the order by id.

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Text};
use uuid::Uuid;

use super::types::{DbUuid, SqlUuid};
use crate::key::list::{Cursor, Direction, Place};
use crate::key::model::{KeyId, Owner};
use crate::key::page::{End, PageRequest};

/// Rows that belong together; an index has them in the order of their ids.
#[derive(Debug, Clone)]
pub(super) enum Group {
    KeysOf(String),
    EventsOf(String),
    /// Those of a key that are of this owner, too: which is seen of each, not searched for.
    EventsOfKey(DbUuid, String),
}

impl Group {
    pub(super) fn keys_of(owner: &Owner) -> Self {
        Self::KeysOf(owner.as_str().to_owned())
    }

    pub(super) fn events_of(owner: &Owner, key: Option<KeyId>) -> Self {
        let owner = owner.as_str().to_owned();
        match key {
            None => Self::EventsOf(owner),
            Some(id) => Self::EventsOfKey(DbUuid(id.into()), owner),
        }
    }

    /// What they have in common, and their id.
    fn columns(&self) -> (&'static str, &'static str) {
        match self {
            Self::KeysOf(_) => ("api_keys.owner", "api_keys.id"),
            Self::EventsOf(_) => ("api_key_events.owner", "api_key_events.id"),
            Self::EventsOfKey(..) => ("api_key_events.api_key_id", "api_key_events.id"),
        }
    }
}

/// Those of a group whose ids lie between two, both included.
///
/// Written as a comparison of rows, and ordered by both columns, only the index on both serves. With
/// `owner = …  ORDER BY id` PostgreSQL may prefer to walk the primary key and skip every other owner's rows.
#[derive(Debug, Clone)]
pub(super) struct Between {
    group: Group,
    from: DbUuid,
    to: DbUuid,
}

impl Between {
    /// All of them.
    pub(super) fn all(group: Group) -> Self {
        Self::ids(group, Uuid::nil(), Uuid::max())
    }

    fn ids(group: Group, from: Uuid, to: Uuid) -> Self {
        Self {
            group,
            from: DbUuid(from),
            to: DbUuid(to),
        }
    }

    /// Those between the cursors of a request, as far as these are of an order by id.
    pub(super) fn cursors(group: Group, request: &PageRequest, direction: Direction) -> Self {
        let (mut from, mut to) = (Uuid::nil(), Uuid::max());
        let PageRequest { after, before, .. } = request;
        let (above, below) = match direction {
            Direction::Ascending => (after, before),
            Direction::Descending => (before, after),
        };
        let id_of = |cursor: &Option<Cursor>| match cursor {
            Some(Cursor { place, id }) if *place == Place::Id => Some(*id),
            _ => None,
        };
        if let Some(id) = id_of(above) {
            from = Uuid::from_u128(id.as_u128().saturating_add(1));
        }
        if let Some(id) = id_of(below) {
            to = Uuid::from_u128(id.as_u128().saturating_sub(1));
        }
        Self::ids(group, from, to)
    }

    /// What lies beyond the cursor that a page is counted from, the cursor's own row included; `None` without a cursor.
    pub(super) fn beyond(
        group: Group,
        request: &PageRequest,
        direction: Direction,
    ) -> Option<Self> {
        let (cursor, looks_up) = match request.end {
            End::First => (&request.after, direction == Direction::Descending),
            End::Last => (&request.before, direction == Direction::Ascending),
        };
        let id = cursor.as_ref()?.id;
        Some(match looks_up {
            true => Self::ids(group, id, Uuid::max()),
            false => Self::ids(group, Uuid::nil(), id),
        })
    }
}

impl<DB> QueryFragment<DB> for Between
where
    DB: Backend + HasSqlType<SqlUuid>,
    String: ToSql<Text, DB>,
    DbUuid: ToSql<SqlUuid, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let (common, id) = self.group.columns();
        for (place, bound) in [("((", &self.from), (") AND (", &self.to)] {
            let comparison = match place {
                "((" => ") >= (",
                _ => ") <= (",
            };
            for word in [place, common, ", ", id, comparison] {
                out.push_sql(word);
            }
            match &self.group {
                Group::KeysOf(owner) | Group::EventsOf(owner) => {
                    out.push_bind_param::<Text, _>(owner)?;
                }
                Group::EventsOfKey(id, _) => out.push_bind_param::<SqlUuid, _>(id)?,
            }
            out.push_sql(", ");
            out.push_bind_param::<SqlUuid, _>(bound)?;
        }
        out.push_sql(")");
        if let Group::EventsOfKey(_, owner) = &self.group {
            // As an expression, which no index has: that by owner would read all of the owner's events for those of one key.
            out.push_sql(" AND api_key_events.owner || '' = ");
            out.push_bind_param::<Text, _>(owner)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

/// The order of a group by id.
#[derive(Debug, Clone)]
pub(super) struct ById {
    pub(super) group: Group,
    pub(super) direction: Direction,
}

impl ById {
    /// Where any order would do, this one keeps the database to the index.
    pub(super) fn ascending(group: Group) -> Self {
        let direction = Direction::Ascending;
        Self { group, direction }
    }
}

impl<DB: Backend> QueryFragment<DB> for ById {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let (common, id) = self.group.columns();
        let direction = sql_of(self.direction);
        for word in [common, direction, ", ", id, direction] {
            out.push_sql(word);
        }
        Ok(())
    }
}

/// The words of SQL for a direction.
pub(super) fn sql_of(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => " ASC",
        Direction::Descending => " DESC",
    }
}

/// What Diesel wants to know of a fragment whose SQL is not known before it is walked.
macro_rules! written_when_walked {
    ($($fragment:ty),*) => {
        $(
            impl diesel::query_builder::QueryId for $fragment {
                type QueryId = ();
                const HAS_STATIC_QUERY_ID: bool = false;
            }

            impl diesel::Expression for $fragment {
                type SqlType = diesel::sql_types::Bool;
            }

            impl<T> diesel::expression::AppearsOnTable<T> for $fragment {}

            impl diesel::expression::ValidGrouping<()> for $fragment {
                type IsAggregate = diesel::expression::is_aggregate::No;
            }
        )*
    };
}
pub(super) use written_when_walked;

written_when_walked!(Between, ById);

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use diesel::sql_types::Text;
    use diesel::sqlite::{Sqlite, SqliteConnection};

    use super::super::schema::{api_key_events, api_keys};
    use super::*;

    #[derive(QueryableByName)]
    struct Plan {
        #[diesel(sql_type = Text)]
        detail: String,
    }

    fn plan(connection: &mut SqliteConnection, query: &impl QueryFragment<Sqlite>) -> Vec<String> {
        let sql = diesel::debug_query::<Sqlite, _>(query).to_string();
        let sql = sql.split(" -- binds").next().unwrap();
        let explain = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}"));
        let plan: Vec<Plan> = diesel::RunQueryDsl::load(explain, connection).unwrap();
        plan.into_iter().map(|step| step.detail).collect()
    }

    /// PostgreSQL's side is a scenario, which counts the rows that are read.
    #[test]
    fn sqlite_reads_a_page_by_the_index_for_it() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        for tables in [
            include_str!("../../migrations/sqlite/2026-11-24-000000_api_keys/up.sql"),
            include_str!("../../migrations/sqlite/2026-11-24-120000_folded_names/up.sql"),
        ] {
            connection.batch_execute(tables).unwrap();
        }
        let owner = Owner::parse("somebody").unwrap();
        let id = KeyId::from(Uuid::nil());
        for direction in [Direction::Ascending, Direction::Descending] {
            let group = Group::keys_of(&owner);
            let page = api_keys::table
                .filter(Between::all(group.clone()))
                .select(api_keys::name)
                .order(ById { group, direction })
                .limit(21);
            let index = "SEARCH api_keys USING INDEX api_keys_owner_id ((owner,id)>(?,?) AND (owner,id)<(?,?))";
            assert_eq!(plan(&mut connection, &page), [index]);
            for (key, index, column) in [
                (None, "api_key_events_owner_id", "owner"),
                (Some(id), "api_key_events_api_key_id_id", "api_key_id"),
            ] {
                let group = Group::events_of(&owner, key);
                let page = api_key_events::table
                    .filter(Between::all(group.clone()))
                    .select(api_key_events::action)
                    .order(ById { group, direction })
                    .limit(21);
                let range = format!("(({column},id)>(?,?) AND ({column},id)<(?,?))");
                let step = format!("SEARCH api_key_events USING INDEX {index} {range}");
                assert_eq!(plan(&mut connection, &page), [step]);
            }
        }
    }
}
