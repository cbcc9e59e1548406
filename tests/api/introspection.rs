//! `/introspect`: what a backend hears about a token (RFC 7662).

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::forward_auth::unworkable;
use crate::harness::{Answer, Client, Kind, Test};

const INTROSPECT: &[&str] = &["apikeys:introspect"];

fn post(client: &Client) -> RequestBuilder {
    client.http.post(client.url("/introspect"))
}

async fn introspect(client: &Client, caller: &str, token: &str) -> Value {
    let request = post(client).bearer_auth(caller).form(&[("token", token)]);
    let answer = Answer::of(request).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(
        answer
            .header("content-type")
            .starts_with("application/json")
    );
    answer.body
}

pub async fn an_active_key_is_described(test: Test) {
    let server = test.server().await;
    let client = server.stranger();
    let caller = test.key("backend", INTROSPECT).await;
    let secret = test.key("Ünï cödé", &["deploy", "read"]).await;
    let id = test.id_of(&secret).await;
    let mut answer = introspect(&client, &caller, &secret).await;
    let iat = answer["iat"].take().as_u64().unwrap();
    assert!(crate::harness::now().abs_diff(iat) < 60, "{iat}");
    let mut expected = json!({
        "active": true, "scope": "deploy read", "sub": "Ünï cödé", "client_id": id, "username": "key",
        "token_type": "Bearer", "iat": null, "jti": id,
    });
    assert_eq!(answer, expected);

    // When it ends: the key or its secret, whichever is first.
    let instant = |seconds: i64| match test.database.kind() {
        Kind::Sqlite => (seconds * 1_000_000).to_string(),
        Kind::Postgres => format!("to_timestamp({seconds})"),
    };
    for (key, secret_end, exp) in [
        (4_000_000_000, None, 4_000_000_000_i64),
        (4_000_000_000, Some(3_999_999_999), 3_999_999_999),
    ] {
        test.database
            .execute(&format!(
                "UPDATE api_keys SET expires_at = {}",
                instant(key)
            ))
            .await;
        let of_secret = secret_end.map_or("NULL".to_owned(), instant);
        test.database
            .execute(&format!(
                "UPDATE api_key_secrets SET expires_at = {of_secret}"
            ))
            .await;
        let mut answer = introspect(&client, &caller, &secret).await;
        answer["iat"].take();
        expected["exp"] = json!(exp);
        assert_eq!(answer, expected);
    }
}

pub async fn anything_else_is_inactive_and_nothing_more(test: Test) {
    let server = test.server().await;
    let client = server.stranger();
    let caller = test.key("backend", INTROSPECT).await;
    test.database
        .execute("UPDATE api_keys SET name = 'caller'")
        .await;
    let (id, deleted) = server.client().create("deleted").await;
    server.client().delete(&id).await;
    let mut inactive = vec![
        deleted,
        "ak_0123456789ABCDEFGHIJKLMNOPQRSTUV1Wf1r1".to_owned(),
        String::new(),
        "x".repeat(10_000),
        "a b&c=d".to_owned(),
        id,
        server.token.clone(),
        "eyJhbGciOiJub25lIn0.e30.".to_owned(),
    ];
    for change in unworkable(test.database.kind()) {
        let secret = test.key("acme", &[]).await;
        assert_eq!(introspect(&client, &caller, &secret).await["active"], true);
        test.database.execute(&format!("UPDATE {change}")).await;
        test.database
            .execute("UPDATE api_keys SET name = 'old' WHERE name = 'key'")
            .await;
        inactive.push(secret);
    }
    for token in inactive {
        let answer = introspect(&client, &caller, &token).await;
        assert_eq!(answer, json!({"active": false}), "{token}");
    }
}

pub async fn only_a_key_with_the_scope_may_ask(test: Test) {
    let server = test.server().await;
    let client = server.stranger();
    let caller = test.key("backend", INTROSPECT).await;
    let id = test.id_of(&caller).await;
    let other = test
        .key(
            "backend",
            &["apikeys:read", "apikeys:write", "apikeys:act-as"],
        )
        .await;
    let other_id = test.id_of(&other).await;
    let form = [
        ("token", caller.as_str()),
        ("token_type_hint", "access_token"),
        ("extra", "1"),
    ];
    let ask = || post(&client).form(&form);
    // As some libraries write it: whatever is no letter or digit is encoded.
    let (encoded_id, encoded_caller) = (id.replace('-', "%2D"), caller.replace('_', "%5F"));
    for good in [
        ask().bearer_auth(&caller),
        ask().header("x-api-key", &caller),
        ask().basic_auth(&id, Some(&caller)),
        ask().basic_auth(&encoded_id, Some(&encoded_caller)),
        ask().bearer_auth(&server.token),
    ] {
        let answer = Answer::of(good).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), &answer.body["active"]),
            (200, &json!(true)),
            "{}",
            answer.body
        );
    }
    for (refused, status, error) in [
        (ask(), 401, "invalid_client"),
        (ask().bearer_auth("wrong"), 401, "invalid_client"),
        (ask().basic_auth(&id, Some("wrong")), 401, "invalid_client"),
        (ask().basic_auth(&id, None::<&str>), 401, "invalid_client"),
        (
            ask().basic_auth("wrong", Some(&caller)),
            401,
            "invalid_client",
        ),
        (
            ask().basic_auth(&other_id, Some(&caller)),
            401,
            "invalid_client",
        ),
        (
            ask().header("authorization", "Basic !"),
            401,
            "invalid_client",
        ),
        (
            ask().header("authorization", format!("Digest {caller}")),
            401,
            "invalid_client",
        ),
        (ask().bearer_auth(&other), 403, "insufficient_scope"),
        (
            ask().basic_auth(&other_id, Some(&other)),
            403,
            "insufficient_scope",
        ),
        (
            ask().bearer_auth(&caller).header("x-api-key", &caller),
            400,
            "invalid_request",
        ),
        (
            ask()
                .basic_auth(&id, Some(&caller))
                .header("x-api-key", &caller),
            400,
            "invalid_request",
        ),
    ] {
        let answer = Answer::of(refused).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.body["error"].as_str()),
            (status, Some(error)),
            "{}",
            answer.body
        );
        assert_eq!(answer.body.get("active"), None);
        let challenges: Vec<_> = answer
            .headers
            .get_all("www-authenticate")
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        match status {
            401 => assert!(
                challenges.len() == 2
                    && challenges[0].starts_with("Bearer")
                    && challenges[1].starts_with("Basic"),
                "{challenges:?}"
            ),
            403 => assert_eq!(
                challenges,
                ["Bearer error=\"insufficient_scope\", scope=\"apikeys:introspect\""]
            ),
            _ => assert_eq!(challenges, [""; 0]),
        }
    }

    let authorized = || post(&client).bearer_auth(&caller);
    for (malformed, status) in [
        (authorized(), 400),
        (authorized().form(&[("other", "x")]), 400),
        (authorized().form(&[("token", "x"), ("token", "y")]), 400),
        (authorized().json(&json!({"token": caller})), 400),
        (authorized().form(&[("token", "x".repeat(70_000))]), 413),
    ] {
        let answer = Answer::of(malformed).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), &answer.body["error"]),
            (status, &json!("invalid_request")),
            "{}",
            answer.body
        );
        let says = answer.body["error_description"].as_str().unwrap();
        assert!(!says.is_empty(), "{}", answer.body);
    }
    let with_get = client
        .http
        .get(client.url(&format!("/introspect?token={caller}")))
        .bearer_auth(&caller);
    assert_eq!(Answer::of(with_get).await.unwrap().status, 405);
}
