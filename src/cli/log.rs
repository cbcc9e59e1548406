//! The log: to stderr, by a thread of its own, so that a reader of stderr who is slow or gone stops nothing.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use tokio::sync::watch;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::util::SubscriberInitExt;

use crate::bounds;
use crate::config::{Config, LogForm};

/// How often it is looked whether lines were lost.
const INTERVAL: Duration = Duration::from_secs(1);

/// The log, for as long as this is kept. What waits is written when it is dropped, as far as stderr takes it in [`PATIENCE`].
pub(super) struct Log {
    lost: ErrorCounter,
    writer: Option<WorkerGuard>,
}

/// How long stderr is waited for at the end.
const PATIENCE: Duration = Duration::from_secs(2);

impl Drop for Log {
    fn drop(&mut self) {
        // Where the queue is full, dropping the guard writes to stdout, which may be the same pipe: it is done beside.
        let writer = self.writer.take();
        let (done, is_done) = mpsc::channel();
        std::thread::spawn(move || {
            drop(writer);
            let _ = done.send(());
        });
        let _ = is_done.recv_timeout(PATIENCE);
    }
}

/// Starts to log.
pub(super) fn start(config: &Config) -> Log {
    // What a panic says goes to the log as one line, where whoever reads the log finds it.
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panic")));
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(bounds::LOG_LINES)
        .thread_name("log")
        .finish(io::stderr());
    let lost = writer.error_counter();
    let log = tracing_subscriber::fmt()
        .with_env_filter(config.log_filter.clone())
        .with_writer(writer)
        .with_ansi(config.log_form == LogForm::Pretty)
        // Where nobody reads stderr any more, the server goes on without a log.
        .log_internal_errors(false);
    match config.log_form {
        LogForm::Pretty => log.compact().with_target(false).finish().init(),
        LogForm::Json => log
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .finish()
            .init(),
    }
    Log {
        lost,
        writer: Some(guard),
    }
}

impl Log {
    /// Says how many lines were lost, when some were, until the sender of `stopped` is gone.
    pub(super) fn tell_of_losses(
        &self,
        mut stopped: watch::Receiver<()>,
    ) -> impl Future<Output = ()> + use<> {
        let lost = self.lost.clone();
        async move {
            let mut told = 0;
            loop {
                tokio::select! {
                    _ = stopped.changed() => return,
                    () = tokio::time::sleep(INTERVAL) => {}
                }
                let count = lost.dropped_lines();
                if count > told {
                    tracing::warn!(
                        count = count - told,
                        "lines of the log were lost: stderr did not take them in time"
                    );
                    // Where this line was lost as well, it is said again.
                    if lost.dropped_lines() == count {
                        told = count;
                    }
                }
            }
        }
    }
}
