//! HTTP by hand: a client that tidies nothing up, and a backend that remembers all that it was sent.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A request or a response, as it went over the wire.
#[derive(Debug, Default)]
pub struct Message {
    /// The request line or the status line.
    pub start: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Sends a request to a port of this machine; `start` is its method and target.
pub async fn send(port: u16, start: &str, headers: &[(&str, &str)], body: &[u8]) -> Message {
    let mut request = format!("{start} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        request.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    Message::read(&mut stream).await.expect("a whole answer")
}

impl Message {
    /// Reads one; `None` where the connection ends before its head does.
    async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let end = loop {
            let found = bytes.windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = found {
                break end;
            }
            if stream.read_buf(&mut bytes).await.ok()? == 0 {
                return None;
            }
        };
        let body = bytes.split_off(end + 4);
        let head = String::from_utf8(bytes).unwrap();
        let mut lines = head.trim_end().lines();
        let mut message = Self {
            start: lines.next().unwrap_or_default().to_owned(),
            headers: lines
                .map(|line| line.split_once(':').unwrap_or((line, "")))
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect(),
            body,
        };
        while !message.is_whole() {
            if stream.read_buf(&mut message.body).await.ok()? == 0 {
                return None;
            }
        }
        Some(message)
    }

    fn is_whole(&self) -> bool {
        if self.values("transfer-encoding") == ["chunked"] {
            return self.body.ends_with(b"0\r\n\r\n");
        }
        // What is sent without being announced is kept, where it came with the head.
        let announced = self.values("content-length");
        announced
            .first()
            .is_none_or(|length| self.body.len() >= length.parse().unwrap())
    }

    /// The values of a header, whatever the case of its name.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let all = self.headers.iter();
        all.filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The status of a response.
    pub fn status(&self) -> u16 {
        let status = self.start.split(' ').nth(1);
        status.and_then(|status| status.parse().ok()).unwrap()
    }
}

/// A backend that answers 200 to everything.
pub struct Backend {
    pub port: u16,
    requests: Arc<Mutex<Vec<Message>>>,
    accepting: JoinHandle<()>,
}

impl Backend {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::<Mutex<Vec<Message>>>::default();
        let remembered = requests.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let remembered = remembered.clone();
                tokio::spawn(async move {
                    if let Some(request) = Message::read(&mut stream).await {
                        remembered.lock().unwrap().push(request);
                        let answer =
                            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
                        // Whether the other side still listens is its own affair.
                        let _ = stream.write_all(answer).await;
                    }
                });
            }
        });
        Self {
            port,
            requests,
            accepting,
        }
    }

    /// What it was sent since this was last asked.
    pub fn take_requests(&self) -> Vec<Message> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
