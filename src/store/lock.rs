//! Who waits for whom: one at a time for each owner whose keys are counted, and for each key that is changed.
//!
//! All transactions lock in one order, so that nobody waits in a circle: first the owner, then keys by their numbers, that of
//! the credential among them. Rows are locked after these. A row's own lock would not do for the credential: PostgreSQL lets those who share
//! it pass one who waits to change it, so that a key that writes without a pause could not be deleted.

use diesel::sql_types::{BigInt, Text};
use diesel::{ExpressionMethods, OptionalExtension, QueryDsl, QueryResult, SqliteConnection};
use diesel_async::AsyncPgConnection;
use futures_util::future::try_join_all;

use super::error::CredentialEnded;
use super::schema::api_key_secrets;
use super::secrets;
use super::sqlite::RunQueryDsl as _;
use super::types::{DbInstant, DbUuid};
use crate::key::event::Actor;
use crate::key::model::Owner;

/// The locks of a transaction that changes keys.
pub(super) trait Locks {
    /// Makes others wait who want the same owner, until the transaction ends.
    async fn lock_owner(&mut self, owner: &Owner) -> QueryResult<()>;

    /// Makes sure that the credential of `actor` still works, and that nobody ends it before this transaction does; and makes
    /// others wait who want to change the same keys. Where the credential does not work any more, the error ends the transaction.
    async fn lock_keys(&mut self, actor: &Actor, keys: &[DbUuid]) -> QueryResult<()>;
}

/// The query for the secret of a credential, where it works. Its end is compared with when the change was asked for.
#[diesel::dsl::auto_type]
fn live(digest: Vec<u8>, now: DbInstant) -> _ {
    let works: secrets::works_at = secrets::works_at(now);
    api_key_secrets::table
        .filter(api_key_secrets::digest.eq(digest))
        .filter(works)
        .select(api_key_secrets::api_key_id)
}

impl Locks for SqliteConnection {
    /// There is one writer, and this is it.
    async fn lock_owner(&mut self, _owner: &Owner) -> QueryResult<()> {
        Ok(())
    }

    async fn lock_keys(&mut self, actor: &Actor, _keys: &[DbUuid]) -> QueryResult<()> {
        let Some(presented) = &actor.presented else {
            return Ok(());
        };
        let live = live(presented.digest.as_bytes().to_vec(), DbInstant(actor.at));
        let found: Option<DbUuid> = live.first(self).await.optional()?;
        found.map(drop).ok_or_else(|| CredentialEnded.into())
    }
}

impl Locks for AsyncPgConnection {
    /// Two owners whose hashes are the same wait for each other, which harms neither.
    async fn lock_owner(&mut self, owner: &Owner) -> QueryResult<()> {
        // Apart from other locks of this kind. The number is the ASCII of `owner`.
        const SEED: i64 = 0x6f_77_6e_65_72;
        let lock = diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))")
            .bind::<Text, _>(owner.as_str())
            .bind::<BigInt, _>(SEED);
        diesel_async::RunQueryDsl::execute(lock, self).await?;
        Ok(())
    }

    async fn lock_keys(&mut self, actor: &Actor, keys: &[DbUuid]) -> QueryResult<()> {
        let credential = actor.presented.map(|presented| DbUuid(presented.id.into()));
        let mut locks: Vec<(i64, Mode)> =
            keys.iter().map(|key| (number(*key), Mode::Alone)).collect();
        locks.extend(credential.map(|key| (number(key), Mode::Together)));
        // A key that changes itself is locked for that.
        locks.sort_unstable();
        locks.dedup_by_key(|(number, _)| *number);
        let connection = &*self;
        try_join_all(locks.into_iter().map(async |(number, mode)| {
            let mut connection = connection;
            match mode {
                Mode::Alone => {
                    let lock = diesel::select(pg_advisory_xact_lock(number));
                    diesel_async::RunQueryDsl::execute(lock, &mut connection).await
                }
                Mode::Together => {
                    let lock = diesel::select(pg_advisory_xact_lock_shared(number));
                    diesel_async::RunQueryDsl::execute(lock, &mut connection).await
                }
            }
        }))
        .await?;
        let Some(presented) = &actor.presented else {
            return Ok(());
        };
        // Locked as well, for people who change the tables by hand and lock nothing else.
        let live = live(presented.digest.as_bytes().to_vec(), DbInstant(actor.at)).for_share();
        let found: Vec<DbUuid> = diesel_async::RunQueryDsl::load(live, self).await?;
        match found.is_empty() {
            true => Err(CredentialEnded.into()),
            false => Ok(()),
        }
    }
}

/// How a key is locked: by the one who changes it, or by all who present it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mode {
    Alone,
    Together,
}

/// The number that stands for a key in locks, apart from other locks of this kind. Two keys of one number wait for each other, which
/// harms neither.
fn number(key: DbUuid) -> i64 {
    // The ASCII of `api key`. The end of an id is random.
    const SEED: u64 = 0x61_70_69_20_6b_65_79;
    let (_, end) = key.0.as_u64_pair();
    (end ^ SEED).cast_signed()
}

// They give nothing, which is not read.
diesel::define_sql_function! {
    /// Waits for a lock of the transaction that nobody else has.
    fn pg_advisory_xact_lock(number: BigInt) -> Text;
}
diesel::define_sql_function! {
    /// Waits for a lock of the transaction that only those have who share it. Who waits for it alone comes before later ones that share.
    fn pg_advisory_xact_lock_shared(number: BigInt) -> Text;
}
