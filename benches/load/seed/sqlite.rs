//! Keys into SQLite: one transaction, prepared statements.

use std::fs::File;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::{CREATED_BY, NAME, Row, Rows, SCOPES};
use crate::Result;
use crate::database::open;

diesel::table! {
    api_keys (id) {
        id -> Binary,
        owner -> Text,
        name -> Text,
        name_folded -> Text,
        scopes -> Text,
        created_at -> BigInt,
        created_by -> Text,
    }
}

diesel::table! {
    api_key_secrets (digest) {
        digest -> Binary,
        api_key_id -> Binary,
        hint -> Text,
        created_at -> BigInt,
    }
}

/// Nobody else has the file, and what a crash would leave of it does not matter.
const BEFORE: &str = "PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA cache_size = -2000000;
    BEGIN";

/// The file ends as the server leaves it, with nothing in the log that waits to be written.
const AFTER: &str = "COMMIT;
    ANALYZE;
    PRAGMA journal_mode = WAL;
    PRAGMA wal_checkpoint(TRUNCATE)";

pub(super) async fn fill(path: &Path, rows: &mut Rows) -> Result<()> {
    let mut connection = open(path)?;
    connection.batch_execute(BEFORE)?;
    loop {
        let chunk = rows.next_chunk()?;
        if chunk.is_empty() {
            break;
        }
        for row in &chunk {
            insert(&mut connection, row)?;
        }
        // Whoever interrupts the benchmark does not wait for the rest.
        tokio::task::yield_now().await;
    }
    connection.batch_execute(AFTER)?;
    drop(connection);
    Ok(File::open(path)?.sync_all()?)
}

fn insert(connection: &mut SqliteConnection, row: &Row) -> QueryResult<()> {
    let created_at = (row.created_at_ms * 1000).cast_signed();
    let id = row.id.as_bytes().as_slice();
    diesel::insert_into(api_keys::table)
        .values((
            api_keys::id.eq(id),
            api_keys::owner.eq(&row.owner),
            api_keys::name.eq(NAME),
            api_keys::name_folded.eq(NAME),
            api_keys::scopes.eq(SCOPES),
            api_keys::created_at.eq(created_at),
            api_keys::created_by.eq(CREATED_BY),
        ))
        .execute(connection)?;
    diesel::insert_into(api_key_secrets::table)
        .values((
            api_key_secrets::digest.eq(row.digest.as_slice()),
            api_key_secrets::api_key_id.eq(id),
            api_key_secrets::hint.eq(&row.hint),
            api_key_secrets::created_at.eq(created_at),
        ))
        .execute(connection)?;
    Ok(())
}
