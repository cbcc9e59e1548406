//! What can only be seen on PostgreSQL, which logs and counts what it is asked, and whose URLs have options.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{
    CERTIFICATES, Database, Instance, Server, Test, Wire, cluster_log, eventually,
    make_certificates, root_certificate, run,
};
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
    assert_eq!(queries_of("first: 1", items).await, 1);
    assert_eq!(queries_of("first: 100", items).await, 1);
    assert_eq!(queries_of("last: 100", items).await, 1);
    assert_eq!(
        queries_of(&format!("first: 1, after: \"{middle}\""), items).await,
        2
    );
    assert_eq!(
        queries_of(&format!("first: 100, after: \"{middle}\""), items).await,
        2
    );
    assert_eq!(
        queries_of("first: 100", &format!("{items} totalCount")).await,
        2,
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
        let done = run(test.folder(), &["migrate"], &[("DATABASE_URL", &url)]).await;
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
    let wire = Wire::start(&test.database.url()).await;
    let server = Server::start(test.folder(), &wire.url, &[]).await;
    let client = server.client();
    let (id, _) = client.create("before").await;
    wire.stall(true);
    let query = format!("{{ apiKey(id: \"{id}\") {{ id }} }}");
    let (find, create) = tokio::join!(
        client.graphql(&query, json!({})),
        client.try_create("during")
    );
    assert_eq!(find.code(), "UNAVAILABLE", "{}", find.body);
    assert_eq!(create.unwrap().code(), "UNAVAILABLE");
    wire.stall(false);
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
    let output = run(test.folder(), &[], &[("DATABASE_URL", &url)]).await;
    assert_eq!(output.code, Some(1));
    let named = format!("cannot reach PostgreSQL at {address}");
    assert!(output.stderr.contains(&named), "{}", output.stderr);
}

pub async fn certificates_as_the_manual_makes_them_work_or_are_explained(test: Test) {
    let instance = Instance::new();
    instance.init();
    make_certificates(&instance);
    let other_root = root_certificate().display().to_string();
    for certificate in CERTIFICATES {
        let name = certificate.name;
        let file = format!("ssl_cert_file=../{name}.crt");
        let key = format!("ssl_key_file=../{name}.key");
        instance.start(&["ssl=on", &file, &key]);
        let root = instance.folder().join(certificate.root);
        let root = format!("&sslrootcert={}", root.display());
        let by_name = instance.url("postgres").replace("127.0.0.1", "localhost");
        let migrate = async |mode: &str, root: &str| {
            let url = format!("{by_name}?sslmode={mode}{root}");
            run(test.folder(), &["migrate"], &[("DATABASE_URL", &url)]).await
        };

        // It is one that others take.
        let url = format!("{by_name}?sslmode=verify-full{root}");
        let mut psql = instance.command("psql");
        psql.args(["--no-psqlrc", "--command", "SELECT 1", "--dbname", &url]);
        // Where it looks for a certificate of the client's.
        let taken = psql.env("HOME", instance.folder()).output().unwrap();
        assert!(taken.status.success(), "{name}: {taken:?}");

        for (mode, root) in [
            ("require", ""),
            ("verify-ca", &root),
            ("verify-full", &root),
        ] {
            let done = migrate(mode, root).await;
            if done.code == Some(0) {
                continue;
            }
            let mut lines = done.stderr.lines();
            let told = lines.find(|line| line.starts_with("apikeys: "));
            let told = told.unwrap_or_else(|| panic!("{name} {mode}: {}", done.stderr));
            for part in ["subjectAltName", "certificate"] {
                assert!(told.contains(part), "{name} {mode}: {told}");
            }
            for raw in [
                "CaUsedAsEndEntity",
                "UnsupportedCertVersion",
                "NotValidForName",
                "OtherError",
            ] {
                assert!(!done.stderr.contains(raw), "{name} {mode}: {}", done.stderr);
            }
        }
        // Whoever trusts somebody else is not connected.
        for mode in ["verify-ca", "verify-full"] {
            let refused = migrate(mode, &format!("&sslrootcert={other_root}")).await;
            assert_ne!(refused.code, Some(0), "{name} {mode}");
        }
        instance.stop("fast");
    }
}

pub async fn a_database_of_another_encoding_is_refused(test: Test) {
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let options = format!("ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'");
        let database = Database::postgres(&options).await;
        let url = database.url();
        let variables = [
            ("DATABASE_URL", url.as_str()),
            ("APIKEYS_LISTEN", "127.0.0.1:0"),
        ];
        for arguments in [&["migrate"][..], &[]] {
            let refused = run(test.folder(), arguments, &variables).await;
            assert_eq!(refused.code, Some(2), "{encoding}: {}", refused.stderr);
            let lines: Vec<&str> = refused.stderr.lines().collect();
            assert_eq!(lines.len(), 1, "{encoding}: {lines:?}");
            for part in ["DATABASE_URL", encoding, "UTF8"] {
                assert!(lines[0].contains(part), "{encoding}: {lines:?}");
            }
        }
        assert_eq!(
            database
                .count("pg_tables WHERE schemaname = 'public'")
                .await,
            0
        );
    }
}

pub async fn an_option_that_is_not_known_is_named(test: Test) {
    let password = "hunter2-hunter2-hunter2";
    let with_password = |options: &str| format!("postgres://u:{password}@127.0.0.1:1/d?{options}");
    for (url, named) in [
        (with_password("foo=bar"), "foo"),
        (with_password("sslmode=disable&foo=bar"), "foo"),
        (with_password("sslmod=require"), "sslmod"),
        // What looks like an option is a part of the password.
        (format!("postgres://u:1234?{password}=x@127.0.0.1:1/d"), ""),
        (
            format!("postgres://u:1234?a=b&{password}@127.0.0.1:1/d"),
            "",
        ),
    ] {
        let refused = run(test.folder(), &["migrate"], &[("DATABASE_URL", &url)]).await;
        assert_eq!(refused.code, Some(2), "{url}: {}", refused.stderr);
        let lines: Vec<&str> = refused.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{url}: {lines:?}");
        for part in ["DATABASE_URL", named] {
            assert!(lines[0].contains(part), "{url}: {lines:?}");
        }
        assert!(!lines[0].contains(password), "{url}: {lines:?}");
    }
}
