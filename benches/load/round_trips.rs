//! What each operation asks of PostgreSQL: how often its answer has to be waited for, and how often its log has to reach the disk.

use std::path::Path;
use std::time::Duration;

use apikeys::bounds;
use serde_json::Value;
use tokio::time::sleep;
use url::Url;

use crate::database::{self, Database, Kind};
use crate::request::Request;
use crate::requests::{CREATE_API_KEY, Callers, TYPENAME, page};
use crate::seed;
use crate::server::{LOCAL_TOKEN, Server};
use crate::wire::{Counts, Wire};
use crate::{Options, Result};

/// How many keys there are. More of them change nothing of what is counted.
const KEYS: u64 = 10_000;
/// The first requests prepare the statements of each connection. Their round trips do not count, their flushes do.
const WARM_UP: usize = 50;
const COUNTED: usize = 200;
const ALL: usize = WARM_UP + COUNTED;
/// What is left to be said to PostgreSQL after an answer has its time in this.
const PAUSE: Duration = Duration::from_millis(1);

/// A process of PostgreSQL tells what it did at the end of a statement, and not again within a second.
const TELLS_EVERY: Duration = Duration::from_millis(1_100);
/// How often it is looked whether all have told.
const LOOKS: usize = 5;
const FLUSHES: &str = "SELECT wal_sync FROM pg_stat_wal";
const FLUSHES_SINCE_18: &str =
    "SELECT sum(fsyncs)::bigint FROM pg_stat_io WHERE object = 'wal' AND context = 'normal'";

/// Where in the JSON of an answer a text stands that only a right one has.
type Proof = &'static str;

/// There is no JSON: the header that names the owner is the proof.
const HEADER: Proof = "";
const CREATED: Proof = "/data/createApiKey/apiKey/id";
const LAST_CURSOR: Proof = "/data/apiKeys/edges/19/cursor";

/// A server that is connected to PostgreSQL by a wire, and who asks it one thing at a time.
struct Stage {
    server: Server,
    wire: Wire,
    client: reqwest::Client,
    /// Past the wire.
    postgres: tokio_postgres::Client,
    /// The query for how often PostgreSQL has flushed its log.
    flushes: &'static str,
    /// How often it had when the last row was printed.
    flushed: i64,
}

/// Prints a table of all operations. It fails where an answer is wrong.
pub async fn table(options: &Options, folder: &Path) -> Result<()> {
    println!("\n## PostgreSQL: round trips and flushes\n");
    println!(
        "One request at a time, on {KEYS} keys: {COUNTED} of each operation, after {WARM_UP} that prepare the statements. \
        A round trip: the server says something after PostgreSQL has answered, on the same connection. A flush: PostgreSQL waits \
        until its log is on disk. Flushes are the mean, all else is the median. The local operator asks, who is not looked up, \
        where no key is named. SQLite is a part of the server's own process and has no round trips; its flushes are not counted.\n"
    );
    let database = Database::new(Kind::Postgres, folder).await?;
    let seeded = seed::fill(&database, KEYS, ALL as u64).await?;
    let callers = Callers::new(&database).await?;
    let mut stage = Stage::new(&database, options, folder).await?;

    println!(
        "| operation                    | round trips | flushes | messages to it | and back | bytes to it | and back |"
    );
    println!(
        "| ---------------------------- | ----------: | ------: | -------------: | -------: | ----------: | -------: |"
    );
    let known = || seeded.sample.iter().cycle().take(ALL);
    let ask = |document: &str| Request::graphql(document, LOCAL_TOKEN);
    let same = |document: &str| -> Vec<Request> { (0..ALL).map(|_| ask(document)).collect() };
    let auth = known().map(Request::auth).collect();
    stage.row("/auth", HEADER, auth).await?;
    let introspect = known().map(|known| Request::introspect(known, &callers.introspect));
    let introspect = introspect.collect();
    let name = "/introspect, by a key";
    stage.row(name, "/sub", introspect).await?;
    let typename = same(TYPENAME);
    stage.row(TYPENAME, "/data/__typename", typename).await?;
    let first = same(&page("first: 20"));
    let cursors = stage.row("apiKeys(first: 20)", LAST_CURSOR, first).await?;
    let cursor = cursors.last().ok_or("there is no cursor")?;
    let after = same(&page(&format!("first: 20, after: {cursor:?}")));
    let name = "apiKeys(first: 20, after: …)";
    stage.row(name, LAST_CURSOR, after).await?;

    let create = same(CREATE_API_KEY);
    let ids = stage.row("createApiKey", CREATED, create).await?;
    let of_each = |document: fn(&str) -> String| -> Vec<Request> {
        ids.iter().map(|id| ask(&document(id))).collect()
    };
    let rotate = of_each(|id| {
        format!("mutation {{ rotateApiKey(input: {{id: {id:?}}}) {{ apiKey {{ id }} secret }} }}")
    });
    let proof = "/data/rotateApiKey/secret";
    stage.row("rotateApiKey", proof, rotate).await?;
    let update = of_each(|id| {
        format!(
            "mutation {{ updateApiKey(input: {{id: {id:?}, name: \"renamed\"}}) {{ apiKey {{ id }} }} }}"
        )
    });
    let proof = "/data/updateApiKey/apiKey/id";
    stage.row("updateApiKey", proof, update).await?;
    let delete = of_each(|id| {
        format!("mutation {{ deleteApiKey(input: {{id: {id:?}}}) {{ deletedApiKeyId }} }}")
    });
    let proof = "/data/deleteApiKey/deletedApiKeyId";
    stage.row("deleteApiKey", proof, delete).await?;

    let act_as = Request::graphql(CREATE_API_KEY, &callers.act_as);
    let by_key = |_| act_as.clone().acting_for(seed::owner(0));
    let by_key = (0..ALL).map(by_key).collect();
    stage.row("createApiKey, by a key", CREATED, by_key).await?;
    Ok(())
}

impl Stage {
    async fn new(database: &Database, options: &Options, folder: &Path) -> Result<Self> {
        let mut url = Url::parse(&database.url())?;
        let host = url.host_str().ok_or("the URL has no host")?;
        let port = url.port().ok_or("the URL has no port")?;
        let wire = Wire::new(format!("{host}:{port}")).await?;
        let is_set = url.set_port(Some(wire.port));
        is_set.map_err(|()| "the URL takes no port")?;
        let server = Server::start(&Database::Postgres(url.into()), folder, options.logs()).await?;
        let postgres = database::connect(&database.url()).await?;
        let version = "SELECT current_setting('server_version_num')::int";
        let version: i32 = postgres.query_one(version, &[]).await?.get(0);
        let mut stage = Self {
            server,
            wire,
            client: reqwest::Client::new(),
            postgres,
            flushes: match version {
                ..180_000 => FLUSHES,
                _ => FLUSHES_SINCE_18,
            },
            flushed: 0,
        };
        stage.flushed = stage.settled_flushes().await?;
        Ok(stage)
    }

    /// Sends the requests of one operation, one after the other, and prints its row. Gives the proofs.
    async fn row(
        &mut self,
        name: &str,
        proof: Proof,
        requests: Vec<Request>,
    ) -> Result<Vec<String>> {
        let mut proofs = Vec::new();
        let mut counts = Vec::new();
        for request in &requests {
            let before = self.wire.counts();
            proofs.push(self.send(name, proof, request).await?);
            sleep(PAUSE).await;
            counts.push(self.wire.counts() - before);
        }
        let flushed = self.settled_flushes().await?;
        let flushes = (flushed - self.flushed) as f64 / requests.len() as f64;
        self.flushed = flushed;
        counts.drain(..WARM_UP);
        println!(
            "| {name:<28} | {:>11} | {flushes:>7.2} | {:>14} | {:>8} | {:>11} | {:>8} |",
            median(&counts, |counts| counts.round_trips),
            median(&counts, |counts| counts.there.messages),
            median(&counts, |counts| counts.back.messages),
            median(&counts, |counts| counts.there.bytes),
            median(&counts, |counts| counts.back.bytes),
        );
        Ok(proofs)
    }

    /// Gives the proof that the answer is right.
    async fn send(&self, name: &str, proof: Proof, request: &Request) -> Result<String> {
        let answer = request.send(&self.client, &self.server.base).await?;
        let json: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let found = match proof {
            HEADER => answer.owner,
            place => json
                .pointer(place)
                .and_then(Value::as_str)
                .map(str::to_owned),
        };
        // Where the request is about a key, the proof is the key's owner.
        let is_right = |found: &String| request.owner.is_empty() || *found == request.owner;
        let found = found.filter(is_right);
        let found = found.filter(|_| answer.status == 200 && json.get("errors").is_none());
        found.ok_or_else(|| {
            let (status, body) = (answer.status, answer.body);
            format!("{name}: this is not the right answer: {status} {body}").into()
        })
    }

    /// How often PostgreSQL has flushed its log until now, once all its processes have told.
    async fn settled_flushes(&self) -> Result<i64> {
        let mut flushes = self.told_flushes().await?;
        for _ in 0..LOOKS {
            let more = self.told_flushes().await?;
            if more == flushes {
                break;
            }
            flushes = more;
        }
        Ok(flushes)
    }

    async fn told_flushes(&self) -> Result<i64> {
        sleep(TELLS_EVERY).await;
        // The server's connections take turns: each has a statement, and its process tells.
        let question = Request::graphql(&page("first: 20"), LOCAL_TOKEN);
        for _ in 0..bounds::CONNECTIONS {
            self.send("apiKeys", LAST_CURSOR, &question).await?;
        }
        Ok(self.postgres.query_one(self.flushes, &[]).await?.get(0))
    }
}

fn median(counts: &[Counts], of: fn(&Counts) -> u64) -> u64 {
    let mut all: Vec<u64> = counts.iter().map(of).collect();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}
