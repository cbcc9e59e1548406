//! How long a client is waited for: with the head of a request, with an answer that it reads, and between two requests.
//!
//! hyper's own timer for heads also runs between two requests, where a proxy may keep a connection for a minute, so that the times
//! are kept here: by the stream, which ends with an error when the next of them is over.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    /// Those that go on, the oldest first.
    running: Vec<Running>,
    /// The number of the next one.
    next: u64,
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
            next: 0,
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
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.running.push(Running {
            number,
            begun: Instant::now(),
            answer: None,
        });
        state.head_since = None;
        state.is_new = false;
        state.is_http2 = version == Version::HTTP_2;
        drop(state);
        Exchange {
            all: self.clone(),
            number,
        }
    }
}

/// An exchange that goes on.
struct Running {
    number: u64,
    begun: Instant,
    /// Since there is an answer: how it is taken.
    answer: Option<Pace>,
}

impl Running {
    fn until(&self) -> Instant {
        let end = self.begun + bounds::EXCHANGE;
        let answer = self.answer.as_ref();
        answer.map_or(end, |answer| end.min(answer.until()))
    }
}

/// How a peer takes what there is for it: [`bounds::PACE_LEN`] bytes in [`bounds::PACE`] at least.
struct Pace {
    /// When it had last taken so many, and how many since.
    looked: Instant,
    taken: usize,
}

impl Pace {
    fn begin() -> Self {
        Self {
            looked: Instant::now(),
            taken: 0,
        }
    }

    fn take(&mut self, bytes: usize) {
        self.taken += bytes;
        if self.taken >= bounds::PACE_LEN {
            *self = Self::begin();
        }
    }

    fn until(&self) -> Instant {
        self.looked + bounds::PACE
    }
}

impl State {
    /// Until when the connection is waited for.
    fn until(&self, places: &Places) -> Instant {
        let choose = |enough, short| if places.are_short() { short } else { enough };
        let head = || choose(bounds::HEAD, bounds::HEAD_IN_NEED);
        match (
            self.running.iter().map(Running::until).min(),
            self.head_since,
        ) {
            (Some(until), _) => until,
            (None, Some(since)) => since + head(),
            (None, None) if self.is_new => self.idle_since + head(),
            (None, None) => self.idle_since + choose(bounds::IDLE, bounds::IDLE_IN_NEED),
        }
    }

    fn running(&mut self, number: u64) -> Option<&mut Running> {
        let mut running = self.running.iter_mut();
        running.find(|running| running.number == number)
    }
}

/// One of them. It ends when it is dropped.
pub(super) struct Exchange {
    all: Exchanges,
    number: u64,
}

impl Exchange {
    /// It ends when the body does. `unread` is what is kept for as long.
    pub(super) fn goes_on_with<B>(self, body: B, unread: Option<Arc<Unread>>) -> Answer<B> {
        if let Some(running) = self.all.state().running(self.number) {
            running.answer = Some(Pace::begin());
        }
        Answer {
            body,
            rest: Bytes::new(),
            exchange: self,
            _unread: unread,
        }
    }

    /// The peer has room for more bytes.
    fn takes(&self, bytes: usize) {
        let mut state = self.all.state();
        let running = state.running(self.number);
        if let Some(pace) = running.and_then(|running| running.answer.as_mut()) {
            pace.take(bytes);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut state = self.all.state();
        let number = self.number;
        state.running.retain(|running| running.number != number);
        if state.running.is_empty() {
            state.idle_since = Instant::now();
        }
    }
}

/// The bytes of a GraphQL answer that its reader has not taken.
pub(super) struct Unread(usize);

static ALL_UNREAD: AtomicUsize = AtomicUsize::new(0);

impl Unread {
    pub(super) fn new(bytes: usize) -> Arc<Self> {
        ALL_UNREAD.fetch_add(bytes, Ordering::Relaxed);
        Arc::new(Self(bytes))
    }

    /// Whether there are so many that no more should be made.
    pub(super) fn is_too_much() -> bool {
        ALL_UNREAD.load(Ordering::Relaxed) > bounds::UNREAD_LEN
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        ALL_UNREAD.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// The body of an answer, in pieces: hyper takes a whole piece for a reader that has room for a byte, and with the last of them
/// the exchange ends.
pub(super) struct Answer<B> {
    body: B,
    rest: Bytes,
    exchange: Exchange,
    _unread: Option<Arc<Unread>>,
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
        self.exchange.takes(length);
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
