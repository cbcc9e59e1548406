//! How long a client is waited for: with the head of a request, with an answer that it reads, and between two requests.
//!
//! hyper's own timer for heads also runs between two requests, where a proxy may keep a connection for a minute, so that the times
//! are kept here: by the stream, which ends with an error when the next of them is over.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use poem::http::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::clients::Places;
use crate::bounds;

/// The exchanges of one connection: requests that were begun, and whose answers are not whole.
#[derive(Clone)]
pub(super) struct Exchanges(Arc<Mutex<State>>);

struct State {
    /// When each of those that go on was begun, the oldest first.
    running: Vec<Instant>,
    /// Since when a head is being read. One whose beginning came together with an earlier request is not known: it has the time of an
    /// idle connection.
    head_since: Option<Instant>,
    /// Since when there is nothing to do.
    idle_since: Instant,
    /// Nothing was asked on it yet.
    is_new: bool,
    /// Bytes of HTTP/2 need not be a head.
    is_http2: bool,
}

impl Exchanges {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            running: Vec::new(),
            head_since: None,
            idle_since: Instant::now(),
            is_new: true,
            is_http2: false,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The head of a request is there.
    pub(super) fn begin(&self, version: Version) -> Exchange {
        let begun = Instant::now();
        let mut state = self.state();
        state.running.push(begun);
        state.head_since = None;
        state.is_new = false;
        state.is_http2 = version == Version::HTTP_2;
        drop(state);
        Exchange {
            all: self.clone(),
            begun,
        }
    }
}

impl State {
    /// Until when the connection is waited for.
    fn until(&self, places: &Places) -> Instant {
        let choose = |enough, short| if places.are_short() { short } else { enough };
        let head = || choose(bounds::HEAD, bounds::HEAD_IN_NEED);
        match (self.running.first(), self.head_since) {
            (Some(begun), _) => *begun + bounds::EXCHANGE,
            (None, Some(since)) => since + head(),
            (None, None) if self.is_new => self.idle_since + head(),
            (None, None) => self.idle_since + choose(bounds::IDLE, bounds::IDLE_IN_NEED),
        }
    }
}

/// One of them. It ends when it is dropped.
pub(super) struct Exchange {
    all: Exchanges,
    begun: Instant,
}

impl Exchange {
    /// It ends when the body does.
    pub(super) fn goes_on_with<B>(self, body: B) -> Answer<B> {
        Answer {
            body,
            rest: Bytes::new(),
            _exchange: self,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut state = self.all.state();
        let place = state.running.iter().position(|begun| *begun == self.begun);
        if let Some(place) = place {
            state.running.remove(place);
        }
        if state.running.is_empty() {
            state.idle_since = Instant::now();
        }
    }
}

/// The body of an answer, in pieces: hyper takes a whole piece for a reader that has room for a byte, and with the last of them
/// the exchange ends.
pub(super) struct Answer<B> {
    body: B,
    rest: Bytes,
    _exchange: Exchange,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Answer<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                other => return Poll::Ready(other),
            }
        }
        let length = self.rest.len().min(bounds::PIECE_LEN);
        let piece = self.rest.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let mut hint = self.body.size_hint();
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}

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
    /// When its pace was last looked at, and how many bytes it has taken since.
    looked: Instant,
    taken: usize,
}

impl Slow {
    fn begin() -> Self {
        let since = Instant::now();
        Self {
            since,
            looked: since,
            taken: 0,
        }
    }

    /// Until when it is waited for.
    fn until(&mut self) -> Instant {
        if self.taken >= bounds::PACE_LEN && self.looked + bounds::PACE <= Instant::now() {
            self.looked = Instant::now();
            self.taken = 0;
        }
        (self.looked + bounds::PACE).min(self.since + bounds::EXCHANGE)
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
            let until = match &mut self.slow {
                Some(slow) => slow.until(),
                None => self.exchanges.state().until(&self.places),
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
                self.slow.get_or_insert_with(Slow::begin).taken += *written;
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
            let mut state = self.exchanges.state();
            let is_head = state.running.is_empty() && !state.is_http2;
            if is_head && state.head_since.is_none() {
                state.head_since = Some(Instant::now());
            }
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
