//! What a document may cost.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::Test;

const FIELDS: &str = "id name hint owner scopes status createdAt createdBy expiresAt lastUsedAt\n    secrets { hint createdAt expiresAt lastUsedAt } __typename";

pub async fn limits_let_the_known_clients_pass_and_stop_the_rest(test: Test) {
    let server = test.server().await;
    let client = server.client();
    // A page of 100 with `edges` and `nodes` and all else. (The introspection queries of graphql-js are tried together
    // with the audits, by graphql-js itself.)
    let page = format!(
        "{{ viewer {{ owner subject credential }} apiKeys(first: 100) {{ totalCount edges {{ cursor node {{ {FIELDS} }} }}
            nodes {{ {FIELDS} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
    );
    client.data(&page, json!({})).await;

    let of_types = |depth: usize| {
        format!(
            "{{ __type(name: \"Query\") {{ {} name {} }} }}",
            "ofType { ".repeat(depth),
            "}".repeat(depth)
        )
    };
    client.data(&of_types(15), json!({})).await;
    let pages = |count: usize| {
        let page = |i| format!("p{i}: apiKeys(first: 100) {{ nodes {{ {FIELDS} }} }} ");
        format!("{{ {} }}", (0..count).map(page).collect::<String>())
    };
    client.data(&pages(5), json!({})).await;
    let creates = |count: usize| {
        let create = |i| format!("k{i}: createApiKey(input: {{name: \"x\"}}) {{ secret }} ");
        format!(
            "mutation {{ {} }}",
            (0..count).map(create).collect::<String>()
        )
    };
    client.data(&creates(100), json!({})).await;
    assert_eq!(test.database.count("api_keys").await, 100);

    for refused in [of_types(25), pages(20), creates(250)] {
        let answer = client.graphql(&refused, json!({})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "GRAPHQL_VALIDATION_FAILED"),
            "{}",
            answer.body
        );
    }
    assert_eq!(
        test.database.count("api_keys").await,
        100,
        "all of it or nothing"
    );
}

pub async fn a_hostile_document_is_refused_at_once(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let doubling = |from: &str| {
        let fragment = |i| format!("fragment f{i} on Query {{ ...f{} ...f{} }} ", i + 1, i + 1);
        let fragments: String = (0..30).map(fragment).collect();
        format!("{from} {fragments} fragment f30 on Query {{ viewer {{ owner }} }}")
    };
    let variables: String = (0..5_000).map(|i| format!("$a{i}: Int ")).collect();
    let chain: String = (0..1_500)
        .map(|i| format!("fragment f{i} on Query {{ ...f{} }} ", i + 1))
        .collect();
    for (what, document) in [
        ("nested fields", "{a".repeat(20_000) + &"}".repeat(20_000)),
        ("open fields", "{viewer".repeat(8_000)),
        (
            "nested lists",
            format!(
                "{{ apiKey(id: {}{}) {{ id }} }}",
                "[".repeat(30_000),
                "]".repeat(30_000)
            ),
        ),
        (
            "nested objects",
            format!(
                "{{ apiKey(id: {}1{}) {{ id }} }}",
                "{a:".repeat(15_000),
                "}".repeat(15_000)
            ),
        ),
        (
            "nested type",
            format!(
                "query($a: {}Int{}) {{ viewer {{ owner }} }}",
                "[".repeat(30_000),
                "]".repeat(30_000)
            ),
        ),
        ("doubling fragments", doubling("{ ...f0 }")),
        (
            "doubling fragments in another operation",
            doubling("query A { viewer { owner } } query B { ...f0 }"),
        ),
        (
            "doubling fragments that nobody spreads",
            doubling("{ viewer { owner } }"),
        ),
        (
            "a circle",
            "{ ...f } fragment f on Query { ...f ...f }".to_owned(),
        ),
        ("many mistakes", format!("{{ {} }}", "a ".repeat(9_000))),
        (
            "many names",
            format!(
                "{{ {} }}",
                (0..7_000).map(|i| format!("a{i}:b ")).collect::<String>()
            ),
        ),
        ("a chain", format!("{{ ...f0 }} {chain}")),
        (
            "variables",
            format!("query({variables}) {{ viewer {{ owner }} }}"),
        ),
        (
            "directives",
            format!(
                "{{ viewer {{ owner {} }} }}",
                "@skip(if: false) ".repeat(3_000)
            ),
        ),
        (
            "many pages",
            format!(
                "{{ {} }}",
                (0..1_500)
                    .map(|i| format!("a{i}: apiKeys {{ totalCount }} "))
                    .collect::<String>()
            ),
        ),
    ] {
        let started = Instant::now();
        let answer = client.graphql(&document, Value::Null).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.body);
        assert!(
            ["GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"].contains(&answer.code()),
            "{what}: {}",
            answer.body
        );
        assert!(
            answer.body.to_string().len() < 4_000,
            "{what}: the answer does not repeat the document"
        );
        // Not a measurement: the worst of these once took minutes.
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{what} took {:?}",
            started.elapsed()
        );
    }
    client.data("{ viewer { owner } }", json!({})).await;
}

pub async fn a_page_is_the_same_however_it_is_resolved(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (id, _) = client.create("one").await;
    let input = "name: \"two\", scopes: [\"a\", \"b\"], expiresAt: \"2096-10-02T07:06:40Z\"";
    let more = format!(
        "mutation {{ createApiKey(input: {{{input}}}) {{ apiKey {{ id }} }}
        rotateApiKey(input: {{id: \"{id}\", overlapSeconds: 600}}) {{ apiKey {{ id }} }} }}"
    );
    client.data(&more, json!({})).await;
    let parts = "fragment Key on ApiKey { id ...More node: name secrets { hint } }
        fragment More on Node { ...on ApiKey { scopes secrets { createdAt ...Secret } } __typename }
        fragment Secret on ApiKeySecret { hint expiresAt __typename }";
    for fields in [
        format!("edges {{ cursor node {{ {FIELDS} }} __typename }} nodes {{ {FIELDS} }}"),
        "nodes { ...Key } edges { node { ...More } node { id } a: node { ...Key } ...on ApiKeyEdge { cursor } }".to_owned(),
        "nodes { ...on Node { id ...on ApiKeyEvent { at } } ...{ name } }".to_owned(),
    ] {
        let fragments = if fields.contains("...Key") { parts } else { "" };
        // A directive, and a field that waits for the database, take the longer way.
        let longer = fields
            .replace("cursor ", "cursor @include(if: true) ")
            .replace("{ ...Key }", "{ ...Key events(first: 0) { nodes { id } } }")
            .replace("id }", "id @skip(if: false) }")
            .replace("{ name }", "{ name @include(if: true) }");
        let read = async |fields: &str| {
            let answer = client.graphql(&format!("{{ apiKeys {{ {fields} }} }} {fragments}"), json!({})).await;
            answer.body["data"]["apiKeys"].clone()
        };
        let short = read(&fields).await;
        let mut long = read(&longer).await;
        remove_events(&mut long);
        assert!(short.is_object(), "{fields}");
        assert_eq!(short, long, "{fields}");
    }
}

/// What was asked for besides is taken out of the answer, wherever it is.
fn remove_events(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("events");
            fields.values_mut().for_each(remove_events);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_events),
        _ => {}
    }
}
