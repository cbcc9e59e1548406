//! Who may do what.

use jsonwebtoken::Algorithm;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Issuer, Kind, Server, SigningKey, Test, text};

/// Somebody who calls: what they present, and for whom.
struct Caller {
    who: Who,
    token: Option<String>,
    acts_for: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq)]
enum Who {
    Nobody,
    LocalOperator,
    OidcUser,
    ApiKey(Vec<&'static str>),
}

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Operation {
    Viewer,
    List,
    Find,
    Node,
    Create,
    CreateWithScope,
    CreateWithReservedScope,
    Update,
    Rotate,
    Delete,
    DeleteSeveral,
    Events,
    EventsOfKey,
}

const OPERATIONS: [Operation; 13] = [
    Operation::Viewer,
    Operation::List,
    Operation::Find,
    Operation::Node,
    Operation::Create,
    Operation::CreateWithScope,
    Operation::CreateWithReservedScope,
    Operation::Update,
    Operation::Rotate,
    Operation::Delete,
    Operation::DeleteSeveral,
    Operation::Events,
    Operation::EventsOfKey,
];

impl Caller {
    /// The design's table, as a rule.
    fn expects(&self, operation: Operation) -> &'static str {
        let has = |scope: &str| matches!(&self.who, Who::ApiKey(scopes) if scopes.contains(&scope));
        if self.who == Who::Nobody {
            return "UNAUTHENTICATED";
        }
        let is_person = matches!(self.who, Who::LocalOperator | Who::OidcUser);
        if self.acts_for.is_some() && !has("apikeys:act-as") {
            return "FORBIDDEN";
        }
        let is_allowed = match operation {
            Operation::Viewer => true,
            Operation::CreateWithReservedScope => self.who == Who::LocalOperator,
            Operation::List
            | Operation::Find
            | Operation::Node
            | Operation::Events
            | Operation::EventsOfKey => is_person || self.acts_for.is_some() || has("apikeys:read"),
            Operation::Create
            | Operation::CreateWithScope
            | Operation::Update
            | Operation::Rotate
            | Operation::Delete
            | Operation::DeleteSeveral => {
                is_person || self.acts_for.is_some() || has("apikeys:write")
            }
        };
        if is_allowed { "(no code)" } else { "FORBIDDEN" }
    }

    fn owner(&self) -> &'static str {
        match (&self.who, self.acts_for) {
            (Who::LocalOperator, _) => "local",
            (Who::OidcUser, _) => "anna",
            (_, Some(owner)) => owner,
            _ => "acme",
        }
    }

    fn request(&self, base: &str, query: &str) -> RequestBuilder {
        let client = Client::new(base, self.token.as_deref());
        let request = client.request(query, &json!({}));
        match self.acts_for {
            Some(owner) => request.header("apikeys-owner", owner),
            None => request,
        }
    }
}

pub async fn each_may_do_what_the_table_says_and_nothing_else(test: Test) {
    let key = SigningKey::new(Algorithm::ES256, "key");
    let issuer = Issuer::with(&[&key]).await;
    let local = test.server().await;
    let oidc = test.server_with(&issuer.variables()).await;
    let all_scopes = [
        "apikeys:read",
        "apikeys:write",
        "apikeys:introspect",
        "apikeys:act-as",
        "deploy",
    ];
    let mut programs = Vec::new();
    // Every set of scopes, with and without an owner to act for.
    for chosen in 0..1 << all_scopes.len() {
        let scopes: Vec<&str> = (0..all_scopes.len())
            .filter(|i| chosen & (1 << i) != 0)
            .map(|i| all_scopes[i])
            .collect();
        for acts_for in [None, Some("somebody else")] {
            let token = Some(test.key("acme", &scopes).await);
            let who = Who::ApiKey(scopes.clone());
            programs.push(Caller {
                who,
                token,
                acts_for,
            });
        }
    }
    let mut people = Vec::new();
    for acts_for in [None, Some("somebody else")] {
        for (server, who, token) in [
            (&local, Who::Nobody, None),
            (&oidc, Who::Nobody, None),
            (&local, Who::LocalOperator, Some(local.token.clone())),
            (&oidc, Who::OidcUser, Some(issuer.token(&key, "anna"))),
        ] {
            let caller = Caller {
                who,
                token,
                acts_for,
            };
            people.push((server, caller));
        }
    }
    // Programs are the same in both modes; each half of them does for the other.
    let servers = [&local, &oidc, &oidc, &local].into_iter().cycle();
    let callers = people.into_iter().chain(servers.zip(programs));
    for (server, caller) in callers {
        let owner = caller.owner();
        for operation in OPERATIONS {
            let id = fresh_id(&test, owner).await;
            let query = match operation {
                Operation::Viewer => "{ viewer { owner } }".to_owned(),
                Operation::List => "{ apiKeys(first: 1) { nodes { owner } } }".to_owned(),
                Operation::Find => format!("{{ apiKey(id: \"{id}\") {{ owner }} }}"),
                Operation::Node => format!("{{ node(id: \"{id}\") {{ ...on ApiKey {{ owner }} }} }}"),
                Operation::Create => "mutation { createApiKey(input: {name: \"x\"}) { apiKey { owner } } }".to_owned(),
                Operation::CreateWithScope => {
                    "mutation { createApiKey(input: {name: \"x\", scopes: [\"deploy\"]}) { apiKey { owner } } }".to_owned()
                }
                Operation::CreateWithReservedScope => {
                    "mutation { createApiKey(input: {name: \"x\", scopes: [\"apikeys:read\"]}) { apiKey { owner } } }".to_owned()
                }
                Operation::Update => format!("mutation {{ updateApiKey(input: {{id: \"{id}\", disabled: true}}) {{ apiKey {{ owner }} }} }}"),
                Operation::Rotate => format!("mutation {{ rotateApiKey(input: {{id: \"{id}\"}}) {{ apiKey {{ owner }} }} }}"),
                Operation::DeleteSeveral => format!("mutation {{ deleteApiKeys(input: {{ids: [\"{id}\"]}}) {{ deletedApiKeyIds }} }}"),
                Operation::Events => "{ apiKeyEvents(first: 1) { nodes { owner } } }".to_owned(),
                Operation::EventsOfKey => format!("{{ apiKey(id: \"{id}\") {{ owner events {{ totalCount }} }} }}"),
                Operation::Delete => format!("mutation {{ deleteApiKey(input: {{id: \"{id}\"}}) {{ deletedApiKeyId }} }}"),
            };
            let keys = test.database.count("api_keys").await;
            let answer = Answer::of(caller.request(&server.base, &query))
                .await
                .unwrap();
            let who = format!(
                "{:?} for {:?}: {operation:?}: {}",
                caller.who, caller.acts_for, answer.body
            );
            assert_eq!(answer.code(), caller.expects(operation), "{who}");
            let body = answer.body.to_string();
            let change = test.database.count("api_keys").await - keys;
            if answer.code() == "(no code)" {
                let of_owner = format!("\"owner\":\"{owner}\"");
                let tells_no_owner = [
                    Operation::Delete,
                    Operation::DeleteSeveral,
                    Operation::Events,
                ];
                assert!(
                    tells_no_owner.contains(&operation) || body.contains(&of_owner),
                    "{who}"
                );
            } else {
                assert_eq!(change, 0, "{who}");
            }
        }
    }
}

/// The id of a key that was just put into the database for an owner.
async fn fresh_id(test: &Test, owner: &str) -> String {
    let id = uuid::Uuid::now_v7();
    let (value, now) = match test.database.kind() {
        Kind::Sqlite => (format!("x'{}'", id.simple()), "0"),
        Kind::Postgres => (format!("'{id}'"), "now()"),
    };
    let columns = "id, owner, name, created_at, created_by";
    let values = format!("{value}, '{owner}', 'seed', {now}, 'test'");
    test.database
        .execute(&format!(
            "INSERT INTO api_keys ({columns}) VALUES ({values})"
        ))
        .await;
    let digest = match test.database.kind() {
        Kind::Sqlite => format!("x'{0}{0}'", id.simple()),
        Kind::Postgres => format!("'\\x{0}{0}'", id.simple()),
    };
    let columns = "digest, api_key_id, hint, created_at";
    let values = format!("{digest}, {value}, 'ak_seed…', {now}");
    test.database
        .execute(&format!(
            "INSERT INTO api_key_secrets ({columns}) VALUES ({values})"
        ))
        .await;
    id.to_string()
}

pub async fn a_key_is_good_until_it_is_deleted(test: Test) {
    let server = test.server().await;
    let operator = server.client();
    let (id, secret) = operator.create("program").await;
    let by_header = async |name: &str, secret: &str| {
        let request = server.stranger().request(
            "{ viewer { owner subject credential apiKey { id name scopes } } }",
            &json!({}),
        );
        Answer::of(request.header(name, secret)).await.unwrap()
    };
    let bearer = |secret: &str| format!("Bearer {secret}");
    let viewer = json!({"data": {"viewer": {
        "owner": "local", "subject": id, "credential": "API_KEY",
        "apiKey": {"id": id, "name": "program", "scopes": []},
    }}});
    assert_eq!(
        by_header("authorization", &bearer(&secret)).await.body,
        viewer
    );
    assert_eq!(by_header("x-api-key", &secret).await.body, viewer);
    let data = operator
        .data("{ viewer { apiKey { id } } }", json!({}))
        .await;
    assert_eq!(data, json!({"viewer": {"apiKey": null}}));

    // A typo, another's token, and the local token where only keys are taken: all alike.
    let mut typo = secret.clone();
    typo.replace_range(10..11, if &typo[10..11] == "a" { "b" } else { "a" });
    for bad in [
        &typo,
        &secret[1..],
        &secret.to_uppercase(),
        "",
        "eyJ.eyJ.sig",
        &server.token,
    ] {
        let answer = by_header("x-api-key", bad).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (401, "UNAUTHENTICATED"),
            "{bad}"
        );
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer error=\"invalid_token\""
        );
    }
    let before = by_header("x-api-key", &typo).await.body;

    operator.delete(&id).await;
    for (name, value) in [
        ("authorization", bearer(&secret)),
        ("x-api-key", secret.clone()),
    ] {
        let answer = by_header(name, &value).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body),
            (401, &before),
            "as if it had never been"
        );
    }

    // A key that ended, or is paused, is refused from that moment on.
    let (_, secret) = operator.create("ends").await;
    let (past, future) = match test.database.kind() {
        Kind::Sqlite => ("1", "9999999999999999"),
        Kind::Postgres => ("now() - interval '1 second'", "now() + interval '1 day'"),
    };
    for (change, status) in [
        (format!("api_keys SET expires_at = {future}"), 200),
        (format!("api_keys SET expires_at = {past}"), 401),
        ("api_keys SET expires_at = NULL".to_owned(), 200),
        (format!("api_keys SET disabled_at = {past}"), 401),
        ("api_keys SET disabled_at = NULL".to_owned(), 200),
        (format!("api_key_secrets SET expires_at = {future}"), 200),
        (format!("api_key_secrets SET expires_at = {past}"), 401),
    ] {
        test.database.execute(&format!("UPDATE {change}")).await;
        assert_eq!(
            by_header("x-api-key", &secret).await.status,
            status,
            "{change}"
        );
    }

    // Another name for the header.
    let other = test
        .server_with(&[("APIKEYS_KEY_HEADER", "X-Acme-Key")])
        .await;
    let secret = other.client().create("other").await.1;
    for (name, status) in [("x-acme-key", 200), ("x-api-key", 401)] {
        let request = other.stranger().request("{ viewer { owner } }", &json!({}));
        assert_eq!(
            Answer::of(request.header(name, &secret))
                .await
                .unwrap()
                .status,
            status,
            "{name}"
        );
    }
}

pub async fn two_credentials_are_not_guessed_between(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let secret = client.create("program").await.1;
    let cookie = sign_in(&server).await;
    let token = format!("Bearer {}", server.token);
    let key = format!("Bearer {secret}");
    for headers in [
        vec![
            ("authorization", token.as_str()),
            ("x-api-key", secret.as_str()),
        ],
        vec![
            ("authorization", "Bearer wrong"),
            ("x-api-key", secret.as_str()),
        ],
        vec![
            ("authorization", token.as_str()),
            ("cookie", cookie.as_str()),
        ],
        vec![("authorization", key.as_str()), ("cookie", cookie.as_str())],
        vec![
            ("authorization", "Bearer wrong"),
            ("cookie", cookie.as_str()),
        ],
        vec![("x-api-key", secret.as_str()), ("cookie", cookie.as_str())],
        vec![
            ("authorization", token.as_str()),
            ("authorization", token.as_str()),
        ],
        vec![
            ("x-api-key", secret.as_str()),
            ("x-api-key", secret.as_str()),
        ],
    ] {
        let mut request = server
            .stranger()
            .request("{ viewer { owner } }", &json!({}));
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let answer = Answer::of(request).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "BAD_USER_INPUT"),
            "{}",
            answer.body
        );
        assert_eq!(
            answer.header("www-authenticate"),
            "Bearer error=\"invalid_request\""
        );
    }
    // A cookie of a session that is no more is no credential.
    let request = client
        .request("{ viewer { owner } }", &json!({}))
        .header("cookie", "apikeys_session=old");
    assert_eq!(Answer::of(request).await.unwrap().status, 200);
}

pub async fn a_session_serves_pages_of_this_server_alone(test: Test) {
    let server = test.server().await;
    let cookie = sign_in(&server).await;
    let other_port = "http://127.0.0.1:1".to_owned();
    for (headers, status) in [
        (vec![], 200),
        (vec![("origin", server.base.clone())], 200),
        (
            vec![
                ("sec-fetch-site", "same-origin".to_owned()),
                ("origin", server.base.clone()),
            ],
            200,
        ),
        (vec![("sec-fetch-site", "none".to_owned())], 200),
        (vec![("origin", "https://evil.example".to_owned())], 403),
        (vec![("origin", "null".to_owned())], 403),
        (vec![("origin", other_port)], 403),
        (vec![("sec-fetch-site", "cross-site".to_owned())], 403),
        (
            vec![
                ("sec-fetch-site", "same-site".to_owned()),
                ("origin", server.base.clone()),
            ],
            403,
        ),
    ] {
        let query = "mutation { createApiKey(input: {name: \"x\"}) { apiKey { id } } }";
        let mut request = server
            .stranger()
            .request(query, &json!({}))
            .header("cookie", &cookie);
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        let keys = test.database.count("api_keys").await;
        let answer = Answer::of(request).await.unwrap();
        let code = if status == 200 {
            "(no code)"
        } else {
            "FORBIDDEN"
        };
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (status, code),
            "{headers:?}: {}",
            answer.body
        );
        let made = i64::from(status == 200);
        assert_eq!(
            test.database.count("api_keys").await - keys,
            made,
            "{headers:?}"
        );
        // A token is sent on purpose, from wherever it is.
        let mut request = server.client().request("{ viewer { owner } }", &json!({}));
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        assert_eq!(Answer::of(request).await.unwrap().status, 200);
    }
}

async fn sign_in(server: &Server) -> String {
    let opened = Answer::of(server.stranger().http.get(&server.link))
        .await
        .unwrap();
    opened
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

pub async fn scopes_are_checked_and_kept(test: Test) {
    let server = test.server().await;
    let client = server.client();
    let query = "mutation($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id scopes } secret } }";
    let create = async |scopes: Value| {
        client
            .graphql(query, json!({"input": {"name": "x", "scopes": scopes}}))
            .await
    };
    for (given, kept) in [
        (Value::Null, json!([])),
        (json!([]), json!([])),
        (json!(["b", "a", "b"]), json!(["b", "a"])),
        (
            json!(["apikeys:read", "https://example.com/a?b#c"]),
            json!(["apikeys:read", "https://example.com/a?b#c"]),
        ),
    ] {
        let answer = create(given).await;
        let api_key = &answer.body["data"]["createApiKey"]["apiKey"];
        assert_eq!(api_key["scopes"], kept, "{}", answer.body);
        let id = text(&api_key["id"]);
        let found = client
            .data(
                "query($id: ID!) { apiKey(id: $id) { scopes } }",
                json!({"id": id}),
            )
            .await;
        assert_eq!(found["apiKey"]["scopes"], kept);
    }
    let many: Vec<String> = (0..51).map(|i| format!("s{i}")).collect();
    for bad in [
        json!([""]),
        json!(["a b"]),
        json!(["é"]),
        json!(["x".repeat(101)]),
        json!(["apikeys:wirte"]),
        json!(many),
        json!([7]),
    ] {
        let answer = create(bad.clone()).await;
        assert_eq!(
            answer.error(),
            ("BAD_USER_INPUT", Some("scopes")),
            "{bad}: {}",
            answer.body
        );
    }
    assert_eq!(test.database.count("api_keys").await, 4);
    for (scope, code) in [
        ("a b", Some(2)),
        ("apikeys:wirte", Some(2)),
        ("deploy", Some(0)),
    ] {
        let made = test
            .run(
                &["create-key", "--owner=o", "--name=n", "--scope", scope],
                &[],
            )
            .await;
        assert_eq!(made.code, code, "{scope}: {}", made.stderr);
    }
    // An act-as key's own id is what the owner's keys remember as their maker.
    let secret = test.key("acme", &["apikeys:act-as"]).await;
    let backend = Client::new(&server.base, Some(&secret));
    let subject =
        backend.data("{ viewer { subject } }", json!({})).await["viewer"]["subject"].take();
    let request = backend.request(
        "mutation { createApiKey(input: {name: \"x\"}) { apiKey { owner createdBy } } }",
        &json!({}),
    );
    let answer = Answer::of(request.header("apikeys-owner", "Zoë & söhne".as_bytes()))
        .await
        .unwrap();
    let api_key = &answer.body["data"]["createApiKey"]["apiKey"];
    assert_eq!(
        api_key,
        &json!({"owner": "Zoë & söhne", "createdBy": subject})
    );
    for bad in ["", "  ", &"x".repeat(256)] {
        let request = backend
            .request("{ viewer { owner } }", &json!({}))
            .header("apikeys-owner", bad);
        let answer = Answer::of(request).await.unwrap();
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "BAD_USER_INPUT"),
            "{bad:?}"
        );
    }
}

pub async fn pages_of_allowed_origins_may_call(test: Test) {
    let origins = "https://app.example.com, http://localhost:3000";
    let server = test
        .server_with(&[("APIKEYS_ALLOWED_ORIGINS", origins)])
        .await;
    let client = server.client();
    for (origin, is_allowed) in [
        ("https://app.example.com", true),
        ("http://localhost:3000", true),
        ("https://app.example.com.evil.example", false),
        ("http://app.example.com", false),
        ("https://other.example", false),
        ("null", false),
    ] {
        let preflight = client
            .http
            .request(reqwest::Method::OPTIONS, client.url("/graphql"))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type",
            );
        let preflight = Answer::of(preflight).await.unwrap();
        let request = client.request("{ viewer { owner } }", &json!({}));
        let answer = Answer::of(request.header("origin", origin)).await.unwrap();
        assert_eq!(answer.status, 200, "a token is good wherever it comes from");
        let expected = if is_allowed { origin } else { "(none)" };
        for answer in [&preflight, &answer] {
            assert_eq!(
                answer.header("access-control-allow-origin"),
                expected,
                "{origin}"
            );
            assert_eq!(answer.header("access-control-allow-credentials"), "(none)");
        }
        assert_eq!(
            preflight.status.as_u16(),
            if is_allowed { 204 } else { 401 }
        );
        if is_allowed {
            assert_eq!(
                preflight.header("access-control-allow-methods"),
                "GET, POST"
            );
            assert_eq!(
                preflight.header("access-control-allow-headers"),
                "authorization, content-type"
            );
            assert_eq!(answer.header("vary"), "origin");
            // What is refused can be read, too.
            let refused = server
                .stranger()
                .request("{ viewer { owner } }", &json!({}));
            let refused = Answer::of(refused.header("origin", origin)).await.unwrap();
            assert_eq!(
                (
                    refused.status.as_u16(),
                    refused.header("access-control-allow-origin")
                ),
                (401, origin)
            );
        }
    }
    let closed = test.server().await;
    let request = closed.client().request("{ viewer { owner } }", &json!({}));
    let answer = Answer::of(request.header("origin", "https://app.example.com"))
        .await
        .unwrap();
    assert_eq!(answer.header("access-control-allow-origin"), "(none)");
}
