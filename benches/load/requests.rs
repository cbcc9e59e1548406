//! What is asked? The kinds of requests, and what a right answer to each is.

use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Result;
use crate::database::Database;
use crate::seed::{Seeded, owner};
use crate::server::{self, LOCAL_TOKEN};

const TYPENAME: &str = "{ __typename }";
const API_KEYS: &str = "{ apiKeys(first: 20) { edges { cursor node { id name hint scopes createdAt } } \
    pageInfo { hasNextPage endCursor } } }";
const CREATE_API_KEY: &str =
    "mutation { createApiKey(input: {name: \"deploy\"}) { apiKey { id } secret } }";

/// One request in this many is kept, to be sent before and after a run.
const PROBE_EVERY: usize = 997;

/// A kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The least that this server can do: what all else is compared with.
    Livez,
    /// Is this key good? Another key each time.
    Auth,
    /// Whose key is it? Another key each time.
    Introspect,
    /// The least that GraphQL can do.
    Typename,
    /// A page of the local operator's keys.
    ApiKeys,
    /// A new key, for another owner each time: an owner can have only so many.
    CreateApiKey,
}

impl What {
    pub const ALL: [Self; 6] = [
        Self::Livez,
        Self::Auth,
        Self::Introspect,
        Self::Typename,
        Self::ApiKeys,
        Self::CreateApiKey,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Livez => "/livez",
            Self::Auth => "/auth",
            Self::Introspect => "/introspect",
            Self::Typename => "{ __typename }",
            Self::ApiKeys => "apiKeys(first: 20)",
            Self::CreateApiKey => "createApiKey",
        }
    }
}

/// The keys of those who ask, made by the command line.
pub struct Callers {
    introspect: String,
    act_as: String,
}

impl Callers {
    pub async fn new(database: &Database) -> Result<Self> {
        let with_scope = async |scope: &str| {
            let arguments = ["create-key", "--owner", "bench", "--name", "bench"];
            server::run(database, &[&arguments[..], &["--scope", scope]].concat()).await
        };
        Ok(Self {
            introspect: with_scope("apikeys:introspect").await?,
            act_as: with_scope("apikeys:act-as").await?,
        })
    }
}

/// Requests of one kind, in a file for wrk.
pub struct Requests {
    pub what: What,
    pub file: PathBuf,
    probes: Vec<Request>,
}

impl Requests {
    /// Writes the requests to the server at `base` into a file.
    pub fn write(
        what: What,
        seeded: &Seeded,
        callers: &Callers,
        base: &str,
        folder: &Path,
    ) -> Result<Self> {
        let host = base.trim_start_matches("http://");
        let file = folder.join(format!("{what:?}.requests"));
        let mut writer = BufWriter::new(std::fs::File::create(&file)?);
        let mut probes = Vec::new();
        for (number, request) in all(what, seeded, callers).enumerate() {
            write!(writer, "{}\0", request.text(host)?)?;
            if number % PROBE_EVERY == 0 {
                probes.push(request);
            }
        }
        writer.flush()?;
        Ok(Self { what, file, probes })
    }

    /// Sends one request and looks at the whole answer, which wrk does not. Each `turn` is another one's.
    pub async fn check(&self, client: &reqwest::Client, base: &str, turn: usize) -> Result<()> {
        let request = &self.probes[turn % self.probes.len()];
        let url = format!("{base}{}", request.path);
        let mut sent = if request.body.is_empty() {
            client.get(url)
        } else {
            client.post(url).body(request.body.clone())
        };
        for (name, value) in &request.headers {
            sent = sent.header(*name, value);
        }
        let response = sent.send().await?;
        let status = response.status();
        let named_owner = response.headers().get("apikeys-owner").cloned();
        let body = response.text().await?;
        let is_right = status == 200
            && match self.what {
                What::Auth => named_owner.is_some_and(|owner| owner == request.owner.as_str()),
                _ => is_right(self.what, &request.owner, &body),
            };
        if is_right {
            Ok(())
        } else {
            Err(format!(
                "{}: this is not the right answer: {status} {body}",
                self.what.name()
            )
            .into())
        }
    }
}

fn is_right(what: What, owner: &str, body: &str) -> bool {
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    match what {
        What::Livez => body == "ok\n",
        What::Auth => body.is_empty(),
        What::Introspect => json["active"] == true && json["sub"] == owner,
        What::Typename => json == json!({"data": {"__typename": "Query"}}),
        What::ApiKeys => {
            let page = &json["data"]["apiKeys"];
            let edges = page["edges"].as_array().map_or(0, Vec::len);
            edges == 20 && page["pageInfo"]["hasNextPage"] == true && json.get("errors").is_none()
        }
        What::CreateApiKey => {
            let created = &json["data"]["createApiKey"];
            created["secret"].is_string() && created["apiKey"]["id"].is_string()
        }
    }
}

struct Request {
    path: &'static str,
    headers: Vec<(&'static str, String)>,
    /// Without one it is a GET, with one a POST.
    body: String,
    /// Whose keys it is about.
    owner: String,
}

impl Request {
    /// The request as it is sent.
    fn text(&self, host: &str) -> Result<String> {
        let method = if self.body.is_empty() { "GET" } else { "POST" };
        let mut text = format!("{method} {} HTTP/1.1\r\nHost: {host}\r\n", self.path);
        for (name, value) in &self.headers {
            write!(text, "{name}: {value}\r\n")?;
        }
        if !self.body.is_empty() {
            write!(text, "Content-Length: {}\r\n", self.body.len())?;
        }
        Ok(format!("{text}\r\n{}", self.body))
    }
}

/// Every request of a kind.
fn all<'a>(
    what: What,
    seeded: &'a Seeded,
    callers: &'a Callers,
) -> Box<dyn Iterator<Item = Request> + 'a> {
    let of_operator = |query| std::iter::once(graphql(query, LOCAL_TOKEN, "local", &[]));
    match what {
        What::Livez => Box::new(std::iter::once(Request {
            path: "/livez",
            headers: Vec::new(),
            body: String::new(),
            owner: String::new(),
        })),
        What::Auth => Box::new(seeded.sample.iter().map(|known| Request {
            path: "/auth",
            headers: vec![bearer(&known.secret)],
            body: String::new(),
            owner: known.owner.clone(),
        })),
        What::Introspect => Box::new(seeded.sample.iter().map(|known| Request {
            path: "/introspect",
            headers: vec![
                bearer(&callers.introspect),
                ("Content-Type", "application/x-www-form-urlencoded".into()),
            ],
            body: format!("token={}", known.secret),
            owner: known.owner.clone(),
        })),
        What::Typename => Box::new(of_operator(TYPENAME)),
        What::ApiKeys => Box::new(of_operator(API_KEYS)),
        What::CreateApiKey => Box::new((0..seeded.owners).map(owner).map(|owner| {
            let named = [("Apikeys-Owner", owner.clone())];
            graphql(CREATE_API_KEY, &callers.act_as, &owner, &named)
        })),
    }
}

fn graphql(query: &str, token: &str, owner: &str, more: &[(&'static str, String)]) -> Request {
    let json = ("Content-Type", "application/json".to_owned());
    Request {
        path: "/graphql",
        headers: [&[bearer(token), json], more].concat(),
        body: json!({ "query": query }).to_string(),
        owner: owner.to_owned(),
    }
}

fn bearer(token: &str) -> (&'static str, String) {
    ("Authorization", format!("Bearer {token}"))
}
