//! A database that cannot be used is an outage: it is called one, it loses nothing, and it ends by itself.

use serde_json::json;

use crate::harness::{Client, Database, Test, eventually};

pub async fn an_outage_is_called_one_and_ends(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (id, secret) = client.create("before").await;

    match &test.database {
        Database::Postgres(_) => {
            test.database.forbid_connections().await;
            for query in [
                format!("{{ apiKey(id: \"{id}\") {{ id }} }}"),
                format!("{{ node(id: \"{id}\") {{ id }} }}"),
                "{ apiKeys { nodes { id } } }".to_owned(),
            ] {
                let answer = client.graphql(&query, json!({})).await;
                assert_eq!(answer.code(), "UNAVAILABLE", "{query}: {}", answer.body);
                assert!(
                    !answer.body.to_string().contains("terminat"),
                    "the cause is for the log: {}",
                    answer.body
                );
            }
            let many = |i| format!("a{i}: apiKey(id: \"{id}\") {{ id }} ");
            let many = format!("{{ {} }}", (0..30).map(many).collect::<String>());
            let answer = client.graphql(&many, json!({})).await;
            let errors = answer.body["errors"].as_array().unwrap();
            assert_eq!(errors.len(), 30, "no null without an error");
            let ready = client.http.get(client.url("/readyz")).send().await.unwrap();
            assert_eq!(ready.status(), 503);
            // A good key is not called a bad one.
            let program = Client::new(&server.base, Some(&secret));
            let answer = program.graphql("{ viewer { owner } }", json!({})).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code()),
                (503, "UNAVAILABLE")
            );
            assert_eq!(answer.header("retry-after"), "1");
        }
        // Another process holds the file's lock for longer than anyone waits. Readers do not notice.
        Database::Sqlite(_) => {}
    }
    let blocker = match &test.database {
        Database::Sqlite(_) => Some(test.database.block_writers().await),
        Database::Postgres(_) => None,
    };
    let (created, deleted) = tokio::join!(client.try_create("during"), client.delete(&id));
    assert_eq!(created.unwrap().code(), "UNAVAILABLE");
    assert_eq!(deleted.code(), "UNAVAILABLE", "and not NOT_FOUND");
    let alive = client.http.get(client.url("/livez")).send().await.unwrap();
    assert_eq!(alive.status(), 200, "the process itself is well");
    assert!(
        server
            .whole_log()
            .await
            .contains("the database is not available"),
        "the cause is in the log"
    );

    drop(blocker);
    if let Database::Postgres(_) = &test.database {
        test.database.allow_connections().await;
    }
    eventually("the end of the outage", async || {
        let ready = client.http.get(client.url("/readyz")).send().await.unwrap();
        (ready.status() == 200).then_some(())
    })
    .await;
    assert_eq!(
        client.all_ids().await,
        [id.as_str()],
        "nothing lost, nothing half done"
    );
    client.create("after").await;
    assert_eq!(client.delete(&id).await.code(), "(no code)");
}

pub async fn a_file_that_goes_away_is_an_outage(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (id, _) = client.create("before").await;
    let Database::Sqlite(path) = &test.database else {
        panic!("a scenario of SQLite");
    };
    let elsewhere = test.folder().join("moved away");
    std::fs::rename(path, &elsewhere).unwrap();
    let check = async || {
        let created = client.try_create("into nowhere").await.unwrap();
        assert_eq!(created.code(), "UNAVAILABLE", "{}", created.body);
        let query = format!("{{ apiKey(id: \"{id}\") {{ id }} }}");
        let found = client.graphql(&query, json!({})).await;
        assert_eq!(found.code(), "UNAVAILABLE", "and not null");
        let ready = client.http.get(client.url("/readyz")).send().await.unwrap();
        assert_eq!(ready.status(), 503);
    };
    check().await;
    assert!(
        !path.exists(),
        "an empty one in its place would hide the loss"
    );
    std::fs::write(path, "").unwrap();
    check().await;
    std::fs::rename(&elsewhere, path).unwrap();
    assert_eq!(
        client.all_ids().await,
        [id.as_str()],
        "back in its place it serves again"
    );
}
