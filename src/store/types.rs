//! Two SQL types that each backend keeps in its own way: a UUID as `uuid` or `BLOB`, an instant as `timestamptz`
//! or `INTEGER` microseconds since 1970.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::pg::data_types::PgTimestamp;
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{self, SqlType};
use diesel::sqlite::Sqlite;
use jiff::Timestamp;
use uuid::Uuid;

/// `uuid` in PostgreSQL, 16 bytes in SQLite. Both order it by its bytes.
#[derive(SqlType, QueryId)]
#[diesel(
    postgres_type(oid = 2950, array_oid = 2951),
    sqlite_type(name = "Binary")
)]
pub struct SqlUuid;

/// `timestamptz` in PostgreSQL, microseconds since 1970-01-01T00:00:00Z in SQLite.
#[derive(SqlType, QueryId)]
#[diesel(
    postgres_type(oid = 1184, array_oid = 1185),
    sqlite_type(name = "Long")
)]
pub struct SqlInstant;

/// The Rust side of [`SqlUuid`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = SqlUuid)]
pub struct DbUuid(pub Uuid);

/// The Rust side of [`SqlInstant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = SqlInstant)]
pub struct DbInstant(pub Timestamp);

impl ToSql<SqlUuid, Pg> for DbUuid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<sql_types::Uuid, Pg>::to_sql(&self.0, out)
    }
}

impl FromSql<SqlUuid, Pg> for DbUuid {
    fn from_sql(value: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        FromSql::<sql_types::Uuid, Pg>::from_sql(value).map(Self)
    }
}

impl ToSql<SqlUuid, Sqlite> for DbUuid {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_bytes().as_slice());
        Ok(IsNull::No)
    }
}

impl FromSql<SqlUuid, Sqlite> for DbUuid {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let bytes: Vec<u8> = FromSql::<sql_types::Binary, Sqlite>::from_sql(value)?;
        Ok(Self(Uuid::from_slice(&bytes)?))
    }
}

/// 2000-01-01T00:00:00Z, from which PostgreSQL counts its microseconds.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl ToSql<SqlInstant, Pg> for DbInstant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let timestamp = PgTimestamp(self.0.as_microsecond() - POSTGRES_EPOCH);
        ToSql::<sql_types::Timestamptz, Pg>::to_sql(&timestamp, &mut out.reborrow())
    }
}

impl FromSql<SqlInstant, Pg> for DbInstant {
    fn from_sql(value: <Pg as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let PgTimestamp(micros) = FromSql::<sql_types::Timestamptz, Pg>::from_sql(value)?;
        let since_1970 = micros.saturating_add(POSTGRES_EPOCH);
        Ok(Self(Timestamp::from_microsecond(since_1970)?))
    }
}

impl ToSql<SqlInstant, Sqlite> for DbInstant {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.as_microsecond());
        Ok(IsNull::No)
    }
}

impl FromSql<SqlInstant, Sqlite> for DbInstant {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let micros: i64 = FromSql::<sql_types::BigInt, Sqlite>::from_sql(value)?;
        Ok(Self(Timestamp::from_microsecond(micros)?))
    }
}
