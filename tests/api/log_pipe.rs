//! A log that goes into a pipe which nobody reads: it stops nothing, and says afterwards what was lost.

use std::time::Duration;

use apikeys::bounds;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::forward_auth::status;
use crate::harness::{Launch, Server, Test};

/// How many ask at the same time.
const CLIENTS: usize = 64;

/// A start with a pipe for the log, which nobody reads.
const UNREAD: Launch<'static> = Launch {
    through: &[],
    has_log_pipe: true,
    is_one_pipe: false,
};

/// A start where the log goes into the same pipe as what is printed, which nobody reads after the link.
const UNREAD_ALTOGETHER: Launch<'static> = Launch {
    through: &[],
    has_log_pipe: false,
    is_one_pipe: true,
};

/// Sends at least so many requests, all of which must be answered, and gives how many. Each has a line in the log.
async fn flood(server: &Server, count: usize) -> usize {
    let each = count.div_ceil(CLIENTS);
    let shared = server.stranger();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let client = shared.clone();
        clients.spawn(async move {
            for _ in 0..each {
                let answer = client.http.get(client.url("/livez")).send().await.unwrap();
                assert_eq!(answer.text().await.unwrap(), "ok\n");
            }
        });
    }
    let all = timeout(Duration::from_secs(120), clients.join_all());
    all.await.expect("all are answered");
    CLIENTS * each
}

pub async fn a_log_that_nobody_reads_stops_nothing(test: Test) {
    let mut server = test.server_by(&UNREAD).await;
    flood(&server, 3_000).await;
    let (_, secret) = server.client().create("while nobody reads").await;
    assert_eq!(status(&server, &secret).await, 200);
    server.signal("TERM").await;
    let ended = timeout(Duration::from_secs(30), server.exit_code()).await;
    assert_eq!(ended.expect("it ends"), Some(0));
    assert_eq!(test.database.count("api_keys").await, 1);
}

pub async fn lines_that_were_lost_are_counted(test: Test) {
    let mut server = test.server_by(&UNREAD).await;
    // More than wait in the server and in the pipe together.
    let requests = flood(&server, bounds::LOG_LINES + 3_000).await as u64;
    let mut lines = BufReader::new(server.log_pipe()).lines();
    let (mut told, mut lost) = (0, 0);
    while lost == 0 || told + lost < requests {
        let line = timeout(Duration::from_secs(30), lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("of {requests}, {told} told, {lost} lost"));
        let line: Value = serde_json::from_str(&line.unwrap().unwrap()).unwrap();
        let message = line["message"].as_str().unwrap();
        told += u64::from(message == "request");
        if message.contains("lines of the log were lost") {
            assert_eq!(line["level"], "WARN", "{line}");
            lost += line["count"].as_u64().unwrap();
        }
    }
    assert!(told >= bounds::LOG_LINES as u64, "{told} told, {lost} lost");

    // Nor does it need a reader that is there.
    drop(lines);
    flood(&server, 1_000).await;
    assert_eq!(server.stop().await, Some(0));
}

pub async fn a_signal_ends_it_though_nobody_reads_what_it_prints(test: Test) {
    let mut server = test.server_by(&UNREAD_ALTOGETHER).await;
    // More than wait in the server and in the pipe together: both are full, and the end may wait for neither.
    flood(&server, bounds::LOG_LINES + 3_000).await;
    server.signal("TERM").await;
    let ended = timeout(Duration::from_secs(30), server.exit_code()).await;
    assert_eq!(ended.expect("it ends"), Some(0));
}
