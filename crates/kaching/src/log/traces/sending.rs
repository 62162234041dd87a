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

use super::{Span, Word, wire};

/// The traces of this process. What is left of them is sent when this is dropped.
pub(crate) struct Traces(Option<(SyncSender<Word>, JoinHandle<()>)>);

/// Spans that wait to be sent; more are lost.
const WAITING: usize = 8192;
/// Spans of one call.
const TOGETHER: usize = 512;
/// How long a span waits for others.
const GATHERED: Duration = Duration::from_secs(1);
/// How long the collector may take.
const LONGEST: Duration = Duration::from_secs(3);

/// Who takes spans.
struct Collector {
    agent: Agent,
    url: String,
    /// Whether it took the last ones.
    takes: bool,
    lost: Arc<AtomicU64>,
}

/// Starts the thread.
pub(super) fn start(base: &str, lost: Arc<AtomicU64>) -> io::Result<(SyncSender<Word>, Traces)> {
    let (sender, receiver) = sync_channel(WAITING);
    let collector = Collector::new(base, lost);
    let thread = thread::Builder::new().name("traces".to_owned()).spawn(move || run(&receiver, collector))?;
    Ok((sender.clone(), Traces(Some((sender, thread)))))
}

impl Traces {
    /// Where nobody collects any.
    pub(super) fn none() -> Self {
        Self(None)
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.0.take() {
            // An error means that the thread is gone, which is what is asked for.
            let _ = sender.send(Word::Stop);
            let _ = thread.join();
        }
    }
}

fn run(ended: &Receiver<Word>, mut collector: Collector) {
    let mut spans: Vec<Span> = Vec::new();
    loop {
        let word = ended.recv_timeout(GATHERED);
        let stop = matches!(word, Ok(Word::Stop) | Err(RecvTimeoutError::Disconnected));
        let quiet = matches!(word, Err(RecvTimeoutError::Timeout));
        if let Ok(Word::Ended(span)) = word {
            spans.push(*span);
        }
        let (Some(first), Some(last)) = (spans.first(), spans.last()) else {
            if stop {
                return;
            }
            continue;
        };
        let waited = Duration::from_micros(u64::try_from(last.ended - first.ended).unwrap_or(0));
        if stop || quiet || spans.len() >= TOGETHER || waited >= GATHERED {
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
            Agent::config_builder().tls_config(tls).timeout_global(Some(LONGEST)).max_redirects(0);
        if base.starts_with("http://") {
            // What stays in this network goes past no proxy.
            config = config.proxy(None);
        }
        Self { agent: config.build().new_agent(), url: format!("{base}/v1/traces"), takes: true, lost }
    }

    /// Sends them once: traces are not worth a second try.
    fn send(&mut self, spans: &[Span]) {
        let body = wire::request(spans).to_string();
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
