//! Revocation is exact: from the moment that a deletion was answered, no server accepts the key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::forward_auth::ask;
use crate::harness::{Client, Kind, Test, eventually};

const CLIENTS: usize = 64;
const ROUNDS: usize = 5;

/// What 64 clients saw of one key.
#[derive(Default)]
struct Seen {
    accepted: AtomicUsize,
    refused: AtomicUsize,
    /// Set before the deletion is sent, and when its answer is there.
    deletion_begins: AtomicBool,
    is_deleted: AtomicBool,
}

pub async fn a_deleted_key_is_accepted_by_no_request_that_starts_after_the_answer(test: Test) {
    // Two servers on one PostgreSQL; of SQLite, one is all there is.
    let servers = match test.database.kind() {
        Kind::Postgres => vec![test.server().await, test.server().await],
        Kind::Sqlite => vec![test.server().await],
    };
    let operator = servers[0].client();
    for _ in 0..ROUNDS {
        let (id, secret) = operator.create("hammered").await;
        let seen = Arc::new(Seen::default());
        let mut clients = tokio::task::JoinSet::new();
        for i in 0..CLIENTS {
            let base = servers[i % servers.len()].base.clone();
            let client = Client {
                base,
                token: None,
                ..operator.clone()
            };
            clients.spawn(hammer(client, secret.clone(), seen.clone()));
        }
        eventually("much traffic", async || {
            (seen.accepted.load(Ordering::SeqCst) > 10 * CLIENTS).then_some(())
        })
        .await;
        seen.deletion_begins.store(true, Ordering::SeqCst);
        assert_eq!(operator.delete(&id).await.code(), "(no code)");
        seen.is_deleted.store(true, Ordering::SeqCst);
        clients.join_all().await;
        assert!(seen.refused.load(Ordering::SeqCst) >= CLIENTS);
    }
}

/// Asks again and again, until some requests that started after the deletion were refused.
async fn hammer(client: Client, secret: String, seen: Arc<Seen>) {
    let mut after = 0;
    while after < 5 {
        let started_after = seen.is_deleted.load(Ordering::SeqCst);
        let status = ask(&client, &secret)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16();
        let ended_before = !seen.deletion_begins.load(Ordering::SeqCst);
        match status {
            200 => {
                assert!(
                    !started_after,
                    "accepted, though its deletion had been answered"
                );
                seen.accepted.fetch_add(1, Ordering::SeqCst);
            }
            401 => {
                assert!(
                    !ended_before,
                    "refused, though nobody had begun to delete it"
                );
                seen.refused.fetch_add(1, Ordering::SeqCst);
            }
            other => panic!("answered {other}"),
        }
        after += usize::from(started_after);
    }
}

pub async fn callers_that_go_away_harm_no_other(test: Test) {
    let server = test.server().await;
    let (_, secret) = server.client().create("shared").await;
    let stranger = server.stranger();
    for _ in 0..5 {
        let mut leaving = tokio::task::JoinSet::new();
        let mut staying = tokio::task::JoinSet::new();
        for i in 0..CLIENTS {
            let request = ask(&stranger, &secret);
            if i % 2 == 0 {
                leaving.spawn(request.send());
            } else {
                staying.spawn(request.send());
            }
        }
        tokio::task::yield_now().await;
        leaving.abort_all();
        for answer in staying.join_all().await {
            assert_eq!(answer.unwrap().status(), 200);
        }
    }
}
