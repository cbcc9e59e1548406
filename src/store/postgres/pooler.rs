//! Whether a pooler stands in between that hands each transaction to another connection, as `PgBouncer` does in transaction mode.
//!
//! Settings of a session and prepared statements then end up with other clients. A start on two connections finds out: what one of
//! them has set is seen by the other, or is gone.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};

use crate::store::error::OpenError;

const PROBLEM: &str = "leads to a pooler that hands each transaction to another connection (PgBouncer in transaction mode); \
    add statement_cache=off to its options, or connect to PostgreSQL itself";

/// Refuses such a pooler.
pub(super) async fn refuse(
    one: &mut AsyncPgConnection,
    other: &mut AsyncPgConnection,
) -> Result<(), OpenError> {
    let mark = uuid::Uuid::now_v7();
    let raise = |condition: &str| {
        format!("DO $$ BEGIN IF {condition} THEN RAISE EXCEPTION 'another session'; END IF; END $$")
    };
    let seen = "current_setting('apikeys.mark', true) IS NOT DISTINCT FROM";
    let seen_by_other = raise(&format!("{seen} '{mark}'"));
    let gone = raise(&format!("NOT ({seen} '{mark}')"));
    one.batch_execute(&format!("SET apikeys.mark = '{mark}'"))
        .await?;
    // While a transaction is open, a pooler keeps its connection for it.
    other.batch_execute("BEGIN").await?;
    let is_shared = other.batch_execute(&seen_by_other).await.is_err();
    // A pooler may have the one connection alone, for which this would wait.
    let is_gone = !is_shared && one.batch_execute(&gone).await.is_err();
    other.batch_execute("ROLLBACK").await?;
    one.batch_execute("RESET apikeys.mark").await?;
    match is_shared || is_gone {
        true => Err(OpenError::Unusable(PROBLEM.to_owned())),
        false => Ok(()),
    }
}
