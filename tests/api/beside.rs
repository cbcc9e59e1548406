//! What stands of a key beside its secrets, for checks to read: it is the key's own, whoever wrote it.

use apikeys::key::secret::{Prefix, Secret};
use sha2::{Digest, Sha256};

use crate::forward_auth::{ask, status};
use crate::harness::{Client, Kind, Test, eventually, hex};

/// Those that brought it, newest first, and the folders of each database.
const MIGRATIONS: [&str; 2] = [
    "2026-11-25-000100_keys_beside_old_secrets",
    "2026-11-25-000000_keys_beside_secrets",
];

/// An instant as each database has it.
fn instant(kind: Kind, seconds: i64) -> String {
    match kind {
        Kind::Sqlite => format!("{}", seconds * 1_000_000),
        Kind::Postgres => format!("to_timestamp({seconds})"),
    }
}

/// Bytes as each database writes them.
fn bytes(kind: Kind, hex: &str) -> String {
    match kind {
        Kind::Sqlite => format!("x'{hex}'"),
        Kind::Postgres => format!("'\\x{hex}'"),
    }
}

/// What `/auth` tells of a key: the status, the owner and the scopes.
async fn told(client: &Client, secret: &str) -> (u16, String, String) {
    let answer = ask(client, secret).send().await.unwrap();
    let header = |name: &str| {
        let value = answer.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap()).to_owned()
    };
    (
        answer.status().as_u16(),
        header("apikeys-owner"),
        header("apikeys-scopes"),
    )
}

fn good(owner: &str, scopes: &str) -> (u16, String, String) {
    (200, owner.to_owned(), scopes.to_owned())
}

pub async fn what_a_person_writes_into_the_database_counts_at_once(test: Test) {
    let kind = test.database.kind();
    let secret = test.key("acme", &["read"]).await;
    let other = test.key("other", &[]).await;
    let server = test.server().await;
    let client = server.client();
    assert_eq!(told(&client, &secret).await, good("acme", "read"));
    let (past, future) = (instant(kind, 1_000_000_000), instant(kind, 4_000_000_000));
    for (set, expected) in [
        (format!("disabled_at = {past}"), None),
        ("disabled_at = NULL".to_owned(), Some(good("acme", "read"))),
        (format!("expires_at = {past}"), None),
        (format!("expires_at = {future}"), Some(good("acme", "read"))),
        (
            "scopes = 'read write', owner = 'new'".to_owned(),
            Some(good("new", "read write")),
        ),
    ] {
        let update = format!("UPDATE api_keys SET {set} WHERE owner <> 'other'");
        test.database.execute(&update).await;
        let told = told(&client, &secret).await;
        match expected {
            Some(expected) => assert_eq!(told, expected, "{set}"),
            None => assert_eq!(told.0, 401, "{set}"),
        }
    }
    // A secret that is given to another key.
    test.database
        .execute(
            "UPDATE api_key_secrets SET api_key_id = (SELECT id FROM api_keys WHERE owner = 'other')
             WHERE api_key_id = (SELECT id FROM api_keys WHERE owner = 'new')",
        )
        .await;
    for secret in [&secret, &other] {
        assert_eq!(told(&client, secret).await, good("other", ""));
    }
    // A tool that does not look after foreign keys, which is SQLite's default, deletes and replaces keys alike.
    let careless = |statement: &str| match kind {
        Kind::Sqlite => format!("PRAGMA foreign_keys = OFF; {statement}"),
        Kind::Postgres => statement.to_owned(),
    };
    if kind == Kind::Sqlite {
        let replace = |disabled_at: &str| {
            careless(&format!(
                "REPLACE INTO api_keys (id, owner, name, scopes, created_at, created_by, disabled_at)
                 SELECT id, owner, name, scopes, created_at, created_by, {disabled_at} FROM api_keys WHERE owner = 'other'"
            ))
        };
        test.database.execute(&replace(&past)).await;
        assert_eq!(told(&client, &other).await.0, 401);
        test.database.execute(&replace("NULL")).await;
        assert_eq!(told(&client, &other).await, good("other", ""));
    }
    let delete = careless("DELETE FROM api_keys WHERE owner = 'other'");
    test.database.execute(&delete).await;
    for secret in [&secret, &other] {
        assert_eq!(told(&client, secret).await.0, 401);
    }
}

pub async fn keys_of_an_older_version_are_checked_too(test: Test) {
    let kind = test.database.kind();
    let folder = match kind {
        Kind::Sqlite => "sqlite",
        Kind::Postgres => "postgres",
    };
    let mut secrets = Vec::new();
    for scopes in [&["read", "write"][..], &[]] {
        secrets.push(test.key("acme", scopes).await);
    }
    let paused = test.key("paused", &[]).await;
    let pause = format!(
        "UPDATE api_keys SET disabled_at = {} WHERE owner = 'paused'",
        instant(kind, 1_000_000_000)
    );
    test.database.execute(&pause).await;
    // The tables as the older version has them.
    for name in MIGRATIONS {
        let down = format!("migrations/{folder}/{name}/down.sql");
        let Ok(down) = std::fs::read_to_string(down) else {
            assert_eq!((kind, name), (Kind::Sqlite, MIGRATIONS[0]));
            continue;
        };
        test.database.execute(&down).await;
    }
    // A secret whose key somebody deleted, with a tool that does not look after foreign keys.
    let orphan = test.key("orphan", &[]).await;
    if kind == Kind::Sqlite {
        let delete = "PRAGMA foreign_keys = OFF; DELETE FROM api_keys WHERE owner = 'orphan'";
        test.database.execute(delete).await;
    }
    test.database
        .execute("DELETE FROM __diesel_schema_migrations WHERE version >= '20261125'")
        .await;
    let server = test.server().await;
    let client = server.client();
    assert_eq!(told(&client, &secrets[0]).await, good("acme", "read write"));
    assert_eq!(told(&client, &secrets[1]).await, good("acme", ""));
    assert_eq!(status(&server, &paused).await, 401);
    let expected = if kind == Kind::Sqlite { 401 } else { 200 };
    assert_eq!(status(&server, &orphan).await, expected);
    // What no trigger has seen is nobody's.
    let unseen = "UPDATE api_key_secrets SET key_owner = ''";
    test.database.execute(unseen).await;
    assert_eq!(status(&server, &secrets[0]).await, 401);

    // One of the older version that still runs writes what it knows of.
    let (secret, insert) = another_secret(kind, "owner = 'acme' AND scopes = ''");
    assert_eq!(status(&server, &secret).await, 401);
    test.database.execute(&insert).await;
    assert_eq!(told(&client, &secret).await, good("acme", ""));
}

/// A secret, and the statement with which a server of the older version gives it to a key.
fn another_secret(kind: Kind, of_key: &str) -> (String, String) {
    let secret = Secret::generate(&Prefix::parse("ak").unwrap()).unwrap();
    let secret = secret.expose_secret().to_owned();
    let digest = bytes(kind, &hex(&Sha256::digest(&secret)));
    let insert = format!(
        "INSERT INTO api_key_secrets (digest, api_key_id, hint, created_at)
         SELECT {digest}, id, 'ak_0000…', created_at FROM api_keys WHERE {of_key}"
    );
    (secret, insert)
}

/// PostgreSQL's writers do not wait for each other as SQLite's do.
pub async fn changes_at_the_same_time_reach_every_secret(test: Test) {
    let backfill =
        std::fs::read_to_string(format!("migrations/postgres/{}/up.sql", MIGRATIONS[0])).unwrap();
    let server = test.server().await;
    let client = server.client();
    let pause =
        |i: usize| format!("UPDATE api_keys SET disabled_at = now() WHERE owner = 'owner-{i}'");
    for (i, is_new_first) in [(0, true), (1, false)] {
        let old = test.key(&format!("owner-{i}"), &[]).await;
        let (new, insert) = another_secret(Kind::Postgres, &format!("owner = 'owner-{i}'"));
        let (first, second) = match is_new_first {
            true => (insert, pause(i)),
            false => (pause(i), insert),
        };
        one_waits_for_the_other(&test, &first, second).await;
        for secret in [&old, &new] {
            assert_eq!(told(&client, secret).await.0, 401, "{i}");
        }
    }
    // The migration that fills in what was there before sees the key as it was before the change.
    let old = test.key("owner-2", &[]).await;
    let empty = "UPDATE api_key_secrets SET key_owner = ''";
    test.database.execute(empty).await;
    one_waits_for_the_other(&test, &pause(2), backfill).await;
    assert_eq!(told(&client, &old).await.0, 401);
    assert_eq!(
        test.database
            .count("api_key_secrets WHERE key_owner = ''")
            .await,
        0
    );
}

/// Begins with `first`, and commits it when `second` waits for it.
async fn one_waits_for_the_other(test: &Test, first: &str, second: String) {
    let (one, other) = (test.database.connect().await, test.database.connect().await);
    one.batch_execute(&format!("BEGIN; {first}")).await.unwrap();
    let waiting = tokio::spawn(async move { other.batch_execute(&second).await });
    eventually("the second waits for the first", async || {
        let waits =
            "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        (test.database.count(waits).await > 0).then_some(())
    })
    .await;
    one.batch_execute("COMMIT").await.unwrap();
    waiting.await.unwrap().unwrap();
}
