//! The migrations, compiled into the binary.

use diesel::backend::Backend;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::error::OpenError;

pub(super) const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
pub(super) const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Runs what is not applied yet. The caller keeps others from doing the same at the same time.
pub(super) fn run<DB: Backend>(
    migrations: EmbeddedMigrations,
    connection: &mut impl MigrationHarness<DB>,
) -> Result<(), OpenError> {
    let applied = connection
        .run_pending_migrations(migrations)
        .map_err(|error| OpenError::Migration(error.to_string()))?;
    for version in applied {
        tracing::info!(%version, "migrated the database");
    }
    Ok(())
}

impl From<diesel::result::Error> for OpenError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Migration(error.to_string())
    }
}
