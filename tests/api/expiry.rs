//! When keys end.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::forward_auth::{ask, status};
use crate::harness::{Answer, Client, Test, created};

const CREATE: &str = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) {
    apiKey { id expiresAt status } secret } }";

pub async fn create_until(client: &Client, expires_at: Value) -> Answer {
    let input = json!({"name": "key", "expiresAt": expires_at});
    client.graphql(CREATE, json!({"input": input})).await
}

fn from_now(seconds: i64) -> String {
    let at = Timestamp::now() + SignedDuration::from_secs(seconds);
    format!("{at:.6}")
}

pub async fn a_key_is_refused_from_its_second_on(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let end = from_now(3);
    let answer = create_until(&client, json!(end)).await;
    let (id, secret) = created(&answer).unwrap();
    assert_eq!(
        answer.body["data"]["createApiKey"]["apiKey"],
        json!({"id": id, "expiresAt": end, "status": "ACTIVE"})
    );
    let end: Timestamp = end.parse().unwrap();
    let (mut good, mut refused) = (0, 0);
    while refused < 20 {
        let started = Timestamp::now();
        let answered = ask(&client, &secret).send().await.unwrap().status();
        let is_good = answered == 200;
        assert!(is_good || answered == 401, "{answered}");
        assert!(
            !is_good || started < end,
            "good {}",
            started.duration_since(end)
        );
        assert!(is_good || Timestamp::now() >= end, "refused too early");
        good += i32::from(is_good);
        refused += i32::from(!is_good);
    }
    assert!(good > 20, "{good}");
    // Everywhere, and it stays in the list.
    let by_key = Client::new(&server.base, Some(&secret));
    assert_eq!(
        by_key
            .graphql("{ viewer { owner } }", json!({}))
            .await
            .status,
        401
    );
    let introspect = client
        .http
        .post(client.url("/introspect"))
        .form(&[("token", &secret)]);
    let answer = Answer::of(client.with_token(introspect)).await.unwrap();
    assert_eq!(answer.body, json!({"active": false}));
    let listed = client
        .data("{ apiKeys { nodes { id status } } }", json!({}))
        .await;
    assert_eq!(
        listed["apiKeys"]["nodes"],
        json!([{"id": id, "status": "EXPIRED"}])
    );
    // A new secret of it would open nothing.
    let rotate = format!("mutation {{ rotateApiKey(input: {{id: \"{id}\"}}) {{ secret }} }}");
    assert_eq!(
        client.graphql(&rotate, json!({})).await.error(),
        ("BAD_USER_INPUT", Some("id"))
    );
    assert_eq!(client.delete(&id).await.code(), "(no code)");

    // The same from the command line.
    let made = test
        .run(
            &["create-key", "--owner=acme", "--name=x", "--expires-in=2s"],
            &[],
        )
        .await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let secret = made.stdout.trim_end();
    assert_eq!(status(&server, secret).await, 200);
    crate::harness::eventually("the end of the key", async || {
        (status(&server, secret).await == 401).then_some(())
    })
    .await;
}

pub async fn an_end_that_cannot_be_is_refused(test: Test) {
    let server = test.server().await;
    let client = server.client();
    for bad in [
        json!(from_now(-1)),
        json!("2001-01-01T00:00:00Z"),
        json!("tomorrow"),
        json!("2096-13-01T00:00:00Z"),
        json!("2096-01-01"),
        json!(""),
        json!(4_000_000_000_u64),
    ] {
        let answer = create_until(&client, bad.clone()).await;
        assert_eq!(
            answer.error(),
            ("BAD_USER_INPUT", Some("expiresAt")),
            "{bad}: {}",
            answer.body
        );
        // As a literal.
        let literal = format!(
            "mutation {{ createApiKey(input: {{name: \"key\", expiresAt: {bad}}}) {{ secret }} }}"
        );
        let answer = client.graphql(&literal, json!({})).await;
        assert_eq!(
            answer.error(),
            ("BAD_USER_INPUT", Some("expiresAt")),
            "{bad}: {}",
            answer.body
        );
    }
    for (value, until) in [
        (json!(null), json!(null)),
        (
            json!("2096-10-02T09:06:40+02:00"),
            json!("2096-10-02T07:06:40.000000Z"),
        ),
        (
            json!("2096-10-02T07:06:40.1234567Z"),
            json!("2096-10-02T07:06:40.123456Z"),
        ),
    ] {
        let answer = create_until(&client, value).await;
        assert_eq!(
            answer.body["data"]["createApiKey"]["apiKey"]["expiresAt"], until,
            "{}",
            answer.body
        );
    }
    assert_eq!(test.database.count("api_keys").await, 3);
    for bad in ["", "soon", "90", "0s", "-1d", "99999999d"] {
        let argument = format!("--expires-in={bad}");
        let made = test
            .run(&["create-key", "--owner=acme", "--name=x", &argument], &[])
            .await;
        assert_eq!((made.code, made.stdout.as_str()), (Some(2), ""), "{bad}");
        assert!(made.stderr.contains("--expires-in"), "{}", made.stderr);
    }
}

pub async fn the_longest_life_is_kept(test: Test) {
    let variables = [("APIKEYS_MAX_LIFETIME", "30d")];
    let server = test.server_with(&variables).await;
    let client = server.client();
    let day = 24 * 60 * 60;
    for bad in [
        json!(null),
        json!(from_now(30 * day + 60)),
        json!("9999-01-01T00:00:00Z"),
    ] {
        let answer = create_until(&client, bad.clone()).await;
        assert_eq!(
            answer.error(),
            ("BAD_USER_INPUT", Some("expiresAt")),
            "{bad}"
        );
        let message = answer.body["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("after 30 days"), "{message}");
    }
    let answer = create_until(&client, json!(from_now(30 * day - 60))).await;
    let (id, _) = created(&answer).unwrap();
    let update = "mutation($input: UpdateApiKeyInput!) { updateApiKey(input: $input) { apiKey { expiresAt } } }";
    for bad in [json!(null), json!(from_now(31 * day))] {
        let input = json!({"id": id, "expiresAt": bad});
        let answer = client.graphql(update, json!({"input": input})).await;
        assert_eq!(
            answer.error(),
            ("BAD_USER_INPUT", Some("expiresAt")),
            "{bad}"
        );
    }
    client
        .data(update, json!({"input": {"id": id, "name": "still"}}))
        .await;
    let too_long = test
        .run(&["create-key", "--owner=a", "--name=x"], &variables)
        .await;
    assert_eq!(too_long.code, Some(2), "{}", too_long.stderr);
    assert!(too_long.stderr.contains("expiresAt"), "{}", too_long.stderr);
    let made = test
        .run(
            &["create-key", "--owner=a", "--name=x", "--expires-in=29d"],
            &variables,
        )
        .await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
}
