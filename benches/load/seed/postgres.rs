//! Keys into PostgreSQL: `COPY`.

use std::fmt::Write;
use std::io::Cursor;
use std::pin::pin;

use futures_util::SinkExt;
use jiff::Timestamp;
use tokio_postgres::Client;

use super::{CREATED_BY, NAME, Row, Rows, SCOPES};
use crate::Result;
use crate::database::connect;

/// The foreign key is not checked, and no trigger runs, which would take longer than all the rest.
const BEFORE: &str = "SET session_replication_role = replica; SET synchronous_commit = off";

const KEYS: &str =
    "COPY api_keys (id, owner, name, name_folded, scopes, created_at, created_by) FROM STDIN";
const SECRETS: &str = "COPY api_key_secrets (digest, api_key_id, hint, created_at, key_owner, key_name, key_scopes) FROM STDIN";

/// What autovacuum and the checkpointer would else do in the middle of a measurement.
const AFTER: [&str; 2] = ["VACUUM (ANALYZE)", "CHECKPOINT"];

pub(super) async fn fill(url: &str, rows: &mut Rows) -> Result<()> {
    let client = connect(url).await?;
    client.batch_execute(BEFORE).await?;
    loop {
        let chunk = rows.next_chunk()?;
        if chunk.is_empty() {
            break;
        }
        let (keys, secrets) = lines(&chunk)?;
        copy(&client, KEYS, keys).await?;
        copy(&client, SECRETS, secrets).await?;
    }
    for statement in AFTER {
        client.batch_execute(statement).await?;
    }
    Ok(())
}

/// The rows of the two tables in `COPY`'s text format: a tab after each value, and nothing in a value that needs escaping.
fn lines(rows: &[Row]) -> Result<(String, String)> {
    let (mut keys, mut secrets) = (String::new(), String::new());
    for row in rows {
        let (id, owner, hint) = (row.id, &row.owner, &row.hint);
        let at = Timestamp::from_millisecond(row.created_at_ms.cast_signed())?;
        writeln!(
            keys,
            "{id}\t{owner}\t{NAME}\t{NAME}\t{SCOPES}\t{at}\t{CREATED_BY}"
        )?;
        // A backslash begins the hexadecimal form of bytes, and has to be escaped itself.
        secrets.push_str("\\\\x");
        for byte in row.digest {
            write!(secrets, "{byte:02x}")?;
        }
        writeln!(secrets, "\t{id}\t{hint}\t{at}\t{owner}\t{NAME}\t{SCOPES}")?;
    }
    Ok((keys, secrets))
}

async fn copy(client: &Client, statement: &str, lines: String) -> Result<()> {
    let mut sink = pin!(client.copy_in(statement).await?);
    sink.send(Cursor::new(lines.into_bytes())).await?;
    sink.finish().await?;
    Ok(())
}
