//! The record of what happened.

use serde_json::{Value, json};

use crate::changes::update;
use crate::harness::{Answer, Client, Issuer, Kind, SigningKey, Test, eventually, text};

const FIELDS: &str =
    "id apiKeyId apiKeyName owner action actor credential at changes { field before after }";

async fn record(client: &Client) -> Vec<Value> {
    let query = format!("{{ apiKeyEvents(first: 100) {{ nodes {{ {FIELDS} }} }} }}");
    let data = client.data(&query, json!({})).await["apiKeyEvents"]["nodes"].take();
    data.as_array().unwrap().clone()
}

pub async fn the_record_tells_what_happened_and_outlives_the_key(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (id, secret) = client.create("first").await;
    let end = "2096-10-02T07:06:40.000000Z";
    for input in [
        json!({"id": id, "name": "second", "expiresAt": end}),
        json!({"id": id, "name": "second"}),
        json!({"id": id}),
        json!({"id": id, "disabled": true, "expiresAt": null}),
        json!({"id": id, "disabled": false}),
    ] {
        assert_eq!(update(&client, input).await.code(), "(no code)");
    }
    let rotate = format!("mutation {{ rotateApiKey(input: {{id: \"{id}\"}}) {{ secret }} }}");
    let own = Client::new(&server.base, Some(&secret));
    let newer = text(&own.data(&rotate, json!({})).await["rotateApiKey"]["secret"]);
    let with_key = client.data(&format!("{{ apiKey(id: \"{id}\") {{ events(first: 100) {{ totalCount nodes {{ {FIELDS} }} }} }} }}"), json!({})).await;
    assert_eq!(client.delete(&id).await.code(), "(no code)");
    client.create("another").await;

    let events = record(&client).await;
    let hint = |secret: &str| format!("{}…", &secret[..7]);
    let change = |field: &str, before: Value, after: Value| json!({"field": field, "before": before, "after": after});
    let expected = [
        ("CREATED", "another", "local", "LOCAL", json!([])),
        ("DELETED", "second", "local", "LOCAL", json!([])),
        (
            "ROTATED",
            "second",
            id.as_str(),
            "API_KEY",
            json!([change("hint", json!(hint(&secret)), json!(hint(&newer)))]),
        ),
        (
            "UPDATED",
            "second",
            "local",
            "LOCAL",
            json!([change("disabled", json!("true"), json!("false"))]),
        ),
        (
            "UPDATED",
            "second",
            "local",
            "LOCAL",
            json!([
                change("expiresAt", json!(end), Value::Null),
                change("disabled", json!("false"), json!("true"))
            ]),
        ),
        (
            "UPDATED",
            "second",
            "local",
            "LOCAL",
            json!([
                change("name", json!("first"), json!("second")),
                change("expiresAt", Value::Null, json!(end))
            ]),
        ),
        ("CREATED", "first", "local", "LOCAL", json!([])),
    ];
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            json!([
                event["action"],
                event["apiKeyName"],
                event["actor"],
                event["credential"],
                event["changes"]
            ])
        })
        .collect();
    let expected: Vec<_> = expected
        .into_iter()
        .map(|(action, name, actor, credential, changes)| {
            json!([action, name, actor, credential, changes])
        })
        .collect();
    assert_eq!(told, expected);
    assert!(events.iter().all(|event| event["owner"] == "local"));
    assert!(events[1..].iter().all(|event| event["apiKeyId"] == id));
    assert!(
        events
            .iter()
            .map(|event| text(&event["at"]))
            .is_sorted_by(|a, b| a >= b)
    );
    // Those of one key, while it was there.
    assert_eq!(
        with_key["apiKey"]["events"],
        json!({"totalCount": 5, "nodes": events[2..]})
    );
    // One of them, by its id.
    let node = format!(
        "{{ node(id: {}) {{ __typename ...on ApiKeyEvent {{ {FIELDS} }} }} }}",
        events[1]["id"]
    );
    let mut node = client.data(&node, json!({})).await["node"].take();
    assert_eq!(node["__typename"].take(), "ApiKeyEvent");
    node.as_object_mut().unwrap().remove("__typename");
    assert_eq!(node, events[1]);

    // In pages, from either end.
    for (count, cursor, more, at) in [
        ("first", "after", "hasNextPage", "endCursor"),
        ("last", "before", "hasPreviousPage", "startCursor"),
    ] {
        let query = format!(
            "query($cursor: String) {{ apiKeyEvents({count}: 2, {cursor}: $cursor) {{
                totalCount edges {{ cursor node {{ id }} }} pageInfo {{ {more} {at} }} }} }}"
        );
        let (mut met, mut place) = (Vec::new(), Value::Null);
        loop {
            let page = client.data(&query, json!({"cursor": place})).await["apiKeyEvents"].take();
            assert_eq!(page["totalCount"], 7);
            let ids = page["edges"].as_array().unwrap().iter().map(|edge| {
                assert_eq!(edge["cursor"], edge["node"]["id"]);
                text(&edge["node"]["id"])
            });
            met.push(ids.collect::<Vec<_>>());
            if page["pageInfo"][more] == false {
                break;
            }
            place = page["pageInfo"][at].clone();
        }
        if count == "last" {
            met.reverse();
        }
        let ids: Vec<_> = events.iter().map(|event| text(&event["id"])).collect();
        assert_eq!(met.concat(), ids);
    }
    let wrong = client
        .graphql("{ apiKeyEvents(after: \"x\") { totalCount } }", json!({}))
        .await;
    assert_eq!(wrong.error(), ("BAD_USER_INPUT", Some("after")));

    // Somebody else sees nothing of it; whoever may not list keys does not either.
    let key = SigningKey::new(jsonwebtoken::Algorithm::ES256, "key");
    let issuer = Issuer::with(&[&key]).await;
    let oidc = test.server_with(&issuer.variables()).await;
    let anna = Client::new(&oidc.base, Some(&issuer.token(&key, "anna")));
    assert_eq!(record(&anna).await, [json!(null); 0]);
    let node = format!("{{ node(id: {}) {{ id }} }}", events[1]["id"]);
    assert_eq!(anna.data(&node, json!({})).await, json!({"node": null}));
    let plain = Client::new(&server.base, Some(&newer_key(&test).await));
    for query in [
        "{ apiKeyEvents { totalCount } }",
        "{ viewer { apiKey { events { totalCount } } } }",
    ] {
        assert_eq!(plain.graphql(query, json!({})).await.code(), "FORBIDDEN");
    }
    let as_actor = Answer::of(anna.request(
        "mutation { createApiKey(input: {name: \"x\"}) { apiKey { id } } }",
        &json!({}),
    ))
    .await
    .unwrap();
    assert_eq!(as_actor.code(), "(no code)");
    let of_anna = record(&anna).await;
    assert_eq!(
        (&of_anna[0]["actor"], &of_anna[0]["credential"]),
        (&json!("anna"), &json!("OIDC"))
    );
}

async fn newer_key(test: &Test) -> String {
    test.key("local", &[]).await
}

pub async fn old_events_are_removed_in_the_background(test: Test) {
    let done = test.run(&["migrate"], &[]).await;
    assert_eq!(done.code, Some(0));
    let insert = async |days: i64, count: usize| {
        let at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * days);
        let millis = u128::try_from(at.as_millisecond()).unwrap();
        let mut rows = Vec::new();
        for i in 0..count {
            let id = uuid::Uuid::from_u128(millis << 80 | 0x7000 << 64 | 0x8000 << 48 | i as u128);
            let (id, at) = match test.database.kind() {
                Kind::Sqlite => (
                    format!("x'{}'", id.simple()),
                    at.as_microsecond().to_string(),
                ),
                Kind::Postgres => (format!("'{id}'"), format!("'{at}'")),
            };
            rows.push(format!(
                "({id}, {id}, 'old', 'local', 'local', 'LOCAL', 'CREATED', {at}, '[]')"
            ));
        }
        let columns = "id, api_key_id, api_key_name, owner, actor, credential, action, at, changes";
        let rows = rows.join(", ");
        test.database
            .execute(&format!(
                "INSERT INTO api_key_events ({columns}) VALUES {rows}"
            ))
            .await;
    };
    // More than one bite.
    insert(401, 1200).await;
    insert(399, 10).await;
    let server = test.server().await;
    eventually("the end of the old", async || {
        (test.database.count("api_key_events").await == 10).then_some(())
    })
    .await;
    assert_eq!(record(&server.client()).await.len(), 10);
    let shorter = test
        .server_with(&[("APIKEYS_EVENT_RETENTION", "30d")])
        .await;
    eventually("the end of all", async || {
        (test.database.count("api_key_events").await == 0).then_some(())
    })
    .await;
    shorter.client().create("new").await;
    assert_eq!(record(&shorter.client()).await.len(), 1);
}
