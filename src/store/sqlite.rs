//! SQLite: one file, one connection that writes, several that read.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use diesel::connection::{AnsiTransactionManager, SimpleConnection};
use diesel::{Connection as _, ConnectionError, ConnectionResult, QueryResult, SqliteConnection};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper};
use diesel_async::{AsyncConnection, TransactionManager};
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use url::Url;

use super::error::{Error, OpenError};
use super::migrate;

/// A connection whose work is done at once, on the thread that asks for it: see [`on_its_thread`].
pub(super) type Connection = SyncConnectionWrapper<SqliteConnection, AtOnce>;

/// Runs what blocks where it is asked for, instead of sending each statement to another thread and waiting for it.
pub(super) struct AtOnce;

impl SpawnBlocking for AtOnce {
    fn spawn_blocking<'a, R: Send + 'static>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn std::error::Error + Send + Sync>>> {
        Box::pin(std::future::ready(Ok(task())))
    }

    fn get_runtime() -> Self {
        Self
    }
}

/// Runs `work` as a transaction that is a writer from its start: one that reads before it writes fails when another wrote
/// in between, however long it would wait.
pub(super) async fn immediate_transaction<T>(
    connection: &mut Connection,
    work: impl AsyncFnOnce(&mut Connection) -> QueryResult<T>,
) -> QueryResult<T> {
    type Manager = <Connection as AsyncConnection>::TransactionManager;
    connection
        .spawn_blocking(|inner| {
            AnsiTransactionManager::begin_transaction_sql(inner, "BEGIN IMMEDIATE")
        })
        .await?;
    let outcome = work(connection).await;
    match &outcome {
        Ok(_) => Manager::commit_transaction(connection).await?,
        Err(_) => Manager::rollback_transaction(connection).await?,
    }
    outcome
}

/// Does all of `work`, a transaction too, on one thread for blocking work. Nothing interrupts it halfway: it goes to its
/// end when nobody waits for it any more.
pub(super) async fn on_its_thread<T: Send + 'static>(
    mut connection: Object<Connection>,
    work: impl AsyncFnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let runtime = Handle::current();
    let done = tokio::task::spawn_blocking(move || runtime.block_on(work(&mut connection)));
    done.await
        .map_err(|panicked| Error::Unexpected(Box::new(panicked)))?
}

/// The connections to one file.
pub(super) struct Database {
    path: PathBuf,
    /// The device and number of the file that was opened.
    file: (u64, u64),
    /// The one that writes. Writers queue here, in order, rather than at the file's lock.
    pub(super) writer: Pool<Connection>,
    /// Those that read. In WAL mode they neither wait for the writer nor hold it up.
    pub(super) readers: Pool<Connection>,
}

const READERS: usize = 4;

/// The busy timeout (`DATABASE_WAIT`) comes first: the other statements may have to wait for another process. `FULL` makes what was
/// acknowledged survive a loss of power.
const PRAGMAS: &str = "PRAGMA busy_timeout = 4000;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;";

impl Database {
    /// Whether the file is still the one that was opened. Where it was removed or replaced, SQLite would go on to read
    /// and write what has no name any more, and all of it would be lost.
    pub(super) fn check_file(&self) -> Result<(), Error> {
        match file_number(&self.path) {
            Ok(file) if file == self.file => Ok(()),
            Ok(_) => Err(Error::Unavailable(
                "the database file was replaced; restart to use it".into(),
            )),
            Err(error) => Err(Error::Unavailable(Box::new(error))),
        }
    }
}

pub(super) async fn open(path: &Path) -> Result<Database, OpenError> {
    let path = std::path::absolute(path)
        .map_err(|error| OpenError::Unusable(format!("names no usable path: {error}")))?;
    let prepared = path.clone();
    let file = tokio::task::spawn_blocking(move || prepare(&prepared))
        .await
        .map_err(|error| OpenError::Migration(error.to_string()))??;
    Ok(Database {
        writer: pool(&path, 1, "")?,
        readers: pool(&path, READERS, "PRAGMA query_only = ON;")?,
        path,
        file,
    })
}

fn file_number(path: &Path) -> std::io::Result<(u64, u64)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Makes the file where there is none, and brings its tables up to date.
fn prepare(path: &Path) -> Result<(u64, u64), OpenError> {
    let cannot = |doing: &str, why: &dyn std::fmt::Display| {
        OpenError::Unusable(format!("cannot {doing} {}: {why}", path.display()))
    };
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    let is_new = match options.create_new(true).open(path) {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
        Err(error) => return Err(cannot("create", &error)),
    };
    let metadata = options
        .create_new(false)
        .open(path)
        .and_then(|file| file.metadata())
        .map_err(|error| cannot("open for writing", &error))?;
    let mut connection = connect(path, "").map_err(|error| cannot("open", &error))?;
    if is_new {
        tracing::warn!(path = %path.display(), "there was no database; a new, empty one was made");
    } else if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "other users of this machine may read the database; chmod 600 it");
    }
    // Migrations of two processes that start together wait for each other here.
    connection.exclusive_transaction(|connection| migrate::run(migrate::SQLITE, connection))?;
    file_number(path).map_err(|error| cannot("open", &error))
}

fn connect(path: &Path, more_pragmas: &str) -> ConnectionResult<SqliteConnection> {
    // As a URI, so that a file that is gone is not made anew, empty.
    let mut uri = Url::from_file_path(path)
        .map_err(|()| ConnectionError::InvalidConnectionUrl("the path is not absolute".into()))?;
    uri.set_query(Some("mode=rw"));
    let mut connection = SqliteConnection::establish(uri.as_str())?;
    connection
        .batch_execute(PRAGMAS)
        .and_then(|()| connection.batch_execute(more_pragmas))
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

fn pool(
    path: &Path,
    size: usize,
    more_pragmas: &'static str,
) -> Result<Pool<Connection>, OpenError> {
    let path: PathBuf = path.to_owned();
    let mut config = ManagerConfig::<Connection>::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |_url| {
        let path = path.clone();
        Box::pin(async move {
            tokio::task::spawn_blocking(move || connect(&path, more_pragmas))
                .await
                .map_err(|error| ConnectionError::BadConnection(error.to_string()))?
                .map(SyncConnectionWrapper::new)
        })
    });
    Pool::builder(AsyncDieselConnectionManager::new_with_config("", config))
        .max_size(size)
        .build()
        .map_err(|error| OpenError::Unreachable(error.to_string()))
}
