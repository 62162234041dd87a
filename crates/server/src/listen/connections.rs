//! The connections of one listener, whose number is limited.
//!
//! If none is left, connections that wait for their client make room: that sent no head yet, only a part of a request,
//! or nothing after its last answer. The address with most of these loses its oldest one. So a caller cannot occupy the
//! places of others by doing nothing.

use std::{
    collections::HashMap,
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use prometheus_client::metrics::counter::Counter;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::{Peer, limits::network};

pub(super) struct Connections {
    most: usize,
    permits: Arc<Semaphore>,
    /// The open connections by their number.
    open: Mutex<HashMap<u64, Arc<State>>>,
    numbers: AtomicU64,
    began: Instant,
    /// The number of connections that were ended to make room.
    ended: Counter,
}

/// The state of a connection.
pub(super) struct State {
    address: Option<IpAddr>,
    /// Milliseconds from the beginning of the listener to the moment since which it waits for its client; or [`BUSY`].
    since: AtomicU64,
    began: Instant,
    end: Notify,
}

/// One of the connections, until it is dropped.
pub(super) struct Connection {
    pub(super) state: Arc<State>,
    of: Arc<Connections>,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

/// A body that says when all of it has come.
pub(super) struct Received {
    body: Incoming,
    state: Arc<State>,
}

/// The connection has a request that is being answered, or is asked to end.
const BUSY: u64 = u64::MAX;

/// A connection that waits for its client less long than this many milliseconds stays: time for a head to come.
const PATIENCE: u64 = 1000;
/// The same where its address has more than half of all connections.
const SHORT_PATIENCE: u64 = 100;
/// The time until the next attempt to make room, if no connection could be ended.
const AGAIN: Duration = Duration::from_millis(20);
/// One of this number of connections is ended at a time, so that the search costs each new connection little.
const PART: usize = 100;

impl Connections {
    pub(super) fn new(most: usize, ended: Counter) -> Arc<Self> {
        Arc::new(Self {
            most,
            permits: Arc::new(Semaphore::new(most)),
            open: Mutex::default(),
            numbers: AtomicU64::new(0),
            began: Instant::now(),
            ended,
        })
    }

    /// Waits for a place for one more connection.
    pub(super) async fn open(self: &Arc<Self>, peer: Option<&Peer>) -> Connection {
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
                break permit;
            }
            self.make_room();
            let freed = tokio::time::timeout(AGAIN, Arc::clone(&self.permits).acquire_owned()).await;
            if let Ok(permit) = freed {
                break permit.expect("the permits are never closed");
            }
        };
        let address = match peer {
            Some(Peer::Network(address)) => Some(network(address.ip().to_canonical())),
            Some(Peer::Local(_)) | None => None,
        };
        let state =
            Arc::new(State { address, since: AtomicU64::new(0), began: self.began, end: Notify::new() });
        state.wait();
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(number, Arc::clone(&state));
        Connection { state, of: Arc::clone(self), number, _permit: permit }
    }

    /// Whether all are in use.
    pub(super) fn is_full(&self) -> bool {
        self.permits.available_permits() == 0
    }

    /// Asks some to end that wait for their client.
    fn make_room(&self) {
        let (now, open) = (millis(self.began), self.lock());
        let mut all: HashMap<Option<IpAddr>, usize> = HashMap::new();
        for state in open.values() {
            *all.entry(state.address).or_default() += 1;
        }
        let mut waiting: HashMap<Option<IpAddr>, Vec<(u64, &Arc<State>)>> = HashMap::new();
        for state in open.values() {
            let since = state.since.load(Ordering::Relaxed);
            let patience = if all[&state.address] * 2 > self.most { SHORT_PATIENCE } else { PATIENCE };
            if since != BUSY && now.saturating_sub(since) >= patience {
                waiting.entry(state.address).or_default().push((since, state));
            }
        }
        let Some(mut oldest) = waiting.into_values().max_by_key(Vec::len) else { return };
        oldest.sort_by_key(|(since, _)| *since);
        for (_, state) in oldest.into_iter().take((self.most / PART).max(1)) {
            // No connection is asked twice.
            state.answer();
            state.end.notify_one();
            self.ended.inc();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<State>>> {
        self.open.lock().expect("nothing panics while it is held")
    }
}

impl State {
    /// Notes that it waits for the client's next request.
    pub(super) fn wait(&self) {
        self.since.store(millis(self.began), Ordering::Relaxed);
    }

    /// Notes that a whole request has arrived, which we answer.
    pub(super) fn answer(&self) {
        self.since.store(BUSY, Ordering::Relaxed);
    }

    /// Returns when the connection is to end, so that others find room.
    pub(super) async fn end(&self) {
        self.end.notified().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.of.lock().remove(&self.number);
    }
}

impl Received {
    pub(super) fn new(body: Incoming, state: &Arc<State>) -> Self {
        if body.is_end_stream() {
            state.answer();
        }
        Self { body, state: Arc::clone(state) }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            self.state.answer();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(BUSY - 1)
}
