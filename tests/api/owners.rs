//! Another owner's key does not exist.

use serde_json::json;

use crate::harness::{Kind, Test};

pub async fn two_owners_cannot_see_each_other(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let (own, _) = client.create("own").await;

    // Made while the server runs, by another process.
    let made = test
        .run(
            &["create-key", "--owner", "somebody else", "--name", "theirs"],
            &[],
        )
        .await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let hex = match test.database.kind() {
        Kind::Sqlite => "hex(id)",
        Kind::Postgres => "id::text",
    };
    let theirs = test
        .database
        .text(&format!(
            "SELECT {hex} AS t FROM api_keys WHERE owner = 'somebody else'"
        ))
        .await;
    let theirs = uuid::Uuid::try_parse(&theirs).unwrap().to_string();
    let nobodys = uuid::Uuid::now_v7().to_string();

    // Every answer about their key is, to the letter, that about a key that does not exist.
    let query = "query($id: ID!) { apiKey(id: $id) { id } node(id: $id) { id } }";
    let about_theirs = client.graphql(query, json!({"id": theirs})).await.body;
    assert_eq!(
        about_theirs,
        client.graphql(query, json!({"id": nobodys})).await.body
    );
    assert_eq!(
        about_theirs,
        json!({"data": {"apiKey": null, "node": null}})
    );
    let deleted = client.delete(&theirs).await;
    assert_eq!(deleted.code(), "NOT_FOUND");
    assert_eq!(deleted.body, client.delete(&nobodys).await.body);

    for mutation in [
        "mutation($id: ID!) { updateApiKey(input: {id: $id, name: \"mine\", disabled: true}) { apiKey { id } } }",
        "mutation($id: ID!) { rotateApiKey(input: {id: $id}) { secret } }",
        "mutation($id: ID!) { deleteApiKeys(input: {ids: [$id]}) { deletedApiKeyIds } }",
    ] {
        let answer = client.graphql(mutation, json!({"id": theirs})).await;
        assert_eq!(answer.code(), "NOT_FOUND", "{mutation}");
        let about_nobodys = client.graphql(mutation, json!({"id": nobodys})).await;
        assert_eq!(answer.body, about_nobodys.body, "{mutation}");
    }
    let own_and_theirs = json!({"ids": [own, theirs]});
    let several =
        "mutation($ids: [ID!]!) { deleteApiKeys(input: {ids: $ids}) { deletedApiKeyIds } }";
    let answer = client.graphql(several, own_and_theirs).await;
    assert_eq!(answer.code(), "NOT_FOUND", "and the own one stays");

    // Nor does it count, or lie on any page; as a cursor it is a place in the list and tells nothing.
    let page = client
        .data("{ apiKeys { totalCount nodes { id } } }", json!({}))
        .await["apiKeys"]
        .take();
    assert_eq!(page, json!({"totalCount": 1, "nodes": [{"id": own}]}));
    let query = "query($cursor: String) { apiKeys(after: $cursor) { nodes { id } pageInfo { hasPreviousPage } } }";
    let after = client.data(query, json!({"cursor": theirs})).await["apiKeys"].take();
    assert_eq!(
        after,
        json!({"nodes": [{"id": own}], "pageInfo": {"hasPreviousPage": false}})
    );

    assert_eq!(
        test.database
            .count(
                "api_keys WHERE owner = 'somebody else' AND name = 'theirs' AND disabled_at IS NULL"
            )
            .await,
        1,
        "it is still there"
    );
    assert_eq!(
        test.database
            .count("api_key_events WHERE action <> 'CREATED'")
            .await,
        0
    );
    let viewer = client
        .data("{ viewer { owner subject credential } }", json!({}))
        .await["viewer"]
        .take();
    assert_eq!(
        viewer,
        json!({"owner": "local", "subject": "local", "credential": "LOCAL"})
    );
}
