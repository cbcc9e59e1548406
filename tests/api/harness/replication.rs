//! A primary and a streaming standby of it, each a server of its own.

use super::cluster::{Instance, run};
use super::database::connect;
use super::eventually;

/// What both have, whatever stands in their files: those of a standby are a copy of its primary's.
const SETTINGS: [&str; 7] = [
    "hot_standby=on",
    "max_connections=100",
    "max_wal_senders=10",
    "synchronous_commit=on",
    "synchronous_standby_names=", // Whoever inherited one would wait for itself after its promotion.
    "wal_level=replica",
    "wal_retrieve_retry_interval=100ms",
];

/// The database that the scenarios use.
const DATABASE: &str = "postgres";

pub struct Pair {
    pub primary: Instance,
    pub standby: Instance,
}

impl Pair {
    pub fn start() -> Self {
        let primary = Instance::new();
        primary.init();
        primary.start(&SETTINGS);
        let standby = Instance::new();
        let mut copy = standby.command("pg_basebackup");
        copy.args(["--host=127.0.0.1", "--port", &primary.port().to_string()]);
        copy.args([
            "--username=postgres",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--write-recovery-conf",
            "--no-sync",
            "--pgdata",
        ]);
        run(copy.arg(standby.data()));
        standby.start(&SETTINGS);
        Self { primary, standby }
    }

    /// The URL that names both, the primary first.
    pub fn url(&self) -> String {
        let (primary, standby) = (self.primary.address(), self.standby.address());
        format!("postgres://postgres@{primary},{standby}/{DATABASE}")
    }

    /// The URL that names the standby alone.
    pub fn url_of_standby(&self) -> String {
        self.standby.url(DATABASE)
    }

    pub fn stop_primary(&self) {
        self.primary.stop("fast");
    }

    pub fn start_primary(&self) {
        self.primary.start(&SETTINGS);
    }

    /// Makes a primary of the standby.
    pub fn promote(&self) {
        let mut promote = self.standby.command("pg_ctl");
        promote.args(["promote", "--wait", "--silent", "-D"]);
        run(promote.arg(self.standby.data()));
    }

    /// Runs a statement on the standby.
    pub async fn on_standby(&self, statement: &str) {
        let client = connect(&self.url_of_standby()).await;
        client.batch_execute(statement).await.unwrap();
    }

    /// How many rows the standby has where a condition holds.
    pub async fn count_on_standby(&self, table_and_condition: &str) -> i64 {
        let client = connect(&self.url_of_standby()).await;
        let count = format!("SELECT count(*) FROM {table_and_condition}");
        client.query_one(&count, &[]).await.unwrap().get(0)
    }

    /// Waits until the standby has all that the primary has.
    pub async fn until_caught_up(&self) {
        let client = connect(&self.primary.url(DATABASE)).await;
        let count =
            "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= pg_current_wal_lsn()";
        eventually("a standby that has caught up", async || {
            let count: i64 = client.query_one(count, &[]).await.unwrap().get(0);
            (count > 0).then_some(())
        })
        .await;
    }
}
