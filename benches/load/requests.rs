//! What is asked? The kinds of requests, and what a right answer to each is.

use std::io::{BufWriter, Write};
use std::iter::once;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Result;
use crate::database::Database;
use crate::request::Request;
use crate::seed::{Seeded, owner};
use crate::server::{self, LOCAL_TOKEN};

pub const TYPENAME: &str = "{ __typename }";
pub const CREATE_API_KEY: &str =
    "mutation { createApiKey(input: {name: \"deploy\"}) { apiKey { id } secret } }";

/// The one owner for whom all keys are made. At first there are none.
const ONE_OWNER: &str = "one-owner";

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
    /// A new key, for the same owner each time. An owner's keys are made one after the other.
    CreateForOne,
    /// A new key, for another owner each time.
    CreateForMany,
}

impl What {
    pub const ALL: [Self; 7] = [
        Self::Livez,
        Self::Auth,
        Self::Introspect,
        Self::Typename,
        Self::ApiKeys,
        Self::CreateForOne,
        Self::CreateForMany,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Livez => "/livez",
            Self::Auth => "/auth",
            Self::Introspect => "/introspect",
            Self::Typename => "{ __typename }",
            Self::ApiKeys => "apiKeys(first: 20)",
            Self::CreateForOne => "createApiKey, one owner",
            Self::CreateForMany => "createApiKey, many owners",
        }
    }

    /// Whether each request makes a key.
    pub fn makes_keys(self) -> bool {
        matches!(self, Self::CreateForOne | Self::CreateForMany)
    }
}

/// A page of the caller's keys, by its arguments.
pub fn page(arguments: &str) -> String {
    format!(
        "{{ apiKeys({arguments}) {{ edges {{ cursor node {{ id name hint scopes createdAt }} }} \
        pageInfo {{ hasNextPage endCursor }} }} }}"
    )
}

/// The keys of those who ask, made by the command line.
pub struct Callers {
    pub introspect: String,
    pub act_as: String,
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
        let answer = request.send(client, base).await?;
        let is_right = answer.status == 200
            && match self.what {
                What::Auth => answer.owner.as_ref() == Some(&request.owner),
                _ => is_right(self.what, &request.owner, &answer.body),
            };
        if is_right {
            Ok(())
        } else {
            Err(format!(
                "{}: this is not the right answer: {} {}",
                self.what.name(),
                answer.status,
                answer.body
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
        What::CreateForOne | What::CreateForMany => {
            let created = &json["data"]["createApiKey"];
            created["secret"].is_string() && created["apiKey"]["id"].is_string()
        }
    }
}

/// Every request of a kind.
fn all<'a>(
    what: What,
    seeded: &'a Seeded,
    callers: &'a Callers,
) -> Box<dyn Iterator<Item = Request> + 'a> {
    let known = seeded.sample.iter();
    // One key makes them all: nothing differs but the owners.
    let create = |owner| Request::graphql(CREATE_API_KEY, &callers.act_as).acting_for(owner);
    match what {
        What::Livez => Box::new(once(Request::livez())),
        What::Auth => Box::new(known.map(Request::auth)),
        What::Introspect => {
            Box::new(known.map(|known| Request::introspect(known, &callers.introspect)))
        }
        What::Typename => Box::new(once(Request::graphql(TYPENAME, LOCAL_TOKEN))),
        What::ApiKeys => Box::new(once(Request::graphql(&page("first: 20"), LOCAL_TOKEN))),
        What::CreateForOne => Box::new(once(create(ONE_OWNER.to_owned()))),
        What::CreateForMany => Box::new((0..seeded.owners).map(owner).map(create)),
    }
}
