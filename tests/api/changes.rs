//! Changing keys, and pausing them.

use serde_json::{Value, json};

use crate::forward_auth::status;
use crate::harness::{Answer, Client, Test};

const UPDATE: &str = "mutation($input: UpdateApiKeyInput!) { updateApiKey(input: $input) {
    apiKey { id name expiresAt status } } }";

pub async fn update(client: &Client, input: Value) -> Answer {
    client.graphql(UPDATE, json!({"input": input})).await
}

pub async fn what_is_left_out_stays_and_null_clears(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (id, secret) = client.create("first").await;
    let end = "2096-10-02T07:06:40.000000Z";
    let (mut name, mut expires_at, mut status_now) = ("first", Value::Null, "ACTIVE");
    for (change, changes_name, changes_end, changes_status) in [
        (json!({}), None, None, None),
        (json!({"name": "  second "}), Some("second"), None, None),
        (json!({"expiresAt": end}), None, Some(json!(end)), None),
        (json!({"disabled": true}), None, None, Some("DISABLED")),
        (json!({"name": "third"}), Some("third"), None, None),
        (json!({"expiresAt": null}), None, Some(Value::Null), None),
        (
            json!({"disabled": false, "expiresAt": end}),
            None,
            Some(json!(end)),
            Some("ACTIVE"),
        ),
        (
            json!({"disabled": true, "name": "fourth"}),
            Some("fourth"),
            None,
            Some("DISABLED"),
        ),
        (json!({"disabled": null}), None, None, Some("ACTIVE")),
    ] {
        let mut input = change.clone();
        input["id"] = json!(id);
        name = changes_name.unwrap_or(name);
        expires_at = changes_end.unwrap_or(expires_at);
        status_now = changes_status.unwrap_or(status_now);
        let answer = update(&client, input).await;
        let expected =
            json!({"id": id, "name": name, "expiresAt": expires_at, "status": status_now});
        assert_eq!(
            answer.body["data"]["updateApiKey"]["apiKey"], expected,
            "{change}: {}",
            answer.body
        );
        let found = client
            .data(
                &format!("{{ apiKey(id: \"{id}\") {{ id name expiresAt status }} }}"),
                json!({}),
            )
            .await;
        assert_eq!(found["apiKey"], expected, "{change}");
        assert_eq!(
            status(&server, &secret).await == 200,
            status_now == "ACTIVE",
            "{change}"
        );
    }

    let other = "01890a5d-ac96-774b-bcce-b302099a8057";
    for (input, code, field) in [
        (
            json!({"id": id, "name": null}),
            "BAD_USER_INPUT",
            Some("name"),
        ),
        (
            json!({"id": id, "name": " "}),
            "BAD_USER_INPUT",
            Some("name"),
        ),
        (
            json!({"id": id, "name": "x".repeat(101)}),
            "BAD_USER_INPUT",
            Some("name"),
        ),
        (
            json!({"id": id, "expiresAt": "2001-01-01T00:00:00Z"}),
            "BAD_USER_INPUT",
            Some("expiresAt"),
        ),
        (
            json!({"id": id, "expiresAt": "x"}),
            "BAD_USER_INPUT",
            Some("expiresAt"),
        ),
        (
            json!({"id": id, "disabled": "yes"}),
            "BAD_USER_INPUT",
            Some("disabled"),
        ),
        (
            json!({"id": "x", "name": "y"}),
            "BAD_USER_INPUT",
            Some("id"),
        ),
        (json!({"name": "y"}), "BAD_USER_INPUT", Some("id")),
        (json!({"id": other, "name": "y"}), "NOT_FOUND", None),
    ] {
        let answer = update(&client, input.clone()).await;
        assert_eq!(answer.error(), (code, field), "{input}: {}", answer.body);
    }
    let found = client
        .data(
            &format!("{{ apiKey(id: \"{id}\") {{ name status }} }}"),
            json!({}),
        )
        .await;
    assert_eq!(
        found["apiKey"],
        json!({"name": "fourth", "status": "ACTIVE"}),
        "nothing half done"
    );
}

pub async fn a_paused_key_is_refused_from_the_answer_on(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (id, secret) = client.create("paused").await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    // Others ask at the same time, so that lookups are on their way at every moment.
    let mut others = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (client, secret, stop) = (server.stranger(), secret.clone(), stop.clone());
        others.spawn(async move {
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                crate::forward_auth::ask(&client, &secret)
                    .send()
                    .await
                    .unwrap();
            }
        });
    }
    let asking = server.stranger();
    for _ in 0..25 {
        for (disabled, expected) in [(true, 401), (false, 200)] {
            let answer = update(&client, json!({"id": id, "disabled": disabled})).await;
            assert_eq!(answer.code(), "(no code)", "{}", answer.body);
            let answered = crate::forward_auth::ask(&asking, &secret)
                .send()
                .await
                .unwrap();
            assert_eq!(answered.status(), expected);
        }
    }
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    others.join_all().await;
}

pub async fn what_is_not_found_is_left_as_it_was(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (id, secret) = client.create("whole").await;
    // As a person may leave a key, and as no server does.
    test.database.execute("DELETE FROM api_key_secrets").await;
    let as_it_was = "api_keys WHERE name = 'whole' AND expires_at IS NULL AND disabled_at IS NULL";
    let rotate = "mutation($input: RotateApiKeyInput!) { rotateApiKey(input: $input) { secret } }";
    let end = "2096-10-02T07:06:40Z";
    for input in [
        json!({"id": id, "name": "changed"}),
        json!({"id": id, "expiresAt": end}),
        json!({"id": id, "disabled": true}),
        json!({"id": id, "name": "changed", "expiresAt": end, "disabled": true}),
    ] {
        let answer = update(&client, input.clone()).await;
        assert_eq!(answer.code(), "NOT_FOUND", "{input}: {}", answer.body);
        assert_eq!(test.database.count(as_it_was).await, 1, "{input}");
    }
    for input in [json!({"id": id}), json!({"id": id, "overlapSeconds": 60})] {
        let answer = client.graphql(rotate, json!({"input": input})).await;
        assert_eq!(answer.code(), "NOT_FOUND", "{input}: {}", answer.body);
        assert_eq!(test.database.count("api_key_secrets").await, 0, "{input}");
    }
    assert_eq!(test.database.count(as_it_was).await, 1);
    // That of the creation.
    assert_eq!(test.database.count("api_key_events").await, 1);
    assert_eq!(status(&server, &secret).await, 401);
}
