//! Clients that send slowly or nothing, and those that do not read: each is waited for so long, and harms nobody meanwhile.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::forward_auth::{ask, status};
use crate::harness::{Answer, Launch, Server, Test, created, eventually};

/// How long an attempt may take that is made again when it fails.
const ATTEMPT: Duration = Duration::from_secs(10);

/// Where a server listens.
fn address(server: &Server) -> &str {
    server.base.strip_prefix("http://").unwrap()
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(address(server)).await.unwrap()
}

/// A request and its answer, on a connection that stays open.
async fn exchange(stream: &mut TcpStream) {
    let request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut heard: Vec<u8> = Vec::new();
    while !heard.ends_with(b"\r\n\r\nok\n") {
        let count = stream.read_buf(&mut heard).await.unwrap();
        assert_ne!(count, 0, "closed instead of answered");
    }
    assert!(heard.starts_with(b"HTTP/1.1 200 "));
}

/// What the server says to a client that sends `start`, and `more` each second, and after how long it closes the connection.
async fn drip(mut stream: TcpStream, start: &str, more: &str) -> (String, Duration) {
    let begun = Instant::now();
    stream.write_all(start.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let mut heard = Vec::new();
    let until_closed = async {
        // A reset is an end too.
        let _ = reader.read_to_end(&mut heard).await;
    };
    let dripping = async {
        let mut seconds = interval(Duration::from_secs(1));
        while writer.write_all(more.as_bytes()).await.is_ok() {
            seconds.tick().await;
        }
        // That the connection is closed is for the reader to see.
        std::future::pending::<()>().await;
    };
    let both = async {
        tokio::select! {
            () = until_closed => {}
            () = dripping => {}
        }
    };
    let patience = Duration::from_secs(90);
    timeout(patience, both).await.expect("it is closed");
    (
        String::from_utf8_lossy(&heard).into_owned(),
        begun.elapsed(),
    )
}

pub async fn a_header_has_ten_seconds(test: Test) {
    let server = test.server().await;
    let (nothing, half, slow, next, ()) = tokio::join!(
        async { drip(connect(&server).await, "", "").await },
        async { drip(connect(&server).await, "GET /livez HT", "").await },
        async {
            let start = "GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
            drip(connect(&server).await, start, "x").await
        },
        async {
            let mut stream = connect(&server).await;
            exchange(&mut stream).await;
            drip(stream, "GET /livez HT", "").await
        },
        async {
            let mut stream = connect(&server).await;
            exchange(&mut stream).await;
            // Between two requests there is more time than for a head.
            sleep(Duration::from_secs(17)).await;
            exchange(&mut stream).await;
        },
    );
    for (what, (heard, after)) in [
        ("nothing", nothing),
        ("half a line", half),
        ("a slow header", slow),
        ("half a line after an answer", next),
    ] {
        let seconds = after.as_secs_f64();
        assert!((5.0..20.0).contains(&seconds), "{what}: {seconds} s");
        assert!(!heard.contains("HTTP/1.1 200"), "{what}: {heard}");
    }
}

pub async fn a_body_has_twenty_seconds(test: Test) {
    let server = test.server().await;
    let start = |path: &str, media_type: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: {media_type}\r\n\
            Content-Length: 1000\r\n\r\n",
            server.token
        )
    };
    let graphql = start("/graphql", "application/json") + "{\"query\": \"";
    let introspect = start("/introspect", "application/x-www-form-urlencoded") + "token=";
    let (graphql, introspect) = tokio::join!(
        async { drip(connect(&server).await, &graphql, "x").await },
        async { drip(connect(&server).await, &introspect, "x").await },
    );
    for (what, (heard, after)) in [("/graphql", graphql), ("/introspect", introspect)] {
        let seconds = after.as_secs_f64();
        assert!((12.0..30.0).contains(&seconds), "{what}: {seconds} s");
        assert!(
            heard.is_empty() || heard.starts_with("HTTP/1.1 408 "),
            "{what}: {heard}"
        );
    }
}

/// Connections that send one byte and then nothing, each for as long as the server lets it, and until this is dropped.
async fn besiege(server: &Server) -> JoinSet<()> {
    let silent = Arc::new(AtomicUsize::new(0));
    let mut peers = JoinSet::new();
    for _ in 0..400 {
        let (address, silent) = (address(server).to_owned(), silent.clone());
        peers.spawn(async move {
            // Where the system's queue is full, some do not even get in.
            let Ok(mut stream) = TcpStream::connect(address).await else {
                return;
            };
            if stream.write_all(b"G").await.is_ok() {
                silent.fetch_add(1, Ordering::Relaxed);
            }
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
    }
    eventually("a siege", async || {
        (silent.load(Ordering::Relaxed) >= 200).then_some(())
    })
    .await;
    peers
}

pub async fn more_silent_connections_than_descriptors_harm_nobody(test: Test) {
    // It may raise its limit of 64 files to 256, of which the database needs some.
    let few = Launch {
        through: &["prlimit", "--nofile=64:256"],
        ..Launch::default()
    };
    let mut server = test.server_by(&few).await;
    let secret = test.key("acme", &[]).await;

    let siege = besiege(&server).await;
    // Each client is a new one, with a new connection.
    let livez = eventually("an answer of /livez", async || {
        let client = server.stranger();
        let request = client.http.get(client.url("/livez")).timeout(ATTEMPT);
        (request.send().await.ok()?.status() == 200).then_some(())
    });
    let auth = eventually("an answer of /auth", async || {
        let request = ask(&server.stranger(), &secret).timeout(ATTEMPT);
        (request.send().await.ok()?.status() == 200).then_some(())
    });
    tokio::join!(livez, auth);
    drop(siege);

    let siege = besiege(&server).await;
    let create = "mutation { createApiKey(input: {name: \"besieged\"}) { apiKey { id } secret } }";
    let (_, made) = eventually("a new key", async || {
        let request = server.client().request(create, &json!({}));
        created(&Answer::of(request.timeout(ATTEMPT)).await.ok()?)
    })
    .await;
    drop(siege);

    assert_eq!(status(&server, &made).await, 200);
    let log = server.whole_log().await;
    assert!(!log.contains("panic"), "{log}");
    assert_eq!(server.stop().await, Some(0));
}

pub async fn a_reader_that_does_not_read_is_let_go(test: Test) {
    let server = test.server().await;
    let stream = connect(&server).await;
    // It asks for more and more, which is far more than all buffers on the way to it can hold.
    let requests = "GET /schema.graphql HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1_000);
    let mut rest = requests.as_bytes();
    let begun = Instant::now();
    loop {
        match stream.try_write(rest) {
            Ok(written) if written < rest.len() => rest = &rest[written..],
            Ok(_) => rest = requests.as_bytes(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                sleep(Duration::from_millis(100)).await;
            }
            // The server has closed it, with requests that it did not read.
            Err(_) => break,
        }
        assert!(
            begun.elapsed() < Duration::from_secs(75),
            "it is still open"
        );
    }
    exchange(&mut connect(&server).await).await;
}
