//! Keys to ask for: a database full of them, and a sample of their secrets.

mod postgres;
mod sqlite;

use std::time::{Duration, Instant};

use apikeys::key::secret::{Prefix, Secret};
use uuid::{Builder, Uuid};

use crate::Result;
use crate::database::Database;

/// How many keys are made at once.
const CHUNK: u64 = 20_000;
/// How many keys an owner has, but for the local operator.
const KEYS_OF_OWNER: u64 = 100;
const LOCAL_KEYS: u64 = 450;
/// 2026-01-01T00:00:00Z, when the first key was made. There is one every 100 ms.
const FIRST_AT_MS: u64 = 1_767_225_600_000;
const STEP_MS: u64 = 100;

/// In small letters, so that it is its own folded name.
const NAME: &str = "deploy to production";
const SCOPES: &str = "deploy read";
const CREATED_BY: &str = "seed";

/// A full database.
pub struct Seeded {
    /// Keys of every part of the database, in no order.
    pub sample: Vec<Known>,
    /// The owners, but for the local operator.
    pub owners: u64,
    /// How long it took to make.
    pub took: Duration,
}

/// A key whose secret is known.
pub struct Known {
    pub secret: String,
    pub owner: String,
}

/// The rows of one key.
struct Row {
    id: Uuid,
    owner: String,
    created_at_ms: u64,
    digest: [u8; 32],
    hint: String,
}

/// What an owner is called.
pub fn owner(number: u64) -> String {
    format!("owner-{number}")
}

/// Makes so many keys in an empty database, keeps about so many of their secrets, and leaves it as one that has been there for
/// long: statistics are there, and nothing waits to be written.
pub async fn fill(database: &Database, keys: u64, sample: u64) -> Result<Seeded> {
    let started = Instant::now();
    let mut rows = Rows::new(keys, sample)?;
    match database {
        Database::Sqlite(path) => sqlite::fill(path, &mut rows).await?,
        Database::Postgres(url) => postgres::fill(url, &mut rows).await?,
    }
    // In the order of their ids, neighbours would share the pages that the database reads. Secrets are random.
    rows.sample.sort_unstable_by(|a, b| a.secret.cmp(&b.secret));
    let made = database.count_keys().await?;
    if made != keys {
        return Err(format!("{made} keys were made, not {keys}").into());
    }
    Ok(Seeded {
        sample: rows.sample,
        owners: rows.owners,
        took: started.elapsed(),
    })
}

/// Makes rows, and keeps a sample of their secrets.
struct Rows {
    prefix: Prefix,
    keys: u64,
    made: u64,
    owners: u64,
    /// One secret in this many is kept.
    sample_every: u64,
    sample: Vec<Known>,
}

impl Rows {
    fn new(keys: u64, sample: u64) -> Result<Self> {
        Ok(Self {
            prefix: Prefix::parse("ak").ok_or("not a prefix")?,
            keys,
            made: 0,
            owners: (keys / KEYS_OF_OWNER).max(1),
            sample_every: (keys / sample).max(1),
            sample: Vec::new(),
        })
    }

    /// The next rows; none when all are made.
    fn next_chunk(&mut self) -> Result<Vec<Row>> {
        let end = self.keys.min(self.made + CHUNK);
        let rows = (self.made..end).map(|number| self.row(number)).collect();
        self.made = end;
        rows
    }

    fn row(&mut self, number: u64) -> Result<Row> {
        let secret = Secret::generate(&self.prefix)?;
        let digest = *secret.digest().as_bytes();
        let created_at_ms = FIRST_AT_MS + number * STEP_MS;
        let random: [u8; 10] = std::array::from_fn(|i| digest[i]);
        let owner = self.owner_of(number);
        if number.is_multiple_of(self.sample_every) {
            self.sample.push(Known {
                secret: secret.expose_secret().to_owned(),
                owner: owner.clone(),
            });
        }
        Ok(Row {
            id: Builder::from_unix_timestamp_millis(created_at_ms, &random).into_uuid(),
            owner,
            created_at_ms,
            digest,
            hint: secret.hint(),
        })
    }

    /// Each owner's keys are spread over the whole time, as they would be.
    fn owner_of(&self, number: u64) -> String {
        let stride = (self.keys / LOCAL_KEYS).max(1);
        if number.is_multiple_of(stride) && number / stride < LOCAL_KEYS {
            "local".to_owned()
        } else {
            owner(number % self.owners)
        }
    }
}
