//! What goes on beside the requests: the record of an owner has a most, and a task that cannot do its work is told of.

use serde_json::{Value, json};

use crate::forward_auth::{ask, status};
use crate::harness::{Answer, Client, Kind, Test, eventually};

/// Makes keys named by these numbers and deletes each, which are two events.
async fn make_and_delete(client: &Client, numbers: std::ops::Range<usize>) {
    for i in numbers {
        let (id, _) = client.create(&format!("key {i}")).await;
        assert_eq!(client.delete(&id).await.code(), "(no code)");
    }
}

/// Checks that the client's record tells of the keys with these numbers, which were made and deleted, and of nothing else.
async fn is_recorded(client: &Client, numbers: std::ops::Range<usize>) {
    let query = "{ apiKeyEvents(first: 100) { totalCount nodes { action apiKeyName } } }";
    let record = client.data(query, json!({})).await["apiKeyEvents"].take();
    let count = 2 * numbers.len();
    let newest: Vec<Value> = numbers
        .rev()
        .flat_map(|i| {
            let name = format!("key {i}");
            ["DELETED", "CREATED"].map(|action| json!({"action": action, "apiKeyName": name}))
        })
        .collect();
    assert_eq!(record, json!({"totalCount": count, "nodes": newest}));
}

pub async fn the_record_of_an_owner_has_a_most(test: Test) {
    for wrong in ["0", "-1", "many", ""] {
        let done = test
            .run(&[], &[("APIKEYS_MAX_EVENTS_PER_OWNER", wrong)])
            .await;
        assert_eq!(done.code, Some(2), "{wrong}: {}", done.stderr);
        let named = "apikeys: APIKEYS_MAX_EVENTS_PER_OWNER ";
        assert!(done.stderr.starts_with(named), "{wrong}: {}", done.stderr);
    }

    for _ in 0..3 {
        test.key("other", &[]).await;
    }
    // As it is unless it is told otherwise, it keeps far more than this.
    let mut server = test.server().await;
    make_and_delete(&server.client(), 0..45).await;
    assert_eq!(
        test.database
            .count("api_key_events WHERE owner = 'local'")
            .await,
        90
    );
    assert_eq!(server.stop().await, Some(0));
    let server = test
        .server_with(&[("APIKEYS_MAX_EVENTS_PER_OWNER", "20")])
        .await;
    let client = server.client();
    make_and_delete(&client, 45..50).await;
    eventually("the end of the oldest", async || {
        let of_owner = "api_key_events WHERE owner = 'local'";
        (test.database.count(of_owner).await <= 20).then_some(())
    })
    .await;

    is_recorded(&client, 40..50).await;
    let of_other = "api_key_events WHERE owner = 'other'";
    assert_eq!(test.database.count(of_other).await, 3);
}

pub async fn an_owner_that_writes_no_more_is_looked_at_too(test: Test) {
    for _ in 0..3 {
        test.key("other", &[]).await;
    }
    let mut server = test.server().await;
    make_and_delete(&server.client(), 0..30).await;
    let of_owner = "api_key_events WHERE owner = 'local'";
    assert_eq!(test.database.count(of_owner).await, 60);
    assert_eq!(server.stop().await, Some(0));

    let server = test
        .server_with(&[("APIKEYS_MAX_EVENTS_PER_OWNER", "10")])
        .await;
    eventually("the end of the oldest, without any write", async || {
        (test.database.count(of_owner).await <= 10).then_some(())
    })
    .await;
    is_recorded(&server.client(), 25..30).await;
    let of_other = "api_key_events WHERE owner = 'other'";
    assert_eq!(test.database.count(of_other).await, 3);
}

pub async fn a_task_that_cannot_do_its_work_is_told_by_readyz(test: Test) {
    let server = test.server().await;
    let client = server.stranger();
    let ready = async || {
        let request = client.http.get(client.url("/readyz"));
        let answer = Answer::of(request).await.unwrap();
        (answer.status.as_u16(), answer.body)
    };
    let secret = test.key("acme", &[]).await;
    let (refuse, end) = match test.database.kind() {
        Kind::Sqlite => (
            "CREATE TRIGGER refuse_uses BEFORE UPDATE OF last_used_at ON api_key_secrets
             BEGIN SELECT RAISE(ABORT, 'refused by the test'); END",
            "DROP TRIGGER refuse_uses",
        ),
        Kind::Postgres => (
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'refused by the test'; END $$;
             CREATE TRIGGER refuse_uses BEFORE UPDATE OF last_used_at ON api_key_secrets
                FOR EACH ROW EXECUTE FUNCTION refuse()",
            "DROP TRIGGER refuse_uses ON api_key_secrets",
        ),
    };
    assert_eq!(ready().await, (200, json!("ok\n")));
    test.database.execute(refuse).await;
    assert_eq!(status(&server, &secret).await, 200);
    // It goes on to be ready: no other server would do better, and checks are answered.
    let told = eventually("the word of it", async || {
        let (status, body) = ready().await;
        assert_eq!(status, 200, "{body}");
        (body != "ok\n").then(|| body.as_str().unwrap().to_owned())
    })
    .await;
    assert!(told.contains("last used"), "{told}");
    assert_eq!(ask(&client, &secret).send().await.unwrap().status(), 200);

    test.database.execute(end).await;
    eventually("the end of it", async || {
        (ready().await.1 == "ok\n").then_some(())
    })
    .await;
    let written = "api_key_secrets WHERE last_used_at IS NOT NULL";
    assert_eq!(test.database.count(written).await, 1);
}
