//! What a database or a role sets for its sessions changes none of the promises.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::harness::Test;

pub async fn settings_of_the_database_change_no_promise(test: Test) {
    let name = test.database.name();
    let set = async |setting: &str| {
        let alter = format!("ALTER DATABASE {name} SET {setting}");
        test.database.execute(&alter).await;
    };
    for setting in [
        "default_transaction_isolation = 'repeatable read'",
        "default_transaction_read_only = on",
        "synchronous_commit = off",
        "lock_timeout = '1ms'",
        // As long as it takes to say otherwise, on a machine that has much to do.
        "statement_timeout = '100ms'",
    ] {
        set(setting).await;
    }
    // What a role has in a database wins over that.
    let of_role = format!(
        "ALTER ROLE postgres IN DATABASE {name} SET default_transaction_isolation = 'serializable'"
    );
    test.database.execute(&of_role).await;

    let migrated = test.run(&["migrate"], &[]).await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
    let witness = "CREATE TABLE seen (settings text NOT NULL);
        CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO seen SELECT current_setting('synchronous_commit') || ', ' || current_setting('transaction_isolation');
            RETURN NULL;
        END
        $$;
        CREATE TRIGGER see AFTER INSERT ON api_keys FOR EACH ROW EXECUTE FUNCTION see()";
    test.database.execute(witness).await;
    let seen = async || {
        let all = "SELECT coalesce(string_agg(DISTINCT settings, '; '), '') AS t FROM seen";
        let seen = test.database.text(all).await;
        test.database.execute("DELETE FROM seen").await;
        seen
    };

    let variables = [("APIKEYS_MAX_KEYS_PER_OWNER", "5")];
    let servers = [
        test.server_with(&variables).await,
        test.server_with(&variables).await,
    ];
    let clients = servers.each_ref().map(|server| server.client());
    let mut creations = JoinSet::new();
    for i in 0..100 {
        let client = clients[i % 2].clone();
        creations.spawn(async move { client.try_create("key").await.unwrap() });
    }
    let mut made = 0;
    for answer in creations.join_all().await {
        match answer.code() {
            "(no code)" => made += 1,
            code => assert_eq!(code, "LIMIT_REACHED", "{}", answer.body),
        }
    }
    assert_eq!(made, 5);
    let of_local = "api_keys WHERE owner = 'local'";
    assert_eq!(test.database.count(of_local).await, 5);
    assert_eq!(seen().await, "on, read committed");

    // Whoever waits for a lock waits longer than the database says.
    let blocker = test.database.block_writers().await;
    let release = async {
        test.database.until_waiting(1).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        drop(blocker);
    };
    let (_, ()) = tokio::join!(test.key("patient", &[]), release);
    assert_eq!(seen().await, "on, read committed");

    // Less than `on` may lose what was acknowledged. What is more stays so.
    for (setting, expected) in [
        ("local", "on"),
        ("remote_write", "on"),
        ("on", "on"),
        ("remote_apply", "remote_apply"),
    ] {
        set(&format!("synchronous_commit = {setting}")).await;
        test.key("owner", &[]).await;
        let expected = format!("{expected}, read committed");
        assert_eq!(seen().await, expected, "{setting}");
    }
}
