//! What one request may cost: questions to the database, looks at the schema, and the size of its answer.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::forward_auth::status;
use crate::harness::{Answer, Client, Test, created, text};

/// The questions and changes that one request has.
const QUESTIONS: usize = 128;

const MIB: usize = 1024 * 1024;

/// What is asked of each key that a mutation gives.
const RECORD: &str = "apiKey { name events(first: 5) { nodes { action } } }";

/// A field so many times, under the aliases `a0`, `a1` and so on.
fn aliases(count: usize, field: &str) -> String {
    (0..count).map(|i| format!("a{i}: {field} ")).collect()
}

/// Makes keys; their ids.
async fn make(client: &Client, count: usize, scopes: &[String]) -> Vec<String> {
    let create = "createApiKey(input: {name: \"key\", scopes: $scopes}) { apiKey { id } }";
    let mut ids = Vec::new();
    while ids.len() < count {
        let creates = aliases((count - ids.len()).min(50), create);
        let document = format!("mutation($scopes: [String!]) {{ {creates} }}");
        let data = client.data(&document, json!({"scopes": scopes})).await;
        let made = data.as_object().unwrap().values();
        ids.extend(made.map(|payload| text(&payload["apiKey"]["id"])));
    }
    ids
}

/// Checks that so many fields failed, because the request had no questions left.
fn has_run_out(answer: &Answer, count: usize) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let none = Vec::new();
    let errors = answer.body["errors"].as_array().unwrap_or(&none);
    assert_eq!(errors.len(), count, "{errors:?}");
    for error in errors {
        assert_eq!(error["extensions"]["code"], "LIMIT_REACHED", "{error}");
        assert!(text(&error["message"]).contains("128"), "{error}");
    }
}

pub async fn a_request_asks_the_database_128_questions_at_most(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let ids = make(&client, QUESTIONS + 2, &[]).await;
    let asked = ids.iter().enumerate();
    let asked: String = asked
        .map(|(i, id)| format!("a{i}: apiKey(id: \"{id}\") {{ id }} "))
        .collect();
    let answer = client.graphql(&format!("{{ {asked} }}"), json!({})).await;
    has_run_out(&answer, 2);
    let told = ids.iter().enumerate();
    let told = told.filter(|(i, id)| answer.body["data"][format!("a{i}")]["id"] == id.as_str());
    assert_eq!(told.count(), QUESTIONS, "each with its own id");

    // Changes count too. What was done is told, and what could not be is not done.
    let creates = aliases(
        QUESTIONS + 2,
        "createApiKey(input: {name: \"x\"}) { secret }",
    );
    let answer = client
        .graphql(&format!("mutation {{ {creates} }}"), json!({}))
        .await;
    has_run_out(&answer, 2);
    let secret = |i: usize| answer.body["data"][format!("a{i}")]["secret"].as_str();
    let secrets: HashSet<&str> = (0..QUESTIONS).filter_map(secret).collect();
    assert_eq!(secrets.len(), QUESTIONS, "{}", answer.body);
    for secret in [0, QUESTIONS - 1].map(secret) {
        assert_eq!(status(&server, secret.unwrap()).await, 200);
    }
    assert_eq!(
        test.database.count("api_keys WHERE name = 'x'").await,
        QUESTIONS as i64
    );
    // The next request has as many again.
    let few = format!("{{ apiKey(id: \"{}\") {{ id }} }}", ids[0]);
    client.data(&few, json!({})).await;
}

/// The answer to a field that is asked for so many times; it must be the same each time.
async fn alike(client: &Client, count: usize, field: &str) -> Value {
    let document = format!("{{ {} }}", aliases(count, field));
    let data = client.data(&document, json!({})).await;
    let answers: Vec<&Value> = data.as_object().unwrap().values().collect();
    assert_eq!(answers.len(), count, "{data}");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{data}");
    answers[0].clone()
}

pub async fn what_is_asked_twice_is_asked_once(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (id, _) = client.create("first").await;
    client.create("second").await;
    client.create("third").await;
    let own = test.key("local", &[]).await;
    let own_id = test.id_of(&own).await;

    let field = format!("apiKey(id: \"{id}\") {{ id }}");
    assert_eq!(alike(&client, 300, &field).await, json!({"id": id}));
    let program = Client::new(&server.base, Some(&own));
    assert_eq!(
        alike(&program, 300, "viewer { apiKey { id } }").await,
        json!({"apiKey": {"id": own_id}})
    );
    // A page and its count are two questions, and more of them would be too complex.
    let page = "apiKeys(first: 2) { nodes { name } totalCount }";
    assert_eq!(
        alike(&client, 75, page).await,
        json!({"nodes": [{"name": "key"}, {"name": "third"}], "totalCount": 4})
    );

    // Whatever is different makes another question.
    let pages = [
        ("first: 1", vec!["key"]),
        ("first: 2", vec!["key", "third"]),
        ("last: 1", vec!["first"]),
        ("first: 1, filter: {nameContains: \"sec\"}", vec!["second"]),
        (
            "first: 1, orderBy: {field: NAME, direction: ASC}",
            vec!["first"],
        ),
        (
            "first: 1, orderBy: {field: NAME, direction: DESC}",
            vec!["third"],
        ),
    ];
    let asked = pages.iter().enumerate();
    let asked: String = asked
        .map(|(i, (arguments, _))| format!("a{i}: apiKeys({arguments}) {{ nodes {{ name }} }} "))
        .collect();
    let data = client.data(&format!("{{ {asked} }}"), json!({})).await;
    for (i, (arguments, names)) in pages.iter().enumerate() {
        let nodes: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        assert_eq!(data[format!("a{i}")]["nodes"], json!(nodes), "{arguments}");
    }

    // What was asked before a change is asked anew after it.
    let document = format!(
        "mutation {{
            a: updateApiKey(input: {{id: \"{id}\", name: \"x\"}}) {{ {RECORD} }}
            b: updateApiKey(input: {{id: \"{id}\", name: \"y\"}}) {{ {RECORD} }}
            c: rotateApiKey(input: {{id: \"{id}\"}}) {{ {RECORD} }}
            d: createApiKey(input: {{name: \"z\"}}) {{ {RECORD} }} }}"
    );
    let data = client.data(&document, json!({})).await;
    for (alias, name, actions) in [
        ("a", "x", vec!["UPDATED", "CREATED"]),
        ("b", "y", vec!["UPDATED", "UPDATED", "CREATED"]),
        ("c", "y", vec!["ROTATED", "UPDATED", "UPDATED", "CREATED"]),
        ("d", "z", vec!["CREATED"]),
    ] {
        let api_key = &data[alias]["apiKey"];
        let events: Vec<Value> = actions.iter().map(|one| json!({"action": one})).collect();
        assert_eq!(
            *api_key,
            json!({"name": name, "events": {"nodes": events}}),
            "{alias}"
        );
    }
}

pub async fn a_page_of_100_keys_with_events_of_each_passes(test: Test) {
    let server = test.server().await;
    let client = server.client();
    make(&client, 100, &[]).await;
    let document =
        "{ apiKeys(first: 100) { nodes { id events(first: 5) { nodes { action at } } } } }";
    let data = client.data(document, json!({})).await;
    let nodes = data["apiKeys"]["nodes"].as_array().unwrap();
    let ids: HashSet<String> = nodes.iter().map(|node| text(&node["id"])).collect();
    assert_eq!(ids.len(), 100);
    for node in nodes {
        let events = node["events"]["nodes"].as_array().unwrap();
        assert_eq!(events.len(), 1, "{node}");
        assert_eq!(events[0]["action"], "CREATED", "{node}");
        assert!(events[0]["at"].is_string(), "{node}");
    }
}

/// Checks that a query is refused an answer because of its size, in a small one.
async fn is_too_large(client: &Client, document: &str) {
    let what: String = document.chars().take(60).collect();
    let response = client.request(document, &json!({})).send().await.unwrap();
    let body = response.text().await.unwrap();
    let start: String = body.chars().take(300).collect();
    assert!(
        body.len() < MIB + 64 * 1024,
        "{what}: {} bytes: {start}",
        body.len()
    );
    let body: Value = serde_json::from_str(&body).unwrap();
    assert!(body["data"].is_null(), "{what}: {start}");
    let errors = body["errors"].as_array();
    assert_eq!(errors.map(Vec::len), Some(1), "{what}: {start}");
    let error = &body["errors"][0];
    assert_eq!(
        error["extensions"]["code"], "LIMIT_REACHED",
        "{what}: {error}"
    );
    assert!(text(&error["message"]).contains("MiB"), "{what}: {error}");
}

pub async fn an_answer_has_a_mebibyte_at_most(test: Test) {
    let server = test.server().await;
    let client = server.client();
    // The most that a key can have. Twenty are 100 KiB.
    let scopes: Vec<String> = (0..50).map(|i| format!("{i:0>100}")).collect();
    let ids = make(&client, 20, &scopes).await;
    let all = json!(scopes);

    // Nine tenths of what may be, in whole.
    let page = |inside: &str| format!("{{ apiKeys(first: 100) {{ nodes {{ {inside} }} }} }}");
    let data = client.data(&page(&aliases(9, "scopes")), json!({})).await;
    let nodes = data["apiKeys"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 20);
    for node in nodes {
        assert!((0..9).all(|i| node[format!("a{i}")] == all));
    }

    let many = aliases(40, "scopes");
    let descriptions = aliases(400, "description");
    for document in [
        page(&many),
        // The way that fields go which are not plain.
        page(&format!("id @include(if: true) {many}")),
        format!("{{ apiKeys(first: 100) {{ edges {{ node {{ {many} }} }} }} }}"),
        format!(
            "{{ {} }}",
            aliases(40, "apiKeys(first: 100) { nodes { scopes } }")
        ),
        format!(
            "{{ apiKey(id: \"{}\") {{ {} }} }}",
            ids[0],
            aliases(1_000, "scopes")
        ),
        format!("{{ __schema {{ types {{ fields {{ {descriptions} }} }} }} }}"),
        format!("{{ __schema {{ types {{ name {descriptions} }} }} }}"),
    ] {
        is_too_large(&client, &document).await;
    }
    client.data("{ viewer { owner } }", json!({})).await;

    // An answer of a mutation cannot be given up afterwards, because there are secrets in it.
    let create =
        "mutation($scopes: [String!]) { createApiKey(input: {name: \"wide\", scopes: $scopes}) {
        apiKey { id } secret } }";
    let made = client.graphql(create, json!({"scopes": scopes})).await;
    let (id, secret) = created(&made).unwrap();
    let rotate = |inside: &str| {
        format!(
            "mutation {{ rotateApiKey(input: {{id: \"{id}\"}}) {{ secret apiKey {{ {inside} }} }} }}"
        )
    };
    let wide = rotate(&aliases(1_000, "scopes"));
    let refused = client.graphql(&wide, json!({})).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (400, "GRAPHQL_VALIDATION_FAILED"),
        "{}",
        refused.body
    );
    assert_eq!(status(&server, &secret).await, 200, "nothing was done");
    let rotated = client.data(&rotate("scopes"), json!({})).await;
    assert_eq!(rotated["rotateApiKey"]["apiKey"]["scopes"], all);
    let newer = text(&rotated["rotateApiKey"]["secret"]);
    assert_eq!(
        (
            status(&server, &secret).await,
            status(&server, &newer).await
        ),
        (401, 200)
    );
}

pub async fn introspection_runs_once_a_document(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let schema = "__schema { queryType { name } }";
    let viewer = "__type(name: \"Viewer\") { name }";
    for document in [
        format!("{{ a: {schema} b: {schema} }}"),
        format!("{{ {schema} {schema} }}"),
        format!("{{ {schema} {viewer} }}"),
        format!("{{ a: {viewer} b: {viewer} }}"),
        format!("{{ ...f ...f }} fragment f on Query {{ {schema} }}"),
        format!(
            "{{ ...f ...g }} fragment f on Query {{ {schema} }} fragment g on Query {{ ...f }}"
        ),
        format!("{{ {schema} ...on Query {{ b: {schema} }} }}"),
    ] {
        let answer = client.graphql(&document, json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "GRAPHQL_VALIDATION_FAILED"),
            "{document}: {}",
            answer.body
        );
    }
    for document in [
        format!("{{ {schema} }}"),
        format!("{{ {viewer} }}"),
        format!("{{ viewer {{ owner }} ...f }} fragment f on Query {{ {schema} }}"),
        format!("{{ ...on Query {{ {viewer} }} __typename }}"),
    ] {
        client.data(&document, json!({})).await;
    }
}

pub async fn type_names_below_the_schema_are_bounded(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let fields = |count| {
        let names = aliases(count, "__typename");
        format!("{{ __schema {{ types {{ fields {{ {names} }} }} }} }}")
    };
    // About as many as a body has room for, and one too many.
    for count in [3_000, 101] {
        let answer = client.graphql(&fields(count), json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "GRAPHQL_VALIDATION_FAILED"),
            "{count}: {}",
            answer.body
        );
        let message = text(&answer.body["errors"][0]["message"]);
        assert!(message.contains("__typename"), "{count}: {message}");
    }
    for count in [50, 100] {
        let data = client.data(&fields(count), json!({})).await;
        let types = data["__schema"]["types"].as_array().unwrap();
        let mut fields = types
            .iter()
            .filter_map(|one| one["fields"].as_array())
            .flatten();
        assert!(fields.clone().count() > 0, "{count}");
        assert!(fields.all(|field| field.as_object().map(|names| names.len()) == Some(count)));
    }
    // Elsewhere a name is as cheap as any other field.
    let viewer = format!("{{ viewer {{ {} }} }}", aliases(300, "__typename"));
    let data = client.data(&viewer, json!({})).await;
    let names = data["viewer"].as_object().unwrap();
    assert_eq!(names.len(), 300);
    assert!(names.values().all(|name| name == "Viewer"), "{data}");
}
