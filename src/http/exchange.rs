//! The exchanges of a connection: since when each goes on, how its answer is taken, and until when the connection is waited for.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use poem::http::Version;
use tokio::time::Instant;

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

    /// Bytes came: of a head, where nothing goes on.
    pub(super) fn bytes_came(&self) {
        let mut state = self.state();
        let is_head = state.running.is_empty() && !state.is_http2;
        if is_head && state.head_since.is_none() {
            state.head_since = Some(Instant::now());
        }
    }

    /// Until when the connection is waited for.
    pub(super) fn until(&self, places: &Places) -> Instant {
        self.state().until(places)
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
pub(super) struct Pace {
    /// When it had last taken so many, and how many since.
    looked: Instant,
    taken: usize,
}

impl Pace {
    pub(super) fn begin() -> Self {
        Self {
            looked: Instant::now(),
            taken: 0,
        }
    }

    pub(super) fn take(&mut self, bytes: usize) {
        self.taken += bytes;
        if self.taken >= bounds::PACE_LEN {
            *self = Self::begin();
        }
    }

    pub(super) fn until(&self) -> Instant {
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
