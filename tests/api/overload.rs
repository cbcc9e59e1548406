//! Much to do at once, or a database that does not answer: checks are answered all the same, and everything else in its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use apikeys::bounds;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::forward_auth::{ask, status};
use crate::harness::{Answer, Client, Kind, Server, Test, Wire, cluster_log, eventually};
use crate::postgres::selects;

/// What a check is promised to be answered in.
const CHECK: Duration = Duration::from_secs(5);
/// What everything else is.
const REQUEST: Duration = Duration::from_secs(15);
/// What this machine may take for itself, where a promise is compared with the clock.
const SLACK: Duration = Duration::from_secs(2);

const LIST: &str = "{ apiKeys { nodes { id } } }";

/// How many different questions are in a document of [`questions`]: fewer than may be.
const QUESTIONS: usize = 60;

/// A document of different questions.
fn questions(arguments: &str) -> String {
    let question = |i| format!("q{i}: apiKeys(first: {i}{arguments}) {{ nodes {{ id }} }} ");
    format!(
        "{{ {} }}",
        (1..=QUESTIONS).map(question).collect::<String>()
    )
}

/// Many clients need many files, which this process may have to ask for.
pub fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where it is refused there may be enough, too.
    let _ = setrlimit(Resource::Nofile, all);
}

pub async fn checks_are_answered_while_everything_else_waits(test: Test) {
    allow_many_files();
    let server = test.server().await;
    let (client, stranger) = (server.client(), server.stranger());
    let secret = test.key("acme", &[]).await;
    // Lists read this table. Checks do not.
    let lock = "LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE";
    let mut holder = test.database.begin().await;
    holder.execute(lock).await;
    let mut lists = JoinSet::new();
    for _ in 0..60 {
        let client = client.clone();
        lists.spawn(async move { client.graphql(LIST, json!({})).await });
    }
    test.database.until_waiting(8).await;
    for _ in 0..50 {
        assert_eq!(ask(&stranger, &secret).send().await.unwrap().status(), 200);
    }
    // The lock is held for longer than anybody waits.
    let answers = lists.join_all().await;
    drop(holder);
    let codes: Vec<&str> = answers.iter().map(Answer::code).collect();
    assert_eq!(codes, vec!["UNAVAILABLE"; 60]);
    let refused: Vec<&Answer> = answers.iter().filter(|one| one.status == 503).collect();
    assert!(!refused.is_empty(), "those whose turn did not come");
    for answer in refused {
        assert_ne!(answer.header("retry-after"), "(none)");
    }

    // More than may wait are told so at once, while the others wait.
    let more = 50;
    let address = server.base.strip_prefix("http://").unwrap();
    let (token, body) = (&server.token, json!({"query": LIST}).to_string());
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
        Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // Connected before it counts, so that they come together.
    let mut streams = Vec::new();
    for _ in 0..bounds::EXECUTIONS + bounds::TURNS + more {
        streams.push(TcpStream::connect(address).await.unwrap());
    }
    let mut holder = test.database.begin().await;
    holder.execute(lock).await;
    let mut lists = JoinSet::new();
    for mut stream in streams {
        let request = request.clone();
        lists.spawn(async move {
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        });
    }
    for _ in 0..more / 2 {
        let answer = lists.join_next().await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.to_lowercase().contains("\nretry-after:"), "{answer}");
        assert!(answer.contains("\"UNAVAILABLE\""), "{answer}");
    }
    assert_eq!(ask(&stranger, &secret).send().await.unwrap().status(), 200);
    drop(holder);
    for answer in lists.join_all().await {
        assert!(!answer.contains("INTERNAL"), "{answer}");
    }
    client.data(LIST, json!({})).await;
}

/// Gives the local owner so many keys that an order that no index has costs something.
async fn fill(test: &Test) {
    let statement = match test.database.kind() {
        Kind::Sqlite => {
            "BEGIN;
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 5000)
            INSERT INTO api_keys (id, owner, name, name_folded, created_at, created_by)
            SELECT unhex(printf('01890a5dac96774bbcce%012x', n)), 'local', 'many', 'many', 0, 'test' FROM numbers;
            INSERT INTO api_key_secrets (digest, api_key_id, hint, created_at, last_used_at)
            SELECT randomblob(32), id, 'ak_0000…', 0, 1 FROM api_keys WHERE name = 'many';
            COMMIT"
        }
        Kind::Postgres => {
            "INSERT INTO api_keys (id, owner, name, name_folded, created_at, created_by)
            SELECT ('01890a5d-ac96-774b-bcce-' || lpad(to_hex(n), 12, '0'))::uuid, 'local', 'many', 'many', now(), 'test'
            FROM generate_series(1, 5000) AS n;
            INSERT INTO api_key_secrets (digest, api_key_id, hint, created_at, last_used_at)
            SELECT sha256(id::text::bytea), id, 'ak_0000…', now(), now() FROM api_keys WHERE name = 'many';
            ANALYZE"
        }
    };
    test.database.execute(statement).await;
}

pub async fn heavy_documents_do_not_hold_up_checks(test: Test) {
    let server = test.server().await;
    fill(&test).await;
    let (client, stranger) = (server.client(), server.stranger());
    let secret = test.key("acme", &[]).await;
    let document = questions(", orderBy: {field: LAST_USED_AT, direction: DESC}");
    let is_over = Arc::new(AtomicBool::new(false));
    let mut work = JoinSet::new();
    for _ in 0..40 {
        let (client, document, is_over) = (client.clone(), document.clone(), is_over.clone());
        work.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                let answer = client.graphql(&document, json!({})).await;
                let code = answer.code();
                assert!(["(no code)", "UNAVAILABLE"].contains(&code), "{code}");
            }
        });
    }
    let begun = Instant::now();
    let mut checks = 0;
    while checks < 100 || begun.elapsed() < Duration::from_secs(6) {
        let started = Instant::now();
        assert_eq!(ask(&stranger, &secret).send().await.unwrap().status(), 200);
        assert!(started.elapsed() < CHECK, "{:?}", started.elapsed());
        checks += 1;
    }
    is_over.store(true, Ordering::Relaxed);
    work.join_all().await;
}

pub async fn a_query_whose_client_is_gone_ends(test: Test) {
    let name = test.database.name();
    let log_all = format!("ALTER DATABASE {name} SET log_statement = 'all'");
    test.database.execute(&log_all).await;
    let server = test.server().await;
    let client = server.client();
    client.create("key").await;
    client.data(LIST, json!({})).await;

    let mut holder = test.database.begin().await;
    let lock = "LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE";
    holder.execute(lock).await;
    let before = selects(&name);
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.graphql(&questions(""), json!({})).await }
    });
    test.database.until_waiting(8).await;
    asking.abort();
    // The server hears of it when it next looks at the connection, which nobody else can see.
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(holder);

    let (mut seen, mut since) = (0, Instant::now());
    let asked = eventually("an end of the questions", async || {
        let now = selects(&name) - before;
        if now != seen {
            (seen, since) = (now, Instant::now());
        }
        (since.elapsed() > Duration::from_secs(2)).then_some(now)
    })
    .await;
    let active = format!(
        "pg_stat_activity WHERE datname = '{name}' AND application_name = 'apikeys' AND state <> 'idle'"
    );
    assert_eq!(test.database.count(&active).await, 0);
    // What was on its way goes to its end, which may be as many as there are connections.
    assert!((1..QUESTIONS).contains(&asked), "{asked}");
    client.data(LIST, json!({})).await;
}

pub async fn a_frozen_database_is_an_outage_within_five_seconds(test: Test) {
    allow_many_files();
    let wire = Wire::start(&test.database.url()).await;
    let server = Server::start(test.folder(), &wire.url, &[]).await;
    let (client, stranger) = (server.client(), server.stranger());
    let secret = test.key("acme", &[]).await;
    assert_eq!(status(&server, &secret).await, 200);
    let ready = || stranger.http.get(stranger.url("/readyz"));
    wire.stall(true);
    for wave in 0..3 {
        let mut checks = JoinSet::new();
        for _ in 0..400 {
            let request = ask(&stranger, &secret);
            checks.spawn(async move {
                let started = Instant::now();
                let answer = Answer::of(request).await.unwrap();
                (answer, started.elapsed())
            });
        }
        for (answer, waited) in checks.join_all().await {
            assert_eq!(answer.status, 503, "wave {wave}");
            assert_ne!(answer.header("retry-after"), "(none)", "wave {wave}");
            assert!(waited < CHECK + SLACK, "wave {wave}: {waited:?}");
        }
    }
    let by_key = Client::new(&server.base, Some(&secret));
    let started = Instant::now();
    let (listed, made, own, ready_now) = tokio::join!(
        client.graphql(LIST, json!({})),
        client.try_create("during"),
        by_key.graphql("{ viewer { owner } }", json!({})),
        Answer::of(ready()),
    );
    let waited = started.elapsed();
    assert!(waited < REQUEST + SLACK, "{waited:?}");
    for answer in [listed, made.unwrap(), own] {
        assert_eq!(answer.code(), "UNAVAILABLE", "{}", answer.body);
    }
    assert_eq!(ready_now.unwrap().status, 503);

    wire.stall(false);
    eventually("the end of the outage", async || {
        let is_ready = Answer::of(ready()).await.unwrap().status == 200;
        (is_ready && status(&server, &secret).await == 200).then_some(())
    })
    .await;
    client.create("after").await;
}

pub async fn readyz_asks_once_for_all(test: Test) {
    allow_many_files();
    let name = test.database.name();
    let log_all = format!("ALTER DATABASE {name} SET log_statement = 'all'");
    test.database.execute(&log_all).await;
    let server = test.server().await;
    let stranger = server.stranger();
    let ready = || Answer::of(stranger.http.get(stranger.url("/readyz")));
    assert_eq!(ready().await.unwrap().status, 200);

    let mut holder = test.database.begin().await;
    let lock = "LOCK TABLE api_keys, api_key_secrets IN ACCESS EXCLUSIVE MODE";
    holder.execute(lock).await;
    let executed = || {
        let log = cluster_log(&name);
        log.iter().filter(|line| line.contains("execute")).count()
    };
    let before = executed();
    let mut asking = JoinSet::new();
    for _ in 0..200 {
        asking.spawn(ready());
    }
    // That all of them have come, nobody can see.
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(holder);
    for answer in asking.join_all().await {
        assert_eq!(answer.unwrap().status, 200);
    }
    let asked = executed() - before;
    assert!((1..40).contains(&asked), "{asked} statements for 200");
}
