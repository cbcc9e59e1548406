//! `/auth`: what a proxy hears about the key of a request.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Kind, Server, Test};

/// A question about a key.
pub fn ask(client: &Client, secret: &str) -> RequestBuilder {
    client.http.get(client.url("/auth")).bearer_auth(secret)
}

/// What can be seen of an answer, but for what is different in each.
fn seen(answer: &Answer) -> Value {
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str()))
        .collect();
    headers.sort();
    json!([answer.status.as_u16(), headers, answer.body])
}

pub async fn a_good_key_passes_with_its_owner(test: Test) {
    let server = test.server().await;
    let client = server.stranger();
    let secret = test.key("acme", &["deploy", "apikeys:read"]).await;
    let id = test.id_of(&secret).await;
    for method in [
        "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "PROPFIND",
    ] {
        for path in [
            "/auth",
            "/auth/",
            "/auth/any/path?of=the&request",
            "/auth?scope=deploy",
            "/auth/x?scope=apikeys:read+deploy",
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            for (name, value) in [
                ("authorization", format!("Bearer {secret}")),
                ("x-api-key", secret.clone()),
            ] {
                let request = client
                    .http
                    .request(method.clone(), client.url(path))
                    .header(name, value);
                let answer = Answer::of(request.body("the body is the upstream's"))
                    .await
                    .unwrap();
                assert_eq!(answer.status, 200, "{method} {path}: {answer:?}");
                assert_eq!(answer.body, "", "{method} {path}");
                assert_eq!(answer.header("apikeys-owner"), "acme");
                assert_eq!(answer.header("apikeys-key-id"), id);
                assert_eq!(answer.header("apikeys-scopes"), "deploy apikeys:read");
                assert_eq!(answer.header("cache-control"), "no-store");
            }
        }
    }
    // An owner is whatever the identity provider says: it comes as visible ASCII, and can be told from every other.
    for (owner, header) in [
        ("Ünï cödé", "%C3%9Cn%C3%AF%20c%C3%B6d%C3%A9"),
        ("100%", "100%25"),
        (" a ", "%20a%20"),
        ("auth0|5f7c", "auth0|5f7c"),
    ] {
        let secret = test.key(owner, &[]).await;
        let answer = Answer::of(ask(&client, &secret)).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.header("apikeys-owner")),
            (200, header)
        );
        assert_eq!(answer.header("apikeys-scopes"), "");
    }
}

pub async fn what_does_not_work_is_refused_all_alike(test: Test) {
    let server = test.server().await;
    let client = server.stranger();
    let refused = async |request: RequestBuilder| {
        let answer = Answer::of(request).await.unwrap();
        assert_eq!(answer.status, 401, "{answer:?}");
        answer
    };
    let unknown = "ak_0123456789ABCDEFGHIJKLMNOPQRSTUV1Wf1r1";
    let expected = seen(&refused(ask(&client, unknown)).await);
    assert!(
        expected
            .to_string()
            .contains(r#"Bearer error=\"invalid_token\""#),
        "{expected}"
    );

    let (id, deleted) = server.client().create("deleted").await;
    server.client().delete(&id).await;
    let mut bad = vec![
        deleted,
        String::new(),
        "x".repeat(5000),
        "ак_кириллица".to_owned(),
        unknown[1..].to_owned(),
        unknown.replace('1', "2"),
        server.token.clone(),
        "eyJhbGciOiJub25lIn0.e30.".to_owned(),
    ];
    for change in unworkable(test.database.kind()) {
        let secret = test.key("acme", &[]).await;
        assert_eq!(Answer::of(ask(&client, &secret)).await.unwrap().status, 200);
        test.database.execute(&format!("UPDATE {change}")).await;
        bad.push(secret);
        // For the next one.
        let again = "UPDATE api_keys SET name = 'old' WHERE name = 'key'";
        test.database.execute(again).await;
    }
    for secret in &bad {
        let by_header = client
            .http
            .get(client.url("/auth"))
            .header("x-api-key", secret);
        assert_eq!(seen(&refused(by_header).await), expected, "{secret}");
        if secret.is_empty() {
            // A scheme without a token presents nothing.
            continue;
        }
        let by_scheme = client
            .http
            .get(client.url("/auth/x?scope=deploy"))
            .header("authorization", format!("bearer {secret}"));
        assert_eq!(seen(&refused(by_scheme).await), expected, "{secret}");
    }

    let good = test.key("acme", &[]).await;
    let get = || client.http.get(client.url("/auth"));
    for (request, challenge) in [
        (get(), "Bearer"),
        // Other schemes are the upstream's own affair.
        (get().basic_auth("a", Some(&good)), "Bearer"),
        (
            ask(&client, &good).header("x-api-key", &good),
            "Bearer error=\"invalid_request\"",
        ),
        (
            ask(&client, &good).bearer_auth(&good),
            "Bearer error=\"invalid_request\"",
        ),
        (
            get()
                .header("x-api-key", &good)
                .header("x-api-key", unknown),
            "Bearer error=\"invalid_request\"",
        ),
    ] {
        let answer = refused(request).await;
        assert_eq!(answer.header("www-authenticate"), challenge);
        assert_eq!(answer.header("apikeys-owner"), "(none)");
    }
    let cookie = format!("apikeys_session={}", server.token);
    assert_eq!(
        refused(get().header("cookie", cookie))
            .await
            .header("www-authenticate"),
        "Bearer"
    );
}

/// What ends a key named `key`, in the database's words.
pub fn unworkable(kind: Kind) -> [String; 3] {
    let past = match kind {
        Kind::Sqlite => "1",
        Kind::Postgres => "now() - interval '1 second'",
    };
    let its_secret = "api_key_id IN (SELECT id FROM api_keys WHERE name = 'key')";
    [
        format!("api_keys SET expires_at = {past} WHERE name = 'key'"),
        format!("api_keys SET disabled_at = {past} WHERE name = 'key'"),
        format!("api_key_secrets SET expires_at = {past} WHERE {its_secret}"),
    ]
}

pub async fn scopes_that_are_asked_for_are_required(test: Test) {
    let server = test.server().await;
    let client = server.stranger();
    let secret = test.key("acme", &["a", "b:c", "https://x/y?z"]).await;
    let long = format!("scope={}", "x".repeat(2000));
    for (query, refused_with) in [
        ("scope=a", None),
        ("scope=a&scope=b:c", None),
        ("scope=a+b:c", None),
        ("scope=https%3A%2F%2Fx%2Fy%3Fz", None),
        ("other=d", None),
        ("scope=d", Some(", scope=\"d\"")),
        ("scope=a&scope=d", Some(", scope=\"a d\"")),
        ("scope=A", Some(", scope=\"A\"")),
        ("scope=", Some(", scope=\"\"")),
        ("scope=a%22%0D%0AEvil:%20x", Some(", scope=\"x\"")),
        (long.as_str(), Some("")),
    ] {
        let request = client
            .http
            .get(client.url(&format!("/auth?{query}")))
            .bearer_auth(&secret);
        let answer = Answer::of(request).await.unwrap();
        match refused_with {
            None => assert_eq!(answer.status, 200, "{query}"),
            Some(scope) => {
                assert_eq!(answer.status, 403, "{query}");
                let challenge = format!("Bearer error=\"insufficient_scope\"{scope}");
                assert_eq!(answer.header("www-authenticate"), challenge);
                assert_eq!(answer.header("apikeys-owner"), "(none)");
                assert_eq!(answer.header("evil"), "(none)");
            }
        }
    }
}

pub async fn an_outage_is_503_and_opens_nothing(test: Test) {
    let server = test.server().await;
    let client = server.stranger();
    let secret = test.key("acme", &["apikeys:introspect"]).await;
    assert_eq!(status(&server, &secret).await, 200);
    test.begin_outage().await;
    let answer = Answer::of(ask(&client, &secret)).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (503, "1")
    );
    assert_eq!(answer.header("www-authenticate"), "(none)");
    let introspect = client
        .http
        .post(client.url("/introspect"))
        .bearer_auth(&secret)
        .form(&[("token", &secret)]);
    let answer = Answer::of(introspect).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.header("retry-after")),
        (503, "1")
    );
    assert_eq!(answer.body["error"], "temporarily_unavailable");
    // What is malformed never reaches the database.
    assert_eq!(status(&server, &secret[1..]).await, 401);
    test.end_outage().await;
    crate::harness::eventually("the end of the outage", async || {
        (status(&server, &secret).await == 200).then_some(())
    })
    .await;
}

/// How `/auth` answers a secret.
pub async fn status(server: &Server, secret: &str) -> u16 {
    let answer = Answer::of(ask(&server.stranger(), secret)).await.unwrap();
    answer.status.as_u16()
}
