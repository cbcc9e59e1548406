//! HTTP/2 without TLS, frame by frame: a client that does what no library would.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::harness::{Answer, Server, Test};

/// The types of frames (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;

/// The flags of a `HEADERS` frame that is a whole request: `END_STREAM` and `END_HEADERS`.
const WHOLE: u8 = 0x1 | 0x4;

/// The setting `INITIAL_WINDOW_SIZE`.
const WINDOW: u16 = 4;

/// The status 200, as HPACK writes it at the beginning of a head.
const OK: u8 = 0x88;

/// How many connections there are of those that do not read, and how many requests each makes. The server takes 100 at once.
const PEERS: usize = 100;
const REQUESTS: usize = 99;

/// What the server may have in memory meanwhile.
const MEMORY_KIB: u64 = 200 * 1_000;

/// Within what such a connection is closed.
const LET_GO: Duration = Duration::from_secs(40);

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    // The length has three bytes.
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The beginning of a connection whose client has room for `window` bytes of each answer, with so many requests at once.
fn requests(window: u32, path: &str, count: usize) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let setting = [&WINDOW.to_be_bytes()[..], &window.to_be_bytes()[..]].concat();
    bytes.extend(frame(SETTINGS, 0, 0, &setting));
    // `:method: GET`, `:scheme: http`, and two literals, which come without Huffman's code and are not to be remembered.
    let mut head: Vec<u8> = vec![0x82, 0x86];
    for (name, value) in [(0x04_u8, path), (0x01, "localhost")] {
        head.extend([name, u8::try_from(value.len()).unwrap()]);
        head.extend(value.as_bytes());
    }
    for stream in (1..).step_by(2).take(count) {
        bytes.extend(frame(HEADERS, WHOLE, stream, &head));
    }
    bytes
}

/// A frame of the server.
struct Heard {
    kind: u8,
    stream: u32,
    payload: Vec<u8>,
}

/// The whole frames in what was heard.
fn frames(mut bytes: &[u8]) -> Vec<Heard> {
    let mut all = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let Some((payload, rest)) = rest.split_at_checked(length as usize) else {
            break;
        };
        all.push(Heard {
            kind: head[3],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
            payload: payload.to_vec(),
        });
        bytes = rest;
    }
    all
}

/// The streams whose answers have begun, each with 200.
fn answered(frames: &[Heard]) -> HashSet<u32> {
    let heads = frames.iter().filter(|frame| frame.kind == HEADERS);
    heads
        .map(|head| {
            assert_eq!(head.payload.first(), Some(&OK), "{:?}", head.payload);
            head.stream
        })
        .collect()
}

fn address(server: &Server) -> String {
    server.base.strip_prefix("http://").unwrap().to_owned()
}

/// What a process has in memory.
fn resident_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let (_, after) = status.split_once("VmRSS:").unwrap();
    let number = after.split_whitespace().next().unwrap();
    number.parse().unwrap()
}

/// Asks and makes no room for the answers, until the connection is closed; what was heard, and after how long.
async fn ask_and_make_no_room(address: String, asked: Vec<u8>) -> (Vec<u8>, Duration) {
    let begun = Instant::now();
    let mut heard = Vec::new();
    let until_closed = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&asked).await.unwrap();
        // A reset is an end too.
        let _ = stream.read_to_end(&mut heard).await;
    };
    let closed = timeout(LET_GO, until_closed).await;
    closed.expect("it is closed");
    (heard, begun.elapsed())
}

pub async fn answers_that_nobody_reads_are_bounded_and_let_go(test: Test) {
    let server = test.server().await;
    let asked = requests(1, "/schema.graphql", REQUESTS);
    let mut peers = JoinSet::new();
    for _ in 0..PEERS {
        peers.spawn(ask_and_make_no_room(address(&server), asked.clone()));
    }
    let client = server.stranger();
    let mut looks = interval(Duration::from_millis(250));
    let mut most = 0;
    while !peers.is_empty() {
        looks.tick().await;
        let request = client.http.get(client.url("/livez"));
        let livez = Answer::of(request.timeout(Duration::from_secs(10))).await;
        assert_eq!(livez.unwrap().status, 200);
        most = most.max(resident_kib(&server));
        assert!(most < MEMORY_KIB, "{most} KiB in memory");
        while let Some(ended) = peers.try_join_next() {
            let (heard, after) = ended.unwrap();
            // They were really waited for, each with all its answers.
            let begun = answered(&frames(&heard)).len();
            assert_eq!(begun, REQUESTS, "closed after {after:?}");
        }
    }
}

pub async fn one_connection_serves_many_requests(test: Test) {
    const COUNT: usize = 50;
    let server = test.server().await;
    let mut stream = TcpStream::connect(address(&server)).await.unwrap();
    let asked = requests(65_535, "/livez", COUNT);
    stream.write_all(&asked).await.unwrap();
    let mut heard: Vec<u8> = Vec::new();
    let all = async {
        loop {
            let frames = frames(&heard);
            let bodies = frames.iter().filter(|frame| frame.payload == b"ok\n");
            if bodies.filter(|frame| frame.kind == DATA).count() == COUNT {
                break frames;
            }
            let count = stream.read_buf(&mut heard).await.unwrap();
            assert_ne!(count, 0, "closed instead of answered");
        }
    };
    let frames = timeout(Duration::from_secs(30), all).await;
    let frames = frames.expect("all are answered");
    let heads = frames.iter().filter(|frame| frame.kind == HEADERS);
    assert_eq!(heads.count(), COUNT);
    let streams: HashSet<u32> = (1..).step_by(2).take(COUNT).collect();
    assert_eq!(answered(&frames), streams);
}
