//! A database with several addresses, of which some are dead: these cost a moment, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream};

use crate::forward_auth::status;
use crate::harness::{Server, Test, eventually};

/// An address where whoever connects is accepted, and never told anything.
struct Silent {
    address: String,
    /// How many connected.
    callers: Arc<AtomicUsize>,
}

impl Silent {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let callers = Arc::<AtomicUsize>::default();
        let counted = callers.clone();
        tokio::spawn(async move {
            let mut held: Vec<TcpStream> = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { address, callers }
    }

    fn callers(&self) -> usize {
        self.callers.load(Ordering::Relaxed)
    }
}

pub async fn a_dead_address_costs_a_moment(test: Test) {
    let dead = [Silent::start().await, Silent::start().await];
    let callers = || dead.each_ref().map(Silent::callers);
    let url = test.database.url();
    let (user, living) = url.split_once('@').unwrap();
    let [first, second] = dead.each_ref().map(|silent| silent.address.as_str());
    let url = format!("{user}@{first},{second},{living}?sslmode=disable");

    let server = Server::start(test.folder(), &url, &[]).await;
    let (_, secret) = server.client().create("key").await;
    assert_eq!(status(&server, &secret).await, 200);
    let before = callers();
    assert!(before.iter().all(|count| *count > 0), "{before:?}");

    // All its connections end, and each new one meets the dead addresses first.
    test.database.forbid_connections().await;
    test.database.allow_connections().await;
    eventually("a check that passes", async || {
        let seen = status(&server, &secret).await;
        assert_ne!(seen, 401, "a good key is never called a bad one");
        (seen == 200).then_some(())
    })
    .await;
    for i in 0..20 {
        assert_eq!(status(&server, &secret).await, 200, "check {i}");
    }
    let after = callers();
    let were_met = (0..2).all(|i| after[i] > before[i]);
    assert!(were_met, "{before:?}, then {after:?}");
}
