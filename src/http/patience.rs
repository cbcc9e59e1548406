//! How long a client is waited for: with the head of a request, with an answer that it reads, and between two requests.
//!
//! hyper's own timer for heads also runs between two requests, where a proxy may keep a connection for a minute, so that the times
//! are kept here: by the stream, which ends with an error when the next of them is over.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::clients::Places;
use super::exchange::{Exchanges, Pace};
use crate::bounds;

/// A connection that ends with an error when it was waited for long enough.
pub(super) struct Patient {
    inner: TcpStream,
    exchanges: Exchanges,
    places: Arc<Places>,
    alarm: Pin<Box<Sleep>>,
    slow: Option<Slow>,
}

/// A peer that has not taken all that there is for it.
struct Slow {
    since: Instant,
    pace: Pace,
}

impl Slow {
    fn begin() -> Self {
        Self {
            since: Instant::now(),
            pace: Pace::begin(),
        }
    }

    fn until(&self) -> Instant {
        self.pace.until().min(self.since + bounds::EXCHANGE)
    }
}

impl Patient {
    pub(super) fn new(inner: TcpStream, exchanges: Exchanges, places: Arc<Places>) -> Self {
        Self {
            inner,
            exchanges,
            places,
            alarm: Box::pin(sleep(bounds::HEAD_IN_NEED)),
            slow: None,
        }
    }

    /// What `outcome` says; and where it has to wait, no longer than patience lasts.
    fn patiently<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            return outcome;
        }
        loop {
            // What is written is part of an exchange, also where hyper has all of it.
            let until = match &self.slow {
                Some(slow) => slow.until(),
                None => self.exchanges.until(&self.places),
            };
            let now = Instant::now();
            if until <= now {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            // It is looked again before that, because connections may have run short. Most exchanges are over long before, and no alarm
            // is set for them.
            let look = until.min(now + bounds::HEAD_IN_NEED);
            if look < self.alarm.deadline() || self.alarm.is_elapsed() {
                self.alarm.as_mut().reset(look);
            }
            if self.alarm.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Takes note of what was written of `count` bytes.
    fn written(&mut self, outcome: &Poll<io::Result<usize>>, count: usize) {
        match outcome {
            Poll::Pending => drop(self.slow.get_or_insert_with(Slow::begin)),
            Poll::Ready(Ok(written)) if *written < count => {
                let slow = self.slow.get_or_insert_with(Slow::begin);
                slow.pace.take(*written);
            }
            Poll::Ready(_) => self.slow = None,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.inner).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.exchanges.bytes_came();
        }
        self.patiently(context, outcome)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.written(&outcome, bytes.len());
        self.patiently(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        let count = slices.iter().map(|slice| slice.len()).sum();
        self.written(&outcome, count);
        self.patiently(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}
