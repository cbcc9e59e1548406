//! The migrations, compiled into the binary.

use diesel::backend::Backend;
use diesel::migration::{Migration, MigrationSource};
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
use diesel::{QueryableByName, RunQueryDsl, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::error::OpenError;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
pub(super) const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// A migration that was run, as Diesel writes it down.
#[derive(QueryableByName)]
pub(super) struct Version {
    #[diesel(sql_type = Text)]
    version: String,
}

/// The migrations that are not among those that were run, in order.
pub(super) fn pending<DB: Backend>(
    migrations: &EmbeddedMigrations,
    run: &[Version],
) -> Result<Vec<Box<dyn Migration<DB>>>, OpenError> {
    let all = MigrationSource::<DB>::migrations(migrations);
    let mut all = all.map_err(|error| OpenError::Migration(error.to_string()))?;
    all.retain(|migration| {
        let version = migration.name().version().to_string();
        run.iter().all(|run| run.version != version)
    });
    all.sort_by_key(|migration| migration.name().version().as_owned());
    Ok(all)
}

/// Runs what is not applied yet to a file. The caller keeps others from doing the same at the same time.
pub(super) fn run(connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let applied = connection
        .run_pending_migrations(SQLITE)
        .map_err(|error| OpenError::Migration(error.to_string()))?;
    for version in applied {
        tracing::info!(%version, "migrated the database");
    }
    Ok(())
}

/// Whether something is not applied yet to a file, of which nothing is changed.
pub(super) fn is_pending(connection: &mut SqliteConnection) -> Result<bool, OpenError> {
    let tables =
        "SELECT name AS version FROM sqlite_schema WHERE name = '__diesel_schema_migrations'";
    let tables: Vec<Version> = diesel::sql_query(tables).load(connection)?;
    if tables.is_empty() {
        return Ok(true);
    }
    let run = diesel::sql_query("SELECT version FROM __diesel_schema_migrations");
    let run: Vec<Version> = run.load(connection)?;
    Ok(!pending::<Sqlite>(&SQLITE, &run)?.is_empty())
}

impl From<diesel::result::Error> for OpenError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Migration(error.to_string())
    }
}
