//! Creating, listing and deleting keys.

use std::collections::HashSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Client, Kind, Test, created, hex};

const ALL_FIELDS: &str = "{ __typename id name hint owner createdAt createdBy }";

pub async fn a_key_is_created_listed_and_deleted(test: Test) {
    let server = test.server().await;
    let client = server.client();

    let query = format!(
        "mutation {{ createApiKey(input: {{name: \"  deploy é \"}}) {{
            apiKey {ALL_FIELDS} apiKeyEdge {{ cursor node {{ id }} }} secret }} }}"
    );
    let payload = client.data(&query, json!({})).await["createApiKey"].take();
    let (api_key, secret) = (&payload["apiKey"], payload["secret"].as_str().unwrap());
    let id = api_key["id"].as_str().unwrap();
    let created_at = api_key["createdAt"].as_str().unwrap();
    assert_eq!(
        payload,
        json!({
            "apiKey": {
                "__typename": "ApiKey", "id": id, "name": "deploy é", "hint": format!("{}…", &secret[..7]),
                "owner": "local", "createdAt": created_at, "createdBy": "local",
            },
            "apiKeyEdge": {"cursor": id, "node": {"id": id}},
            "secret": secret,
        })
    );
    assert!(
        secret.starts_with("ak_") && secret.len() == 41,
        "the form of the secret"
    );
    assert_eq!(
        (created_at.len(), &created_at[26..]),
        (27, "Z"),
        "{created_at}"
    );

    // Found in every way there is, always the same.
    let query = format!(
        "query($id: ID!) {{ apiKey(id: $id) {ALL_FIELDS} node(id: $id) {{ ...on ApiKey {ALL_FIELDS} }}
            apiKeys {{ nodes {ALL_FIELDS} edges {{ cursor node {ALL_FIELDS} }} totalCount }} }}"
    );
    let found = client.data(&query, json!({"id": id})).await;
    assert_eq!(
        found,
        json!({
            "apiKey": api_key, "node": api_key,
            "apiKeys": {"nodes": [api_key], "edges": [{"cursor": id, "node": api_key}], "totalCount": 1},
        })
    );

    // As it was asked for, though the count takes its time.
    let query_in_order = "{ a: apiKeys { totalCount nodes { name id } } viewer { subject owner } }";
    let request = client.request(query_in_order, &json!({}));
    let written = request.send().await.unwrap().text().await.unwrap();
    let place = |key: &str| written.find(&format!("\"{key}\"")).unwrap();
    let keys = [
        "a",
        "totalCount",
        "nodes",
        "name",
        "id",
        "viewer",
        "subject",
        "owner",
    ];
    assert!(keys.map(place).is_sorted(), "{written}");

    // In the database: the digest of the whole secret, and what happened.
    let digest = hex(&Sha256::digest(secret));
    let digest_is = match test.database.kind() {
        Kind::Sqlite => format!("api_key_secrets WHERE hex(digest) = upper('{digest}')"),
        Kind::Postgres => format!("api_key_secrets WHERE encode(digest, 'hex') = '{digest}'"),
    };
    assert_eq!(test.database.count(&digest_is).await, 1);
    let event = |action: &str| {
        format!(
            "api_key_events WHERE action = '{action}' AND owner = 'local' AND actor = 'local'
            AND credential = 'LOCAL' AND api_key_name = 'deploy é' AND changes = '[]'"
        )
    };
    assert_eq!(test.database.count(&event("CREATED")).await, 1);

    let deleted = client.delete(id).await;
    assert_eq!(
        deleted.body,
        json!({"data": {"deleteApiKey": {"deletedApiKeyId": id}}})
    );
    let found = client.data(&query, json!({"id": id})).await;
    let nothing = json!({"apiKey": null, "node": null, "apiKeys": {"nodes": [], "edges": [], "totalCount": 0}});
    assert_eq!(found, nothing);
    assert_eq!(client.delete(id).await.code(), "NOT_FOUND", "a second time");
    assert_eq!(test.database.count("api_keys").await, 0);
    assert_eq!(test.database.count("api_key_secrets").await, 0);
    assert_eq!(
        test.database.count(&event("DELETED")).await,
        1,
        "once, though deleted twice"
    );
    assert_eq!(test.database.count("api_key_events").await, 2);
}

pub async fn a_name_is_checked(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let long = "x".repeat(101);
    for bad in [
        "",
        "   ",
        "\t\n",
        "a\nb",
        "a\u{0}b",
        "a\u{7f}",
        long.as_str(),
    ] {
        let answer = client.try_create(bad).await.unwrap();
        assert_eq!(
            answer.error(),
            ("BAD_USER_INPUT", Some("name")),
            "{bad:?}: {}",
            answer.body
        );
    }
    assert_eq!(test.database.count("api_keys").await, 0);
    let widest = "𝕏".repeat(100);
    for good in [
        "x",
        "x",
        " x ",
        "Ünïcødé 🗝",
        "'); DROP TABLE api_keys; --",
        widest.as_str(),
    ] {
        let answer = client.try_create(good).await.unwrap();
        assert!(created(&answer).is_some(), "{good:?}: {}", answer.body);
    }
    let names = client
        .data("{ apiKeys { nodes { name } } }", json!({}))
        .await["apiKeys"]["nodes"]
        .take();
    let names: Vec<_> = names
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["name"].clone())
        .collect();
    let expected = [
        widest.as_str(),
        "'); DROP TABLE api_keys; --",
        "Ünïcødé 🗝",
        "x",
        "x",
        "x",
    ];
    assert_eq!(names, expected, "trimmed, not unique, newest first");
}

pub async fn wrong_input_names_its_argument(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let check = async |query: &str, variables: Value, code: &str, field: Option<&str>| {
        let answer = client.graphql(query, variables).await;
        assert_eq!(answer.error(), (code, field), "{query}: {}", answer.body);
        let message = answer.body["errors"][0]["message"].as_str().unwrap();
        assert!(message.len() < 300, "a message for people: {message}");
        assert_eq!(
            answer.body["errors"].as_array().unwrap().len(),
            1,
            "{}",
            answer.body
        );
    };
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    // As a literal, and as a variable.
    for (arguments, field) in [
        ("first: -1", "first"),
        ("first: 101", "first"),
        ("last: -1", "last"),
        ("last: 101", "last"),
        ("first: 1, last: 1", "last"),
        ("after: \"x\"", "after"),
        ("after: \"\"", "after"),
        ("before: \"01890a5dac96774bbcceb302099a8057\"", "before"),
    ] {
        check(
            &format!("{{ apiKeys({arguments}) {{ totalCount }} }}"),
            json!({}),
            "BAD_USER_INPUT",
            Some(field),
        )
        .await;
    }
    let with_variables = "query($first: Int, $last: Int, $after: String, $before: String) {
        apiKeys(first: $first, last: $last, after: $after, before: $before) { totalCount } }";
    for (variables, field) in [
        (json!({"first": -1}), "first"),
        (json!({"first": 101}), "first"),
        (json!({"first": "ten"}), "first"),
        (json!({"first": 1.5}), "first"),
        (json!({"last": 3_000_000_000_i64}), "last"),
        (json!({"first": 1, "last": 1}), "last"),
        (json!({"after": "x"}), "after"),
        (json!({"before": 7}), "before"),
    ] {
        check(with_variables, variables, "BAD_USER_INPUT", Some(field)).await;
    }
    for field in ["apiKey", "node"] {
        for bad in [
            "x",
            "",
            "1",
            &id[1..],
            "{01890a5d-ac96-774b-bcce-b302099a8057}",
        ] {
            check(
                &format!("{{ {field}(id: \"{bad}\") {{ id }} }}"),
                json!({}),
                "BAD_USER_INPUT",
                Some("id"),
            )
            .await;
            let query = format!("query($id: ID!) {{ {field}(id: $id) {{ id }} }}");
            check(&query, json!({"id": bad}), "BAD_USER_INPUT", Some("id")).await;
        }
        let found = client
            .data(&format!("{{ {field}(id: \"{id}\") {{ id }} }}"), json!({}))
            .await;
        assert_eq!(
            found,
            json!({ field: null }),
            "what is not there is null without an error"
        );
    }
    let delete =
        "mutation($input: DeleteApiKeyInput!) { deleteApiKey(input: $input) { deletedApiKeyId } }";
    check(
        delete,
        json!({"input": {"id": "x"}}),
        "BAD_USER_INPUT",
        Some("id"),
    )
    .await;
    check(delete, json!({"input": {"id": id}}), "NOT_FOUND", None).await;
    let create = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }";
    check(create, json!({}), "BAD_USER_INPUT", Some("input")).await;
    check(
        create,
        json!({"input": null}),
        "BAD_USER_INPUT",
        Some("input"),
    )
    .await;
    check(create, json!({"input": {}}), "BAD_USER_INPUT", Some("name")).await;
    check(
        create,
        json!({"input": {"name": null}}),
        "BAD_USER_INPUT",
        Some("name"),
    )
    .await;
    check(
        create,
        json!({"input": {"name": 7}}),
        "BAD_USER_INPUT",
        Some("name"),
    )
    .await;
    let nested = "mutation($name: String) { createApiKey(input: {name: $name}) { secret } }";
    check(nested, json!({}), "BAD_USER_INPUT", Some("name")).await;
    check(
        nested,
        json!({"name": null}),
        "BAD_USER_INPUT",
        Some("name"),
    )
    .await;
    check(
        create,
        json!({"input": {"name": "x", "nam": "y"}}),
        "BAD_USER_INPUT",
        Some("nam"),
    )
    .await;
    // A fault of the document is not one of the values.
    check(
        "{ apiKeys(first: \"ten\") { totalCount } }",
        json!({}),
        "GRAPHQL_VALIDATION_FAILED",
        None,
    )
    .await;
    check(
        "{ apiKeyz { totalCount } }",
        json!({}),
        "GRAPHQL_VALIDATION_FAILED",
        None,
    )
    .await;
    check(
        "{ apiKeys { nodes { secret } } }",
        json!({}),
        "GRAPHQL_VALIDATION_FAILED",
        None,
    )
    .await;
    check("{ apiKeys", json!({}), "GRAPHQL_PARSE_FAILED", None).await;
    check(
        "query A { viewer { owner } } query B { viewer { owner } }",
        json!({}),
        "BAD_USER_INPUT",
        None,
    )
    .await;
    assert_eq!(test.database.count("api_keys").await, 0);
}

pub async fn two_hundred_creates_and_deletes_are_all_accounted_for(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let mut doomed = Vec::new();
    for i in 0..200 {
        doomed.push(client.create(&format!("doomed {i}")).await.0);
    }
    let mut work = tokio::task::JoinSet::new();
    for (i, id) in doomed.iter().cloned().enumerate() {
        let (creator, deleter) = (client.clone(), client.clone());
        work.spawn(async move { Some(creator.create(&format!("kept {i}")).await.0) });
        // Every tenth is deleted by two at once: exactly one of them may succeed.
        let rival = (i % 10 == 0).then(|| client.clone());
        work.spawn(async move {
            match rival {
                None => assert_eq!(deleter.delete(&id).await.code(), "(no code)"),
                Some(rival) => {
                    let (a, b) = tokio::join!(deleter.delete(&id), rival.delete(&id));
                    let mut codes = [a.code(), b.code()];
                    codes.sort();
                    assert_eq!(codes, ["(no code)", "NOT_FOUND"]);
                }
            }
            None
        });
    }
    let created: Vec<Option<String>> = work.join_all().await;
    let created: HashSet<String> = created.into_iter().flatten().collect();
    assert_eq!(created.len(), 200);
    let listed = client.all_ids().await;
    assert_eq!(listed.len(), 200);
    assert_eq!(HashSet::from_iter(listed), created);
    assert_eq!(test.database.count("api_keys").await, 200);
    assert_eq!(test.database.count("api_key_secrets").await, 200);
    assert_eq!(
        test.database
            .count("api_key_events WHERE action = 'CREATED'")
            .await,
        400
    );
    assert_eq!(
        test.database
            .count("api_key_events WHERE action = 'DELETED'")
            .await,
        200
    );
}

pub async fn clients_that_go_away_harm_nobody(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let blocker = test.database.block_writers().await;
    let mut leaving = tokio::task::JoinSet::new();
    for _ in 0..64 {
        // A connection of its own for each, so that leaving closes it.
        let client = Client::new(&server.base, Some(&server.token));
        leaving.spawn(async move { client.try_create("gone").await.map(|answer| answer.body) });
    }
    // They wait for the lock; at least one of them is in its transaction when they leave.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    leaving.shutdown().await;
    drop(blocker);
    // What they left behind holds no lock, though this server writes nothing more: another process can write.
    let made = test.run(
        &["create-key", "--owner", "another", "--name", "process"],
        &[],
    );
    assert_eq!(made.await.code, Some(0));
    drop(test.database.block_writers().await);

    // Every connection is whole again, and what was left behind is a key with its event, or nothing.
    let mut work = tokio::task::JoinSet::new();
    for i in 0..64 {
        let client = client.clone();
        work.spawn(async move { client.create(&format!("stays {i}")).await });
    }
    assert_eq!(work.join_all().await.len(), 64);
    assert_eq!(
        test.database
            .count("api_keys WHERE name LIKE 'stays%'")
            .await,
        64
    );
    let keys = test.database.count("api_keys").await;
    assert_eq!(test.database.count("api_key_secrets").await, keys);
    assert_eq!(test.database.count("api_key_events").await, keys);
}
