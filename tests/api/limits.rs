//! How many keys there may be, and several that go together.

use serde_json::{Value, json};

use crate::forward_auth::status;
use crate::harness::{Client, Test};

pub async fn an_owner_has_so_many_keys_and_no_more(test: Test) {
    let variables = [("APIKEYS_MAX_KEYS_PER_OWNER", "100")];
    let servers = [
        test.server_with(&variables).await,
        test.server_with(&variables).await,
    ];
    let mut work = tokio::task::JoinSet::new();
    let clients = servers.each_ref().map(|server| server.client());
    for i in 0..200 {
        let client = clients[i % 2].clone();
        work.spawn(async move {
            client
                .try_create(&format!("key {i}"))
                .await
                .unwrap()
                .code()
                .to_owned()
        });
    }
    let mut codes = work.join_all().await;
    codes.sort();
    let made = codes.iter().filter(|code| *code == "(no code)").count();
    assert_eq!(
        (made, codes.last().map(String::as_str)),
        (100, Some("LIMIT_REACHED")),
        "{codes:?}"
    );
    assert_eq!(
        codes.iter().filter(|code| *code == "LIMIT_REACHED").count(),
        100
    );
    assert_eq!(test.database.count("api_keys").await, 100);
    assert_eq!(test.database.count("api_key_events").await, 100);
    let client = &clients[0];
    let refused = client.try_create("one more").await.unwrap();
    let message = refused.body["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("100") && message.contains("delete"),
        "{message}"
    );
    // Others have room, and whoever deletes one has too.
    test.key("other", &[]).await;
    let by_command = test
        .run(&["create-key", "--owner=local", "--name=x"], &variables)
        .await;
    assert_eq!(by_command.code, Some(1), "{}", by_command.stderr);
    let id = client.all_ids().await.pop().unwrap();
    client.delete(&id).await;
    client.create("in its place").await;
    assert_eq!(
        client.try_create("one more").await.unwrap().code(),
        "LIMIT_REACHED"
    );
}

async fn delete_several(client: &Client, ids: &[impl serde::Serialize]) -> crate::harness::Answer {
    let query = "mutation($input: DeleteApiKeysInput!) { deleteApiKeys(input: $input) { deletedApiKeyIds } }";
    client.graphql(query, json!({"input": {"ids": ids}})).await
}

pub async fn several_are_deleted_together_or_not_at_all(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (mut ids, mut secrets) = (Vec::new(), Vec::new());
    for i in 0..110 {
        let (id, secret) = client.create(&format!("key {i}")).await;
        ids.push(id);
        secrets.push(secret);
    }
    let others = test.id_of(&test.key("other", &[]).await).await;
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8057";
    for missing in [unknown, &others] {
        let mut doomed: Vec<&str> = ids[..10].iter().map(String::as_str).collect();
        doomed.insert(5, missing);
        assert_eq!(delete_several(&client, &doomed).await.code(), "NOT_FOUND");
    }
    let too_many = delete_several(&client, &ids[..101]).await;
    assert_eq!(
        too_many.error(),
        ("BAD_USER_INPUT", Some("ids")),
        "{}",
        too_many.body
    );
    let malformed = delete_several(&client, &[ids[0].as_str(), "x"]).await;
    assert_eq!(
        malformed.error(),
        ("BAD_USER_INPUT", Some("ids")),
        "{}",
        malformed.body
    );
    assert_eq!(
        test.database.count("api_keys").await,
        111,
        "nothing was deleted"
    );
    assert_eq!(
        test.database
            .count("api_key_events WHERE action = 'DELETED'")
            .await,
        0
    );
    assert_eq!(status(&server, &secrets[0]).await, 200);

    let none: [&str; 0] = [];
    let answer = delete_several(&client, &none).await;
    assert_eq!(
        answer.body["data"]["deleteApiKeys"]["deletedApiKeyIds"],
        json!([])
    );
    // The same twice counts once.
    let answer = delete_several(&client, &[&ids[100], &ids[100]]).await;
    assert_eq!(answer.code(), "(no code)", "{}", answer.body);
    let answer = delete_several(&client, &ids[..100]).await;
    assert_eq!(
        answer.body["data"]["deleteApiKeys"]["deletedApiKeyIds"],
        json!(ids[..100]),
        "{}",
        answer.body
    );
    for secret in &secrets[..100] {
        assert_eq!(
            crate::forward_auth::ask(&client, secret)
                .send()
                .await
                .unwrap()
                .status(),
            401
        );
    }
    assert_eq!(status(&server, &secrets[105]).await, 200);
    assert_eq!(test.database.count("api_keys").await, 10);
    assert_eq!(
        test.database
            .count("api_key_events WHERE action = 'DELETED'")
            .await,
        101
    );

    // Many who delete the same in another order: one of them does, and nobody waits for ever.
    let mut work = tokio::task::JoinSet::new();
    for i in 0..8 {
        let (client, mut doomed) = (client.clone(), ids[101..].to_vec());
        doomed.rotate_left(i);
        work.spawn(async move { delete_several(&client, &doomed).await.code().to_owned() });
    }
    let mut codes: Vec<Value> = work.join_all().await.into_iter().map(Value::from).collect();
    codes.sort_by_key(|code| code.to_string());
    assert_eq!(codes[0], "(no code)");
    assert!(
        codes[1..].iter().all(|code| code == "NOT_FOUND"),
        "{codes:?}"
    );
}
