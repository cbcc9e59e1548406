//! Who waits for whom: one at a time for each owner whose keys are counted, and for each key that is changed.
//!
//! All transactions lock in one order, so that nobody waits in a circle: first the owner, then keys by their numbers, that of
//! the credential among them.
//!
//! Whoever makes a key shares its owner's lock with others who do, so that they need not wait until the key is on disk, as long as
//! the owner may have more keys than all of them together could make: each session makes one at a time, and the server says how many
//! sessions there may be. Closer to the limit each is alone.
//!
//! Rows are locked after these. A row's own lock would not do for the credential: PostgreSQL lets those who share
//! it pass one who waits to change it, so that a key that writes without a pause could not be deleted.

use diesel::sql_types::{BigInt, Text};
use diesel::{
    ExpressionMethods, OptionalExtension, QueryDsl, QueryResult, SqliteConnection, insert_into,
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::future::try_join_all;
use futures_util::try_join;

use super::error::CredentialEnded;
use super::events::NewEventRow;
use super::now::Now;
use super::rows::{NewApiKeyRow, NewSecretRow};
use super::schema::{api_key_events, api_key_secrets, api_keys};
use super::secrets;
use super::sqlite::RunQueryDsl as _;
use super::types::{DbInstant, DbUuid};
use crate::key::event::Actor;
use crate::key::model::Owner;

/// The locks of a transaction that changes keys.
pub(super) trait Locks {
    /// Sees to it that the number of an owner's keys can be relied on until the transaction ends, in which one is made, and that the
    /// credential of `actor` still works, as [`Locks::lock_keys`] does.
    async fn lock_owner(
        &mut self,
        owner: &Owner,
        mode: Mode,
        actor: &Actor,
    ) -> QueryResult<Counted>;

    /// Gives back all locks: the transaction ends with nothing done, and another one begins.
    async fn begin_again(&mut self) -> QueryResult<()>;

    /// Writes a key, its secret and its event.
    async fn insert_key(
        &mut self,
        key: &NewApiKeyRow<'_>,
        secret: &NewSecretRow<'_>,
        event: &NewEventRow,
    ) -> QueryResult<()>;

    /// Makes sure that the credential of `actor` still works, and that nobody ends it before this transaction does; and makes
    /// others wait who want to change the same keys. Where the credential does not work any more, the error ends the transaction.
    async fn lock_keys(&mut self, actor: &Actor, keys: &[DbUuid]) -> QueryResult<()>;
}

/// The query for the secret of a credential, where it works.
#[diesel::dsl::auto_type]
fn live(digest: Vec<u8>, now: Now) -> _ {
    let works: secrets::works_at = secrets::works_at(now);
    api_key_secrets::table
        .filter(api_key_secrets::digest.eq(digest))
        .filter(works)
        .select(api_key_secrets::api_key_id)
}

impl Locks for SqliteConnection {
    /// There is one writer, and this is it.
    async fn lock_owner(
        &mut self,
        owner: &Owner,
        _mode: Mode,
        actor: &Actor,
    ) -> QueryResult<Counted> {
        self.lock_keys(actor, &[]).await?;
        let keys = count_of(owner.as_str()).get_result(self).await?;
        Ok(Counted { keys, others: 0 })
    }

    /// There are no locks.
    async fn begin_again(&mut self) -> QueryResult<()> {
        Ok(())
    }

    async fn insert_key(
        &mut self,
        key: &NewApiKeyRow<'_>,
        secret: &NewSecretRow<'_>,
        event: &NewEventRow,
    ) -> QueryResult<()> {
        insert_into(api_keys::table)
            .values(key)
            .execute(self)
            .await?;
        let secrets = insert_into(api_key_secrets::table);
        secrets.values(secret).execute(self).await?;
        let events = insert_into(api_key_events::table);
        events.values(event).execute(self).await?;
        Ok(())
    }

    async fn lock_keys(&mut self, actor: &Actor, _keys: &[DbUuid]) -> QueryResult<()> {
        let Some(presented) = &actor.presented else {
            return Ok(());
        };
        let digest = presented.digest.as_bytes().to_vec();
        let live = live(digest, Now(DbInstant(actor.at)));
        let found: Option<DbUuid> = live.first(self).await.optional()?;
        found.map(drop).ok_or_else(|| CredentialEnded.into())
    }
}

impl Locks for AsyncPgConnection {
    /// Two owners whose hashes are the same wait for each other, which harms neither. All of it is sent in one go.
    async fn lock_owner(
        &mut self,
        owner: &Owner,
        mode: Mode,
        actor: &Actor,
    ) -> QueryResult<Counted> {
        // Apart from other locks of this kind. The number is the ASCII of `owner`.
        const SEED: i64 = 0x6f_77_6e_65_72;
        let connection = &*self;
        let number = hashtextextended(owner.as_str(), SEED);
        let most_sessions = current_setting("max_connections");
        let lock = async {
            let mut connection = connection;
            match mode {
                Mode::Alone => {
                    let lock = diesel::select(pg_advisory_xact_lock(number));
                    diesel_async::RunQueryDsl::execute(lock, &mut connection).await?;
                    Ok(0)
                }
                Mode::Together => {
                    let lock = pg_advisory_xact_lock_shared(number);
                    let lock = diesel::select((lock, most_sessions));
                    let (_, most): (String, String) =
                        diesel_async::RunQueryDsl::get_result(lock, &mut connection).await?;
                    Ok(most.parse().unwrap_or(i64::MAX))
                }
            }
        };
        let count = async {
            let mut connection = connection;
            let count = count_of(owner.as_str());
            diesel_async::RunQueryDsl::get_result(count, &mut connection).await
        };
        let credential = lock_keys(connection, actor, &[]);
        // Each is seen by the database after what stands before it.
        let (others, is_live, keys) = try_join!(lock, credential, count)?;
        match is_live {
            true => Ok(Counted { keys, others }),
            false => Err(CredentialEnded.into()),
        }
    }

    async fn begin_again(&mut self) -> QueryResult<()> {
        self.batch_execute("ROLLBACK AND CHAIN").await
    }

    async fn insert_key(
        &mut self,
        key: &NewApiKeyRow<'_>,
        secret: &NewSecretRow<'_>,
        event: &NewEventRow,
    ) -> QueryResult<()> {
        let connection = &*self;
        let (mut first, mut second, mut third) = (connection, connection, connection);
        let key = insert_into(api_keys::table).values(key);
        let secret = insert_into(api_key_secrets::table).values(secret);
        let event = insert_into(api_key_events::table).values(event);
        try_join!(
            diesel_async::RunQueryDsl::execute(key, &mut first),
            diesel_async::RunQueryDsl::execute(secret, &mut second),
            diesel_async::RunQueryDsl::execute(event, &mut third),
        )?;
        Ok(())
    }

    async fn lock_keys(&mut self, actor: &Actor, keys: &[DbUuid]) -> QueryResult<()> {
        match lock_keys(self, actor, keys).await? {
            true => Ok(()),
            false => Err(CredentialEnded.into()),
        }
    }
}

/// Whether the credential works. All of it is sent in one go, and goes to its end: a statement that is given up while it is prepared would
/// stay in the session.
async fn lock_keys(
    connection: &AsyncPgConnection,
    actor: &Actor,
    keys: &[DbUuid],
) -> QueryResult<bool> {
    let credential = actor.presented.map(|presented| DbUuid(presented.id.into()));
    let mut locks: Vec<(i64, Mode)> = keys.iter().map(|key| (number(*key), Mode::Alone)).collect();
    locks.extend(credential.map(|key| (number(key), Mode::Together)));
    // A key that changes itself is locked for that.
    locks.sort_unstable();
    locks.dedup_by_key(|(number, _)| *number);
    let locks = try_join_all(locks.into_iter().map(async |(number, mode)| {
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
    }));
    let is_live = async {
        let Some(presented) = &actor.presented else {
            return Ok(true);
        };
        // Locked as well, for people who change the tables by hand and lock nothing else.
        let digest = presented.digest.as_bytes().to_vec();
        let live = live(digest, Now(DbInstant(actor.at))).for_share();
        let mut connection = connection;
        let found: Vec<DbUuid> = diesel_async::RunQueryDsl::load(live, &mut connection).await?;
        QueryResult::Ok(!found.is_empty())
    };
    let (_, is_live) = try_join!(locks, is_live)?;
    Ok(is_live)
}

/// How many keys an owner has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub(super) keys: i64,
    /// How many others, at most, may be making a key for this owner right now, which is not counted yet.
    pub(super) others: i64,
}

impl Counted {
    /// Whether the owner may have so many already.
    pub(super) fn may_reach(self, most: i64) -> bool {
        self.keys.saturating_add(self.others) >= most
    }
}

/// The query for the number of an owner's keys.
#[diesel::dsl::auto_type]
fn count_of(owner: &str) -> _ {
    let owner: String = owner.to_owned();
    api_keys::table.filter(api_keys::owner.eq(owner)).count()
}

/// How something is locked: by one alone, or by all who share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
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
diesel::define_sql_function! {
    /// A number for a text, another one for each seed.
    fn hashtextextended(text: Text, seed: BigInt) -> BigInt;
}
diesel::define_sql_function! {
    /// What a setting of the server is.
    fn current_setting(name: Text) -> Text;
}
