//! What the database holds, what it must never hold, and that nothing acknowledged is lost.

use std::collections::HashSet;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::harness::{Test, created, eventually};

pub async fn a_secret_is_kept_nowhere(test: Test) {
    let mut server = test.server_with(&[("RUST_LOG", "trace")]).await;
    let client = server.client();
    let mut secrets = Vec::new();
    for i in 0..20 {
        let (id, secret) = client.create(&format!("key {i}")).await;
        if i % 2 == 0 {
            client.delete(&id).await;
        }
        secrets.push(secret);
    }
    // Into the log it must not come by way of a client's mistake either.
    let secret = &secrets[0];
    client
        .graphql(
            &format!("{{ apiKey(id: \"{secret}\") {{ id }} }}"),
            json!({"a": secret}),
        )
        .await;
    client.graphql(&format!("{{ {secret} }}"), json!({})).await;
    let path = client.url(&format!("/{secret}?{secret}={secret}"));
    client
        .http
        .get(path)
        .header("x-api-key", secret)
        .bearer_auth(secret)
        .send()
        .await
        .unwrap();
    for path in ["/auth", &format!("/auth/{secret}?scope={secret}")] {
        let request = client.http.get(client.url(path)).bearer_auth(&secrets[1]);
        assert!(request.send().await.unwrap().status().as_u16() % 100 < 4);
    }
    let introspect = client.http.post(client.url("/introspect"));
    let introspect = introspect.form(&[("token", &secrets[1]), (secret, secret)]);
    assert_eq!(
        client.with_token(introspect).send().await.unwrap().status(),
        200
    );
    let listed = client
        .data(
            "{ apiKeys(first: 100) { nodes { id name hint owner createdBy } } }",
            json!({}),
        )
        .await;

    let database = test.database.everything().await;
    server.stop().await;
    let after_stopping = test.database.everything().await;
    let log = server.log();
    assert!(log.contains("/graphql"), "the log is the log");
    assert!(
        contains(&database, b"key 1"),
        "the database is the database"
    );
    for secret in &secrets {
        // Not whole, and not but for its prefix and hint either.
        let body = &secret.as_bytes()[7..];
        assert!(!contains(&database, body), "in the database");
        assert!(
            !contains(&after_stopping, body),
            "in the database after the server stopped"
        );
        assert!(!contains(log.as_bytes(), body), "in the log");
        assert!(
            !contains(listed.to_string().as_bytes(), body),
            "in the list"
        );
    }
    assert!(
        !contains(log.as_bytes(), server.token.as_bytes()),
        "the local token in the log"
    );
    assert!(
        !contains(&after_stopping, server.token.as_bytes()),
        "the local token in the database"
    );
}

pub async fn a_restart_keeps_everything(test: Test) {
    let mut server = test.server().await;
    let query =
        "{ apiKeys(first: 100) { totalCount nodes { id name hint owner createdAt createdBy } } }";
    for i in 0..5 {
        server.client().create(&format!("key {i}")).await;
    }
    let before = server.client().data(query, json!({})).await;
    assert_eq!(server.stop().await, Some(0));
    let server = test.server().await;
    assert_eq!(server.client().data(query, json!({})).await, before);
    assert_eq!(before["apiKeys"]["totalCount"], 5);
}

pub async fn sigkill_loses_nothing_that_was_acknowledged(test: Test) {
    for round in 0..3 {
        let mut server = test.server().await;
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let mut work = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (client, acknowledged) = (server.client(), acknowledged.clone());
            work.spawn(async move {
                // Until the server is gone.
                while let Ok(answer) = client.try_create("kept").await {
                    let (id, _) = created(&answer).unwrap_or_else(|| panic!("{}", answer.body));
                    acknowledged.lock().unwrap().push(id);
                }
            });
        }
        eventually("a few creations", async || {
            (acknowledged.lock().unwrap().len() > 40).then_some(())
        })
        .await;
        server.kill().await;
        work.join_all().await;

        let server = test.server().await;
        let there: HashSet<String> = server.client().all_ids().await.into_iter().collect();
        for id in acknowledged.lock().unwrap().iter() {
            assert!(
                there.contains(id),
                "round {round}: {id} was acknowledged and is gone"
            );
        }
        // Nor is anything half there.
        let keys = test.database.count("api_keys").await;
        assert_eq!(test.database.count("api_key_secrets").await, keys);
        assert_eq!(test.database.count("api_key_events").await, keys);
    }
}

pub async fn three_servers_start_together_on_an_empty_database(test: Test) {
    let (a, b, c) = tokio::join!(test.server(), test.server(), test.server());
    let (id, _) = a.client().create("made by one").await;
    for other in [&b, &c] {
        let found = other
            .client()
            .data(
                "query($id: ID!) { apiKey(id: $id) { name } }",
                json!({"id": id}),
            )
            .await;
        assert_eq!(found["apiKey"]["name"], "made by one");
    }
    let (done_b, done_c) = (b.client(), c.client());
    let (x, y) = tokio::join!(done_b.create("b"), done_c.create("c"));
    assert_ne!(x.0, y.0);
    assert_eq!(test.database.count("api_keys").await, 3);
}

pub async fn the_sqlite_file_is_its_owners_alone(test: Test) {
    let server = test.server().await;
    server.client().create("key").await;
    let mut files = 0;
    for entry in std::fs::read_dir(test.folder()).unwrap() {
        let entry = entry.unwrap();
        if entry
            .file_name()
            .to_str()
            .unwrap()
            .starts_with("apikeys.db")
        {
            assert_eq!(
                entry.metadata().unwrap().permissions().mode() & 0o777,
                0o600,
                "{entry:?}"
            );
            files += 1;
        }
    }
    assert_eq!(files, 3, "the database, its log and its index");
}

pub fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}
