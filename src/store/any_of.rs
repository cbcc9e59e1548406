//! One of many values: the filter that asks for all of them at once.

use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, Binary, HasSqlType, SqlType};
use diesel::sqlite::Sqlite;

use super::range::written_when_walked;

/// A column has one of these values.
///
/// Diesel's own `eq_any` is a new statement for SQLite each time, which costs more to prepare than to run. Here it is one
/// of a few, which are kept: the last value stands again and again until there are as many as one of those has.
#[derive(Debug, Clone)]
pub(super) struct AnyOf<ST, T> {
    column: &'static str,
    values: Vec<T>,
    sql_type: PhantomData<ST>,
}

impl AnyOf<Binary, Vec<u8>> {
    pub(super) fn digests(values: Vec<Vec<u8>>) -> Self {
        Self::new("api_key_secrets.digest", values)
    }
}

impl<ST, T> AnyOf<ST, T> {
    fn new(column: &'static str, values: Vec<T>) -> Self {
        Self {
            column,
            values,
            sql_type: PhantomData,
        }
    }
}

impl<ST, T> QueryFragment<Sqlite> for AnyOf<ST, T>
where
    Sqlite: HasSqlType<ST>,
    T: ToSql<ST, Sqlite>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(self.column);
        out.push_sql(" IN (");
        if let Some(last) = self.values.last() {
            let padding = written(self.values.len()) - self.values.len();
            let padding = std::iter::repeat_n(last, padding);
            for (i, value) in self.values.iter().chain(padding).enumerate() {
                if i > 0 {
                    out.push_sql(", ");
                }
                out.push_bind_param::<ST, _>(value)?;
            }
        }
        out.push_sql(")");
        Ok(())
    }
}

/// How many values a statement has that asks for so many: a multiple of four, or a power of two where that is far.
fn written(count: usize) -> usize {
    match count {
        5..32 => count.next_multiple_of(4),
        _ => count.next_power_of_two(),
    }
}

impl<ST, T> QueryFragment<Pg> for AnyOf<ST, T>
where
    ST: SqlType + 'static,
    Pg: HasSqlType<Array<ST>>,
    Vec<T>: ToSql<Array<ST>, Pg>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(self.column);
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<ST>, _>(&self.values)?;
        out.push_sql(")");
        Ok(())
    }
}

written_when_walked!(AnyOf<Binary, Vec<u8>>);
