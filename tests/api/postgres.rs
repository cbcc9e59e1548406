//! What can only be seen on PostgreSQL, which logs and counts what it is asked.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Server, Test, cluster_log, eventually, root_certificate};
use crate::pages::create_many;

pub async fn a_page_costs_the_same_queries_whatever_its_size(test: Test) {
    let name = test.database.name();
    let admin = test.database.connect().await;
    admin
        .batch_execute(&format!("ALTER DATABASE {name} SET log_statement = 'all'"))
        .await
        .unwrap();
    let server = test.server().await;
    let client = server.client();
    create_many(&client, 150).await;
    let middle = client.all_ids().await[75].clone();

    let queries_of = async |arguments: &str, fields: &str| {
        let query = format!("{{ apiKeys({arguments}) {{ {fields} }} }}");
        client.data(&query, json!({})).await; // What a new connection asks first is not the page's cost.
        let before = selects(&name);
        client.data(&query, json!({})).await;
        client.data("{ viewer { owner } }", json!({})).await;
        selects(&name) - before
    };
    let items = "nodes { id name hint owner createdAt createdBy } edges { cursor node { hint } } pageInfo { hasNextPage hasPreviousPage }";
    assert_eq!(queries_of("first: 1", items).await, 2);
    assert_eq!(queries_of("first: 100", items).await, 2);
    assert_eq!(queries_of("last: 100", items).await, 2);
    assert_eq!(
        queries_of(&format!("first: 1, after: \"{middle}\""), items).await,
        3
    );
    assert_eq!(
        queries_of(&format!("first: 100, after: \"{middle}\""), items).await,
        3
    );
    assert_eq!(
        queries_of("first: 100", &format!("{items} totalCount")).await,
        3,
        "the count, where it is selected"
    );
}

/// How many queries for keys the server has logged.
pub fn selects(database: &str) -> usize {
    let is_select = |line: &&String| {
        line.contains("execute") && line.contains("FROM") && line.contains("api_key")
    };
    cluster_log(database).iter().filter(is_select).count()
}

pub async fn a_page_reads_its_own_rows_alone(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let admin = test.database.connect().await;
    // Many keys of the owner and of others, mixed by age.
    let fill = "INSERT INTO api_keys (id, owner, name, created_at, created_by)
        SELECT ('01890a5d-ac96-774b-bcce-' || lpad(to_hex(n), 12, '0'))::uuid,
            CASE WHEN n % 5 = 0 THEN 'local' ELSE 'owner ' || n % 7 END, 'key', now(), 'test'
        FROM generate_series(1, 50000) AS n;
        INSERT INTO api_key_secrets (digest, api_key_id, hint, created_at)
        SELECT sha256(id::text::bytea), id, 'ak_0000…', now() FROM api_keys;
        ANALYZE";
    admin.batch_execute(fill).await.unwrap();
    let rows_read =
        "SELECT (coalesce(sum(seq_tup_read), 0) + coalesce(sum(idx_tup_fetch), 0))::bigint AS n
        FROM pg_stat_user_tables WHERE relname IN ('api_keys', 'api_key_secrets')";
    let middle = test.database.text("SELECT id::text AS t FROM api_keys WHERE owner = 'local' ORDER BY id OFFSET 5000 LIMIT 1").await;
    let settled = async || {
        // A connection reports what it read within a second of falling idle.
        let (mut seen, mut since) = (-1, Instant::now());
        eventually("settled statistics", async || {
            let now = test.database.number(rows_read).await;
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
            (since.elapsed() > Duration::from_secs(2)).then_some(now)
        })
        .await
    };
    for arguments in [
        "first: 20".to_owned(),
        format!("first: 20, after: \"{middle}\""),
        format!("last: 20, before: \"{middle}\""),
    ] {
        let before = settled().await;
        let page = client
            .data(
                &format!("{{ apiKeys({arguments}) {{ nodes {{ id hint }} }} }}"),
                json!({}),
            )
            .await;
        assert_eq!(page["apiKeys"]["nodes"].as_array().unwrap().len(), 20);
        let read = settled().await - before;
        assert!(read <= 100, "{arguments} read {read} rows for a page of 20");
    }
}

pub async fn sslmode_means_what_libpq_says(test: Test) {
    let url = test.database.url();
    let by_name = url.replace("127.0.0.1", "localhost");
    let root = root_certificate().display().to_string();
    let other_root = test.folder().join("other.crt");
    let other = rcgen::generate_simple_self_signed(vec!["other".to_owned()]).unwrap();
    std::fs::write(&other_root, other.cert.pem()).unwrap();
    let other_root = other_root.display().to_string();
    for (url, parameters, reaches, encrypted) in [
        (&url, "sslmode=disable".to_owned(), true, false),
        (&url, "sslmode=prefer".to_owned(), true, true),
        (&url, "sslmode=require".to_owned(), true, true),
        (
            &url,
            format!("sslmode=verify-ca&sslrootcert={root}"),
            true,
            true,
        ),
        (
            &url,
            format!("sslmode=require&sslrootcert={root}"),
            true,
            true,
        ),
        (
            &url,
            format!("sslmode=require&sslrootcert={other_root}"),
            false,
            true,
        ),
        (
            &url,
            format!("sslmode=verify-full&sslrootcert={root}"),
            false,
            true,
        ),
        (
            &by_name,
            format!("sslmode=verify-full&sslrootcert={root}"),
            true,
            true,
        ),
        (&by_name, "sslmode=verify-full".to_owned(), false, true),
        (&by_name, "sslmode=verify-ca".to_owned(), false, true),
    ] {
        let url = format!("{url}?application_name=tls%20test&{parameters}");
        let done =
            crate::harness::run(test.folder(), &["migrate"], &[("DATABASE_URL", &url)]).await;
        if !reaches {
            // Where the system itself trusts nobody, that is a mistake in the configuration.
            assert_ne!(done.code, Some(0), "{parameters}");
            assert!(
                done.stderr.contains("certificate") || done.stderr.contains("authority"),
                "{}",
                done.stderr
            );
            continue;
        }
        assert_eq!(done.code, Some(0), "{parameters}: {}", done.stderr);
        let server = Server::start(test.folder(), &url, &[]).await;
        server.client().create("key").await;
        let connections =
            "pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'tls test'";
        assert!(test.database.count(connections).await > 0, "{parameters}");
        assert_eq!(
            test.database
                .count(&format!("{connections} AND ssl = {}", !encrypted))
                .await,
            0,
            "{parameters}"
        );
    }
}

pub async fn a_server_that_does_not_answer_is_an_outage(test: Test) {
    let mut proxy = Proxy::start(&test.database.url()).await;
    let server = Server::start(test.folder(), &proxy.url, &[]).await;
    let client = server.client();
    let (id, _) = client.create("before").await;
    proxy.stall(true);
    let query = format!("{{ apiKey(id: \"{id}\") {{ id }} }}");
    let (find, create) = tokio::join!(
        client.graphql(&query, json!({})),
        client.try_create("during")
    );
    assert_eq!(find.code(), "UNAVAILABLE", "{}", find.body);
    assert_eq!(create.unwrap().code(), "UNAVAILABLE");
    proxy.stall(false);
    eventually("the end of the outage", async || {
        let answer = client.graphql(&query, json!({})).await;
        (answer.body["data"]["apiKey"]["id"] == json!(id)).then_some(())
    })
    .await;
}

pub async fn a_server_that_accepts_and_says_nothing_is_reported_at_start(test: Test) {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let url = format!("postgres://u@{address}/d");
    let output = crate::harness::run(test.folder(), &[], &[("DATABASE_URL", &url)]).await;
    assert_eq!(output.code, Some(1));
    let named = format!("cannot reach PostgreSQL at {address}");
    assert!(output.stderr.contains(&named), "{}", output.stderr);
}

/// Stands between the server and PostgreSQL, and can hold back what passes.
pub struct Proxy {
    pub url: String,
    stalled: tokio::sync::watch::Sender<bool>,
}

impl Proxy {
    pub async fn start(url: &str) -> Self {
        let (before, rest) = url.split_once('@').unwrap();
        let (address, database) = rest.split_once('/').unwrap();
        let (stalled, is_stalled) = tokio::sync::watch::channel(false);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "{before}@{}/{database}?sslmode=disable",
            listener.local_addr().unwrap()
        );
        let address = address.to_owned();
        tokio::spawn(async move {
            while let Ok((inner, _)) = listener.accept().await {
                let (address, is_stalled) = (address.clone(), is_stalled.clone());
                tokio::spawn(async move {
                    let outer = tokio::net::TcpStream::connect(address).await.unwrap();
                    let ((read_in, write_in), (read_out, write_out)) =
                        (inner.into_split(), outer.into_split());
                    tokio::join!(
                        pass(read_in, write_out, is_stalled.clone()),
                        pass(read_out, write_in, is_stalled)
                    );
                });
            }
        });
        Self { url, stalled }
    }

    pub fn stall(&mut self, stalled: bool) {
        self.stalled.send(stalled).unwrap();
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut is_stalled: tokio::sync::watch::Receiver<bool>,
) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if is_stalled.wait_for(|stalled| !stalled).await.is_err()
            || to.write_all(&buffer[..count]).await.is_err()
        {
            return;
        }
    }
}
