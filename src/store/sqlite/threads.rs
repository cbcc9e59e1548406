//! Connections on threads of their own, which wait for work in one line.
//!
//! SQLite's calls block. A thread that has work left takes the next at once; nothing is handed to and fro in between.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};
use diesel::connection::TransactionManager;
use diesel::{ConnectionResult, SqliteConnection};
use futures_util::FutureExt;
use tokio::sync::oneshot;

use crate::bounds;
use crate::store::error::{Error, OpenError};

/// Some connections that are alike. Dropping them waits for what has begun.
pub(in crate::store) struct Threads {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

type Job = Box<dyn FnOnce(ConnectionResult<&mut SqliteConnection>) + Send>;
type Connect = dyn Fn() -> ConnectionResult<SqliteConnection> + Send + Sync;

impl Threads {
    /// Starts `count` threads. Each opens its connection when it has something to do, and anew after one that broke.
    pub(super) fn start(
        name: &str,
        count: usize,
        connect: impl Fn() -> ConnectionResult<SqliteConnection> + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        let (sender, jobs) = crossbeam_channel::unbounded();
        let connect: Arc<Connect> = Arc::new(connect);
        let start = |_| {
            let (jobs, connect) = (jobs.clone(), connect.clone());
            let thread = std::thread::Builder::new().name(name.to_owned());
            thread.spawn(move || work_off(&jobs, &*connect))
        };
        let threads = (0..count).map(start).collect::<Result<_, _>>();
        Ok(Self {
            jobs: Some(sender),
            threads: threads.map_err(|error| OpenError::Unreachable(error.to_string()))?,
        })
    }

    /// Does all of `work`, a transaction too, on one connection. What has begun goes to its end; what nobody waits for any more
    /// does not begin.
    ///
    /// Nothing in `work` may wait for anything but the connection.
    pub(in crate::store) async fn run<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let asked = Instant::now();
        let job = move |connection: ConnectionResult<&mut SqliteConnection>| {
            if answer.is_closed() {
                return;
            }
            let outcome = match connection {
                _ if asked.elapsed() > bounds::CONNECTION => {
                    Err(Error::Unavailable("no connection was free in time".into()))
                }
                Ok(connection) => work(connection)
                    .now_or_never()
                    .unwrap_or_else(|| Err(Error::Unexpected("it waited for something".into()))),
                Err(error) => Err(Error::Unavailable(Box::new(error))),
            };
            // Whoever does not wait any more needs no answer.
            drop(answer.send(outcome));
        };
        let gone = || Error::Unexpected("the work ended in a panic".into());
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(Box::new(job)).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        drop(self.jobs.take());
        for thread in self.threads.drain(..) {
            // A panic was told of where it happened.
            drop(thread.join());
        }
    }
}

fn work_off(jobs: &Receiver<Job>, connect: &Connect) {
    let mut known = None;
    for job in jobs {
        // A connection in whose work something panicked is not used again; the thread is.
        let connection = known.take();
        let done = catch_unwind(AssertUnwindSafe(|| do_one(job, connection, connect)));
        known = done.ok().flatten();
    }
}

/// Does one job. Gives the connection, where it can be used again.
fn do_one(
    job: Job,
    known: Option<SqliteConnection>,
    connect: &Connect,
) -> Option<SqliteConnection> {
    let connection = match known {
        Some(connection) => Ok(connection),
        None => connect(),
    };
    match connection {
        Ok(mut connection) => {
            job(Ok(&mut connection));
            (!is_broken(&mut connection)).then_some(connection)
        }
        Err(error) => {
            job(Err(error));
            None
        }
    }
}

/// Whether a transaction was left open, or could not be ended.
fn is_broken(connection: &mut SqliteConnection) -> bool {
    type Manager = <SqliteConnection as diesel::Connection>::TransactionManager;
    Manager::is_broken_transaction_manager(connection)
}
