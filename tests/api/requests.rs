//! What clients of all kinds send: forms of a body, numbers, persisted queries, preflights.

use std::collections::HashSet;

use reqwest::{Body, Method};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Answer, Client, Test, hex};

const VIEWER: &str = "{ viewer { owner } }";

/// Sends a body as it is, of JSON unless a header says otherwise.
async fn post(client: &Client, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let mut request = client.with_token(client.http.post(client.url("/graphql")));
    if headers.iter().all(|(name, _)| *name != "content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.body(body)).await.unwrap()
}

/// Sends JSON as it is.
async fn post_json(client: &Client, body: &Value) -> Answer {
    post(client, &[], body.to_string()).await
}

/// The message of the only error.
fn message(answer: &Answer) -> &str {
    let errors = answer.body["errors"].as_array();
    assert_eq!(errors.map(Vec::len), Some(1), "{}", answer.body);
    answer.body["errors"][0]["message"].as_str().unwrap()
}

fn is_viewer(answer: &Answer) -> bool {
    answer.status == 200 && answer.body == json!({"data": {"viewer": {"owner": "local"}}})
}

pub async fn an_empty_name_of_an_operation_is_none(test: Test) {
    let server = test.server().await;
    let client = server.client();
    for query in [VIEWER, "query A { viewer { owner } }"] {
        let answer = post_json(&client, &json!({"query": query, "operationName": ""})).await;
        assert!(is_viewer(&answer), "{query}: {}", answer.body);
    }
    // Where one has to be chosen, none was.
    let query = "query A { viewer { owner } } query B { viewer { owner } }";
    let none = post_json(&client, &json!({"query": query})).await;
    assert_eq!(none.code(), "BAD_USER_INPUT", "{}", none.body);
    let empty = post_json(&client, &json!({"query": query, "operationName": ""})).await;
    assert_eq!(empty.body, none.body);
}

pub async fn the_schema_has_no_type_that_nothing_refers_to(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let query = "{ __schema { types { name } } }";
    let found = client.data(query, json!({})).await;
    let types = found["__schema"]["types"].as_array().unwrap();
    let names: HashSet<&str> = types
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    for name in ["Int", "String", "Boolean", "ID", "DateTime", "ApiKey"] {
        assert!(names.contains(name), "{name} in {names:?}");
    }
    assert!(!names.contains("Float"), "{names:?}");
    for (name, kind) in [("Float", Value::Null), ("Int", json!({"kind": "SCALAR"}))] {
        let query = format!("{{ __type(name: \"{name}\") {{ kind }} }}");
        let found = client.data(&query, json!({})).await;
        assert_eq!(found, json!({"__type": kind}), "{name}");
    }
}

pub async fn bodies_come_in_many_forms(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let body = json!({"query": VIEWER}).to_string();
    for good in ["utf8", "UTF8", "\"utf8\"", "UTF-8", "\"utf-8\""] {
        let content_type = format!("application/json; charset={good}");
        let answer = post(&client, &[("content-type", &content_type)], body.clone()).await;
        assert!(is_viewer(&answer), "{good}: {}", answer.body);
    }
    for bad in ["latin1", "iso-8859-1", "utf-16", "utf"] {
        let content_type = format!("application/json; charset={bad}");
        let answer = post(&client, &[("content-type", &content_type)], body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (415, "BAD_USER_INPUT"),
            "{bad}: {}",
            answer.body
        );
    }

    // A byte order mark is no part of the JSON, and JSON has to follow it.
    let marked = post(&client, &[], format!("\u{feff}{body}")).await;
    assert!(is_viewer(&marked), "{}", marked.body);
    let nothing = post(&client, &[], "\u{feff}").await;
    assert_eq!(
        (nothing.status.as_u16(), nothing.code()),
        (400, "BAD_USER_INPUT"),
        "{}",
        nothing.body
    );

    for good in ["identity", "Identity"] {
        let answer = post(&client, &[("content-encoding", good)], body.clone()).await;
        assert!(is_viewer(&answer), "{good}: {}", answer.body);
    }
    // Whatever the bytes are: what they are said to be is not taken.
    let packed: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03";
    for (coding, bytes) in [
        ("gzip", packed),
        ("gzip", body.as_bytes()),
        ("br", body.as_bytes()),
        ("identity, gzip", packed),
    ] {
        let answer = post(&client, &[("content-encoding", coding)], bytes.to_vec()).await;
        assert_eq!(answer.status, 415, "{coding}: {}", answer.body);
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{}", answer.body);
        assert!(
            !coding.contains("gzip") || message(&answer).contains("gzip"),
            "{}",
            answer.body
        );
    }

    let answer = post(&client, &[("accept", "")], body).await;
    assert!(is_viewer(&answer), "{}", answer.body);
    let content_type = "application/json; charset=utf-8";
    assert_eq!(answer.header("content-type"), content_type);
}

pub async fn a_number_that_is_not_whole_is_refused_in_words(test: Test) {
    let server = test.server().await;
    let client = server.client();
    for number in ["5.0", "1.5", "5e0"] {
        let query = format!("{{ apiKeys(first: {number}) {{ totalCount }} }}");
        let answer = client.graphql(&query, json!({})).await;
        let is_known = ["GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"].contains(&answer.code());
        assert!(is_known, "{number}: {}", answer.body);
        let message = message(&answer);
        let names_it = message.contains("first") && message.contains("whole number");
        assert!(names_it, "{number}: {message}");
    }

    let (id, _) = client.create("key").await;
    let rotate =
        "mutation($n: Int) { rotateApiKey(input: {id: \"$id\", overlapSeconds: $n}) { secret } }";
    let rotate = rotate.replace("$id", &id);
    let as_input = "mutation($n: RotateApiKeyInput!) { rotateApiKey(input: $n) { secret } }";
    for (query, variable, field) in [
        (
            "query($n: Int) { apiKeys(first: $n) { totalCount } }",
            json!(5.0),
            "first",
        ),
        (
            "query($n: Int) { apiKeys(last: $n) { totalCount } }",
            json!(1.5),
            "last",
        ),
        (rotate.as_str(), json!(5.0), "overlapSeconds"),
        (
            as_input,
            json!({"id": id, "overlapSeconds": 5.0}),
            "overlapSeconds",
        ),
    ] {
        let answer = client.graphql(query, json!({"n": variable})).await;
        let expected = ("BAD_USER_INPUT", Some(field));
        assert_eq!(answer.error(), expected, "{query}: {}", answer.body);
        let message = message(&answer);
        let names_it = message.contains(field) && message.contains("whole number");
        assert!(names_it, "{query}: {message}");
    }
    assert_eq!(test.database.count("api_key_secrets").await, 1);
    let whole = "query($n: Int) { apiKeys(first: $n) { totalCount } }";
    client.data(whole, json!({"n": 5})).await;
}

pub async fn persisted_queries_are_not_supported_and_said_to_be_so(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let hash = hex(&Sha256::digest(VIEWER));
    let extensions = json!({"persistedQuery": {"version": 1, "sha256Hash": hash}});
    let get = async |pairs: &[(&str, &str)]| {
        let request = client.http.get(client.url("/graphql")).query(pairs);
        Answer::of(client.with_token(request)).await.unwrap()
    };
    let by_get = extensions.to_string();
    for answer in [
        post_json(&client, &json!({"extensions": extensions})).await,
        post_json(&client, &json!({"query": null, "extensions": extensions})).await,
        post_json(
            &client,
            &json!({"operationName": "A", "variables": {"n": 1}, "extensions": extensions}),
        )
        .await,
        get(&[("extensions", &by_get)]).await,
        get(&[("variables", "{}"), ("extensions", &by_get)]).await,
    ] {
        assert_eq!(
            answer.code(),
            "PERSISTED_QUERY_NOT_SUPPORTED",
            "{}",
            answer.body
        );
        assert_eq!(message(&answer), "PersistedQueryNotSupported");
        assert_eq!(answer.body.get("data"), None, "{}", answer.body);
    }
    // A client sends it again, with the document.
    for answer in [
        post_json(&client, &json!({"query": VIEWER, "extensions": extensions})).await,
        get(&[("query", VIEWER), ("extensions", &by_get)]).await,
    ] {
        assert!(is_viewer(&answer), "{}", answer.body);
    }
    for answer in [
        post_json(&client, &json!({})).await,
        post_json(&client, &json!({"query": null})).await,
        post_json(&client, &json!({"extensions": {}})).await,
        post_json(&client, &json!({"extensions": {"tracing": {"version": 1}}})).await,
        get(&[]).await,
        get(&[("extensions", "{}")]).await,
    ] {
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "BAD_USER_INPUT"),
            "{}",
            answer.body
        );
        assert!(message(&answer).contains("`query`"), "{}", answer.body);
    }
}

/// The words of a header that is a list, in small letters.
fn words(answer: &Answer, name: &str) -> HashSet<String> {
    let values = answer.headers.get_all(name).iter();
    let values = values.flat_map(|value| value.to_str().unwrap().split(','));
    values.map(|word| word.trim().to_lowercase()).collect()
}

pub async fn a_preflight_allows_what_is_asked_for_but_credentials(test: Test) {
    const ORIGIN: &str = "https://app.example.com";
    const ASKED: &str = "authorization, content-type, traceparent, baggage, sentry-trace, \
        apollographql-client-name, apollographql-client-version, x-anything";
    let origins = ("APIKEYS_ALLOWED_ORIGINS", ORIGIN);
    let asked: HashSet<String> = ASKED.split(", ").map(str::to_owned).collect();
    let always = HashSet::from(["authorization".to_owned(), "content-type".to_owned()]);
    for (variables, key_header) in [
        (vec![origins], "X-Api-Key"),
        (
            vec![origins, ("APIKEYS_KEY_HEADER", "X-Acme-Key")],
            "X-Acme-Key",
        ),
    ] {
        let server = test.server_with(&variables).await;
        let client = server.client();
        let preflight = async |origin: &str, asked_for: Option<&str>| {
            let request = client.http.request(Method::OPTIONS, client.url("/graphql"));
            let mut request = request
                .header("origin", origin)
                .header("access-control-request-method", "POST");
            if let Some(names) = asked_for {
                request = request.header("access-control-request-headers", names);
            }
            Answer::of(request).await.unwrap()
        };
        let with_secrets = format!("{key_header}, {ASKED}, cookie");
        let secrets_alone = format!("{},Cookie", key_header.to_lowercase());
        let (in_capitals, none) = (ASKED.to_uppercase(), HashSet::new());
        for (asked_for, expected) in [
            (Some(ASKED), &asked),
            (Some(with_secrets.as_str()), &asked),
            (Some(in_capitals.as_str()), &asked),
            (Some(secrets_alone.as_str()), &none),
            (None, &always),
        ] {
            let answer = preflight(ORIGIN, asked_for).await;
            assert_eq!(answer.status, 204, "{asked_for:?}");
            assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
            let allowed = words(&answer, "access-control-allow-headers");
            assert!(
                allowed.is_superset(expected),
                "{asked_for:?}: {allowed:?} of {expected:?}"
            );
            for never in ["cookie", &key_header.to_lowercase(), "*"] {
                assert!(!allowed.contains(never), "{asked_for:?}: {allowed:?}");
            }
            let vary = words(&answer, "vary");
            for name in ["origin", "access-control-request-headers"] {
                assert!(vary.contains(name), "{asked_for:?}: {vary:?}");
            }
        }
        let other = preflight("https://other.example", Some(ASKED)).await;
        assert_eq!(other.header("access-control-allow-headers"), "(none)");
    }
}
