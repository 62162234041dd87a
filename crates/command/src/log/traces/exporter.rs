//! The thread that sends spans to the collector.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use ureq::{
    Agent,
    tls::{TlsConfig, TlsProvider},
};

use super::{ExporterMessage, Span, otlp};

/// The traces of this process. The remaining spans are sent when this is dropped.
pub struct Traces(Option<(SyncSender<ExporterMessage>, JoinHandle<()>)>);

/// The most spans that wait to be sent; further ones are lost.
const QUEUE: usize = 8192;
/// The most spans of one call.
const MAX_BATCH: usize = 512;
/// The longest time that a span waits for others.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// The longest time of a call.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The collector that receives spans.
struct Collector {
    agent: Agent,
    url: String,
    /// Whether the last call succeeded.
    takes: bool,
    lost: Arc<AtomicU64>,
}

/// Starts the thread.
pub(super) fn start(base: &str, lost: Arc<AtomicU64>) -> io::Result<(SyncSender<ExporterMessage>, Traces)> {
    let (sender, receiver) = sync_channel(QUEUE);
    let collector = Collector::new(base, lost);
    let thread = thread::Builder::new().name("traces".to_owned()).spawn(move || run(&receiver, collector))?;
    Ok((sender.clone(), Traces(Some((sender, thread)))))
}

impl Traces {
    /// Returns traces without a collector.
    pub(super) fn none() -> Self {
        Self(None)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.0.take() {
            // An error means that the thread has ended already.
            let _ = sender.send(ExporterMessage::Stop);
            let _ = thread.join();
        }
    }
}

fn run(ended: &Receiver<ExporterMessage>, mut collector: Collector) {
    let mut spans: Vec<Span> = Vec::new();
    loop {
        let word = ended.recv_timeout(MAX_WAIT);
        let stop = matches!(word, Ok(ExporterMessage::Stop) | Err(RecvTimeoutError::Disconnected));
        let quiet = matches!(word, Err(RecvTimeoutError::Timeout));
        if let Ok(ExporterMessage::Ended(span)) = word {
            spans.push(*span);
        }
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
            if stop {
                return;
            }
            continue;
        };
        let waited = Duration::from_micros(u64::try_from(last.ended - first.ended).unwrap_or(0));
        if stop || quiet || spans.len() >= MAX_BATCH || waited >= MAX_WAIT {
            collector.send(&spans);
            spans.clear();
        }
        if stop {
            return;
        }
    }
}

impl Collector {
    fn new(base: &str, lost: Arc<AtomicU64>) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let mut config =
            Agent::config_builder().tls_config(tls).timeout_global(Some(TIMEOUT)).max_redirects(0);
        if base.starts_with("http://") {
            // A collector without TLS is in this network, and needs no proxy.
            config = config.proxy(None);
        }
        Self { agent: config.build().new_agent(), url: format!("{base}/v1/traces"), takes: true, lost }
    }

    /// Sends the spans once, without a retry.
    fn send(&mut self, spans: &[Span]) {
        let body = otlp::request(spans).to_string();
        let sent = self.agent.post(&self.url).content_type("application/json").send(body);
        match &sent {
            Ok(_) if !self.takes => tracing::info!("the collector takes traces again"),
            Ok(_) => {}
            Err(error) if self.takes => {
                tracing::warn!(collector = self.url, %error, "traces are lost: the collector does not take them");
            }
            Err(_) => {}
        }
        self.takes = sent.is_ok();
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(lost, "traces are lost: there are more than the collector takes in time");
        }
    }
}
