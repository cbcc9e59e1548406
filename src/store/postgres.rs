//! PostgreSQL: a pool of connections, what each session has, and whether one that was idle can still be relied on.

mod connect;
mod migrations;
mod pooler;
mod tls;
mod url;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel_async::pooled_connection::deadpool::{Hook, HookError, Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, PoolableConnection, RecyclingMethod,
};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection,
    TransactionManager,
};

use self::connect::Connector;
use super::error::{Error, OpenError};
use super::{Tables, in_time};
use crate::bounds;

/// Said of a server that only repeats what another one does. It may be behind, so that it is asked nothing.
pub const STANDBY: &str =
    "the database server is a standby, which may be behind and takes no changes";

/// What each session has, whatever the database or the role says, for as long as it lasts or, `LOCAL`, a transaction.
///
/// The server ends what the client no longer waits for. A transaction that sees what others have committed since it began is
/// what the limits count on; and what was acknowledged is on disk, or wherever else `synchronous_commit` says beyond that.
///
/// A prepared statement is planned once: its plan does not depend on the values, and planning for them each time took longer
/// than the work. Such a plan overestimates the size of a page, so that JIT, parallel workers, and joins that read a whole table are
/// off.
fn session_settings(set: &str, is_local: bool) -> String {
    format!(
        "{set} statement_timeout = {wait};
        {set} lock_timeout = {wait};
        {set} idle_in_transaction_session_timeout = '10s';
        SELECT set_config('synchronous_commit', 'on', {is_local})
        WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');
        {set} plan_cache_mode = force_generic_plan;
        {set} jit = off;
        {set} max_parallel_workers_per_gather = 0;
        {set} enable_hashjoin = off;
        {set} enable_mergejoin = off",
        wait = bounds::STATEMENT.as_millis()
    )
}

/// The same for the session's transactions, which a transaction cannot set for itself.
const TRANSACTION_SETTINGS: &str = "SET default_transaction_isolation = 'read committed';
    SET default_transaction_read_only = off;
    SET default_transaction_deferrable = off";

/// Refuses a session in which no trigger would run.
const CHECK_TRIGGERS: &str = "DO $$ BEGIN
    IF current_setting('session_replication_role') = 'replica' THEN
        RAISE EXCEPTION 'session_replication_role is replica, so that no trigger would run; it must be origin';
    END IF;
END $$";

/// The connections to one server.
pub(super) struct Pools {
    /// For checks alone, which so wait for nothing else.
    pub(super) checks: Pool<AsyncPgConnection>,
    /// For everything else.
    pub(super) rest: Pool<AsyncPgConnection>,
    /// How a transaction begins.
    begin: String,
    /// Whether a pooler may hand each transaction to another connection, so that there is nothing outside of one.
    by_transaction: bool,
    trust: Arc<Trust>,
}

/// Since when connections must have been used to be relied on: one that proved dead says the same of all that were idle, because
/// what forgot it (a NAT, a load balancer) forgot them too.
#[derive(Default)]
struct Trust(Mutex<Option<Instant>>);

impl Trust {
    fn lose(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn has(&self, idle: Duration) -> bool {
        let lost = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost.is_none_or(|lost| idle < lost.elapsed())
    }
}

impl Pools {
    /// What is idle is used no more: a connection proved dead.
    pub(super) fn forget_idle(&self) {
        self.trust.lose();
    }

    /// Runs what is no transaction of its own: as one where a pooler makes it necessary.
    pub(super) async fn statement<T>(
        &self,
        connection: &mut AsyncPgConnection,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match self.by_transaction {
            true => self.transaction(connection, work).await,
            false => work(connection).await,
        }
    }

    /// Runs a transaction, which ends as `work` does.
    pub(super) async fn transaction<T, E: From<diesel::result::Error>>(
        &self,
        connection: &mut AsyncPgConnection,
        work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, E>,
    ) -> Result<T, E> {
        AnsiTransactionManager::begin_transaction_sql(connection, &self.begin).await?;
        let outcome = work(connection).await;
        match &outcome {
            Ok(_) => AnsiTransactionManager::commit_transaction(connection).await?,
            Err(_) => AnsiTransactionManager::rollback_transaction(connection).await?,
        }
        outcome
    }
}

/// Whether a connection on which something failed is dead: closed, or silent for as long as its answer was waited for.
pub(super) fn is_dead(
    connection: &mut AsyncPgConnection,
    waited: Duration,
    most: Duration,
) -> bool {
    waited >= most || connection.is_broken()
}

/// A connection of a pool, once one is free.
pub(super) async fn connection(
    pool: &Pool<AsyncPgConnection>,
) -> Result<Object<AsyncPgConnection>, Error> {
    Ok(in_time(bounds::CONNECTION, pool.get()).await??)
}

/// Opens a database. A start needs two connections, which the pools then have.
pub(super) async fn open(
    url: &str,
    connections: usize,
    tables: Tables,
) -> Result<Pools, OpenError> {
    let connector = Connector::of_url(url)?;
    let mut first = connector.open().await?;
    let mut second = connector.open().await?;
    if !connector.by_transaction {
        let refuse = pooler::refuse(&mut first, &mut second);
        in_time(bounds::CONNECTION, refuse).await??;
    }
    let by_transaction = connector.by_transaction;
    let (first, second) =
        migrations::bring_up_to_date(first, second, tables, by_transaction).await?;
    let begin = match by_transaction {
        true => format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE NOT DEFERRABLE; {}",
            session_settings("SET LOCAL", true)
        ),
        false => "BEGIN".to_owned(),
    };
    let connector = Arc::new(connector);
    let trust = Arc::new(Trust::default());
    let for_checks = (connections * 3 / 16).clamp(1, bounds::CHECK_CONNECTIONS);
    let pool = |size, known| pool(connector.clone(), trust.clone(), size, known);
    let pools = Pools {
        checks: pool(for_checks, first)?,
        rest: pool(connections - for_checks, second)?,
        begin,
        by_transaction,
        trust,
    };
    retire_idle([&pools.checks, &pools.rest]);
    Ok(pools)
}

diesel::define_sql_function! {
    /// Whether the server is a standby.
    fn pg_is_in_recovery() -> Bool;
}

/// Whether the server only repeats what another one does. By the shared reference it is asked in one go with another question.
pub(super) async fn is_standby(mut connection: &AsyncPgConnection) -> diesel::QueryResult<bool> {
    let question = diesel::select(pg_is_in_recovery());
    question.get_result(&mut connection).await
}

/// A pool that begins with a connection that is there already.
fn pool(
    connector: Arc<Connector>,
    trust: Arc<Trust>,
    size: usize,
    known: AsyncPgConnection,
) -> Result<Pool<AsyncPgConnection>, OpenError> {
    let known = Arc::new(Mutex::new(Some(known)));
    let mut manager = ManagerConfig::<AsyncPgConnection>::default();
    manager.recycling_method = RecyclingMethod::Fast;
    manager.custom_setup = Box::new(move |_url| {
        let connector = connector.clone();
        let known = known.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move { connector.session(known).await })
    });
    let check = Hook::async_fn(move |connection: &mut AsyncPgConnection, metrics| {
        let (idle, trust) = (metrics.last_used(), trust.clone());
        Box::pin(async move {
            if !trust.has(idle) {
                return Err(HookError::message("one of its age proved dead"));
            }
            if idle < bounds::TRUSTED {
                return Ok(());
            }
            let ping = connection.batch_execute("");
            match tokio::time::timeout(bounds::PING, ping).await {
                Ok(Ok(())) => Ok(()),
                _ => {
                    trust.lose();
                    Err(HookError::message("it does not answer"))
                }
            }
        })
    });
    Pool::builder(AsyncDieselConnectionManager::new_with_config("", manager))
        .max_size(size)
        .pre_recycle(check)
        .build()
        .map_err(|error| OpenError::Unreachable(error.to_string()))
}

/// Closes connections that nobody has used for a while, for as long as the pools are there.
fn retire_idle(pools: [&Pool<AsyncPgConnection>; 2]) {
    let pools = pools.map(Pool::weak);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(bounds::RETIRED / 4).await;
            for pool in &pools {
                let Some(pool) = pool.upgrade() else { return };
                pool.retain(|_, metrics| metrics.last_used() < bounds::RETIRED);
            }
        }
    });
}
