//! Names that did not come through the API: lists have them all the same, and end.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::{Kind, Test, text};

pub async fn a_key_without_a_name_holds_up_no_start(test: Test) {
    let migrated = test.run(&["migrate"], &[]).await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
    let (id, digest, now) = match test.database.kind() {
        Kind::Sqlite => (
            "x'01890a5dac96774bbcceb302099a8057'",
            "randomblob(32)",
            "1700000000000000",
        ),
        Kind::Postgres => (
            "'01890a5d-ac96-774b-bcce-b302099a8057'",
            "sha256('nobody knows it')",
            "now()",
        ),
    };
    let insert = format!(
        "INSERT INTO api_keys (id, owner, name, name_folded, created_at, created_by)
        VALUES ({id}, 'local', '', '', {now}, 'test');
        INSERT INTO api_key_secrets (digest, api_key_id, hint, created_at) VALUES ({digest}, {id}, 'ak_0000…', {now})"
    );
    test.database.execute(&insert).await;

    let started = timeout(Duration::from_secs(20), test.server()).await;
    let server = started.unwrap();
    let client = server.client();
    client.create("named").await;
    for (order, expected) in [("ASC", ["", "named"]), ("DESC", ["named", ""])] {
        let query = format!(
            "{{ apiKeys(orderBy: {{field: NAME, direction: {order}}}) {{ totalCount nodes {{ name }} }} }}"
        );
        let listed = client.data(&query, json!({})).await;
        let nodes = expected.map(|name| json!({"name": name}));
        assert_eq!(listed["apiKeys"], json!({"totalCount": 2, "nodes": nodes}));
    }
}

pub async fn a_list_by_name_ends_whatever_a_person_wrote(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g"] {
        ids.push(client.create(name).await.0);
    }
    ids.sort();
    for (from, to) in [("b", "zzz"), ("f", "aaa"), ("d", "D")] {
        let rename = format!("UPDATE api_keys SET name = '{to}' WHERE name = '{from}'");
        test.database.execute(&rename).await;
    }
    for direction in ["ASC", "DESC"] {
        for (count, cursor, more, at) in [
            ("first", "after", "hasNextPage", "endCursor"),
            ("last", "before", "hasPreviousPage", "startCursor"),
        ] {
            let query = format!(
                "query($cursor: String) {{
                    apiKeys({count}: 2, {cursor}: $cursor, orderBy: {{field: NAME, direction: {direction}}}) {{
                        nodes {{ id }} pageInfo {{ {more} {at} }} }} }}"
            );
            let (mut met, mut place, mut has_more) = (Vec::new(), Value::Null, true);
            // More pages than seven keys have.
            for _ in 0..10 {
                let page = client.data(&query, json!({"cursor": place})).await["apiKeys"].take();
                let nodes = page["nodes"].as_array().unwrap();
                met.extend(nodes.iter().map(|node| text(&node["id"])));
                has_more = page["pageInfo"][more] == true;
                if !has_more {
                    break;
                }
                place = page["pageInfo"][at].clone();
            }
            assert!(!has_more, "{direction} {count} does not end: {met:?}");
            met.sort();
            assert_eq!(met, ids, "{direction} {count}");
        }
    }
}
