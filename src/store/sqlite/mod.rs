//! SQLite: one file, one connection that writes, several that read.

mod run;
mod threads;

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::{Connection, ConnectionError, ConnectionResult, SqliteConnection};
use url::Url;

use super::error::{Error, OpenError};
use super::{Tables, migrate};
use crate::bounds;

pub(super) use run::{RunQueryDsl, immediate_transaction};
use threads::Threads;

/// The connections to one file.
pub(super) struct Database {
    path: PathBuf,
    /// The device and number of the file that was opened.
    file: (u64, u64),
    /// The one that writes. Writers queue here, in order, rather than at the file's lock.
    pub(super) writer: Threads,
    /// Those that read for checks alone, which so wait for nothing else.
    pub(super) checkers: Threads,
    /// Those that read for everything else. In WAL mode they neither wait for the writer nor hold it up.
    pub(super) readers: Threads,
}

const QUERIES_ALONE: &str = "PRAGMA query_only = ON;";

/// How many connections read for other work than checks: as many as there are processors, within these.
const READERS: RangeInclusive<usize> = 4..=8;

/// The busy timeout comes first: the other statements may have to wait for another process. `FULL` makes what was acknowledged
/// survive a loss of power.
fn pragmas() -> String {
    format!(
        "PRAGMA busy_timeout = {};
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA foreign_keys = ON;",
        bounds::STATEMENT.as_millis()
    )
}

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

pub(super) async fn open(path: &Path, tables: Tables) -> Result<Database, OpenError> {
    let path = std::path::absolute(path)
        .map_err(|error| OpenError::Unusable(format!("names no usable path: {error}")))?;
    let prepared = path.clone();
    let file = tokio::task::spawn_blocking(move || prepare(&prepared, tables))
        .await
        .map_err(|error| OpenError::Migration(error.to_string()))??;
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let readers = processors.clamp(*READERS.start(), *READERS.end());
    let connections = |name, count, more_pragmas| {
        let path = path.clone();
        Threads::start(name, count, move || connect(&path, more_pragmas))
    };
    Ok(Database {
        writer: connections("sqlite-writer", 1, "")?,
        checkers: connections("sqlite-checker", bounds::LOOKUPS, QUERIES_ALONE)?,
        readers: connections("sqlite-reader", readers, QUERIES_ALONE)?,
        path,
        file,
    })
}

fn file_number(path: &Path) -> std::io::Result<(u64, u64)> {
    let metadata = std::fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Makes the file where there is none, and brings its tables up to date where they may be changed.
fn prepare(path: &Path, tables: Tables) -> Result<(u64, u64), OpenError> {
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
    if tables == Tables::AsTheyAre {
        let is_outdated = migrate::is_pending(&mut connection)?;
        return match is_outdated {
            true => Err(OpenError::Outdated),
            false => file_number(path).map_err(|error| cannot("open", &error)),
        };
    }
    // Migrations of two processes that start together wait for each other here.
    connection.exclusive_transaction(migrate::run)?;
    file_number(path).map_err(|error| cannot("open", &error))
}

fn connect(path: &Path, more_pragmas: &str) -> ConnectionResult<SqliteConnection> {
    // As a URI, so that a file that is gone is not made anew, empty.
    let mut uri = Url::from_file_path(path)
        .map_err(|()| ConnectionError::InvalidConnectionUrl("the path is not absolute".into()))?;
    uri.set_query(Some("mode=rw"));
    let mut connection = SqliteConnection::establish(uri.as_str())?;
    connection
        .batch_execute(&pragmas())
        .and_then(|()| connection.batch_execute(more_pragmas))
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}
