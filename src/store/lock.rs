//! One at a time for each owner.

use diesel::sql_types::{BigInt, Text};
use diesel::{QueryResult, SqliteConnection};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::key::model::Owner;

/// Makes others wait who want the same owner, until the transaction ends.
pub(super) trait LockOwner {
    async fn lock_owner(&mut self, owner: &Owner) -> QueryResult<()>;
}

impl LockOwner for SqliteConnection {
    /// There is one writer, and this is it.
    async fn lock_owner(&mut self, _owner: &Owner) -> QueryResult<()> {
        Ok(())
    }
}

impl LockOwner for AsyncPgConnection {
    /// Two owners whose hashes are the same wait for each other, which harms neither.
    async fn lock_owner(&mut self, owner: &Owner) -> QueryResult<()> {
        // Apart from other locks of this kind. The number is the ASCII of `owner`.
        const SEED: i64 = 0x6f_77_6e_65_72;
        diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))")
            .bind::<Text, _>(owner.as_str())
            .bind::<BigInt, _>(SEED)
            .execute(self)
            .await?;
        Ok(())
    }
}
