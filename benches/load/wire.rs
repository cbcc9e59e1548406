//! A wire to PostgreSQL that is listened to: it hands on what comes over it, both ways, and counts.

use std::io;
use std::ops::Sub;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::Result;

const BUFFER_LEN: usize = 16 * 1024;

/// The wire. It is cut when dropped.
pub struct Wire {
    /// Where it begins, on 127.0.0.1.
    pub port: u16,
    counts: Arc<Mutex<Counts>>,
    work: JoinHandle<()>,
}

/// What went over all connections.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    /// How often the client said something after PostgreSQL had: it may have waited for that.
    pub round_trips: u64,
    /// To PostgreSQL.
    pub there: Amount,
    /// From PostgreSQL.
    pub back: Amount,
}

/// How much it was.
#[derive(Debug, Default, Clone, Copy)]
pub struct Amount {
    pub messages: u64,
    pub bytes: u64,
}

impl Wire {
    /// A wire to PostgreSQL at this address. It is there for connections from now on.
    pub async fn new(postgres: String) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let counts = Arc::new(Mutex::new(Counts::default()));
        let counted = counts.clone();
        let work = tokio::spawn(async move {
            // What is in it ends with it.
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(connection(client, postgres.clone(), counted.clone()));
            }
        });
        Ok(Self { port, counts, work })
    }

    /// What has gone over it until now.
    pub fn counts(&self) -> Counts {
        *lock(&self.counts)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.work.abort();
    }
}

impl Sub for Counts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        let less = |now: Amount, before: Amount| Amount {
            messages: now.messages - before.messages,
            bytes: now.bytes - before.bytes,
        };
        Self {
            round_trips: self.round_trips - before.round_trips,
            there: less(self.there, before.there),
            back: less(self.back, before.back),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

/// One connection, and where its bytes are counted.
struct Line {
    counts: Arc<Mutex<Counts>>,
    /// Whether PostgreSQL had the last word.
    is_answered: AtomicBool,
}

impl Line {
    fn count(&self, way: Way, messages: u64, bytes: u64) {
        let was_answered = self.is_answered.swap(way == Way::Back, Ordering::Relaxed);
        let mut counts = lock(&self.counts);
        let amount = match way {
            Way::There => {
                counts.round_trips += u64::from(was_answered);
                &mut counts.there
            }
            Way::Back => &mut counts.back,
        };
        amount.messages += messages;
        amount.bytes += bytes;
    }
}

/// Hands on what comes over one connection, until both sides have ended it, or one has broken it off.
async fn connection(
    client: TcpStream,
    postgres: String,
    counts: Arc<Mutex<Counts>>,
) -> io::Result<()> {
    let server = TcpStream::connect(postgres).await?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let line = Line {
        counts,
        is_answered: AtomicBool::new(true),
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::try_join!(
        hand_on(from_client, to_server, Way::There, &line),
        hand_on(from_server, to_client, Way::Back, &line),
    )?;
    Ok(())
}

async fn hand_on(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: Way,
    line: &Line,
) -> io::Result<()> {
    let mut heads = Heads::new(way);
    let mut buffer = vec![0; BUFFER_LEN];
    loop {
        let len = from.read(&mut buffer).await?;
        if len == 0 {
            return to.shutdown().await;
        }
        let bytes = &buffer[..len];
        // Counted first: whoever has an answer finds it counted.
        line.count(way, heads.count(bytes), len as u64);
        to.write_all(bytes).await?;
    }
}

/// Finds the heads of messages in bytes as they come
/// ([PostgreSQL, "Messaging Overview"](https://www.postgresql.org/docs/current/protocol-overview.html)): a byte that is the type, and
/// four that are a length, which counts these four too.
struct Heads {
    /// How many bytes of a head have come.
    known: u8,
    length: u32,
    /// How many bytes are left of the message whose head has come.
    rest: u32,
}

impl Heads {
    /// The first message of a client has no type.
    fn new(way: Way) -> Self {
        Self {
            known: u8::from(way == Way::There),
            length: 0,
            rest: 0,
        }
    }

    /// How many heads are complete with these bytes.
    fn count(&mut self, bytes: &[u8]) -> u64 {
        let mut count = 0;
        for byte in bytes {
            if self.rest > 0 {
                self.rest -= 1;
                continue;
            }
            if self.known > 0 {
                self.length = (self.length << 8) | u32::from(*byte);
            }
            self.known += 1;
            if self.known == 5 {
                count += 1;
                self.rest = self.length.saturating_sub(4);
                (self.known, self.length) = (0, 0);
            }
        }
        count
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    // What is done under the lock cannot fail halfway.
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}
