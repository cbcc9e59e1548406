//! GraphQL over HTTP, and who is let in.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, Client, Server, Test};

const VIEWER: &str = "{ viewer { owner } }";
const NEW: &str = "application/graphql-response+json";

pub async fn without_credentials_everything_is_unauthenticated(test: Test) {
    let server = test.server().await;
    let id = server.client().create("key").await.0;
    let wrong = "x".repeat(server.token.len());
    let almost = &server.token[..server.token.len() - 1];
    for (token, challenge) in [
        (None, "Bearer"),
        (Some(wrong.as_str()), "Bearer error=\"invalid_token\""),
        (Some(almost), "Bearer error=\"invalid_token\""),
        (Some(""), "Bearer error=\"invalid_token\""),
    ] {
        let stranger = Client::new(&server.base, token);
        for query in [
            VIEWER.to_owned(),
            "{ apiKeys { nodes { id } } }".to_owned(),
            format!("{{ apiKey(id: \"{id}\") {{ id }} }}"),
            format!("{{ node(id: \"{id}\") {{ id }} }}"),
            "mutation { createApiKey(input: {name: \"x\"}) { secret } }".to_owned(),
            format!("mutation {{ deleteApiKey(input: {{id: \"{id}\"}}) {{ deletedApiKeyId }} }}"),
            "{ __typename }".to_owned(),
            "{ __schema { queryType { name } } }".to_owned(),
            "not even GraphQL".to_owned(),
        ] {
            for accept in [NEW, "application/json", "*/*"] {
                let request = stranger
                    .request(&query, &json!({}))
                    .header("accept", accept);
                refused(Answer::of(request).await.unwrap(), challenge);
            }
            let get = stranger.with_token(
                stranger
                    .http
                    .get(stranger.url("/graphql"))
                    .query(&[("query", &query)]),
            );
            refused(Answer::of(get).await.unwrap(), challenge);
        }
    }
    // Other schemes, and two headers at once, are not guessed at.
    let client = server.client();
    for header in [
        format!("Basic {}", server.token),
        server.token.clone(),
        "Bearer".to_owned(),
    ] {
        let request = client
            .http
            .post(client.url("/graphql"))
            .json(&json!({"query": VIEWER}));
        refused(
            Answer::of(request.header("authorization", header))
                .await
                .unwrap(),
            "Bearer error=\"invalid_token\"",
        );
    }
    assert_eq!(
        test.database.count("api_keys").await,
        1,
        "nothing was created or deleted"
    );
    // What is open to anyone.
    for path in ["/", "/livez", "/readyz", "/schema.graphql"] {
        let answer = client.http.get(client.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
}

fn refused(answer: Answer, challenge: &str) {
    assert_eq!(answer.status, 401, "{}", answer.body);
    assert_eq!(answer.header("www-authenticate"), challenge);
    assert_eq!(answer.code(), "UNAUTHENTICATED");
    assert_eq!(answer.body.get("data"), None);
    assert!(answer.header("content-type").contains("json"));
}

pub async fn post_takes_json_alone(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let body = json!({"query": VIEWER}).to_string();
    let post = async |content_type: Option<&str>, body: String| {
        let mut request = client
            .with_token(client.http.post(client.url("/graphql")))
            .body(body);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        Answer::of(request).await.unwrap()
    };
    for good in [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON;charset=\"UTF-8\"",
    ] {
        assert_eq!(post(Some(good), body.clone()).await.status, 200, "{good}");
    }
    for bad in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/graphql"),
        Some("application/json; charset=utf-16"),
        Some("application/jsonx"),
    ] {
        let answer = post(bad, body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (415, "BAD_USER_INPUT"),
            "{bad:?}"
        );
    }
    for (bad, named) in [
        ("", "JSON"),
        ("{", "JSON"),
        ("7", "object"),
        ("[]", "batches"),
        (r#"[{"query": "{ viewer { owner } }"}]"#, "batches"),
        ("{}", "`query`"),
        (r#"{"query": 7}"#, "`query`"),
        (
            r#"{"query": "{ viewer { owner } }", "operationName": 7}"#,
            "`operationName`",
        ),
        (
            r#"{"query": "{ viewer { owner } }", "variables": []}"#,
            "`variables`",
        ),
        (
            r#"{"query": "{ viewer { owner } }", "extensions": "x"}"#,
            "`extensions`",
        ),
    ] {
        let answer = post(Some("application/json"), bad.to_owned()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "BAD_USER_INPUT"),
            "{bad}"
        );
        let message = answer.body["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(named), "{bad}: {message}");
    }
}

pub async fn get_runs_queries_alone(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let get = async |pairs: &[(&str, &str)]| {
        let request = client.with_token(client.http.get(client.url("/graphql")).query(pairs));
        Answer::of(request.header("accept", NEW)).await.unwrap()
    };
    let answer = get(&[
        ("query", "query A { apiKeys { totalCount } } query B($n: Int) { apiKeys(first: $n) { totalCount } }"),
        ("operationName", "B"),
        ("variables", "{\"n\": 1}"),
    ])
    .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body),
        (200, &json!({"data": {"apiKeys": {"totalCount": 0}}}))
    );
    assert_eq!(
        get(&[("query", VIEWER), ("variables", "{")])
            .await
            .error()
            .0,
        "BAD_USER_INPUT"
    );
    assert_eq!(get(&[]).await.status, 400);

    let mutation =
        "query Q { viewer { owner } } mutation M { createApiKey(input: {name: \"x\"}) { secret } }";
    let answer = get(&[("query", mutation), ("operationName", "M")]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (405, "POST")
    );
    assert_eq!(
        get(&[("query", mutation), ("operationName", "Q")])
            .await
            .status,
        200
    );
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        let request =
            client.with_token(client.http.request(method.clone(), client.url("/graphql")));
        let answer = Answer::of(request.json(&json!({"query": VIEWER})))
            .await
            .unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.header("allow")),
            (405, "GET, POST"),
            "{method}"
        );
        assert_eq!(answer.code(), "BAD_USER_INPUT");
    }
    assert_eq!(test.database.count("api_keys").await, 0);
}

pub async fn a_body_has_64_kib_at_most(test: Test) {
    let server = test.server().await;
    let client = server.client();
    for (size, status) in [
        (64 * 1024, 200),
        (64 * 1024 + 1, 413),
        (10 * 1024 * 1024, 413),
    ] {
        for chunked in [false, true] {
            let mut body = json!({"query": VIEWER}).to_string();
            body.push_str(&" ".repeat(size - body.len()));
            let request = client.with_token(client.http.post(client.url("/graphql")));
            let request = request.header("content-type", "application/json");
            let request = if chunked {
                let pieces: Vec<Result<Vec<u8>, std::io::Error>> = body
                    .as_bytes()
                    .chunks(16 * 1024)
                    .map(|piece| Ok(piece.to_vec()))
                    .collect();
                request.body(reqwest::Body::wrap_stream(futures_util::stream::iter(
                    pieces,
                )))
            } else {
                request.body(body)
            };
            // A server that refuses early may close while the rest is still on its way.
            match Answer::of(request).await {
                Ok(answer) => {
                    assert_eq!(answer.status, status, "{size} {chunked}: {}", answer.body)
                }
                Err(error) => assert!(size > 1024 * 1024, "{size} {chunked}: {error}"),
            }
        }
    }
}

pub async fn accept_decides_type_and_status(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let old = "application/json; charset=utf-8";
    let new = "application/graphql-response+json; charset=utf-8";
    for (accept, content_type, of_a_bad_document) in [
        (NEW, new, 400),
        ("application/json", old, 200),
        ("*/*", old, 200),
        ("application/*", old, 200),
        (
            "application/graphql-response+json, application/json;q=0.9",
            new,
            400,
        ),
        (
            "application/json;q=0.5, application/graphql-response+json;q=0.4",
            old,
            200,
        ),
        (
            "application/graphql-response+json; charset=utf-8, text/event-stream",
            new,
            400,
        ),
        ("text/html,application/xhtml+xml,*/*;q=0.8", old, 200),
    ] {
        for (query, status) in [
            (VIEWER, 200),
            ("{ nonsense }", of_a_bad_document),
            ("{", of_a_bad_document),
        ] {
            let request = client
                .http
                .post(client.url("/graphql"))
                .json(&json!({"query": query}));
            let answer = Answer::of(client.with_token(request).header("accept", accept))
                .await
                .unwrap();
            assert_eq!(
                (answer.status.as_u16(), answer.header("content-type")),
                (status, content_type),
                "{accept} {query}"
            );
            assert_eq!(
                answer.body.get("data").is_some(),
                query == VIEWER,
                "{}",
                answer.body
            );
        }
    }
    let request = client
        .http
        .post(client.url("/graphql"))
        .json(&json!({"query": VIEWER}))
        .header("accept", "text/html");
    let answer = Answer::of(client.with_token(request)).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type")),
        (406, old)
    );
}

pub async fn nothing_about_keys_may_be_cached(test: Test) {
    let server = test.server().await;
    let (client, stranger) = (server.client(), server.stranger());
    let good = client.graphql(VIEWER, json!({})).await;
    let refused = stranger.graphql(VIEWER, json!({})).await;
    let get = client.with_token(
        client
            .http
            .get(client.url("/graphql"))
            .query(&[("query", VIEWER)]),
    );
    let get = Answer::of(get).await.unwrap();
    let signed_in = Answer::of(client.http.get(&server.link)).await.unwrap();
    let nowhere = Answer::of(client.http.get(client.url("/nowhere")))
        .await
        .unwrap();
    assert_eq!(nowhere.status, 404);
    for answer in [good, refused, get, signed_in, nowhere] {
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-request-id").len(), 32);
    }
}

pub async fn every_audit_of_graphql_http_is_ok(test: Test) {
    let server: Server = test.server().await;
    let url = format!("{}/graphql", server.base);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/audits/run.mjs");
    let output = tokio::process::Command::new("node")
        .args([script, &url, &server.token])
        .output();
    let output = output
        .await
        .expect("node runs; `make test` installs it on Debian and Ubuntu");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{printed}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(printed.contains("61 of 61 audits ok"), "{printed}");
}

pub async fn the_page_is_embedded_compressed_and_strict(test: Test) {
    let server = test.server_with(&[("RUST_LOG", "info")]).await;
    let client = server.stranger();
    let get = async |path: &str, headers: &[(&str, &str)]| {
        let mut request = client.http.get(client.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    };
    let header = |response: &reqwest::Response, name: &str| {
        let value = response.headers().get(name);
        value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    };
    for path in ["/", "/new", "/events", "/graphiql"] {
        let page = get(path, &[]).await;
        assert_eq!(page.status(), 200);
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&page, "cache-control"), "no-cache");
        assert_eq!(header(&page, "referrer-policy"), "no-referrer");
        assert_eq!(header(&page, "x-content-type-options"), "nosniff");
        let policy = header(&page, "content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self';",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{part} in {policy}");
        }
        let etag = header(&page, "etag");
        let html = page.text().await.unwrap();
        let again = get(path, &[("if-none-match", &etag)]).await;
        assert_eq!(again.status(), 304);
        assert_eq!(again.text().await.unwrap(), "");

        let script = html
            .split("src=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        assert!(script.starts_with("/assets/"), "{script}");
        let plain = get(script, &[]).await;
        assert_eq!(
            header(&plain, "cache-control"),
            "public, max-age=31536000, immutable"
        );
        assert_eq!(
            header(&plain, "content-type"),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(header(&plain, "vary"), "accept-encoding");
        assert_eq!(header(&plain, "content-encoding"), "");
        let plain = plain.bytes().await.unwrap().len();
        for (accepted, coding) in [
            ("gzip, deflate, br", "br"),
            ("gzip", "gzip"),
            ("br;q=0, gzip", "gzip"),
            ("zstd", ""),
        ] {
            let packed = get(script, &[("accept-encoding", accepted)]).await;
            assert_eq!(header(&packed, "content-encoding"), coding, "{accepted}");
            let size = packed.bytes().await.unwrap().len();
            assert!(
                (size < plain) != coding.is_empty(),
                "{accepted}: {size} of {plain}"
            );
        }
    }
    for path in [
        "/assets/nothing.js",
        "/assets/",
        "/index.html.br",
        "/assets/../Cargo.toml",
    ] {
        assert_eq!(get(path, &[]).await.status(), 404, "{path}");
    }
    assert_eq!(get("/favicon.ico", &[]).await.status(), 200);
    let off = test.server_with(&[("APIKEYS_GRAPHIQL", "off")]).await;
    let graphiql = off
        .stranger()
        .http
        .get(format!("{}/graphiql", off.base))
        .send()
        .await
        .unwrap();
    assert_eq!(graphiql.status(), 404);
}
