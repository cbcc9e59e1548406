//! Lists in pages.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::{Client, Test, text};

const KEYS: usize = 1_000;

pub async fn a_thousand_keys_are_met_exactly_once_while_others_come_and_go(test: Test) {
    let many = [("APIKEYS_MAX_KEYS_PER_OWNER", "2000")];
    let server = test.server_with(&many).await;
    let client = server.client();
    let kept = Arc::new(create_many(&client, KEYS).await);

    let stop = Arc::new(AtomicBool::new(false));
    let churn = tokio::spawn({
        let (client, stop) = (client.clone(), stop.clone());
        async move {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                let (id, _) = client.create("passing").await;
                assert_eq!(client.delete(&id).await.code(), "(no code)");
                count += 1;
            }
            count
        }
    });
    for size in [7, 100] {
        for (count_argument, cursor_argument, more, cursor) in [
            ("first", "after", "hasNextPage", "endCursor"),
            ("last", "before", "hasPreviousPage", "startCursor"),
        ] {
            let query = format!(
                "query($size: Int, $cursor: String) {{ apiKeys({count_argument}: $size, {cursor_argument}: $cursor) {{
                    edges {{ cursor node {{ id }} }} pageInfo {{ {more} {cursor} }} }} }}"
            );
            let mut met = Vec::new();
            let mut at = Value::Null;
            loop {
                let page = client
                    .data(&query, json!({"size": size, "cursor": at}))
                    .await["apiKeys"]
                    .take();
                let ids: Vec<String> = page["edges"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|edge| text(&edge["node"]["id"]))
                    .collect();
                assert!(
                    ids.is_sorted_by(|a, b| a > b),
                    "newest first within a page, from whichever end"
                );
                assert!(ids.len() <= size);
                met.push(ids);
                if page["pageInfo"][more] == false {
                    break;
                }
                at = page["pageInfo"][cursor].clone();
            }
            if count_argument == "last" {
                met.reverse();
            }
            let met: Vec<String> = met
                .into_iter()
                .flatten()
                .filter(|id| kept.contains(id))
                .collect();
            assert_eq!(
                met.len(),
                KEYS,
                "{count_argument} {size}: each that stayed, and none twice"
            );
            assert!(
                met.is_sorted_by(|a, b| a > b),
                "newest first over all pages"
            );
        }
    }
    stop.store(true, Ordering::Relaxed);
    assert!(churn.await.unwrap() > 0, "others did come and go");
}

pub async fn page_info_and_counts_are_right(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let empty = client
        .data(
            "{ apiKeys { nodes { id } edges { cursor } totalCount pageInfo {
        hasNextPage hasPreviousPage startCursor endCursor } } }",
            json!({}),
        )
        .await["apiKeys"]
        .take();
    let no_info = json!({"hasNextPage": false, "hasPreviousPage": false, "startCursor": null, "endCursor": null});
    assert_eq!(
        empty,
        json!({"nodes": [], "edges": [], "totalCount": 0, "pageInfo": no_info})
    );

    let mut ids: Vec<String> = Vec::new();
    for i in 0..25 {
        ids.insert(0, client.create(&i.to_string()).await.0);
    }
    let query = "query($first: Int, $after: String, $last: Int, $before: String) {
        apiKeys(first: $first, after: $after, last: $last, before: $before) {
            nodes { id } totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";
    // What is asked for; then which of the 25 come, and whether more follow or precede them.
    for (arguments, range, next, previous) in [
        (json!({}), 0..20, true, false),
        (json!({"first": 0}), 0..0, true, false),
        (json!({"last": 0}), 0..0, false, true),
        (json!({"first": 25}), 0..25, false, false),
        (json!({"first": 24}), 0..24, true, false),
        (json!({"first": 100}), 0..25, false, false),
        (json!({"first": 5, "after": ids[4]}), 5..10, true, true),
        (json!({"first": 20, "after": ids[4]}), 5..25, false, true),
        (json!({"first": 5, "after": ids[24]}), 0..0, false, true),
        (json!({"last": 5}), 20..25, false, true),
        (json!({"last": 25}), 0..25, false, false),
        (json!({"last": 5, "before": ids[20]}), 15..20, true, true),
        (json!({"last": 20, "before": ids[20]}), 0..20, true, false),
        (json!({"last": 5, "before": ids[0]}), 0..0, true, false),
        (
            json!({"first": 5, "after": ids[4], "before": ids[8]}),
            5..8,
            false,
            true,
        ),
        (
            json!({"first": 2, "after": ids[4], "before": ids[8]}),
            5..7,
            true,
            true,
        ),
        (
            json!({"last": 2, "after": ids[4], "before": ids[8]}),
            6..8,
            true,
            true,
        ),
        (
            json!({"first": 5, "after": ids[8], "before": ids[4]}),
            0..0,
            false,
            true,
        ),
    ] {
        let page = client.data(query, arguments.clone()).await["apiKeys"].take();
        let nodes: Vec<Value> = ids[range.clone()]
            .iter()
            .map(|id| json!({"id": id}))
            .collect();
        let info = json!({
            "hasNextPage": next, "hasPreviousPage": previous,
            "startCursor": ids[range.clone()].first(), "endCursor": ids[range].last(),
        });
        assert_eq!(
            page,
            json!({"nodes": nodes, "totalCount": 25, "pageInfo": info}),
            "{arguments}"
        );
    }

    // A cursor outlives its key.
    client.delete(&ids[4]).await;
    let page = client
        .data(query, json!({"first": 1, "after": ids[4]}))
        .await["apiKeys"]
        .take();
    assert_eq!(page["nodes"][0]["id"], json!(ids[5]));
    assert_eq!(page["totalCount"], 24);
}

/// Creates many keys, a few at a time; their ids.
pub async fn create_many(client: &Client, count: usize) -> HashSet<String> {
    let mut work = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let client = client.clone();
        work.spawn(async move {
            let mut ids = Vec::new();
            for i in (worker..count).step_by(8) {
                ids.push(client.create(&format!("key {i}")).await.0);
            }
            ids
        });
    }
    work.join_all().await.into_iter().flatten().collect()
}
