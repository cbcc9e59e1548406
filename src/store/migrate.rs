//! The migrations, compiled into the binary.

use diesel::migration::MigrationSource;
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
use diesel::{QueryableByName, RunQueryDsl, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::error::OpenError;

pub(super) const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
pub(super) const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Runs what is not applied yet to a file. The caller keeps others from doing the same at the same time.
pub(super) fn run(
    migrations: EmbeddedMigrations,
    connection: &mut SqliteConnection,
) -> Result<(), OpenError> {
    let applied = connection
        .run_pending_migrations(migrations)
        .map_err(|error| OpenError::Migration(error.to_string()))?;
    for version in applied {
        tracing::info!(%version, "migrated the database");
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

/// Whether something is not applied yet to a file, of which nothing is changed.
pub(super) fn is_pending(connection: &mut SqliteConnection) -> Result<bool, OpenError> {
    let tables =
        "SELECT name AS version FROM sqlite_schema WHERE name = '__diesel_schema_migrations'";
    let tables: Vec<Version> = diesel::sql_query(tables).load(connection)?;
    if tables.is_empty() {
        return Ok(true);
    }
    let known = "SELECT version FROM __diesel_schema_migrations";
    let known: Vec<Version> = diesel::sql_query(known).load(connection)?;
    let all = MigrationSource::<Sqlite>::migrations(&SQLITE);
    let all = all.map_err(|error| OpenError::Migration(error.to_string()))?;
    Ok(all.iter().any(|migration| {
        let version = migration.name().version().to_string();
        known.iter().all(|known| known.version != version)
    }))
}

impl From<diesel::result::Error> for OpenError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Migration(error.to_string())
    }
}
