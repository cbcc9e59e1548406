//! A database of two servers, of which one only repeats the other: no answer comes from the one that may be behind.

use serde_json::json;

use crate::forward_auth::ask;
use crate::harness::{Answer, Client, Pair, Server, Test, eventually};

/// The status of `/auth`, and of `/readyz` with what it says.
struct Seen {
    check: u16,
    ready: (u16, String),
}

async fn look(client: &Client, secret: &str) -> Seen {
    let check = ask(client, secret).send().await.unwrap();
    let ready = client.http.get(client.url("/readyz")).send().await.unwrap();
    Seen {
        check: check.status().as_u16(),
        ready: (ready.status().as_u16(), ready.text().await.unwrap()),
    }
}

async fn until_it_works(client: &Client, secret: &str) {
    eventually("checks, writes and readiness", async || {
        let seen = look(client, secret).await;
        assert_ne!(seen.check, 401, "a good key is never called a bad one");
        let made = client.try_create("again").await.unwrap();
        let works = seen.check == 200 && made.code() == "(no code)";
        (works && seen.ready == (200, "ok\n".to_owned())).then_some(())
    })
    .await;
}

async fn is_an_outage(client: &Client, secret: &str) {
    for _ in 0..5 {
        let seen = look(client, secret).await;
        assert_eq!((seen.check, seen.ready.0), (503, 503));
    }
    let made = client.try_create("during").await.unwrap();
    assert_eq!(made.code(), "UNAVAILABLE", "{}", made.body);
    let listed = client.graphql("{ apiKeys { nodes { id } } }", json!({}));
    assert_eq!(listed.await.code(), "UNAVAILABLE");
}

pub async fn a_standby_answers_no_check(test: Test) {
    let pair = Pair::start();
    // Also for those who say that any server will do.
    for attributes in ["", "?target_session_attrs=any"] {
        let url = format!("{}{attributes}", pair.url());
        let server = Server::start(test.folder(), &url, &[]).await;
        let client = server.client();
        let (id, secret) = client.create("key").await;
        until_it_works(&client, &secret).await;
        // From here on the standby is behind, and takes the key for good whatever happens to it.
        pair.until_caught_up().await;
        pair.on_standby("SELECT pg_wal_replay_pause()").await;

        pair.stop_primary();
        is_an_outage(&client, &secret).await;
        pair.start_primary();
        until_it_works(&client, &secret).await;
        let of_server = "pg_stat_activity WHERE application_name = 'apikeys'";
        eventually("no connections to the standby", async || {
            (pair.count_on_standby(of_server).await == 0).then_some(())
        })
        .await;
        assert_eq!(client.delete(&id).await.code(), "(no code)");
        for _ in 0..50 {
            let answer = Answer::of(ask(&client, &secret)).await.unwrap();
            assert_eq!(answer.status, 401);
        }
        assert_eq!(pair.count_on_standby(of_server).await, 0);
        pair.on_standby("SELECT pg_wal_replay_resume()").await;
    }
}

pub async fn with_the_standby_alone_it_is_an_outage(test: Test) {
    let pair = Pair::start();
    let server = Server::start(test.folder(), &pair.url(), &[]).await;
    let client = server.client();
    let (id, secret) = client.create("key").await;
    until_it_works(&client, &secret).await;
    pair.until_caught_up().await;
    pair.stop_primary();
    is_an_outage(&client, &secret).await;

    let standby_alone = [("DATABASE_URL", pair.url_of_standby())];
    let variables = standby_alone
        .each_ref()
        .map(|(name, url)| (*name, url.as_str()));
    let refused = crate::harness::run(test.folder(), &[], &variables).await;
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("standby"), "{}", refused.stderr);

    pair.promote();
    until_it_works(&client, &secret).await;
    assert_eq!(client.delete(&id).await.code(), "(no code)");
    assert_eq!(look(&client, &secret).await.check, 401);
    // And whoever starts now starts there.
    let another = Server::start(test.folder(), &pair.url(), &[]).await;
    another.client().create("key").await;
}
