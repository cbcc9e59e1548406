//! Revoked means revoked, for effects too: what a key asked for and has not been done when the key ends is not done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::changes::update;
use crate::forward_auth::{status, unworkable};
use crate::harness::{Client, Kind, Server, Test, created, eventually};

const WRITE: &[&str] = &["apikeys:write"];

/// Makes a key of the local owner; its id and secret.
async fn make(operator: &Client, name: &str, scopes: &[&str]) -> (String, String) {
    let query = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } secret } }";
    let input = json!({"name": name, "scopes": scopes});
    let answer = operator.graphql(query, json!({"input": input})).await;
    created(&answer).unwrap_or_else(|| panic!("{}", answer.body))
}

/// A request whose head was sent and whose body was not.
struct Begun {
    stream: TcpStream,
    body: String,
}

impl Begun {
    /// Sends the head, and waits until the server asks for the body. What it looks at before that, it has looked at.
    async fn new(server: &Server, secret: &str, path: &str, media_type: &str, body: &str) -> Self {
        let address = server.base.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {secret}\r\n\
            Content-Type: {media_type}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let read = stream.read_buf(&mut answer).await.unwrap();
            assert_ne!(read, 0, "{}", String::from_utf8_lossy(&answer));
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 100 "), "{answer}");
        Self {
            stream,
            body: body.to_owned(),
        }
    }

    /// Sends the body; the whole answer as text.
    async fn finish(mut self) -> String {
        self.stream.write_all(self.body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        self.stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

pub async fn a_key_revoked_before_the_body_came_makes_nothing(test: Test) {
    let server = test.server().await;
    let revoke = async |secret: &str| {
        let arguments = ["revoke", "--owner", "owner", "--all"];
        let done = test.run(&arguments, &[]).await;
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert_eq!(status(&server, secret).await, 401);
    };

    let secret = test.key("owner", WRITE).await;
    let create = "mutation { createApiKey(input: {name: \"late\"}) { secret } }";
    let body = json!({"query": create}).to_string();
    let begun = Begun::new(&server, &secret, "/graphql", "application/json", &body).await;
    revoke(&secret).await;
    let answer = begun.finish().await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("\"UNAUTHENTICATED\""), "{answer}");
    assert_eq!(test.database.count("api_keys").await, 0);

    let asked_for = test.key("other", &[]).await;
    let secret = test.key("owner", &["apikeys:introspect"]).await;
    let form = "application/x-www-form-urlencoded";
    let body = format!("token={asked_for}");
    let begun = Begun::new(&server, &secret, "/introspect", form, &body).await;
    revoke(&secret).await;
    let answer = begun.finish().await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(!answer.contains("active"), "{answer}");
}

pub async fn a_write_looks_whether_its_credential_still_works(test: Test) {
    let kind = test.database.kind();
    let server = test.server().await;
    let operator = server.client();
    let deletion = "DELETE FROM api_keys WHERE name = 'key'".to_owned();
    let ends = unworkable(kind).map(|change| format!("UPDATE {change}"));
    for end in std::iter::once(deletion).chain(ends) {
        // Each writer has a key of its own to change, so that it waits for nobody but the one who ends it.
        let (mut writers, mut targets) = (Vec::new(), Vec::new());
        for write in [
            "createApiKey(input: {name: \"made\"}) { secret }",
            "updateApiKey(input: {id: \"$id\", name: \"changed\"}) { apiKey { id } }",
            "rotateApiKey(input: {id: \"$id\"}) { secret }",
            "deleteApiKey(input: {id: \"$id\"}) { deletedApiKeyId }",
            "deleteApiKeys(input: {ids: [\"$id\"]}) { deletedApiKeyIds }",
        ] {
            let (id, target) = make(&operator, "target", &[]).await;
            let (_, secret) = make(&operator, "key", WRITE).await;
            let document = format!("mutation {{ {} }}", write.replace("$id", &id));
            writers.push((Client::new(&server.base, Some(&secret)), document));
            targets.push(target);
        }
        let events = test.database.count("api_key_events").await;

        let mut ending = test.database.begin().await;
        if kind == Kind::Postgres {
            // A write that does not look at its credential waits as well, and goes on after it has ended.
            let lock = "LOCK TABLE api_keys IN SHARE ROW EXCLUSIVE MODE";
            ending.execute(lock).await;
        }
        ending.execute(&end).await;
        let mut asking = JoinSet::new();
        for (client, document) in writers {
            asking.spawn(async move { client.graphql(&document, json!({})).await });
        }
        match kind {
            Kind::Postgres => test.database.until_waiting(targets.len() as i64).await,
            // Nobody can see who waits for the lock of a file. A request that was not let in at all is told of below.
            Kind::Sqlite => tokio::time::sleep(Duration::from_millis(500)).await,
        }
        ending.commit().await;
        for answer in asking.join_all().await {
            let error = &answer.body["errors"][0];
            assert_eq!(answer.code(), "UNAUTHENTICATED", "{end}: {}", answer.body);
            let is_of_write = error["path"][0].is_string();
            assert!(is_of_write, "{end}: it had been let in: {}", answer.body);
        }

        assert_eq!(test.database.count("api_key_events").await, events, "{end}");
        for name in ["made", "changed"] {
            let of_name = format!("api_keys WHERE name = '{name}'");
            assert_eq!(test.database.count(&of_name).await, 0, "{end}: {name}");
        }
        for target in &targets {
            assert_eq!(status(&server, target).await, 200, "{end}");
        }
        let next = "UPDATE api_keys SET name = 'old' WHERE name = 'key'";
        test.database.execute(next).await;
    }
}

pub async fn a_document_of_many_mutations_stops_when_its_key_is_revoked(test: Test) {
    const MUTATIONS: usize = 100;
    let room = [("APIKEYS_MAX_KEYS_PER_OWNER", "5000")];
    let server = test.server_with(&room).await;
    let operator = server.client();
    let create = |i| format!("k{i}: createApiKey(input: {{name: \"made\"}}) {{ secret }} ");
    let creates: String = (0..MUTATIONS).map(create).collect();
    let document = format!("mutation {{ {creates} }}");
    let count = async || test.database.count("api_keys WHERE name = 'made'").await;
    // Until the deletion falls into the middle of a document.
    for _ in 0..20 {
        let before = count().await;
        let (id, secret) = make(&operator, "writer", WRITE).await;
        let client = Client::new(&server.base, Some(&secret));
        let asking = tokio::spawn({
            let document = document.clone();
            async move { client.graphql(&document, json!({})).await }
        });
        eventually("a first key", async || {
            (count().await > before).then_some(())
        })
        .await;
        assert_eq!(operator.delete(&id).await.code(), "(no code)");
        let made = usize::try_from(count().await - before).unwrap();

        let answer = asking.await.unwrap();
        let data = answer.body["data"].as_object();
        let secrets = data.map_or(0, |data| {
            let payloads = data.values();
            payloads.filter(|made| made["secret"].is_string()).count()
        });
        assert_eq!(secrets, made, "nothing was made after the deletion");
        assert_eq!(count().await - before, made as i64);
        let errors = answer.body["errors"].as_array();
        let errors = errors.cloned().unwrap_or_default();
        assert_eq!(errors.len(), MUTATIONS - made, "{}", answer.body);
        for error in errors {
            assert_eq!(error["extensions"]["code"], "UNAUTHENTICATED", "{error}");
        }
        if made < MUTATIONS {
            return;
        }
    }
    panic!("each document had ended before its key was deleted");
}

pub async fn keys_that_change_each_other_at_the_same_time_wait_in_no_circle(test: Test) {
    let server = test.server().await;
    let operator = server.client();
    let first = make(&operator, "first", WRITE).await;
    let second = make(&operator, "second", WRITE).await;
    let client = |secret: &str| Client::new(&server.base, Some(secret));
    let clients = [client(&first.1), client(&second.1)];
    let ids = [first.0, second.0];
    for round in 0..4 {
        let mut plain = Vec::new();
        for _ in 0..6 {
            plain.push(make(&operator, "plain", &[]).await.0);
        }
        let mut asking = JoinSet::new();
        for i in 0..64 {
            let (own, other) = (i % 2, (i + 1) % 2);
            let rename = |id: &str| {
                format!(
                    "updateApiKey(input: {{id: \"{id}\", name: \"{i}\"}}) {{ apiKey {{ id }} }}"
                )
            };
            let any = &plain[i % plain.len()];
            let write = match i / 2 % 6 {
                0 | 1 => rename(&ids[other]),
                2 => rename(&ids[own]),
                3 => rename(any),
                4 => format!(
                    "rotateApiKey(input: {{id: \"{any}\", overlapSeconds: 60}}) {{ secret }}"
                ),
                _ => {
                    let mut doomed = plain[..4].to_vec();
                    doomed.rotate_left(i % 4);
                    format!("deleteApiKeys(input: {{ids: {doomed:?}}}) {{ deletedApiKeyIds }}")
                }
            };
            let client = clients[own].clone();
            let document = format!("mutation {{ {write} }}");
            asking.spawn(async move { (client.graphql(&document, json!({})).await, document) });
        }
        let mut done = 0;
        for (answer, document) in asking.join_all().await {
            match answer.code() {
                "(no code)" => done += 1,
                // Others have deleted it.
                "NOT_FOUND" => {}
                _ => panic!("round {round}: {document}: {}", answer.body),
            }
        }
        assert!(done >= 32, "round {round}: those about the two keys");
    }
}

/// Whoever found a key and knows that it will be revoked must not be able to prevent it by using it.
pub async fn a_key_that_writes_without_a_pause_can_be_deleted(test: Test) {
    let server = test.server().await;
    let operator = server.client();
    let (id, secret) = make(&operator, "writer", WRITE).await;
    let client = Client::new(&server.base, Some(&secret));
    let written = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for _ in 0..32 {
        // Each writes to a key of its own, so that they do not wait for each other.
        let (target, _) = make(&operator, "target", &[]).await;
        let (client, written) = (client.clone(), written.clone());
        writers.spawn(async move {
            for i in 0.. {
                let answer = update(&client, json!({"id": target, "name": format!("{i}")})).await;
                match answer.code() {
                    "(no code)" => written.fetch_add(1, Ordering::Relaxed),
                    "UNAUTHENTICATED" => return,
                    _ => panic!("{}", answer.body),
                };
            }
        });
    }
    eventually("much writing", async || {
        (written.load(Ordering::Relaxed) > 300).then_some(())
    })
    .await;
    let answer = operator.delete(&id).await;
    assert_eq!(answer.code(), "(no code)", "{}", answer.body);
    assert_eq!(status(&server, &secret).await, 401);
    writers.join_all().await;
}
