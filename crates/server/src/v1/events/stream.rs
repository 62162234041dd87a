//! The body of a stream. Each event is made when the connection has room for it, so that a slow reader costs no more
//! than a quick one.

use std::{convert::Infallible, future::ready, time::Duration};

use axum::body::{Body, Bytes};
use futures_util::{StreamExt as _, stream};
use kaching_api::{EndReason, Ping, StreamEnd};
use kaching_authority::changes::{Change, Listener, Notification};
use kaching_base::Timestamp;
use serde::Serialize;

use crate::{App, convert, long_poll_slots::LongPollSlot, metrics};

/// Proxies cut idle connections, often after 30 or 60 seconds; and by pings a client knows that its stream still works.
const PING: Duration = Duration::from_secs(15);

/// The state of an open stream.
struct EventSource {
    app: App,
    listener: Listener,
    _slot: LongPollSlot,
}

/// A body whose first event is the present state.
pub(super) fn begin(app: App, listener: Listener, slot: LongPollSlot, present: &Change) -> Body {
    app.metrics.streams.inc();
    let events = EventSource { app, listener, _slot: slot };
    let first = stream::once(ready(events.render(present)));
    // A body may be polled after its end, and an unfold would panic.
    let others = stream::unfold(Some(events), async |events| Some(events?.next().await)).fuse();
    Body::from_stream(first.chain(others).map(Ok::<_, Infallible>))
}

impl EventSource {
    /// The next event; without the stream, the last one.
    async fn next(self) -> (Bytes, Option<Self>) {
        let heard = tokio::time::timeout(PING, self.listener.next()).await;
        let now = self.app.authority.now();
        let event = match heard {
            Ok(Notification::Ended) if self.app.is_leaving() => return self.end(EndReason::Leaving, now),
            Ok(Notification::Ended) => return self.end(EndReason::Replaced, now),
            Ok(Notification::News(news)) if news.is_fresh(now) => {
                self.count(name(news.change()));
                news.bytes(|change| frame(name(change), &convert::change(change, None)))
            }
            // Boxed, because it is rare and would make each stream larger.
            Ok(Notification::News(_) | Notification::Resync) => match Box::pin(self.present()).await {
                Some(present) => present,
                None => return self.end(EndReason::Failed, now),
            },
            Err(_) if now > self.listener.bearer().until => return self.end(EndReason::LeaseEnded, now),
            Err(_) => {
                self.count("ping");
                frame("ping", &Ping { now }).into()
            }
        };
        (event, Some(self))
    }

    fn end(self, ends: EndReason, now: Timestamp) -> (Bytes, Option<Self>) {
        self.count("end");
        (frame("end", &StreamEnd { ends, now }).into(), None)
    }

    /// The present state. Where it cannot be read the stream ends: the client opens another, and misses nothing.
    async fn present(&self) -> Option<Bytes> {
        let snapshot = self.app.authority.snapshot(&self.listener, self.listener.bearer().rev).await;
        match snapshot {
            Ok(present) => Some(self.render(&present)),
            Err(error) => {
                tracing::debug!(%error, "a stream ends: the present state cannot be read");
                None
            }
        }
    }

    fn render(&self, present: &Change) -> Bytes {
        self.count(name(present));
        frame(name(present), &convert::change(present, Some(self.app.authority.now()))).into()
    }

    fn count(&self, event: &'static str) {
        self.app.metrics.events.get_or_create(&metrics::Event { event }).inc();
    }
}

impl Drop for EventSource {
    fn drop(&mut self) {
        self.app.metrics.streams.dec();
    }
}

fn name(change: &Change) -> &'static str {
    if change.refusal.is_some() { "refusal" } else { "license" }
}

/// An event of one line of JSON, which has no line breaks.
fn frame(event: &str, data: &impl Serialize) -> Vec<u8> {
    let data = serde_json::to_string(data).expect("an event is plain data");
    format!("event: {event}\ndata: {data}\n\n").into_bytes()
}
