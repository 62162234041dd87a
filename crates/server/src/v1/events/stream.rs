//! The body of a stream. Each event is made when the connection has room for it, so that a slow reader costs no more
//! than a quick one.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use kaching_api::{EndReason, Ping, StreamEnd};
use kaching_authority::changes::{Change, Listener, Notification};
use kaching_base::Timestamp;
use serde::Serialize;

use crate::{App, metrics, shape, waits::Place};

/// Proxies cut connections on which nothing comes, often after 30 or 60 seconds; and a client knows by it that it
/// still hears.
const PING: Duration = Duration::from_secs(15);

/// What a stream holds as long as it is open.
struct Stream {
    app: App,
    listener: Listener,
    _place: Place,
}

/// The stream as a body.
struct Events(Next);

/// Makes the next event, and gives the stream back where it goes on.
type Next = Pin<Box<dyn Future<Output = Option<(Bytes, Option<Stream>)>> + Send>>;

/// A body whose first event is the present state.
pub(super) fn begin(app: App, listener: Listener, place: Place, present: &Change) -> Body {
    app.metrics.streams.inc();
    let stream = Stream { app, listener, _place: place };
    let first = stream.written(present);
    Body::new(Events(Box::pin(std::future::ready(Some((first, Some(stream)))))))
}

impl Stream {
    /// The next event; without the stream, the last one.
    async fn next(self) -> (Bytes, Option<Self>) {
        let heard = tokio::time::timeout(PING, self.listener.next()).await;
        let now = self.app.authority.now();
        let event = match heard {
            Ok(Notification::Ended) if self.app.is_leaving() => return self.end(EndReason::Leaving, now),
            Ok(Notification::Ended) => return self.end(EndReason::Replaced, now),
            Ok(Notification::News(news)) if news.is_fresh(now) => {
                self.count(name(news.change()));
                news.bytes(|change| frame(name(change), &shape::change(change, None)))
            }
            // Boxed, because it is rare and would make each stream larger.
            Ok(Notification::News(_) | Notification::Resync) => match Box::pin(self.look()).await {
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
    async fn look(&self) -> Option<Bytes> {
        let looked = self.app.authority.snapshot(&self.listener, self.listener.bearer().rev).await;
        match looked {
            Ok(present) => Some(self.written(&present)),
            Err(error) => {
                tracing::debug!(%error, "a stream ends: the present state cannot be told");
                None
            }
        }
    }

    fn written(&self, present: &Change) -> Bytes {
        self.count(name(present));
        frame(name(present), &shape::change(present, Some(self.app.authority.now()))).into()
    }

    fn count(&self, event: &'static str) {
        self.app.metrics.events.get_or_create(&metrics::Event { event }).inc();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.app.metrics.streams.dec();
    }
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some((event, stream)) = ready!(self.0.as_mut().poll(cx)) else {
            self.0 = Box::pin(std::future::ready(None));
            return Poll::Ready(None);
        };
        self.0 = match stream {
            Some(stream) => Box::pin(async { Some(stream.next().await) }),
            None => Box::pin(std::future::ready(None)),
        };
        Poll::Ready(Some(Ok(Frame::data(event))))
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
