//! A range of one owner's keys: the filter that every page is read with.

use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{Bool, HasSqlType, Text};
use uuid::Uuid;

use super::schema::api_keys;
use super::types::{DbUuid, SqlUuid};
use crate::key::model::Owner;

/// `(owner, id)` lies between two ids of an owner, both included.
///
/// Written as a comparison of rows, and ordered by `owner, id`, only the index on both serves. With
/// `owner = …  ORDER BY id` PostgreSQL may prefer to walk the primary key and skip every other owner's keys.
#[derive(Debug, Clone, QueryId)]
pub(super) struct KeysBetween {
    owner: String,
    from: DbUuid,
    to: DbUuid,
}

impl KeysBetween {
    pub(super) fn new(owner: &Owner, from: u128, to: u128) -> Self {
        Self {
            owner: owner.as_str().to_owned(),
            from: DbUuid(Uuid::from_u128(from)),
            to: DbUuid(Uuid::from_u128(to)),
        }
    }
}

impl Expression for KeysBetween {
    type SqlType = Bool;
}

impl AppearsOnTable<api_keys::table> for KeysBetween {}

impl ValidGrouping<()> for KeysBetween {
    type IsAggregate = is_aggregate::No;
}

impl<DB> QueryFragment<DB> for KeysBetween
where
    DB: Backend + HasSqlType<SqlUuid>,
    String: ToSql<Text, DB>,
    DbUuid: ToSql<SqlUuid, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("((api_keys.owner, api_keys.id) >= (");
        out.push_bind_param::<Text, _>(&self.owner)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlUuid, _>(&self.from)?;
        out.push_sql(") AND (api_keys.owner, api_keys.id) <= (");
        out.push_bind_param::<Text, _>(&self.owner)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlUuid, _>(&self.to)?;
        out.push_sql("))");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;
    use diesel::sql_types::Text;
    use diesel::sqlite::{Sqlite, SqliteConnection};

    use super::*;

    #[derive(QueryableByName)]
    struct Plan {
        #[diesel(sql_type = Text)]
        detail: String,
    }

    /// PostgreSQL's side is a scenario, which counts the rows that are read.
    #[test]
    fn sqlite_reads_a_page_by_the_index_on_owner_and_id() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let tables = include_str!("../../migrations/sqlite/2026-11-24-000000_api_keys/up.sql");
        connection.batch_execute(tables).unwrap();
        let owner = Owner::parse("somebody").unwrap();
        let page = api_keys::table
            .filter(KeysBetween::new(&owner, 0, u128::MAX))
            .select(api_keys::name)
            .order((api_keys::owner.desc(), api_keys::id.desc()))
            .limit(21);
        let sql = diesel::debug_query::<Sqlite, _>(&page).to_string();
        let sql = sql.split(" -- binds").next().unwrap();
        let explain = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}"));
        let plan: Vec<Plan> = diesel::RunQueryDsl::load(explain, &mut connection).unwrap();
        let plan: Vec<String> = plan.into_iter().map(|step| step.detail).collect();
        assert_eq!(
            plan[0],
            "SEARCH api_keys USING INDEX api_keys_owner_id ((owner,id)>(?,?) AND (owner,id)<(?,?))"
        );
        assert!(!plan.iter().any(|step| step.contains("SCAN")), "{plan:?}");
    }
}
