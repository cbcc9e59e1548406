//! Which keys a list has, and in which order.

use serde_json::{Value, json};

use crate::harness::{Client, Kind, Test, text};

async fn names(client: &Client, filter: Value) -> Vec<String> {
    let query = "query($filter: ApiKeyFilter) { apiKeys(first: 100, filter: $filter) { totalCount nodes { name } } }";
    let page = client.data(query, json!({"filter": filter})).await["apiKeys"].take();
    let mut names: Vec<_> = page["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| text(&node["name"]))
        .collect();
    assert_eq!(
        page["totalCount"],
        names.len(),
        "the count is that of the filtered list"
    );
    names.sort();
    names
}

async fn create(client: &Client, input: Value) -> String {
    let query =
        "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } } }";
    text(&client.data(query, json!({"input": input})).await["createApiKey"]["apiKey"]["id"])
}

pub async fn each_filter_lets_pass_what_it_says(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let soon = "2090-01-01T00:00:00Z";
    let later = "2095-01-01T00:00:00Z";
    for (name, scopes, end) in [
        ("Nightly Backup", json!(["read"]), json!(null)),
        ("100%_sure", json!(["read", "write"]), json!(soon)),
        ("100 percent sure", json!(["Read"]), json!(later)),
        ("Straße", json!([]), json!(null)),
        ("ΟΔΟΣ", json!(["rea"]), json!(null)),
        ("it's \\ \"quoted\"", json!(["read:all"]), json!(null)),
    ] {
        create(
            &client,
            json!({"name": name, "scopes": scopes, "expiresAt": end}),
        )
        .await;
    }
    let all = names(&client, json!(null)).await;
    assert_eq!(all.len(), 6);
    for (filter, expected) in [
        (json!({}), all.clone()),
        (json!({"nameContains": ""}), all.clone()),
        (json!({"nameContains": null}), all),
        (
            json!({"nameContains": "BACK"}),
            vec!["Nightly Backup".to_owned()],
        ),
        (json!({"nameContains": "%"}), vec!["100%_sure".to_owned()]),
        (json!({"nameContains": "_"}), vec!["100%_sure".to_owned()]),
        (
            json!({"nameContains": "0%_S"}),
            vec!["100%_sure".to_owned()],
        ),
        (
            json!({"nameContains": "\\"}),
            vec!["it's \\ \"quoted\"".to_owned()],
        ),
        (
            json!({"nameContains": "'S"}),
            vec!["it's \\ \"quoted\"".to_owned()],
        ),
        (
            json!({"nameContains": "STRASSE"}),
            vec!["Straße".to_owned()],
        ),
        (json!({"nameContains": "δος"}), vec!["ΟΔΟΣ".to_owned()]),
        (json!({"nameContains": "nothing"}), vec![]),
        (
            json!({"scope": "read"}),
            vec!["100%_sure".to_owned(), "Nightly Backup".to_owned()],
        ),
        (
            json!({"scope": "Read"}),
            vec!["100 percent sure".to_owned()],
        ),
        (
            json!({"scope": "read:all"}),
            vec!["it's \\ \"quoted\"".to_owned()],
        ),
        (json!({"scope": "all"}), vec![]),
        (json!({"expiresBefore": soon}), vec![]),
        (
            json!({"expiresBefore": "2090-01-01T00:00:00.000001Z"}),
            vec!["100%_sure".to_owned()],
        ),
        (
            json!({"expiresBefore": "2099-01-01T00:00:00Z", "scope": "write"}),
            vec!["100%_sure".to_owned()],
        ),
        (
            json!({"expiresBefore": "2099-01-01T00:00:00Z", "nameContains": "SURE", "scope": "Read"}),
            vec!["100 percent sure".to_owned()],
        ),
    ] {
        assert_eq!(names(&client, filter.clone()).await, expected, "{filter}");
    }

    // By whether they work.
    let (past, future) = match test.database.kind() {
        Kind::Sqlite => ("1", "9000000000000000"),
        Kind::Postgres => ("'2001-01-01'", "'2200-01-01'"),
    };
    test.database.execute("DELETE FROM api_keys").await;
    for name in ["active", "ends later", "disabled", "expired", "both"] {
        create(&client, json!({"name": name})).await;
    }
    for change in [
        format!("expires_at = {future} WHERE name = 'ends later'"),
        format!("expires_at = {past} WHERE name IN ('expired', 'both')"),
        format!("disabled_at = {past} WHERE name IN ('disabled', 'both')"),
    ] {
        test.database
            .execute(&format!("UPDATE api_keys SET {change}"))
            .await;
    }
    for (status, expected) in [
        ("ACTIVE", vec!["active", "ends later"]),
        ("DISABLED", vec!["disabled"]),
        ("EXPIRED", vec!["both", "expired"]),
    ] {
        assert_eq!(
            names(&client, json!({"status": status})).await,
            expected,
            "{status}"
        );
        let query = format!("{{ apiKeys(filter: {{status: {status}}}) {{ nodes {{ status }} }} }}");
        let found = client.data(&query, json!({})).await;
        let nodes = found["apiKeys"]["nodes"].as_array().unwrap();
        assert!(nodes.iter().all(|node| node["status"] == status), "{found}");
    }
    for (filter, field) in [
        (json!({"nameContains": "a\u{0}b"}), "nameContains"),
        (json!({"nameContains": 7}), "nameContains"),
        (json!({"scope": "a b"}), "scope"),
        (json!({"scope": ""}), "scope"),
        (json!({"scope": "\u{0}"}), "scope"),
        (json!({"expiresBefore": "x"}), "expiresBefore"),
        (
            json!({"expiresBefore": "-009999-06-01T00:00:00Z"}),
            "expiresBefore",
        ),
        (json!({"status": "GONE"}), "status"),
    ] {
        let query = "query($filter: ApiKeyFilter) { apiKeys(filter: $filter) { totalCount } }";
        let answer = client.graphql(query, json!({"filter": filter})).await;
        assert_eq!(
            answer.error(),
            ("BAD_USER_INPUT", Some(field)),
            "{filter}: {}",
            answer.body
        );
    }
}

pub async fn every_order_meets_each_key_once(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let mut ids = Vec::new();
    // Many that are alike in name, end and last use, so that the ids decide.
    for i in 0..47 {
        let name = ["b", "A", "a", "Z", "é", "z:%"][i % 6];
        let end = [
            json!(null),
            json!("2090-01-01T00:00:00Z"),
            json!("2095-01-01T00:00:00Z"),
        ][i % 3]
            .clone();
        ids.push(create(&client, json!({"name": name, "expiresAt": end})).await);
    }
    for (i, id) in ids.iter().enumerate() {
        let used = match (i % 4, test.database.kind()) {
            (0, _) => "NULL".to_owned(),
            (n, Kind::Sqlite) => format!("{n}000000000000000"),
            (n, Kind::Postgres) => format!("to_timestamp({n}000000000)"),
        };
        let id = match test.database.kind() {
            Kind::Sqlite => format!("x'{}'", id.replace('-', "")),
            Kind::Postgres => format!("'{id}'"),
        };
        test.database
            .execute(&format!(
                "UPDATE api_key_secrets SET last_used_at = {used} WHERE api_key_id = {id}"
            ))
            .await;
    }
    // Another owner's keys are in no list.
    test.key("other", &[]).await;
    let folded = |name: &str| name.to_uppercase().to_lowercase();
    let query = "{ apiKeys(first: 100) { nodes { id name createdAt expiresAt lastUsedAt } } }";
    let all = client.data(query, json!({})).await["apiKeys"]["nodes"].take();
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), 47);
    for field in ["CREATED_AT", "NAME", "LAST_USED_AT", "EXPIRES_AT"] {
        let key = |node: &Value| {
            let value = match field {
                "CREATED_AT" => String::new(),
                "NAME" => folded(node["name"].as_str().unwrap()),
                "LAST_USED_AT" => node["lastUsedAt"].as_str().unwrap_or("").to_owned(),
                _ => node["expiresAt"].as_str().unwrap_or("never").to_owned(),
            };
            (value, text(&node["id"]))
        };
        for direction in ["ASC", "DESC"] {
            let mut expected: Vec<_> = all.iter().map(key).collect();
            expected.sort();
            if direction == "DESC" {
                expected.reverse();
            }
            let expected: Vec<String> = expected.into_iter().map(|(_, id)| id).collect();
            for (count, cursor, more, at) in [
                ("first", "after", "hasNextPage", "endCursor"),
                ("last", "before", "hasPreviousPage", "startCursor"),
            ] {
                for filter in [json!(null), json!({"nameContains": "A"})] {
                    let expected: Vec<&String> = expected
                        .iter()
                        .filter(|id| {
                            let node = all.iter().find(|node| node["id"] == **id).unwrap();
                            filter.is_null() || folded(node["name"].as_str().unwrap()).contains('a')
                        })
                        .collect();
                    let query = format!(
                        "query($cursor: String, $filter: ApiKeyFilter) {{
                            apiKeys({count}: 5, {cursor}: $cursor, filter: $filter, orderBy: {{field: {field}, direction: {direction}}}) {{
                                edges {{ cursor node {{ id }} }} pageInfo {{ hasNextPage hasPreviousPage {at} }} }} }}"
                    );
                    let (mut met, mut place) = (Vec::new(), Value::Null);
                    loop {
                        let variables = json!({"cursor": place, "filter": filter});
                        let page = client.data(&query, variables).await["apiKeys"].take();
                        let back = if more == "hasNextPage" {
                            "hasPreviousPage"
                        } else {
                            "hasNextPage"
                        };
                        assert_eq!(
                            page["pageInfo"][back],
                            !met.is_empty(),
                            "{field} {direction} {count}"
                        );
                        let edges = page["edges"].as_array().unwrap();
                        met.push(
                            edges
                                .iter()
                                .map(|edge| text(&edge["node"]["id"]))
                                .collect::<Vec<_>>(),
                        );
                        if page["pageInfo"][more] == false {
                            break;
                        }
                        place = page["pageInfo"][at].clone();
                    }
                    if count == "last" {
                        met.reverse();
                    }
                    assert_eq!(
                        met.concat().iter().collect::<Vec<_>>(),
                        expected,
                        "{field} {direction} {count} {filter}"
                    );
                }
            }
        }
    }
    for cursor in [
        "EXPIRES_AT:-370000000000000000",
        "EXPIRES_AT:900000000000000000",
        "LAST_USED_AT:-1",
    ] {
        let field = cursor.split(':').next().unwrap();
        let query = format!(
            "query($after: String) {{ apiKeys(after: $after, orderBy: {{field: {field}, direction: ASC}}) {{ totalCount }} }}"
        );
        let after = format!("{cursor}:{}", ids[0]);
        let answer = client.graphql(&query, json!({"after": after})).await;
        assert_eq!(answer.error(), ("BAD_USER_INPUT", Some("after")), "{after}");
    }
    // A cursor is of one order.
    let by_name = client.data("{ apiKeys(first: 1, orderBy: {field: NAME, direction: ASC}) { pageInfo { endCursor } } }", json!({})).await;
    let cursor = text(&by_name["apiKeys"]["pageInfo"]["endCursor"]);
    for order in ["", ", orderBy: {field: EXPIRES_AT, direction: ASC}"] {
        let query =
            format!("query($after: String) {{ apiKeys(after: $after{order}) {{ totalCount }} }}");
        let answer = client.graphql(&query, json!({"after": cursor})).await;
        assert_eq!(
            answer.error(),
            ("BAD_USER_INPUT", Some("after")),
            "{}",
            answer.body
        );
    }
}

pub async fn names_of_before_are_found_too(test: Test) {
    let server = test.server().await;
    let client = server.client();
    for name in ["ÄRGER", "Zorn"] {
        client.create(name).await;
    }
    // As an older version leaves them.
    test.database
        .execute("UPDATE api_keys SET name_folded = ''")
        .await;
    let newer = test.server().await;
    assert_eq!(
        names(&newer.client(), json!({"nameContains": "ärger"})).await,
        ["ÄRGER"]
    );
    assert_eq!(
        test.database.count("api_keys WHERE name_folded = ''").await,
        0
    );
}
