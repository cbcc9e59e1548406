//! A pooler before PostgreSQL, which gives each transaction another connection of those that it has.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::timeout;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use crate::forward_auth::ask;
use crate::harness::{Client, Pooler, Server, Test, run, text};

/// How many connections the pooler has to the database, which is fewer than two servers have to the pooler.
const POOLED: usize = 4;

/// Says to the server that a connection keeps nothing from one transaction to the next.
const OPTION: &str = "statement_cache=off";

const ROTATE: &str = "mutation($id: ID!) { rotateApiKey(input: {id: $id}) { secret } }";

async fn status(client: &Client, secret: &str) -> u16 {
    ask(client, secret).send().await.unwrap().status().as_u16()
}

/// The lives of some keys: what one server does, the other knows.
async fn live(one: &Client, other: &Client) {
    for _ in 0..4 {
        let (id, first) = one.create("key").await;
        assert_eq!(status(other, &first).await, 200);
        let listed = other.data("{ apiKeys { nodes { id name } } }", json!({}));
        assert_ne!(listed.await["apiKeys"]["nodes"], json!([]));
        let rotated = other.data(ROTATE, json!({"id": id})).await;
        let second = text(&rotated["rotateApiKey"]["secret"]);
        assert_eq!(status(one, &first).await, 401);
        assert_eq!(status(one, &second).await, 200);
        assert_eq!(one.delete(&id).await.code(), "(no code)");
        assert_eq!(status(other, &second).await, 401);
    }
}

pub async fn a_pooler_of_transactions_is_refused_where_nobody_says_so(test: Test) {
    let pooler = Pooler::start("transaction", POOLED).await;
    let url = pooler.url(&test.database);
    let variables = [
        ("DATABASE_URL", url.as_str()),
        ("APIKEYS_LISTEN", "127.0.0.1:0"),
    ];
    for arguments in [&["migrate"][..], &[]] {
        let refused = run(test.folder(), arguments, &variables).await;
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.stderr);
        let lines: Vec<&str> = refused.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{arguments:?}: {lines:?}");
        assert!(lines[0].contains(OPTION), "{arguments:?}: {lines:?}");
    }
    let tables = "pg_tables WHERE schemaname = 'public'";
    assert_eq!(test.database.count(tables).await, 0);
}

/// What a client is told of the settings that a session can change, those aside that a language brings when it is first used: the number of the connection, and the settings.
async fn settings(client: &tokio_postgres::Client) -> (String, String) {
    let query =
        "SELECT pg_backend_pid(), string_agg(name || ' = ' || setting, E'\\n' ORDER BY name)
        FROM pg_settings WHERE context IN ('user', 'superuser') AND name <> 'application_name'
            AND name NOT LIKE 'plpgsql.%'";
    let told = client.simple_query(query).await.unwrap();
    let mut rows = told.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let row = rows.next().unwrap();
    let field = |i: usize| row.get(i).unwrap_or_default().to_owned();
    (field(0), field(1))
}

async fn client_of(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub async fn two_servers_share_a_pooler_of_transactions(test: Test) {
    let pooler = Pooler::start("transaction", POOLED).await;
    let plain = pooler.url(&test.database);
    let url = format!("{plain}?{OPTION}");
    let migrated = run(test.folder(), &["migrate"], &[("DATABASE_URL", &url)]).await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
    let start = || Server::start(test.folder(), &url, &[]);
    let (mut first, mut second) = tokio::join!(start(), start());
    let clients = [first.client(), second.client()];
    let lives = (0..16).map(|i| live(&clients[i % 2], &clients[(i + 1) % 2]));
    join_all(lives).await;

    // Whoever else comes by the pooler finds each connection as if nobody had used it.
    let (_, expected) = settings(&client_of(&test.database.url()).await).await;
    for default in [
        "default_transaction_isolation = read committed",
        "lock_timeout = 0",
        "plan_cache_mode = auto",
        "statement_timeout = 0",
    ] {
        assert!(expected.lines().any(|line| line == default), "{default}");
    }
    let mut others = Vec::new();
    let mut met = HashSet::new();
    for _ in 0..POOLED {
        let other = client_of(&plain).await;
        // It has the connection to itself until the transaction ends.
        other.batch_execute("BEGIN").await.unwrap();
        let (pid, found) = settings(&other).await;
        assert_eq!(found, expected);
        met.insert(pid);
        others.push(other);
    }
    assert_eq!(met.len(), POOLED, "each of them");
    drop(others);

    for server in [&mut first, &mut second] {
        assert_eq!(server.stop().await, Some(0));
    }
    let locks = "pg_locks JOIN pg_database ON pg_database.oid = database
        WHERE locktype = 'advisory' AND datname = current_database()";
    assert_eq!(test.database.count(locks).await, 0);
    let direct = timeout(Duration::from_secs(20), test.server()).await;
    let direct = direct.unwrap();
    let client = direct.client();
    assert!(client.all_ids().await.is_empty(), "each was deleted");
    live(&client, &client).await;
}

pub async fn a_pooler_of_sessions_needs_no_word(test: Test) {
    let pooler = Pooler::start("session", 40).await;
    let url = pooler.url(&test.database);
    let migrated = run(test.folder(), &["migrate"], &[("DATABASE_URL", &url)]).await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
    let server = Server::start(test.folder(), &url, &[]).await;
    let client = server.client();
    join_all((0..16).map(|_| live(&client, &client))).await;
}
