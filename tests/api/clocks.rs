//! Servers whose clocks are wrong: when a key or a secret ends, the database's clock says.

use jiff::Timestamp;
use serde_json::json;

use crate::forward_auth::status;
use crate::harness::{Client, Server, Test, command, text};

/// Starts a server whose clock is wrong by so much, such as `+1h`. Time passes in it as it does.
async fn server_off_by(test: &Test, offset: &str) -> Server {
    // The library is loaded without the command around it, which would not be told when to stop.
    let mut asked = command("faketime");
    let asked = asked.args(["-m", "-f", offset, "printenv", "LD_PRELOAD"]);
    let library = asked.output().unwrap().stdout;
    let library = String::from_utf8(library).unwrap();
    let variables = [
        ("LD_PRELOAD", library.trim()),
        ("FAKETIME", offset),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    let server = test.server_with(&variables).await;
    let log = server.whole_log().await;
    let (_, line) = log.split_once("{\"timestamp\":\"").unwrap();
    let own: Timestamp = line.split_once('"').unwrap().0.parse().unwrap();
    let off_by = own.duration_since(Timestamp::now()).as_secs().abs();
    assert!((3_500..3_700).contains(&off_by), "{off_by} s");
    server
}

/// The names in a list, each with the status of its key.
async fn listed(client: &Client, filter: &str) -> Vec<String> {
    let query = format!(
        "{{ apiKeys(orderBy: {{field: NAME, direction: ASC}}{filter}) {{ nodes {{ name status }} }} }}"
    );
    let page = client.data(&query, json!({})).await;
    let nodes = page["apiKeys"]["nodes"].as_array().unwrap();
    let told =
        |node: &serde_json::Value| format!("{} {}", text(&node["name"]), text(&node["status"]));
    nodes.iter().map(told).collect()
}

pub async fn a_key_ends_by_the_clock_of_the_database(test: Test) {
    let mut servers = [
        server_off_by(&test, "+1h").await,
        server_off_by(&test, "-1h").await,
    ];
    let mut secrets = Vec::new();
    for (i, name) in ["ended", "ends", "stays"].iter().enumerate() {
        secrets.push(servers[i % 2].client().create(name).await.1);
    }
    for (name, end) in [
        ("ended", "- interval '30 min'"),
        ("ends", "+ interval '30 min'"),
    ] {
        let update = format!("UPDATE api_keys SET expires_at = now() {end} WHERE name = '{name}'");
        test.database.execute(&update).await;
    }
    for server in &servers {
        let mut seen = Vec::new();
        for secret in &secrets {
            seen.push(status(server, secret).await);
        }
        assert_eq!(seen, [401, 200, 200]);
        let client = server.client();
        for (filter, expected) in [
            ("", vec!["ended EXPIRED", "ends ACTIVE", "stays ACTIVE"]),
            (
                ", filter: {status: ACTIVE}",
                vec!["ends ACTIVE", "stays ACTIVE"],
            ),
            (", filter: {status: EXPIRED}", vec!["ended EXPIRED"]),
        ] {
            assert_eq!(listed(&client, filter).await, expected, "{filter}");
        }
        // As a caller, too.
        for (secret, expected) in secrets.iter().zip([401, 200, 200]) {
            let caller = Client::new(&server.base, Some(secret));
            let answer = caller.graphql("{ viewer { owner } }", json!({})).await;
            assert_eq!(answer.status, expected, "{}", answer.body);
        }
    }
    stop(&mut servers).await;
}

pub async fn an_overlap_ends_by_the_clock_of_the_database(test: Test) {
    let mut servers = [
        server_off_by(&test, "+1h").await,
        server_off_by(&test, "-1h").await,
    ];
    for by in [0, 1] {
        let client = servers[by].client();
        // The other one made the key.
        let (id, old) = servers[1 - by].client().create("key").await;
        let rotate = format!(
            "mutation {{ rotateApiKey(input: {{id: \"{id}\", overlapSeconds: 600}}) {{ secret }} }}"
        );
        let rotated = client.data(&rotate, json!({})).await;
        let new = text(&rotated["rotateApiKey"]["secret"]);
        let ends = format!(
            "api_key_secrets WHERE api_key_id = '{id}' AND expires_at
            BETWEEN now() + interval '590 s' AND now() + interval '610 s'"
        );
        assert_eq!(test.database.count(&ends).await, 1);
        for server in &servers {
            for secret in [&old, &new] {
                assert_eq!(status(server, secret).await, 200);
            }
        }
        assert_eq!(client.delete(&id).await.code(), "(no code)");
    }
    stop(&mut servers).await;
}

/// Stops them, so that the library takes away what it has put into the memory that processes share.
async fn stop(servers: &mut [Server]) {
    for server in servers {
        assert_eq!(server.stop().await, Some(0));
    }
}
