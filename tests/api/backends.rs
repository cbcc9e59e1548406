//! The examples for backends, which ask by RFC 7662, each with the library that its language has for that.

use std::path::Path;

use serde_json::json;

use crate::harness::{Answer, Client, Database, Kind, Program, Server, Test, command, mistyped};

/// A credential with which a backend may ask.
struct Credential {
    id: String,
    secret: String,
}

struct Backend {
    name: &'static str,
    port: u16,
    program: Program,
}

const OWNER: &str = "Zoë & Söhne";
/// Instead of a value of `Authorization`: there is no such header.
const NOTHING: &str = "";

/// Statuses, and what a challenge starts with. Authlib has none with a 403, which RFC 6750 leaves open.
const GREETED: (u16, &str) = (200, "");
const MISSING: (u16, &str) = (401, "Bearer");
const INVALID: (u16, &str) = (401, "Bearer error=\"invalid_token\"");
const FORBIDDEN: (u16, &str) = (403, "");

pub async fn each_asks_and_answers_as_the_table_says(test: Test) {
    let server = test.server().await;
    let asking = credential(&test, &server, &["apikeys:introspect"]).await;
    let good = create(&test, &["read", "hello"]).await;
    let without_scope = create(&test, &["hello2", "apikeys:introspect"]).await;
    let scopeless = create(&test, &[]).await;
    let expired = credential(&test, &server, &["hello"]).await;
    expire(&test, &expired.id).await;
    let mistyped = mistyped(&good);

    let bearer = |secret: &str| format!("Bearer {secret}");
    for backend in start(&test, &server.base, &asking).await {
        let (id, deleted) = server.client().create("deleted").await;
        assert_eq!(backend.hello(&bearer(&deleted)).await.status, 403);
        assert_eq!(server.client().delete(&id).await.code(), "(no code)");
        for (what, authorization, (status, challenge)) in [
            ("good", bearer(&good), GREETED),
            ("in lower case", format!("bearer {good}"), GREETED),
            ("none", NOTHING.to_owned(), MISSING),
            ("no token", "Bearer".to_owned(), MISSING),
            ("Basic", "Basic YTpi".to_owned(), MISSING),
            ("a word", bearer("x"), INVALID),
            ("mistyped", bearer(&mistyped), INVALID),
            ("deleted", bearer(&deleted), INVALID),
            ("expired", bearer(&expired.secret), INVALID),
            ("another scope", bearer(&without_scope), FORBIDDEN),
            ("no scope at all", bearer(&scopeless), FORBIDDEN),
        ] {
            let answer = backend.hello(&authorization).await;
            let log = backend.program.log();
            let context = format!("{}: {what}: {answer:?}\n{log}", backend.name);
            assert_eq!(answer.status, status, "{context}");
            let is_greeted = answer.body == json!(format!("Hello, {OWNER}"));
            assert_eq!(is_greeted, status == 200, "{context}");
            // The name of a scheme has no case.
            let said = answer.header("www-authenticate");
            let said = said.replacen("bearer", "Bearer", 1);
            assert!(said.starts_with(challenge), "{context}");
        }
        let log = backend.program.log();
        assert!(
            !log.contains(&good) && !log.contains(&asking.secret),
            "{log}"
        );
    }
}

pub async fn nobody_is_let_in_where_apikeys_cannot_tell(test: Test) {
    let mut server = test.server().await;
    let good = format!("Bearer {}", create(&test, &["hello"]).await);
    let asking = credential(&test, &server, &["apikeys:introspect"]).await;
    let may_not_ask = credential(&test, &server, &["hello"]).await;
    let of_another = Credential {
        id: may_not_ask.id.clone(),
        secret: asking.secret.clone(),
    };
    for misconfigured in [may_not_ask, of_another] {
        for backend in start(&test, &server.base, &misconfigured).await {
            backend.cannot_tell(&good).await;
        }
    }
    let backends = start(&test, &server.base, &asking).await;
    for backend in &backends {
        assert_eq!(backend.hello(&good).await.status, 200, "{}", backend.name);
    }
    match &test.database {
        Database::Postgres(_) => test.database.forbid_connections().await,
        Database::Sqlite(path) => std::fs::rename(path, test.folder().join("away")).unwrap(),
    }
    for backend in &backends {
        backend.cannot_tell(&good).await;
    }
    server.kill().await;
    for backend in &backends {
        backend.cannot_tell(&good).await;
        // Who presents nothing is told so all the same.
        assert_eq!(backend.hello(NOTHING).await.status, 401, "{}", backend.name);
    }
}

/// Starts each, asking as the credential says.
async fn start(test: &Test, apikeys: &str, credential: &Credential) -> Vec<Backend> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/backends");
    let mut python = command(examples.join("python/.venv/bin/python"));
    python.arg(examples.join("python/main.py"));
    let mut node = command("node");
    node.arg(examples.join("node/main.mjs"));
    // `cargo test` builds the examples; `cargo test --test api` alone does not.
    let built = Path::new(env!("CARGO_BIN_EXE_apikeys")).parent().unwrap();
    let rust = command(built.join("examples/backend"));

    let mut backends = Vec::new();
    for (name, mut command) in [("python", python), ("node", node), ("rust", rust)] {
        command
            .env("APIKEYS_URL", apikeys)
            .env("APIKEYS_CLIENT_ID", &credential.id)
            .env("APIKEYS_CLIENT_SECRET", &credential.secret)
            .env("PORT", "0");
        let mut program = Program::start(test.folder(), command);
        let port = program.said_port().await;
        backends.push(Backend {
            name,
            port,
            program,
        });
    }
    backends
}

impl Backend {
    async fn hello(&self, authorization: &str) -> Answer {
        let client = Client::new(&format!("http://127.0.0.1:{}", self.port), None);
        let mut request = client.http.get(client.url("/hello"));
        if authorization != NOTHING {
            request = request.header("authorization", authorization);
        }
        Answer::of(request).await.unwrap()
    }

    async fn cannot_tell(&self, authorization: &str) {
        let answer = self.hello(authorization).await;
        let log = self.program.log();
        assert_eq!(answer.status, 503, "{}: {answer:?}\n{log}", self.name);
        assert!(log.contains("apikeys does not answer"), "{log}");
    }
}

async fn create(test: &Test, scopes: &[&str]) -> String {
    let mut arguments = vec!["create-key", "--owner", OWNER, "--name", "key"];
    arguments.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
    test.run(&arguments, &[]).await.stdout.trim().to_owned()
}

async fn credential(test: &Test, server: &Server, scopes: &[&str]) -> Credential {
    let secret = create(test, scopes).await;
    let client = Client::new(&server.base, Some(&secret));
    let data = client.data("{ viewer { apiKey { id } } }", json!({})).await;
    let id = data["viewer"]["apiKey"]["id"].as_str().unwrap().to_owned();
    Credential { id, secret }
}

/// Lets a key have ended a second after it was made, which was longer ago.
async fn expire(test: &Test, id: &str) {
    let statement = match test.database.kind() {
        Kind::Sqlite => format!(
            "UPDATE api_keys SET created_at = 0, expires_at = 1 WHERE id = x'{}'",
            id.replace('-', "")
        ),
        Kind::Postgres => format!(
            "UPDATE api_keys SET created_at = 'epoch', expires_at = 'epoch' WHERE id = '{id}'"
        ),
    };
    test.database.execute(&statement).await;
}
