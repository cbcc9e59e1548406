//! Starting and stopping.

use std::time::Duration;

use crate::harness::{Client, Test, created, eventually};

pub async fn a_signal_finishes_what_runs_and_exits_0(test: Test) {
    for (round, signal) in ["TERM", "INT"].into_iter().enumerate() {
        let mut server = test.server().await;
        let client = server.client();
        client.create("before").await;
        let blocker = test.database.block_writers().await;
        let running = tokio::spawn({
            let client = client.clone();
            async move { client.try_create("running").await }
        });
        // It has begun when the server has taken it, and cannot end before the lock is given back.
        tokio::time::sleep(Duration::from_secs(1)).await;
        server.signal(signal).await;
        eventually("refusing new connections", async || {
            let fresh = Client::new(&server.base, Some(&server.token));
            let ping = fresh.http.get(fresh.url("/livez")).send().await;
            ping.err()
        })
        .await;
        assert!(!running.is_finished());
        drop(blocker);
        let answer = running.await.unwrap().expect("what ran was finished");
        assert!(created(&answer).is_some(), "{}", answer.body);
        assert_eq!(server.exit_code().await, Some(0), "{signal}");
        assert_eq!(
            test.database.count("api_keys").await,
            2 * (round as i64 + 1)
        );
        assert!(server.log().contains("stopped"));
    }
}

pub async fn a_signal_right_after_the_start_exits_0(test: Test) {
    for _ in 0..10 {
        let mut server = test.server().await;
        assert_eq!(server.stop().await, Some(0));
    }
}
