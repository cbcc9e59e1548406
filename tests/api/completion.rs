//! What an answer has of what was asked for: each field, those that failed as null, and nothing that was done is left out.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::forward_auth::status;
use crate::harness::{Client, Test, text};
use crate::pages::create_many;

/// An id that no key has.
const ABSENT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// The path, the code and the field of each error, in an order of their own.
fn errors_of(body: &Value) -> Vec<Value> {
    let errors = body["errors"].as_array().into_iter().flatten();
    let mut told: Vec<Value> = errors
        .map(|error| {
            let extensions = &error["extensions"];
            json!([error["path"], extensions["code"], extensions["field"]])
        })
        .collect();
    told.sort_by_key(Value::to_string);
    told
}

/// Checks the data of an answer as they are written, so that their order counts, and the errors: of each its path, its code
/// and its field.
async fn check(client: &Client, document: &str, data: &str, mut errors: Vec<Value>) {
    // A document need not use them.
    let variables = json!({"no": false, "n": 1000, "junk": "junk"});
    let response = client.request(document, &variables).send().await.unwrap();
    let status = response.status();
    let written = response.text().await.unwrap();
    assert_eq!(status, 200, "{document}: {written}");
    let data = format!("\"data\":{data}");
    assert!(
        written.contains(&data),
        "{document}: {written} has not {data}"
    );
    errors.sort_by_key(Value::to_string);
    let body = serde_json::from_str(&written).unwrap();
    assert_eq!(errors_of(&body), errors, "{document}: {written}");
}

pub async fn each_selected_field_is_in_the_answer(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (first, _) = client.create("first").await;
    let (second, _) = client.create("second").await;
    let fill = |text: &str| {
        let text = text.replace("$1", &first).replace("$2", &second);
        text.replace("$absent", ABSENT)
    };
    for (document, data, errors) in [
        (
            r#"{ good: apiKey(id: "$1") { id } bad: apiKey(id: "junk") { id } }"#,
            r#"{"good":{"id":"$1"},"bad":null}"#,
            vec![(json!(["bad"]), "id")],
        ),
        (
            r#"{ bad: apiKey(id: "junk") { id } good: apiKey(id: "$1") { id } node(id: "") { id } }"#,
            r#"{"bad":null,"good":{"id":"$1"},"node":null}"#,
            vec![(json!(["bad"]), "id"), (json!(["node"]), "id")],
        ),
        // What may not be null takes its parent with it, up to the whole.
        (
            "{ viewer { owner } apiKeys(first: 1000) { nodes { id } } }",
            "null",
            vec![(json!(["apiKeys"]), "first")],
        ),
        (
            r#"{ ...f good: apiKey(id: "$1") { id } }
            fragment f on Query { a: apiKeys(first: 1000) { totalCount } }"#,
            "null",
            vec![(json!(["a"]), "first")],
        ),
        // Below a field, in lists, and where nothing else was asked for.
        (
            r#"{ apiKey(id: "$1") { id name events(first: 1000) { nodes { id } } } }"#,
            r#"{"apiKey":{"id":"$1","name":"first","events":null}}"#,
            vec![(json!(["apiKey", "events"]), "first")],
        ),
        (
            "{ apiKeys(first: 2) { nodes { id events(first: 1000) { nodes { id } } } } }",
            r#"{"apiKeys":{"nodes":[{"id":"$2","events":null},{"id":"$1","events":null}]}}"#,
            vec![
                (json!(["apiKeys", "nodes", 0, "events"]), "first"),
                (json!(["apiKeys", "nodes", 1, "events"]), "first"),
            ],
        ),
        (
            r#"{ apiKeys(first: 1) {
                edges { node { e: events(after: "junk") { totalCount } name } cursor } totalCount } }"#,
            r#"{"apiKeys":{"edges":[{"node":{"e":null,"name":"second"},"cursor":"$2"}],"totalCount":2}}"#,
            vec![(json!(["apiKeys", "edges", 0, "node", "e"]), "after")],
        ),
        (
            r#"{ apiKey(id: "$1") { events(first: 1000) { nodes { id } } } }"#,
            r#"{"apiKey":{"events":null}}"#,
            vec![(json!(["apiKey", "events"]), "first")],
        ),
        // Fragments: of this type, of the interface, and of another type, whose fields were not asked for.
        (
            r#"{ ...f good: apiKey(id: "$1") { ...g name } }
            fragment f on Query { bad: apiKey(id: "junk") { id } viewer { owner } }
            fragment g on ApiKey { e: events(last: -1) { totalCount } id }"#,
            r#"{"bad":null,"viewer":{"owner":"local"},"good":{"e":null,"id":"$1","name":"first"}}"#,
            vec![(json!(["bad"]), "id"), (json!(["good", "e"]), "last")],
        ),
        (
            r#"{ ... on Query { bad: node(id: "junk") { id } } ... { good: apiKey(id: "$1") { id } } }"#,
            r#"{"bad":null,"good":{"id":"$1"}}"#,
            vec![(json!(["bad"]), "id")],
        ),
        (
            r#"{ node(id: "$1") { id ... on ApiKey { e: events(first: 1000) { nodes { id } } } } }"#,
            r#"{"node":{"id":"$1","e":null}}"#,
            vec![(json!(["node", "e"]), "first")],
        ),
        (
            r#"{ node(id: "$1") { ... on ApiKeyEvent { at } ... on Node { id }
                ... on ApiKey { e: events(first: 1000) { nodes { id } } } } }"#,
            r#"{"node":{"id":"$1","e":null}}"#,
            vec![(json!(["node", "e"]), "first")],
        ),
        // What is asked for twice is one field.
        (
            r#"{ k: apiKey(id: "$1") { id }
                k: apiKey(id: "$1") { e: events(first: 1000) { nodes { id } } name } }"#,
            r#"{"k":{"id":"$1","e":null,"name":"first"}}"#,
            vec![(json!(["k", "e"]), "first")],
        ),
        // What a directive takes out was not asked for.
        (
            r#"{ a: apiKey(id: "junk") @skip(if: true) { id }
                b: apiKey(id: "$1") { id c: events(first: 1000) @include(if: false) { nodes { id } } }
                d: apiKey(id: "$1") { ...f @skip(if: true) name } }
            fragment f on ApiKey { e: events(first: 1000) { nodes { id } } }"#,
            r#"{"b":{"id":"$1"},"d":{"name":"first"}}"#,
            vec![],
        ),
        (
            r#"query($no: Boolean!, $n: Int) { a: apiKey(id: "junk") @include(if: $no) { id }
                b: apiKey(id: "$1") { events(first: $n) { totalCount } c: id @include(if: $no) } }"#,
            r#"{"b":{"events":null}}"#,
            vec![(json!(["b", "events"]), "first")],
        ),
        // Names of types, the schema, and what is null because it is not there.
        (
            r#"{ __typename bad: apiKey(id: "junk") { __typename }
                apiKey(id: "$1") { __typename events(first: 1000) { __typename } } }"#,
            r#"{"__typename":"Query","bad":null,"apiKey":{"__typename":"ApiKey","events":null}}"#,
            vec![
                (json!(["apiKey", "events"]), "first"),
                (json!(["bad"]), "id"),
            ],
        ),
        (
            r#"{ __type(name: "Viewer") { name } bad: apiKey(id: "junk") { id } }"#,
            r#"{"__type":{"name":"Viewer"},"bad":null}"#,
            vec![(json!(["bad"]), "id")],
        ),
        (
            r#"{ bad: apiKey(id: "junk") { id }
                apiKey(id: "$absent") { id events(first: 1000) { nodes { id } } } }"#,
            r#"{"bad":null,"apiKey":null}"#,
            vec![(json!(["bad"]), "id")],
        ),
    ] {
        let errors = errors.into_iter();
        let errors = errors.map(|(path, field)| json!([path, "BAD_USER_INPUT", field]));
        check(&client, &fill(document), &fill(data), errors.collect()).await;
    }
}

pub async fn what_may_not_be_null_takes_the_nearest_parent_that_may(test: Test) {
    let server = test.server().await;
    let client = server.client();
    create_many(&client, 100).await;
    // More questions than a request has: those that come too late are for a page or for its count, which may not be null.
    let document =
        "{ apiKeys(first: 100) { nodes { id events(first: 1) { totalCount nodes { action } } } } }";
    let answer = client.graphql(document, json!({})).await;
    let mut failed = HashSet::new();
    for error in answer.body["errors"].as_array().into_iter().flatten() {
        assert_eq!(error["extensions"]["code"], "LIMIT_REACHED", "{error}");
        let path = &error["path"];
        assert_eq!(
            (&path[0], &path[1], &path[3]),
            (&json!("apiKeys"), &json!("nodes"), &json!("events")),
            "{error}"
        );
        failed.insert(path[2].as_u64());
    }
    assert!((1..100).contains(&failed.len()), "{}", failed.len());
    let nodes = answer.body["data"]["apiKeys"]["nodes"].as_array();
    let nodes = nodes.unwrap_or_else(|| panic!("no nodes: {}", answer.body["data"]));
    assert_eq!(nodes.len(), 100);
    for (i, node) in nodes.iter().enumerate() {
        assert!(node["id"].is_string(), "{node}");
        let events = if failed.contains(&Some(i as u64)) {
            Value::Null
        } else {
            json!({"totalCount": 1, "nodes": [{"action": "CREATED"}]})
        };
        assert_eq!(node.get("events"), Some(&events), "{i}: {node}");
    }
}

pub async fn what_was_done_is_told_though_other_fields_failed(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let types = async |name: &str| {
        let query =
            format!("{{ __type(name: \"{name}\") {{ fields {{ name type {{ kind name }} }} }} }}");
        let mut found = client.data(&query, json!({})).await;
        let fields = found["__type"]["fields"].take();
        fields.as_array().unwrap().clone()
    };
    let mutations = types("Mutation").await;
    assert_eq!(mutations.len(), 5);
    for field in mutations {
        assert_eq!(field["type"]["kind"], "OBJECT", "may be null: {field}");
    }
    let fields = types("ApiKey").await;
    for (name, kind) in [
        ("id", "NON_NULL"),
        ("secrets", "NON_NULL"),
        ("events", "OBJECT"),
    ] {
        let field = fields.iter().find(|field| field["name"] == name).unwrap();
        assert_eq!(field["type"]["kind"], kind, "{field}");
    }

    let document = format!(
        "mutation {{
            a: createApiKey(input: {{name: \"x\"}}) {{ secret }}
            b: deleteApiKey(input: {{id: \"{ABSENT}\"}}) {{ deletedApiKeyId }}
            c: createApiKey(input: {{name: \"y\"}}) {{ secret apiKey {{ id }} }} }}"
    );
    let answer = client.graphql(&document, json!({})).await;
    let not_found = json!([["b"], "NOT_FOUND", null]);
    assert_eq!(errors_of(&answer.body), [not_found], "{}", answer.body);
    let data = &answer.body["data"];
    assert_eq!(data.get("b"), Some(&Value::Null), "{}", answer.body);
    let secrets = [text(&data["a"]["secret"]), text(&data["c"]["secret"])];
    for secret in &secrets {
        assert_eq!(status(&server, secret).await, 200);
    }
    assert_eq!(data["c"]["apiKey"]["id"], test.id_of(&secrets[1]).await);

    let nothing = format!(
        "mutation {{ a: deleteApiKey(input: {{id: \"{ABSENT}\"}}) {{ deletedApiKeyId }}
            updateApiKey(input: {{id: \"{ABSENT}\", name: \"z\"}}) {{ apiKey {{ id }} }} }}"
    );
    let errors = [["a"], ["updateApiKey"]].map(|path| json!([path, "NOT_FOUND", null]));
    let data = r#"{"a":null,"updateApiKey":null}"#;
    check(&client, &nothing, data, errors.to_vec()).await;

    // Whoever may write and not read has the secret all the same.
    let writer = test.key("acme", &["apikeys:write"]).await;
    let writer = Client::new(&server.base, Some(&writer));
    let document = "mutation { createApiKey(input: {name: \"z\"}) {
        apiKey { name events { totalCount } } secret } }";
    let answer = writer.graphql(document, json!({})).await;
    let forbidden = json!([["createApiKey", "apiKey", "events"], "FORBIDDEN", null]);
    assert_eq!(errors_of(&answer.body), [forbidden], "{}", answer.body);
    let made = &answer.body["data"]["createApiKey"];
    assert_eq!(made["apiKey"], json!({"name": "z", "events": null}));
    assert_eq!(status(&server, &text(&made["secret"])).await, 200);
}

pub async fn arguments_within_a_payload_are_checked_before_anything_is_done(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (id, secret) = client.create("kept").await;
    for (verb, input) in [
        ("Create", r#"name: "n""#),
        ("Update", r#"id: "$id", name: "n""#),
        ("Rotate", r#"id: "$id""#),
    ] {
        let mutation = format!("{}ApiKey", verb.to_lowercase());
        let call = format!("{mutation}(input: {{{input}}})").replace("$id", &id);
        for document in [
            "mutation { $call { apiKey { events(first: 1000) { nodes { id } } } } } # first",
            "mutation { $call { apiKey { events(first: 1, last: 1) { totalCount } } } } # last",
            "mutation { $call { a: apiKey { id } apiKey { id } apiKey { events(last: -1) { totalCount } } } } # last",
            "mutation { $call { apiKey { events { totalCount } e: events(after: \"junk\") { totalCount } } } } # after",
            "mutation { $call { ... on $payload { apiKey {
                ... on Node { id ... on ApiKey { events(first: 101) { totalCount } } } } } } } # first",
            "mutation { $call { ...f } } fragment f on $payload { apiKey { id ...g } }
                fragment g on ApiKey { name events(before: \"junk\") { totalCount } } # before",
            "mutation($n: Int) { $call { apiKey { events(first: $n) { totalCount } } } } # first",
            "mutation($d: Int = 101) { $call { apiKey { events(last: $d) { totalCount } } } } # last",
            "mutation($junk: String) { $call { apiKey { ...f } } }
                fragment f on ApiKey { events(after: $junk) { totalCount } } # after",
        ] {
            // Each says what is wrong with it.
            let (_, field) = document.rsplit_once("# ").unwrap();
            let payload = format!("{verb}ApiKeyPayload");
            let document = document.replace("$call", &call).replace("$payload", &payload);
            let data = format!("{{\"{mutation}\":null}}");
            let error = json!([[mutation], "BAD_USER_INPUT", field]);
            check(&client, &document, &data, vec![error]).await;
            // There is what there was.
            for (what, count) in [
                ("api_keys", 1),
                ("api_keys WHERE name = 'kept'", 1),
                ("api_key_secrets", 1),
                ("api_key_events", 1),
            ] {
                assert_eq!(test.database.count(what).await, count, "{document}: {what}");
            }
            assert_eq!(status(&server, &secret).await, 200, "{document}");
        }
    }
    let edge = "mutation { a: createApiKey(input: {name: \"n\"}) {
        secret apiKeyEdge { node { events(first: 1000) { nodes { id } } } } } }";
    let error = json!([["a"], "BAD_USER_INPUT", "first"]);
    check(&client, edge, r#"{"a":null}"#, vec![error]).await;
    assert_eq!(test.database.count("api_keys").await, 1);

    // Good ones, and those that a directive takes out, hold up nothing.
    let good = "mutation { createApiKey(input: {name: \"n\"}) { apiKey {
        events(first: 100) { totalCount } e: events(first: 1000) @skip(if: true) { nodes { id } } } } }";
    let data = client.data(good, json!({})).await;
    let api_key = json!({"events": {"totalCount": 1}});
    assert_eq!(data, json!({"createApiKey": {"apiKey": api_key}}));
    assert_eq!(test.database.count("api_keys").await, 2);
}
