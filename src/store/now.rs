//! The time by which it is judged whether something has ended.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Nullable;
use diesel::sqlite::Sqlite;
use diesel::{AppearsOnTable, Expression, QueryResult, SelectableExpression, expression};

use super::types::{DbInstant, SqlInstant};

/// Now: on PostgreSQL by the database's clock, so that servers whose clocks differ agree; on SQLite, where there is one server, by
/// the server's, which is given.
#[derive(Debug, Clone, Copy, QueryId)]
pub(super) struct Now(pub(super) DbInstant);

/// It is compared with what may be null.
impl Expression for Now {
    type SqlType = Nullable<SqlInstant>;
}

impl<T> AppearsOnTable<T> for Now {}
impl<T> SelectableExpression<T> for Now {}

impl<G> expression::ValidGrouping<G> for Now {
    type IsAggregate = expression::is_aggregate::Never;
}

impl QueryFragment<Pg> for Now {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("statement_timestamp()");
        Ok(())
    }
}

impl QueryFragment<Sqlite> for Now {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_bind_param::<SqlInstant, _>(&self.0)
    }
}
