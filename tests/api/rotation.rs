//! New secrets for the same key.

use serde_json::{Value, json};

use crate::forward_auth::status;
use crate::harness::{Answer, Client, Test, eventually, text};

const ROTATE: &str = "mutation($input: RotateApiKeyInput!) { rotateApiKey(input: $input) {
    apiKey { id name scopes createdAt hint secrets { hint createdAt expiresAt lastUsedAt } } secret } }";

async fn rotate(client: &Client, input: Value) -> Answer {
    client.graphql(ROTATE, json!({"input": input})).await
}

/// Rotates a key that can be; its new secret, and the key.
async fn rotated(client: &Client, id: &str, overlap: i64) -> (String, Value) {
    let answer = rotate(client, json!({"id": id, "overlapSeconds": overlap})).await;
    let payload = &answer.body["data"]["rotateApiKey"];
    assert!(payload["secret"].is_string(), "{}", answer.body);
    (text(&payload["secret"]), payload["apiKey"].clone())
}

pub async fn the_key_stays_and_its_old_secret_ends_with_the_overlap(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let create = "mutation { createApiKey(input: {name: \"deploy\", scopes: [\"a\"]}) { apiKey { id name scopes createdAt } secret } }";
    let made = client.data(create, json!({})).await["createApiKey"].take();
    let (id, first) = (text(&made["apiKey"]["id"]), text(&made["secret"]));
    assert_eq!(status(&server, &first).await, 200);

    let (second, api_key) = rotated(&client, &id, 3).await;
    for field in ["id", "name", "scopes", "createdAt"] {
        assert_eq!(api_key[field], made["apiKey"][field], "{field}");
    }
    assert_ne!(first, second);
    assert_eq!(api_key["hint"], format!("{}…", &second[..7]));
    let secrets = api_key["secrets"].as_array().unwrap();
    assert_eq!(secrets.len(), 2);
    assert_eq!(
        (&secrets[0]["hint"], &secrets[0]["expiresAt"]),
        (&json!(format!("{}…", &second[..7])), &Value::Null)
    );
    assert_eq!(secrets[1]["hint"], format!("{}…", &first[..7]));
    let end: jiff::Timestamp = text(&secrets[1]["expiresAt"]).parse().unwrap();
    // Both work until then, and one is seen to be in use.
    assert_eq!(status(&server, &second).await, 200);
    let mut refused = false;
    while !refused {
        let started = jiff::Timestamp::now();
        refused = status(&server, &first).await == 401;
        assert!(refused || started < end);
        assert!(
            !refused || jiff::Timestamp::now() >= end,
            "refused too early"
        );
    }
    assert_eq!(status(&server, &second).await, 200);
    let query =
        format!("{{ apiKey(id: \"{id}\") {{ lastUsedAt secrets {{ hint lastUsedAt }} }} }}");
    eventually("the use of the second", async || {
        let api_key = client.data(&query, json!({})).await["apiKey"].take();
        let secrets = api_key["secrets"].as_array().unwrap().clone();
        assert_eq!(secrets.len(), 1, "the first has ended: {api_key}");
        (secrets[0]["lastUsedAt"].is_string()
            && api_key["lastUsedAt"].as_str() >= secrets[0]["lastUsedAt"].as_str())
        .then_some(())
    })
    .await;
    // Without an overlap, the old one ends at once; that the key was used is still known.
    let last = client.data(&query, json!({})).await["apiKey"]["lastUsedAt"].take();
    let answer = rotate(&client, json!({"id": id})).await;
    let third = text(&answer.body["data"]["rotateApiKey"]["secret"]);
    assert_eq!(
        (
            status(&server, &second).await,
            status(&server, &third).await
        ),
        (401, 200)
    );
    let api_key = client.data(&query, json!({})).await["apiKey"].take();
    assert!(
        api_key["lastUsedAt"].as_str() >= last.as_str(),
        "{api_key} after {last}"
    );

    // In the database: digests, and hints.
    for secret in [&first, &second, &third] {
        let everything = test.database.everything().await;
        let body = &secret.as_bytes()[7..];
        assert!(!everything.windows(body.len()).any(|window| window == body));
    }
    for (input, field) in [
        (json!({"id": id, "overlapSeconds": -1}), "overlapSeconds"),
        (
            json!({"id": id, "overlapSeconds": 30 * 24 * 3600 + 1}),
            "overlapSeconds",
        ),
        (json!({"id": id, "overlapSeconds": "x"}), "overlapSeconds"),
        (json!({"id": "x"}), "id"),
    ] {
        let answer = rotate(&client, input.clone()).await;
        assert_eq!(
            answer.error(),
            ("BAD_USER_INPUT", Some(field)),
            "{input}: {}",
            answer.body
        );
    }
    let longest = rotate(&client, json!({"id": id, "overlapSeconds": 30 * 24 * 3600})).await;
    assert_eq!(longest.code(), "(no code)");
    let other = rotate(
        &client,
        json!({"id": "01890a5d-ac96-774b-bcce-b302099a8057"}),
    )
    .await;
    assert_eq!(other.code(), "NOT_FOUND");
    let after_pause = crate::changes::update(&client, json!({"id": id, "disabled": true})).await;
    assert_eq!(after_pause.code(), "(no code)");
    let (paused, _) = rotated(&client, &id, 0).await;
    assert_eq!(
        status(&server, &paused).await,
        401,
        "a paused key stays paused"
    );
}

pub async fn there_are_never_more_than_two_secrets(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (id, first) = client.create("key").await;
    let mut secrets = vec![first];
    for _ in 0..4 {
        let (secret, api_key) = rotated(&client, &id, 3600).await;
        secrets.push(secret);
        assert_eq!(api_key["secrets"].as_array().unwrap().len(), 2);
        let mut good = Vec::new();
        for secret in &secrets {
            good.push(status(&server, secret).await == 200);
        }
        let newest_two = secrets.len() - 2;
        let expected: Vec<bool> = (0..secrets.len()).map(|i| i >= newest_two).collect();
        assert_eq!(good, expected);
    }
    // A shorter overlap than the running one is kept; a longer one does not prolong what ends.
    let (newest, _) = rotated(&client, &id, 1).await;
    secrets.push(newest);
    eventually("the end of the old secret", async || {
        (status(&server, &secrets[secrets.len() - 2]).await == 401).then_some(())
    })
    .await;
    let (_, api_key) = rotated(&client, &id, 3600).await;
    assert_eq!(api_key["secrets"].as_array().unwrap().len(), 2);

    // Many at once: each answer's secret was the newest for a while, and two work in the end.
    let mut work = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, id) = (client.clone(), id.clone());
        work.spawn(async move { rotated(&client, &id, 3600).await.0 });
    }
    let mut good = 0;
    for secret in work.join_all().await {
        good += i32::from(status(&server, &secret).await == 200);
    }
    assert_eq!(good, 2);
    assert!(test.database.count("api_key_secrets").await <= 3);
    assert_eq!(
        test.database
            .count("api_key_events WHERE action = 'ROTATED'")
            .await,
        26
    );
}

pub async fn a_key_may_rotate_itself_and_nobody_gains_by_rotating(test: Test) {
    let server = test.server().await;
    let plain = test.key("acme", &[]).await;
    let manager = test.key("acme", &["apikeys:write"]).await;
    let powerful = test.key("acme", &["apikeys:act-as"]).await;
    let stranger = test.key("other", &["apikeys:write"]).await;
    let client = |secret: &str| Client::new(&server.base, Some(secret));
    let plain_id = test.id_of(&plain).await;
    for (caller, target, code) in [
        (&plain, &manager, "FORBIDDEN"),
        (&plain, &stranger, "FORBIDDEN"),
        (&stranger, &plain, "NOT_FOUND"),
        (&manager, &powerful, "FORBIDDEN"),
        (&manager, &stranger, "NOT_FOUND"),
        (&powerful, &manager, "FORBIDDEN"),
    ] {
        let id = test.id_of(target).await;
        let answer = rotate(&client(caller), json!({"id": id})).await;
        assert_eq!(answer.code(), code, "{}", answer.body);
        assert_eq!(answer.body["data"], json!({"rotateApiKey": null}));
        assert_eq!(status(&server, target).await, 200, "nothing happened");
    }
    // For an owner whom it acts for, a key gains no more either.
    let id = test.id_of(&manager).await;
    let as_acme = client(&powerful).request(ROTATE, &json!({"input": {"id": id}}));
    let answer = Answer::of(as_acme.header("apikeys-owner", "acme"))
        .await
        .unwrap();
    assert_eq!(answer.code(), "FORBIDDEN", "{}", answer.body);

    let (plain, _) = rotated(&client(&plain), &plain_id, 0).await;
    assert_eq!(status(&server, &plain).await, 200);
    let (by_manager, _) = rotated(&client(&manager), &plain_id, 0).await;
    assert_eq!(
        (
            status(&server, &plain).await,
            status(&server, &by_manager).await
        ),
        (401, 200)
    );
    let powerful_id = test.id_of(&powerful).await;
    let (_, api_key) = rotated(&client(&powerful), &powerful_id, 0).await;
    assert_eq!(api_key["scopes"], json!(["apikeys:act-as"]));

    // Whoever has the old secret does not take the key from those who have the new one.
    let (newer, _) = rotated(&client(&by_manager), &plain_id, 3600).await;
    let by_old = rotate(&client(&by_manager), json!({"id": plain_id})).await;
    assert_eq!(by_old.code(), "FORBIDDEN", "{}", by_old.body);
    assert_eq!(
        (
            status(&server, &by_manager).await,
            status(&server, &newer).await
        ),
        (200, 200)
    );

    // Nor does anybody who may not grant scopes of this service let a key that has them work longer.
    let end = "2090-01-01T00:00:00Z";
    for (by, input, code) in [
        (&manager, json!({"expiresAt": end}), "(no code)"),
        (&manager, json!({"expiresAt": null}), "FORBIDDEN"),
        (
            &manager,
            json!({"expiresAt": "2095-01-01T00:00:00Z"}),
            "FORBIDDEN",
        ),
        (
            &manager,
            json!({"expiresAt": "2089-01-01T00:00:00Z", "name": "x"}),
            "(no code)",
        ),
        (&manager, json!({"disabled": true}), "(no code)"),
        (&manager, json!({"disabled": null}), "FORBIDDEN"),
        (
            &manager,
            json!({"disabled": true, "name": "y"}),
            "(no code)",
        ),
    ] {
        let mut input = input;
        input["id"] = json!(powerful_id);
        let answer = crate::changes::update(&client(by), input.clone()).await;
        assert_eq!(answer.code(), code, "{input}: {}", answer.body);
    }
    let still = "api_keys WHERE name = 'y' AND disabled_at IS NOT NULL AND expires_at IS NOT NULL";
    assert_eq!(test.database.count(still).await, 1);

    let event = format!(
        "api_key_events WHERE action = 'ROTATED' AND credential = 'API_KEY' AND actor = '{powerful_id}'"
    );
    assert_eq!(test.database.count(&event).await, 1);
}
