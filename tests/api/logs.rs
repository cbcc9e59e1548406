//! The log.

use serde_json::{Value, json};

use crate::harness::{Answer, Test};

pub async fn one_line_a_request_and_nothing_secret(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let query = "mutation MakeOne($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } secret } }";
    let answer = client
        .graphql(query, json!({"input": {"name": "name-of-the-key"}}))
        .await;
    let secret = answer.body["data"]["createApiKey"]["secret"]
        .as_str()
        .unwrap()
        .to_owned();
    server
        .stranger()
        .graphql("query Spying { viewer { owner } }", json!({}))
        .await;
    client
        .http
        .get(client.url("/some/where?the=query"))
        .send()
        .await
        .unwrap();
    client.http.get(&server.link).send().await.unwrap();
    client
        .http
        .get(client.url("/livez"))
        .header("x-custom", "header-value")
        .send()
        .await
        .unwrap();

    let log = server.whole_log().await;
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let requests: Vec<&Value> = lines
        .iter()
        .filter(|line| line["message"] == "request")
        .collect();
    let shown: Vec<Value> = requests
        .iter()
        .map(|line| {
            json!([
                line["method"],
                line["route"],
                line["operation"],
                line["status"]
            ])
        })
        .collect();
    assert_eq!(
        json!(shown),
        json!([
            ["POST", "/graphql", "MakeOne", 200],
            ["POST", "/graphql", null, 401],
            ["GET", "(none)", null, 404],
            ["GET", "/sign-in", null, 303],
            ["GET", "/livez", null, 200],
        ])
    );
    for request in &requests {
        assert!(request["duration_us"].is_u64(), "{request}");
        assert_eq!(
            request["span"]["request_id"].as_str().unwrap().len(),
            32,
            "{request}"
        );
    }
    assert_eq!(
        answer.header("x-request-id"),
        requests[0]["span"]["request_id"]
    );
    for hidden in [
        &secret,
        &server.token,
        "name-of-the-key",
        "header-value",
        "the=query",
        "some/where",
        "Bearer",
    ] {
        assert!(!log.contains(hidden), "{hidden} is in the log");
    }
}

pub async fn what_a_client_calls_an_operation_is_no_way_into_the_log(test: Test) {
    let server = test.server().await;
    let client = server.client();
    // A secret is a good name for an operation, as GraphQL has it.
    let (_, secret) = client.create("key").await;
    let long = "n".repeat(60_000);
    for name in [&secret, &long] {
        let document = format!("query {name} {{ viewer {{ owner }} }}");
        let data = client.data(&document, json!({})).await;
        assert_eq!(data, json!({"viewer": {"owner": "local"}}));
    }
    // One that the client chose among several.
    let document = format!("query {secret} {{ viewer {{ owner }} }} query other {{ __typename }}");
    let chosen = json!({"query": document, "operationName": secret});
    let request = client.http.post(client.url("/graphql")).json(&chosen);
    let answer = Answer::of(client.with_token(request)).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["data"], json!({"viewer": {"owner": "local"}}));

    let log = server.whole_log().await;
    let routes = log.matches("\"route\":\"/graphql\"").count();
    assert_eq!(routes, 4, "each has its line: {log:.2000}");
    assert!(!log.contains(&secret), "the secret is in the log");
    assert!(!log.contains(&long[..100]), "the long name is in the log");
}
