//! The measurements: which points, in which order.

use std::path::Path;

use crate::database::{Database, Kind};
use crate::report::{self, Group, Point};
use crate::requests::{Callers, Requests, What};
use crate::seed::{self, Seeded};
use crate::server::Server;
use crate::{Options, Result, wrk};

const CONNECTIONS: [usize; 3] = [1, 32, 128];
/// The machine's speed changes from minute to minute: what is compared is measured close together, and `/livez` before and
/// after.
const READS: [What; 6] = [
    What::Livez,
    What::Auth,
    What::Introspect,
    What::Typename,
    What::ApiKeys,
    What::Livez,
];
/// These come after all others, because the database grows.
const WRITES: [What; 4] = [
    What::Livez,
    What::CreateForOne,
    What::CreateForMany,
    What::Livez,
];

/// How many keys are asked for in turn. Each use of another key is one more that the server writes down.
const SAMPLE: u64 = 100_000;

const SCALING_CONNECTIONS: usize = 32;
const SCALING_FEW: u64 = 10_000;
/// How often each of the two databases has its turn.
const SCALING_ROUNDS: usize = 3;

/// A server on a full database, and the requests to it.
struct Stage {
    database: Database,
    server: Server,
    client: reqwest::Client,
    requests: Vec<Requests>,
    /// How many owners there are, but for the local operator.
    owners: u64,
}

/// Every kind of request on one kind of database. Gives how many had no right answer.
pub async fn database(kind: Kind, options: &Options, folder: &Path) -> Result<u64> {
    println!("\n## {}, {} keys\n", kind.name(), options.keys);
    println!("It is {}.", kind.conditions());
    let stage = Stage::new(kind, options.keys, SAMPLE, &What::ALL, options, folder).await?;
    println!(
        "An owner's keys are counted before another one is made: those of the one owner become more and more, those of many are about {} each.",
        options.keys / stage.owners
    );
    let mut groups = Vec::new();
    for order in [&READS[..], &WRITES] {
        for connections in CONNECTIONS {
            let mut points = Vec::new();
            for what in order {
                points.push(stage.measure(*what, connections, options.seconds).await?);
            }
            groups.push(Group(points));
        }
    }
    println!();
    report::print(&groups);
    match stage.server.memory() {
        Some(memory) => println!(
            "\nThe server's resident memory: {} MiB at the end, {} MiB at most.",
            memory.now, memory.peak
        ),
        None => println!("\nThe server's resident memory: this system does not tell."),
    }
    Ok(groups.iter().map(Group::errors).sum())
}

/// `/auth` on a small and on a large database, in turns. Gives how many requests had no right answer.
pub async fn scaling(kind: Kind, options: &Options, folder: &Path) -> Result<u64> {
    println!("\n## {}: /auth as keys become more\n", kind.name());
    let sizes = [SCALING_FEW, options.scaling_keys];
    let mut stages = Vec::new();
    for keys in sizes {
        // As many of the many are asked for as of the few: only how many there are differs.
        stages.push(Stage::new(kind, keys, SCALING_FEW, &[What::Auth], options, folder).await?);
    }
    let mut groups = [Group(Vec::new()), Group(Vec::new())];
    for _ in 0..SCALING_ROUNDS {
        for (stage, group) in stages.iter().zip(&mut groups) {
            let measured = stage.measure(What::Auth, SCALING_CONNECTIONS, options.seconds);
            group.0.push(measured.await?);
        }
    }
    println!("\n|       keys | connections | requests/s | errors |");
    println!("| ---------: | ----------: | ---------: | -----: |");
    let mut rates = Vec::new();
    for (keys, group) in sizes.iter().zip(&groups) {
        let rate = group.mean(What::Auth).ok_or("nothing was measured")?;
        let errors = group.errors();
        println!("| {keys:>10} | {SCALING_CONNECTIONS:>11} | {rate:>10.0} | {errors:>6} |");
        rates.push(rate);
    }
    println!(
        "\nA check among the many keys costs {:.2} times what it costs among the few (the mean of {SCALING_ROUNDS} turns each).",
        rates[0] / rates[1]
    );
    Ok(groups.iter().map(Group::errors).sum())
}

impl Stage {
    async fn new(
        kind: Kind,
        keys: u64,
        sample: u64,
        kinds: &[What],
        options: &Options,
        folder: &Path,
    ) -> Result<Self> {
        let folder = &folder.join(keys.to_string());
        std::fs::create_dir(folder)?;
        let database = Database::new(kind, folder).await?;
        let seeded: Seeded = seed::fill(&database, keys, sample).await?;
        println!(
            "{keys} keys were made in {:.1} s; {} of their secrets are asked for.",
            seeded.took.as_secs_f64(),
            seeded.sample.len()
        );
        let callers = Callers::new(&database).await?;
        let server = Server::start(&database, folder, options.logs()).await?;
        let mut requests = Vec::new();
        for what in kinds {
            requests.push(Requests::write(
                *what,
                &seeded,
                &callers,
                &server.base,
                folder,
            )?);
        }
        Ok(Self {
            database,
            server,
            client: reqwest::Client::new(),
            requests,
            owners: seeded.owners,
        })
    }

    /// One point. Its answers are looked at before and after: while it runs, wrk looks at the status alone.
    async fn measure(&self, what: What, connections: usize, seconds: u64) -> Result<Point> {
        let requests = self.requests.iter().find(|requests| requests.what == what);
        let requests = requests.ok_or("there are no such requests")?;
        let base = &self.server.base;
        requests.check(&self.client, base, connections).await?;
        let before = self.keys_where_made(what).await?;
        let measurement = wrk::run(base, &requests.file, connections, seconds).await?;
        let made = self.keys_where_made(what).await? - before;
        requests.check(&self.client, base, connections + 1).await?;
        self.server.forget_log()?;
        // Whatever GraphQL answers, the status is 200: the table tells whether the keys are there.
        let wrong = match what.makes_keys() {
            true => measurement.accepted().saturating_sub(made),
            false => 0,
        };
        Ok(Point {
            what,
            connections,
            measurement,
            wrong,
        })
    }

    /// How many keys there are, where requests of this kind make some.
    async fn keys_where_made(&self, what: What) -> Result<u64> {
        match what.makes_keys() {
            true => self.database.count_keys().await,
            false => Ok(0),
        }
    }
}
