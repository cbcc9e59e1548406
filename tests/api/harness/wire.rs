//! The network between a server and PostgreSQL: it can hold back what passes, and connections on it can fall silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes on what it is sent. It ends with the scenario.
pub struct Wire {
    /// The database by way of it.
    pub url: String,
    state: watch::Sender<State>,
    opened: Arc<AtomicUsize>,
}

#[derive(Default)]
struct State {
    /// Everything waits.
    is_stalled: bool,
    /// So many connections, which were the first, pass nothing on any more.
    frozen: usize,
}

impl Wire {
    /// To where a URL without options says.
    pub async fn start(url: &str) -> Self {
        let (user, rest) = url.split_once('@').unwrap();
        let (address, database) = rest.split_once('/').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap();
        let (state, watched) = watch::channel(State::default());
        let opened = Arc::<AtomicUsize>::default();
        let (counted, address) = (opened.clone(), address.to_owned());
        tokio::spawn(async move {
            while let Ok((inner, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let (address, watched) = (address.clone(), watched.clone());
                tokio::spawn(async move {
                    // Whoever connects hears of a database that is not there by the end of the connection.
                    if let Ok(outer) = TcpStream::connect(address).await {
                        connect(inner, outer, number, watched).await;
                    }
                });
            }
        });
        Self {
            url: format!("{user}@{own}/{database}?sslmode=disable"),
            state,
            opened,
        }
    }

    /// Holds back whatever is sent, or lets it pass again.
    pub fn stall(&self, is_stalled: bool) {
        self.state
            .send_modify(|state| state.is_stalled = is_stalled);
    }

    /// From here on the connections that there are stay open and pass nothing on, not even that one side closed them. New ones work.
    pub fn freeze(&self) {
        let opened = self.opened();
        self.state.send_modify(|state| state.frozen = opened);
    }

    /// How many connections there were until now.
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }
}

async fn connect(inner: TcpStream, outer: TcpStream, number: usize, state: watch::Receiver<State>) {
    for stream in [&inner, &outer] {
        stream.set_nodelay(true).unwrap();
    }
    let ((read_in, write_in), (read_out, write_out)) = (inner.into_split(), outer.into_split());
    tokio::join!(
        pass(read_in, write_out, number, state.clone()),
        pass(read_out, write_in, number, state),
    );
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: usize,
    mut state: watch::Receiver<State>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await.unwrap_or_default();
        let turn = state.wait_for(|state| !state.is_stalled && number >= state.frozen);
        let may_pass = turn.await.is_ok();
        // Nothing read is the end, which the other side then hears of too.
        if count == 0 || !may_pass || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
