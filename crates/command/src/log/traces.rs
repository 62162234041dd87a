//! Traces by OpenTelemetry: each request and each transaction is a span, which goes to a collector over OTLP/HTTP.
//!
//! A layer of the log puts ended spans into a bounded queue, which a thread sends. If the collector is slow or away, spans
//! are dropped and counted, and no request waits.

mod exporter;
mod otlp;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc::SyncSender,
};

use kaching_authority::{Clock as _, Entropy as _, SystemClock, SystemEntropy};
use kaching_server::config::PublicUrl;
use tracing::{Metadata, Subscriber, field::Visit, level_filters::LevelFilter, span};
use tracing_subscriber::{
    Layer,
    filter::filter_fn,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use super::{OTLP, not_started};
use crate::failure::Failure;

pub use exporter::Traces;

/// The layer that turns spans of the log into exported ones.
struct SpanLayer {
    ended: SyncSender<ExporterMessage>,
    lost: Arc<AtomicU64>,
}

/// A message to the exporter thread.
enum ExporterMessage {
    Ended(Box<Span>),
    Stop,
}

/// A span, open or ended.
struct Span {
    /// Its name in the code.
    name: &'static str,
    trace: [u8; 16],
    id: [u8; 8],
    parent: Option<[u8; 8]>,
    /// Microseconds since 1970.
    began: i64,
    ended: i64,
    fields: SpanFields,
}

/// The recorded fields of a span.
#[derive(Default)]
struct SpanFields(Vec<(&'static str, serde_json::Value)>);

/// Starts the log, and the traces if the settings or the environment name a collector.
pub(super) fn start<L>(
    lines: L,
    collector: Option<&PublicUrl>,
    of_environment: Option<&String>,
) -> Result<Traces, Failure>
where
    L: Subscriber + for<'s> LookupSpan<'s> + Send + Sync,
{
    let of_environment = of_environment.map(|url| url.parse::<PublicUrl>()).transpose();
    let of_environment = of_environment.map_err(|error| Failure::usage(format!("{OTLP}: {error}.")))?;
    let Some(collector) = collector.or(of_environment.as_ref()) else {
        lines.try_init().map_err(not_started)?;
        return Ok(Traces::none());
    };
    let lost = Arc::default();
    let (ended, traces) = exporter::start(collector.as_str(), Arc::clone(&lost)).map_err(not_started)?;
    let ours = filter_fn(|it: &Metadata<'_>| it.is_span() && it.target().starts_with("kaching"));
    let spans = SpanLayer { ended, lost }.with_filter(ours.with_max_level_hint(LevelFilter::DEBUG));
    lines.with(spans).try_init().map_err(not_started)?;
    Ok(traces)
}

impl<S: Subscriber + for<'s> LookupSpan<'s>> Layer<S> for SpanLayer {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let above = span.parent().and_then(|parent| {
            let extensions = parent.extensions();
            extensions.get::<Span>().map(|span| (span.trace, span.id))
        });
        let random = SystemEntropy.seed();
        let (trace, own) = random.split_at(16);
        let mut opened = Span {
            name: attributes.metadata().name(),
            trace: above.map_or_else(|| bytes(trace), |(trace, _)| trace),
            id: bytes(own),
            parent: above.map(|(_, parent)| parent),
            began: SystemClock.now().micros(),
            ended: 0,
            fields: SpanFields::default(),
        };
        attributes.record(&mut opened.fields);
        span.extensions_mut().insert(opened);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Span>() {
            values.record(&mut open.fields);
        }
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        let Some(mut span) = context.span(&id).and_then(|span| span.extensions_mut().remove::<Span>()) else {
            return;
        };
        span.ended = SystemClock.now().micros();
        if self.ended.try_send(ExporterMessage::Ended(Box::new(span))).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn bytes<const N: usize>(from: &[u8]) -> [u8; N] {
    *from.first_chunk().expect("a seed is long enough for both ids")
}

impl Visit for SpanFields {
    fn record_i64(&mut self, field: &tracing::field::Field, value: i64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.0.push((field.name(), value.into()));
    }

    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}").into()));
    }
}
