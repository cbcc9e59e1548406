//! When a key was last used: told within some seconds, and at no cost to those who use it.

use std::time::{Duration, Instant};

use apikeys::key::secret::{Prefix, Secret};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::forward_auth::{ask, status};
use crate::harness::{Answer, Client, Kind, Test, cluster_log, eventually, hex};

async fn last_used_at(client: &Client, id: &str) -> Option<String> {
    let query = format!("{{ apiKey(id: \"{id}\") {{ lastUsedAt }} }}");
    let data = client.data(&query, json!({})).await;
    data["apiKey"]["lastUsedAt"].as_str().map(str::to_owned)
}

pub async fn a_use_is_told_of_and_a_refusal_is_not(test: Test) {
    let mut server = test.server().await;
    let client = server.client();
    let (used, used_secret) = client.create("used").await;
    let (refused, refused_secret) = client.create("refused").await;
    let (unused, _) = client.create("unused").await;
    let is = match test.database.kind() {
        Kind::Sqlite => "1",
        Kind::Postgres => "now() - interval '1 hour'",
    };
    test.database
        .execute(&format!(
            "UPDATE api_keys SET disabled_at = {is} WHERE name = 'refused'"
        ))
        .await;
    assert_eq!(last_used_at(&client, &used).await, None);
    let query = "{ viewer { apiKey { id } } }";
    let by_key = |secret: &str| Client::new(&server.base, Some(secret));
    by_key(&used_secret).data(query, json!({})).await;
    assert_eq!(status(&server, &refused_secret).await, 401);
    let first = eventually("a last use", async || last_used_at(&client, &used).await).await;
    let created: Value = client
        .data(
            &format!("{{ apiKey(id: \"{used}\") {{ createdAt }} }}"),
            json!({}),
        )
        .await;
    assert!(Some(first.as_str()) > created["apiKey"]["createdAt"].as_str());
    for way in ["auth", "introspect"] {
        let before = last_used_at(&client, &used).await;
        if way == "auth" {
            assert_eq!(status(&server, &used_secret).await, 200);
        } else {
            let introspect = client
                .http
                .post(client.url("/introspect"))
                .form(&[("token", &used_secret)]);
            assert_eq!(
                Answer::of(client.with_token(introspect))
                    .await
                    .unwrap()
                    .body["active"],
                true
            );
        }
        eventually("a later use", async || {
            (last_used_at(&client, &used).await > before).then_some(())
        })
        .await;
    }
    assert_eq!(last_used_at(&client, &refused).await, None);
    assert_eq!(last_used_at(&client, &unused).await, None);

    // Another server knows of a later use: time does not go back.
    let future = match test.database.kind() {
        Kind::Sqlite => "4000000000000000",
        Kind::Postgres => "to_timestamp(4000000000)",
    };
    let all_used_later = format!("UPDATE api_key_secrets SET last_used_at = {future}");
    test.database.execute(&all_used_later).await;
    let (witness, witness_secret) = client.create("witness").await;
    for secret in [&used_secret, &witness_secret] {
        assert_eq!(status(&server, secret).await, 200);
    }
    eventually("the witness's use", async || {
        last_used_at(&client, &witness).await
    })
    .await;
    assert_eq!(
        last_used_at(&client, &used).await.unwrap(),
        "2096-10-02T07:06:40.000000Z"
    );

    // What was used just before the server stops is known after it.
    let (id, secret) = client.create("last").await;
    assert_eq!(status(&server, &secret).await, 200);
    assert_eq!(server.stop().await, Some(0));
    let used = "api_key_secrets WHERE last_used_at IS NOT NULL AND api_key_id IN (SELECT id FROM api_keys WHERE name = 'last')";
    assert_eq!(test.database.count(used).await, 1, "{id}");
}

pub async fn a_check_waits_for_no_write(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (id, secret) = client.create("busy").await;
    assert_eq!(status(&server, &secret).await, 200);
    eventually("a first use", async || last_used_at(&client, &id).await).await;
    let before = last_used_at(&client, &id).await;
    let blocker = test.database.block_writers().await;
    // Longer than a write is tried for, and than the time between two.
    let until = Instant::now() + Duration::from_secs(8);
    let mut slowest = Duration::ZERO;
    while Instant::now() < until {
        let started = Instant::now();
        assert_eq!(status(&server, &secret).await, 200);
        slowest = slowest.max(started.elapsed());
    }
    // It would be as long as the lock is held, if it waited.
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    drop(blocker);
    eventually("the last use, once writing is possible", async || {
        (last_used_at(&client, &id).await > before).then_some(())
    })
    .await;
}

pub async fn a_thousand_checks_are_a_few_writes(test: Test) {
    let name = test.database.name();
    let admin = test.database.connect().await;
    admin
        .batch_execute(&format!("ALTER DATABASE {name} SET log_statement = 'all'"))
        .await
        .unwrap();
    let server = test.server().await;
    let client = server.client();
    let (id, secret) = client.create("busy").await;
    let started = Instant::now();
    for _ in 0..1000 {
        assert_eq!(ask(&client, &secret).send().await.unwrap().status(), 200);
    }
    eventually("a last use", async || last_used_at(&client, &id).await).await;
    let is_write = |line: &&String| line.contains("WITH used AS");
    let writes = cluster_log(&name).iter().filter(is_write).count();
    let most = 2 + started.elapsed().as_secs() as usize / 3;
    assert!(
        (1..=most).contains(&writes),
        "{writes} writes in {:?}",
        started.elapsed()
    );
}

/// Makes so many keys as straight as can be; their secrets.
async fn fill(test: &Test, count: usize) -> Vec<String> {
    let migrated = test.run(&["migrate"], &[]).await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
    let kind = test.database.kind();
    let mut transaction = test.database.begin().await;
    let values = "'owner', 'used once', 'used once'";
    let keys = match kind {
        Kind::Sqlite => format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {count})
            INSERT INTO api_keys (id, owner, name, name_folded, created_at, created_by)
            SELECT unhex(printf('01890a5dac96774bbcce%012x', n)), {values}, 0, 'test' FROM numbers"
        ),
        // What the triggers would do for each row, the statements below do themselves.
        Kind::Postgres => format!(
            "SET LOCAL session_replication_role = replica;
            INSERT INTO api_keys (id, owner, name, name_folded, created_at, created_by)
            SELECT ('01890a5d-ac96-774b-bcce-' || lpad(to_hex(n), 12, '0'))::uuid, {values}, now(), 'test'
            FROM generate_series(0, {count} - 1) AS n"
        ),
    };
    transaction.execute(&keys).await;
    let prefix = Prefix::parse("ak").unwrap();
    let mut secrets = Vec::with_capacity(count);
    while secrets.len() < count {
        let mut rows = Vec::new();
        for n in secrets.len()..count.min(secrets.len() + 5_000) {
            let secret = Secret::generate(&prefix).unwrap();
            let (digest, hint) = (hex(secret.digest().as_bytes()), secret.hint());
            let (digest, id, now) = match kind {
                Kind::Sqlite => (
                    format!("x'{digest}'"),
                    format!("x'01890a5dac96774bbcce{n:012x}'"),
                    "0",
                ),
                Kind::Postgres => (
                    format!("'\\x{digest}'"),
                    format!("'01890a5d-ac96-774b-bcce-{n:012x}'"),
                    "now()",
                ),
            };
            rows.push(format!(
                "({digest}, {id}, '{hint}', {now}, 'owner', 'used once')"
            ));
            secrets.push(secret.expose_secret().to_owned());
        }
        let columns = "digest, api_key_id, hint, created_at, key_owner, key_name";
        let rows = rows.join(", ");
        transaction
            .execute(&format!(
                "INSERT INTO api_key_secrets ({columns}) VALUES {rows}"
            ))
            .await;
    }
    transaction.commit().await;
    test.database.execute("ANALYZE").await;
    secrets
}

/// Presents each secret once, on a connection that stays open.
async fn present_each(address: String, secrets: Vec<String>) {
    let mut stream = TcpStream::connect(&address).await.unwrap();
    for secret in secrets {
        let request = format!(
            "GET /auth HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {secret}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut heard = Vec::with_capacity(1024);
        // The answer has no body.
        while !heard.ends_with(b"\r\n\r\n") {
            let count = stream.read_buf(&mut heard).await.unwrap();
            assert_ne!(count, 0, "closed instead of answered");
        }
        let is_good = heard.starts_with(b"HTTP/1.1 200 ");
        assert!(is_good, "{}", String::from_utf8_lossy(&heard));
    }
}

pub async fn each_of_120_000_keys_that_were_used_once_is_told_of(test: Test) {
    const KEYS: usize = 120_000;
    const CLIENTS: usize = 64;
    const WITHIN: Duration = Duration::from_secs(15);
    let secrets = fill(&test, KEYS).await;
    assert_eq!(test.database.count("api_key_secrets").await, KEYS as i64);
    // A line for each request would be most of the work.
    let server = test.server_with(&[("RUST_LOG", "warn")]).await;
    let address = server.base.strip_prefix("http://").unwrap();
    let begun = jiff::Timestamp::now().as_second();
    let mut clients = JoinSet::new();
    for some in secrets.chunks(KEYS.div_ceil(CLIENTS)) {
        clients.spawn(present_each(address.to_owned(), some.to_vec()));
    }
    clients.join_all().await;

    let last = tokio::time::Instant::now();
    // It stops at the first, so that asking often costs the server little.
    let unknown = "(SELECT 1 FROM api_key_secrets WHERE last_used_at IS NULL LIMIT 1) AS found";
    eventually("the end of the wait", async || {
        let is_over = last.elapsed() > WITHIN;
        (is_over || test.database.count(unknown).await == 0).then_some(())
    })
    .await;
    let unknown = "api_key_secrets WHERE last_used_at IS NULL";
    let unknown = test.database.count(unknown).await;
    assert_eq!(unknown, 0, "after {:?}", last.elapsed());
    let begun = match test.database.kind() {
        Kind::Sqlite => format!("{begun}000000"),
        Kind::Postgres => format!("to_timestamp({begun})"),
    };
    let too_early = format!("api_key_secrets WHERE last_used_at < {begun}");
    assert_eq!(test.database.count(&too_early).await, 0);
}
