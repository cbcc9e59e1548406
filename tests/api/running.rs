//! Starting and stopping.

use std::time::Duration;

use crate::harness::{Test, created, eventually};

pub async fn sigterm_finishes_what_runs_and_exits_0(test: Test) {
    let mut server = test.server().await;
    let client = server.client();
    client.create("before").await;
    let blocker = test.database.block_writers().await;
    let running = tokio::spawn({
        let client = client.clone();
        async move { client.try_create("running").await }
    });
    // It has begun when the server has taken it, and cannot end before the lock is given back.
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.terminate().await;
    eventually("refusing new connections", async || {
        let fresh = crate::harness::Client::new(&server.base, Some(&server.token));
        fresh.try_create("after").await.err()
    })
    .await;
    assert!(!running.is_finished());
    drop(blocker);
    let answer = running.await.unwrap().expect("what ran was finished");
    assert!(created(&answer).is_some(), "{}", answer.body);
    assert_eq!(server.exit_code().await, Some(0));
    assert_eq!(test.database.count("api_keys").await, 2);
    assert!(server.log().contains("stopped"));
}
