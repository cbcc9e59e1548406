//! What can go wrong with a database, told apart by who can do something about it.

use std::time::Duration;

use diesel::result::DatabaseErrorKind;
use diesel_async::pooled_connection::deadpool::PoolError;

use crate::bounds;
use crate::key::error::chain;

/// The technical cause of an error: for the log, never for the client.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A call of the store that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, is shutting down, is full, is locked, or took too long.
    #[error("the database is not available")]
    Unavailable(#[source] Cause),
    /// The connection broke, or the database did not answer on it. What only reads may be asked again.
    #[error("the connection to the database was lost")]
    Lost(#[source] Cause),
    /// The transaction took back what it had done, as it was written to.
    #[error("the transaction was rolled back")]
    RolledBack,
    /// Something that must be there is not; nothing was done.
    #[error("it is not there")]
    NotFound,
    /// The credential that asked for a change does not work any more; nothing was done.
    #[error("the credential does not work any more")]
    CredentialEnded,
    /// What the database holds or was asked makes no sense: a fault of ours.
    #[error("the database gave an unexpected answer")]
    Unexpected(#[source] Cause),
}

impl Error {
    /// What it means after so long a wait of at most `most`: what is not available before the database's own limit is over is a
    /// connection that broke, and what has not answered beyond it is one that will not.
    pub(super) fn after(self, waited: Duration, most: Duration) -> Self {
        match self {
            Self::Unavailable(cause) if waited < bounds::STATEMENT || waited >= most => {
                Self::Lost(cause)
            }
            other => other,
        }
    }
}

/// Ends a transaction whose credential does not work any more. Diesel carries it through.
#[derive(Debug, thiserror::Error)]
#[error("the credential does not work any more")]
pub(super) struct CredentialEnded;

impl From<CredentialEnded> for diesel::result::Error {
    fn from(ended: CredentialEnded) -> Self {
        Self::QueryBuilderError(Box::new(ended))
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        use diesel::result::Error as Diesel;
        match &error {
            // The queries are fixed and tested, so that an error of a kind that Diesel has no word for is the
            // database's condition (shutting down, disk full, locked), not the query's.
            Diesel::DatabaseError(
                DatabaseErrorKind::Unknown
                | DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::ReadOnlyTransaction
                | DatabaseErrorKind::SerializationFailure,
                _,
            )
            | Diesel::BrokenTransactionManager
            | Diesel::RollbackErrorOnCommit { .. } => Self::Unavailable(Box::new(error)),
            Diesel::RollbackTransaction => Self::RolledBack,
            Diesel::NotFound => Self::NotFound,
            Diesel::QueryBuilderError(cause) if cause.is::<CredentialEnded>() => {
                Self::CredentialEnded
            }
            _ => Self::Unexpected(Box::new(error)),
        }
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names something that cannot be a database: a mistake in the configuration.
    #[error("{0}")]
    Unusable(String),
    /// The database cannot be reached now.
    #[error("{0}")]
    Unreachable(String),
    /// The tables are those of an older version, and were not to be changed.
    #[error(
        "the database's tables are those of an older version; run `apikeys migrate` first, as a role that may change them"
    )]
    Outdated,
    /// The tables could not be brought up to date.
    #[error("the migrations failed: {0}")]
    Migration(String),
}

impl From<Error> for OpenError {
    fn from(error: Error) -> Self {
        match &error {
            Error::Unavailable(_) | Error::Lost(_) => Self::Unreachable(chain(&error)),
            _ => Self::Migration(chain(&error)),
        }
    }
}
