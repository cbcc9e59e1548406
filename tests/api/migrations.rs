//! The tables brought up to date: by whom, while others wait or hold a lock, and what is left alone.

use std::time::{Duration, Instant};

use apikeys::key::secret::{Prefix, Secret};
use serde_json::json;
use tokio::time::timeout;

use crate::changes::update;
use crate::forward_auth::status;
use crate::harness::{Database, Kind, Server, Test, cluster_log, eventually, run, text};

/// The lock of whoever migrates: the ASCII of `apikeys`.
const LOCK: i64 = 0x61_70_69_6b_65_79_73;

/// How long nothing takes that waits for nobody.
const AT_ONCE: Duration = Duration::from_secs(20);

pub async fn a_role_that_may_make_no_tables_serves(test: Test) {
    let migrated = test.run(&["migrate"], &[]).await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
    let (role, url) = test.database.role("").await;
    let grant = format!(
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    );
    test.database.execute(&grant).await;
    let may_make =
        format!("SELECT CAST(has_schema_privilege('{role}', 'public', 'CREATE') AS text) AS t");
    assert_eq!(test.database.text(&may_make).await, "false");

    let server = Server::start(test.folder(), &url, &[]).await;
    let client = server.client();
    let (id, first) = client.create("key").await;
    assert_eq!(status(&server, &first).await, 200);
    assert_eq!(client.all_ids().await, [id.as_str()]);
    let renamed = update(&client, json!({"id": id, "name": "another"})).await;
    assert_eq!(renamed.code(), "(no code)", "{}", renamed.body);
    let rotate = format!("mutation {{ rotateApiKey(input: {{id: \"{id}\"}}) {{ secret }} }}");
    let rotated = client.data(&rotate, json!({})).await;
    let second = text(&rotated["rotateApiKey"]["secret"]);
    assert_eq!(status(&server, &first).await, 401);
    assert_eq!(status(&server, &second).await, 200);
    let used = "api_key_secrets WHERE last_used_at IS NOT NULL";
    eventually("the time of the last use", async || {
        (test.database.count(used).await > 0).then_some(())
    })
    .await;
    assert_eq!(client.delete(&id).await.code(), "(no code)");
    assert_eq!(status(&server, &second).await, 401);

    // So does the command line, and there is nothing for it to migrate.
    let arguments = ["create-key", "--owner=acme", "--name=key"];
    let made = run(test.folder(), &arguments, &[("DATABASE_URL", &url)]).await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let again = run(test.folder(), &["migrate"], &[("DATABASE_URL", &url)]).await;
    assert_eq!(again.code, Some(0), "{}", again.stderr);
}

/// Runs the two commands that look into a database that others have made; each refuses, and says what to do.
async fn refuse_to_look(test: &Test) {
    let secret = Secret::generate(&Prefix::parse("ak").unwrap()).unwrap();
    let file = test.folder().join("a.env");
    std::fs::write(&file, format!("KEY={}\n", secret.expose_secret())).unwrap();
    for arguments in [
        ["scan", "--check", file.to_str().unwrap()].as_slice(),
        &["revoke", "--owner", "acme", "--all"],
    ] {
        let refused = test.run(arguments, &[]).await;
        assert_ne!(refused.code, Some(0), "{arguments:?}: {}", refused.stderr);
        assert_eq!(refused.stdout, "", "{arguments:?}");
        let mut lines = refused.stderr.lines();
        let told = lines.find(|line| line.starts_with("apikeys: "));
        let told = told.unwrap_or_else(|| panic!("{arguments:?}: {}", refused.stderr));
        assert!(told.contains("apikeys migrate"), "{arguments:?}: {told}");
    }
}

pub async fn who_only_looks_does_not_migrate(test: Test) {
    if test.database.kind() == Kind::Postgres {
        refuse_to_look(&test).await;
        let tables = "pg_tables WHERE schemaname = 'public'";
        assert_eq!(test.database.count(tables).await, 0, "it stays empty");
    }
    test.database.migrate_to(1).await;
    let before = test.database.versions().await;
    refuse_to_look(&test).await;
    assert_eq!(test.database.versions().await, before);

    let migrated = test.run(&["migrate"], &[]).await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
    assert_ne!(test.database.versions().await, before);
    let revoked = test.run(&["revoke", "--owner=acme", "--all"], &[]).await;
    assert_eq!(revoked.code, Some(0), "{}", revoked.stderr);
    assert_eq!(revoked.stdout, "0 keys deleted\n");
}

/// Somebody else who has the lock, and the number of their connection.
async fn hold_lock(test: &Test) -> (tokio_postgres::Client, i32) {
    let holder = test.database.connect().await;
    let take =
        format!("SET application_name = 'holder of the lock'; SELECT pg_advisory_lock({LOCK})");
    holder.batch_execute(&take).await.unwrap();
    let own = holder.query_one("SELECT pg_backend_pid()", &[]).await;
    let pid = own.unwrap().get(0);
    (holder, pid)
}

/// Takes the minute that it is about.
pub async fn the_wait_for_another_that_migrates_ends_and_names_it(test: Test) {
    test.database.migrate_to(1).await;
    let before = test.database.versions().await;
    let (_holder, pid) = hold_lock(&test).await;
    let begun = Instant::now();
    let refused = test.run(&["migrate"], &[]).await;
    let waited = begun.elapsed();
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(waited > Duration::from_secs(50), "{waited:?}");
    let mut lines = refused.stderr.lines();
    let told = lines.find(|line| line.contains("holder of the lock"));
    let told = told.unwrap_or_else(|| panic!("{}", refused.stderr));
    assert!(told.contains(&pid.to_string()), "{pid}: {told}");
    assert_eq!(test.database.versions().await, before);
}

pub async fn whoever_waits_for_another_that_migrates_goes_on_after_it(test: Test) {
    test.database.migrate_to(1).await;
    let before = test.database.versions().await;
    let (holder, _) = hold_lock(&test).await;
    let asks =
        "pg_stat_activity WHERE datname = current_database() AND query LIKE '%advisory_xact_lock%'
        AND application_name = 'apikeys'";
    let release = async {
        eventually("somebody who asks for the lock", async || {
            (test.database.count(asks).await > 0).then_some(())
        })
        .await;
        assert_eq!(test.database.versions().await, before);
        let give_back = format!("SELECT pg_advisory_unlock({LOCK})");
        holder.batch_execute(&give_back).await.unwrap();
    };
    let (migrated, ()) = tokio::join!(test.run(&["migrate"], &[]), release);
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
    assert_ne!(test.database.versions().await, before);

    // Whoever has nothing to migrate waits for nobody.
    let (_holder, _) = hold_lock(&test).await;
    let server = timeout(AT_ONCE, test.server()).await.unwrap();
    server.client().create("key").await;
    let again = timeout(AT_ONCE, test.run(&["migrate"], &[])).await;
    assert_eq!(again.unwrap().code, Some(0));
}

pub async fn a_migration_that_gets_no_lock_is_tried_again(test: Test) {
    test.database.migrate_to(2).await;
    test.database.execute(KEYS_OF_BEFORE).await;
    let before = test.database.versions().await;
    // As a reader does who takes his time, such as a backup.
    let mut reader = test.database.begin().await;
    let read = "LOCK TABLE api_keys, api_key_secrets IN ACCESS SHARE MODE";
    reader.execute(read).await;
    let name = test.database.name();
    let release = async {
        eventually("two waits for a lock that were given up", async || {
            let log = cluster_log(&name);
            let given_up = |line: &&String| {
                line.contains("lock timeout") || line.contains("could not obtain lock")
            };
            (log.iter().filter(given_up).count() >= 2).then_some(())
        })
        .await;
        assert_eq!(test.database.versions().await, before);
        reader.commit().await;
    };
    let (migrated, ()) = tokio::join!(test.run(&["migrate"], &[]), release);
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
    assert_ne!(test.database.versions().await, before);
    let filled = "api_key_secrets WHERE key_owner LIKE 'owner %'";
    assert_eq!(test.database.count(filled).await, 2_000);
}

/// Keys of several owners, each with a secret and an event, in the tables of the first version on PostgreSQL.
const KEYS_OF_BEFORE: &str =
    "INSERT INTO api_keys (id, owner, name, created_at, created_by)
    SELECT ('01890a5d-ac96-774b-bcce-' || lpad(to_hex(n), 12, '0'))::uuid, 'owner ' || n % 7, 'key', now(), 'test'
    FROM generate_series(1, 2000) AS n;
    INSERT INTO api_key_secrets (digest, api_key_id, hint, created_at)
    SELECT sha256(id::text::bytea), id, 'ak_0000…', now() FROM api_keys;
    INSERT INTO api_key_events (id, api_key_id, api_key_name, owner, actor, credential, action, at, changes)
    SELECT id, id, name, owner, 'test', 'COMMAND_LINE', 'CREATED', now(), '[]' FROM api_keys";

pub async fn owners_are_compared_byte_by_byte(test: Test) {
    let check = async |database: &Database| {
        let url = database.url();
        let migrated = run(test.folder(), &["migrate"], &[("DATABASE_URL", &url)]).await;
        assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
        let collations = "SELECT string_agg(relname || ' ' || collname, ', ' ORDER BY relname) AS t
            FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
            JOIN pg_collation ON pg_collation.oid = attcollation
            WHERE attname = 'owner' AND relkind = 'r' AND relnamespace = 'public'::regnamespace";
        let expected = "api_key_events C, api_keys C";
        assert_eq!(database.text(collations).await, expected);
        // An index of another order than the column's would say so.
        let usable = "pg_index WHERE indisvalid AND pg_get_indexdef(indexrelid) LIKE '%(owner, id)' AND indrelid = ";
        for table in ["api_keys", "api_key_events"] {
            let usable = format!("{usable}'{table}'::regclass");
            assert!(database.count(&usable).await > 0, "{table}");
        }
        assert_eq!(database.count("pg_index WHERE NOT indisvalid").await, 0);
    };
    check(&test.database).await;

    // Where there were keys already.
    let older = Database::postgres("").await;
    older.migrate_to(1).await;
    older.execute(KEYS_OF_BEFORE).await;
    check(&older).await;
    for table in ["api_keys", "api_key_events"] {
        let of_owner = format!("{table} WHERE owner = 'owner 3'");
        assert_eq!(older.count(&of_owner).await, 286, "{table}");
    }
    let url = older.url();
    let arguments = ["revoke", "--owner=owner 3", "--all"];
    let revoked = run(test.folder(), &arguments, &[("DATABASE_URL", &url)]).await;
    assert_eq!(revoked.stdout, "286 keys deleted\n", "{}", revoked.stderr);
}
