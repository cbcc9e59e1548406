//! When a key was last used: told within some seconds, and at no cost to those who use it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::forward_auth::{ask, status};
use crate::harness::{Answer, Client, Kind, Test, cluster_log, eventually};

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
