//! The connections to PostgreSQL: how many there are, and what their ends cost, which is nothing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::interval;

use crate::forward_auth::ask;
use crate::harness::{Client, Server, Test, Wire, eventually};
use crate::overload::allow_many_files;

/// What a check is promised to be answered in.
const CHECK: Duration = Duration::from_secs(5);
/// What everything else is.
const REQUEST: Duration = Duration::from_secs(15);

const LIST: &str = "{ apiKeys { nodes { id } } }";

/// How many connections there may be.
const CONNECTIONS: &str = "APIKEYS_DATABASE_CONNECTIONS";

/// A check of a good key: it passes, and in time.
async fn check(client: &Client, secret: &str) {
    let started = Instant::now();
    let answer = ask(client, secret).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(started.elapsed() < CHECK, "{:?}", started.elapsed());
}

/// A list: it has keys, and in time.
async fn list(client: &Client) {
    let started = Instant::now();
    let page = client.data(LIST, json!({})).await;
    assert_ne!(page["apiKeys"]["nodes"], json!([]));
    assert!(started.elapsed() < REQUEST, "{:?}", started.elapsed());
}

/// So many checks, and so many lists, at once.
async fn at_once(client: &Client, secret: &str, checks: usize, lists: usize) {
    let checks = join_all((0..checks).map(|_| check(client, secret)));
    let lists = join_all((0..lists).map(|_| list(client)));
    tokio::join!(checks, lists);
}

/// Has the server open as many connections as it ever does: it is asked much, and no answer comes before they are there.
async fn open_many(test: &Test, client: &Client, secret: &str) {
    let mut holder = test.database.begin().await;
    let lock = "LOCK TABLE api_keys, api_key_secrets IN ACCESS EXCLUSIVE MODE";
    holder.execute(lock).await;
    let release = async {
        test.database.until_waiting(8).await;
        holder.commit().await;
    };
    tokio::join!(at_once(client, secret, 8, 40), release);
}

pub async fn connections_that_the_database_ends_fail_nothing(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (_, secret) = client.create("key").await;

    open_many(&test, &client, &secret).await;
    test.database.end_connections().await;
    for _ in 0..50 {
        check(&client, &secret).await;
    }
    client.create("after checks").await;

    open_many(&test, &client, &secret).await;
    test.database.end_connections().await;
    at_once(&client, &secret, 50, 16).await;
    client.create("after lists").await;

    // Whatever the checks are about at that moment.
    open_many(&test, &client, &secret).await;
    let (passed, is_over) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let mut checks = JoinSet::new();
    for _ in 0..16 {
        let (client, secret) = (client.clone(), secret.clone());
        let (passed, is_over) = (passed.clone(), is_over.clone());
        checks.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                check(&client, &secret).await;
                passed.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for _ in 0..4 {
        let enough = passed.load(Ordering::Relaxed) + 500;
        eventually("some hundred checks", async || {
            (passed.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
        test.database.end_connections().await;
    }
    is_over.store(true, Ordering::Relaxed);
    checks.join_all().await;
    list(&client).await;
}

/// A server whose connections have all fallen silent, a client, and a good secret.
async fn silenced(test: &Test, wire: &Wire) -> (Server, Client, String) {
    let opened = wire.opened();
    let server = Server::start(test.folder(), &wire.url, &[]).await;
    let client = server.client();
    let (_, secret) = client.create("key").await;
    open_many(test, &client, &secret).await;
    let opened = wire.opened() - opened;
    assert!(opened >= 8, "{opened}");
    wire.freeze();
    (server, client, secret)
}

pub async fn connections_that_fall_silent_fail_nothing(test: Test) {
    let wire = Wire::start(&test.database.url()).await;
    {
        let (_server, client, secret) = silenced(&test, &wire).await;
        for _ in 0..20 {
            check(&client, &secret).await;
        }
    }
    {
        let (_server, client, secret) = silenced(&test, &wire).await;
        at_once(&client, &secret, 16, 0).await;
    }
    let (_server, client, secret) = silenced(&test, &wire).await;
    let before = wire.opened();
    list(&client).await;
    assert!(wire.opened() > before, "by way of another connection");
    client.create("after a list").await;
    at_once(&client, &secret, 16, 16).await;
    client.create("after lists").await;
}

pub async fn connections_that_fall_silent_under_load_fail_no_check(test: Test) {
    allow_many_files();
    let wire = Wire::start(&test.database.url()).await;
    let (_server, client, secret) = silenced(&test, &wire).await;
    // 200 a second.
    let mut pace = interval(Duration::from_millis(5));
    let mut checks = JoinSet::new();
    for i in 0..1_000 {
        pace.tick().await;
        if [300, 600].contains(&i) {
            wire.freeze();
        }
        let (client, secret) = (client.clone(), secret.clone());
        checks.spawn(async move { check(&client, &secret).await });
    }
    checks.join_all().await;
}

/// Counts the connections of one name, as the database sees them, until it is dropped.
struct Watch {
    most: Arc<AtomicI64>,
    counting: JoinHandle<()>,
}

impl Watch {
    async fn start(test: &Test, application_name: &str) -> Self {
        let client = test.database.connect().await;
        let count = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{application_name}' \
            AND datname = current_database()"
        );
        let count = client.prepare(&count).await.unwrap();
        let most = Arc::<AtomicI64>::default();
        let counted = most.clone();
        let counting = tokio::spawn(async move {
            let mut pace = interval(Duration::from_millis(5));
            loop {
                pace.tick().await;
                let now: i64 = client.query_one(&count, &[]).await.unwrap().get(0);
                counted.fetch_max(now, Ordering::Relaxed);
            }
        });
        Self { most, counting }
    }

    /// The most that were seen at once.
    fn most(&self) -> i64 {
        self.most.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.counting.abort();
    }
}

/// Creates, checks and lists.
async fn work(client: &Client) {
    for _ in 0..3 {
        let (_, secret) = client.create("key").await;
        check(client, &secret).await;
        list(client).await;
    }
}

pub async fn two_connections_are_enough(test: Test) {
    let (role, by_role) = test.database.role("CONNECTION LIMIT 2").await;
    // Whoever owns a database may make tables in it.
    let name = test.database.name();
    let own = format!("ALTER DATABASE {name} OWNER TO {role}");
    test.database.execute(&own).await;
    for (name, url) in [("limited", by_role), ("unlimited", test.database.url())] {
        let watch = Watch::start(&test, name).await;
        let url = format!("{url}?application_name={name}");
        let mut server = Server::start(test.folder(), &url, &[(CONNECTIONS, "2")]).await;
        let client = server.client();
        join_all((0..32).map(|_| work(&client))).await;
        assert_eq!(server.stop().await, Some(0));
        let most = watch.most();
        assert!((1..=2).contains(&most), "{name}: {most}");
    }
}

pub async fn there_are_16_connections_where_nobody_says(test: Test) {
    let watch = Watch::start(&test, "apikeys").await;
    let server = test.server().await;
    let client = server.client();
    let (_, secret) = client.create("key").await;
    open_many(&test, &client, &secret).await;
    at_once(&client, &secret, 100, 100).await;
    join_all((0..32).map(|_| work(&client))).await;
    let most = watch.most();
    assert!((8..=16).contains(&most), "{most}");
}

pub async fn a_number_of_connections_that_cannot_be_is_refused(test: Test) {
    for bad in ["1", "0", "-2", "x", ""] {
        let variables = [(CONNECTIONS, bad), ("APIKEYS_LISTEN", "127.0.0.1:0")];
        let refused = test.run(&[], &variables).await;
        assert_eq!(refused.code, Some(2), "{bad}: {}", refused.stderr);
        let lines: Vec<&str> = refused.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{bad}: {lines:?}");
        assert!(lines[0].contains(CONNECTIONS), "{bad}: {lines:?}");
    }
    let help = test.run(&["--help"], &[]).await;
    assert!(help.stdout.contains(CONNECTIONS), "{}", help.stdout);
}

/// The timers of a process's connections to a port of this machine, as Linux tells them: what each is for, and the
/// hundredths of a second until then.
fn timers(pid: u32, port: u16) -> Vec<(u8, u32)> {
    let process = Path::new("/proc").join(pid.to_string());
    let files = std::fs::read_dir(process.join("fd")).unwrap();
    // Some may be closed meanwhile.
    let links = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    let sockets: Vec<String> = links
        .filter_map(|link| {
            let inode = link.to_str()?.strip_prefix("socket:[")?;
            Some(inode.strip_suffix(']')?.to_owned())
        })
        .collect();
    let table = std::fs::read_to_string(process.join("net/tcp")).unwrap();
    let to_port = format!(":{port:04X}");
    let rows = table.lines().map(|line| {
        let fields = line.split_whitespace();
        fields.collect::<Vec<&str>>()
    });
    rows.filter(|row| row[2].ends_with(&to_port) && sockets.iter().any(|socket| socket == row[9]))
        .map(|row| {
            let (purpose, after) = row[5].split_once(':').unwrap();
            (
                u8::from_str_radix(purpose, 16).unwrap(),
                u32::from_str_radix(after, 16).unwrap(),
            )
        })
        .collect()
}

pub async fn a_connection_without_traffic_is_looked_at_after_30_seconds(test: Test) {
    const KEEPALIVE: u8 = 2;
    let server = test.server().await;
    let client = server.client();
    let (_, secret) = client.create("key").await;
    open_many(&test, &client, &secret).await;
    let url = test.database.url();
    let (_, address) = url.split_once('@').unwrap();
    let (address, _) = address.split_once('/').unwrap();
    let port = address.split_once(':').unwrap().1.parse().unwrap();
    // What was sent is acknowledged first, which has a timer too.
    eventually("connections that will be looked at", async || {
        let timers = timers(server.pid(), port);
        let is_soon = |(purpose, after): &(u8, u32)| *purpose == KEEPALIVE && *after <= 3_100;
        (timers.len() >= 8 && timers.iter().all(is_soon)).then_some(())
    })
    .await;
}
