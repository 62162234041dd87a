//! One HTTP call, bounded in time and size. It follows no redirect and judges no status.

use std::{
    io::Read as _,
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use kaching_base::Secret;
use rustls::crypto::CryptoProvider;
use ureq::{
    Agent, Proxy,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem},
};

/// The largest answer that is read, in bytes.
const LARGEST: u64 = 256 * 1024;
/// The longest wait that an unsigned `Retry-After` may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The longest life of a stream, where nothing else ends it.
const LONGEST_STREAM: Duration = Duration::from_secs(2 * 3600);
const EVENTS: &str = "text/event-stream";

/// A request as its bytes will be sent.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    /// Path and query below the public URL.
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    pub(crate) authorization: Option<Secret<String>>,
    /// The bound of the whole exchange.
    pub(crate) timeout: Duration,
}

/// The result of a call.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// An HTTP answer, whole.
    Answer { status: u16, body: Vec<u8>, retry_after: Option<Duration> },
    /// None, and why, as a part of a sentence.
    Unreachable(String),
}

/// Carries calls to the authority.
pub(crate) trait Transport: Send + Sync {
    /// Sends one, and waits for its answer no longer than its timeout.
    fn send(&self, call: &Call) -> Reply;

    /// Sends a call whose answer has no end, and passes its bytes to `take` as they arrive, until `take` breaks. `take`
    /// gets an empty slice when the head has arrived, and whenever nothing arrives for the call's timeout. One call at
    /// a time.
    ///
    /// Gives why it has ended, or the head of another answer than a stream, without its body.
    fn stream(&self, call: &Call, take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Reply {
        let _ = take;
        self.send(call)
    }

    /// Ends the stream that is open now, if there is one, although nothing comes.
    fn hang_up(&self) {}

    /// Whether calls of the host make progress by [`step`](Self::step) while they wait for an answer, and not by threads.
    fn is_stepped(&self) -> bool {
        false
    }

    /// Makes progress where nothing runs in parallel.
    fn step(&self) {}
}

/// How calls get there, as far as it is not the usual way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route {
    /// Instead of the one that the environment names.
    pub(crate) proxy: Option<Proxy>,
    /// Besides Mozilla's.
    pub(crate) authorities: Vec<Certificate<'static>>,
}

/// Carries calls by HTTP.
pub(crate) struct Http {
    agent: Agent,
    base: String,
    /// The agent of the stream that is open: it has a connection of its own, which can be ended alone.
    streaming: Mutex<Option<Agent>>,
}

impl Http {
    /// To an authority's public URL, which is HTTPS, or HTTP to loopback.
    pub(crate) fn new(base: &str, route: Route, provider: Arc<CryptoProvider>) -> Self {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(route.trusted())
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let mut config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .accept_encoding("")
            .max_idle_age(Duration::from_secs(30))
            .user_agent(concat!("kaching-client/", env!("CARGO_PKG_VERSION")));
        if route.proxy.is_some() {
            config = config.proxy(route.proxy);
        } else if base.starts_with("http://") {
            // Calls to this machine use no proxy.
            config = config.proxy(None);
        }
        Self { agent: config.build().new_agent(), base: base.to_owned(), streaming: Mutex::new(None) }
    }
}

impl Route {
    /// Certificates from PEM text, to be trusted besides Mozilla's.
    ///
    /// # Errors
    /// If there is none in it, as a sentence.
    pub(crate) fn trust(&mut self, pem: &[u8]) -> Result<(), String> {
        let before = self.authorities.len();
        for item in parse_pem(pem) {
            match item {
                Ok(PemItem::Certificate(certificate)) => self.authorities.push(certificate),
                Ok(_) => {}
                Err(error) => return Err(format!("it is not PEM: {error}")),
            }
        }
        if self.authorities.len() > before { Ok(()) } else { Err("there is no certificate in it".to_owned()) }
    }

    fn trusted(&self) -> RootCerts {
        if self.authorities.is_empty() {
            return RootCerts::WebPki;
        }
        let mozilla = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
        let mozilla = mozilla.map(|der| Certificate::from_der(der).to_owned());
        let all: Vec<_> = mozilla.chain(self.authorities.iter().cloned()).collect();
        RootCerts::new_with_certs(&all)
    }
}

impl Transport for Http {
    fn send(&self, call: &Call) -> Reply {
        exchange(&self.agent, &self.base, call).unwrap_or_else(|error| Reply::Unreachable(describe(&error)))
    }

    fn stream(&self, call: &Call, take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Reply {
        let agent = self.agent.config().new_agent();
        self.streaming().replace(agent.clone());
        let reply = stream(&agent, &self.base, call, take);
        self.streaming().take();
        reply.unwrap_or_else(|error| Reply::Unreachable(describe(&error)))
    }

    fn hang_up(&self) {
        if let Some(agent) = self.streaming().take() {
            agent.shutdown();
        }
    }
}

impl Http {
    fn streaming(&self) -> std::sync::MutexGuard<'_, Option<Agent>> {
        self.streaming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn request(base: &str, call: &Call) -> ureq::http::request::Builder {
    let request = ureq::http::Request::builder().method(call.method).uri(format!("{base}{}", call.path));
    match &call.authorization {
        Some(authorization) => request.header("authorization", authorization.expose()),
        None => request,
    }
}

fn stream(
    agent: &Agent,
    base: &str,
    call: &Call,
    take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<Reply, ureq::Error> {
    let request = request(base, call).header("accept", EVENTS).body(())?;
    let timeout = Some(call.timeout);
    let request = agent
        .configure_request(request)
        .timeout_resolve(timeout)
        .timeout_connect(timeout)
        .timeout_send_request(timeout)
        .timeout_recv_response(timeout)
        // A moment more, so that the time is over when the caller compares it.
        .timeout_per_read(timeout.map(|timeout| timeout + Duration::from_millis(10)))
        .timeout_recv_body(Some(LONGEST_STREAM))
        .build();
    let mut answer = agent.run(request)?;
    if answer.status() != 200 || answer.body().mime_type() != Some(EVENTS) {
        let (status, retry_after) = (answer.status().as_u16(), retry_after(&answer));
        return Ok(Reply::Answer { status, body: Vec::new(), retry_after });
    }
    let mut body = answer.body_mut().as_reader();
    let (mut buffer, mut came) = ([0; 4096], 0);
    while take(&buffer[..came]).is_continue() {
        came = match body.read(&mut buffer).map_err(ureq::Error::from) {
            Ok(0) => return Ok(Reply::Unreachable("it ended".to_owned())),
            Ok(came) => came,
            Err(ureq::Error::Timeout(ureq::Timeout::PerRead)) => 0,
            Err(error) => return Err(error),
        };
    }
    Ok(Reply::Unreachable("it was enough".to_owned()))
}

fn retry_after(answer: &ureq::http::Response<ureq::Body>) -> Option<Duration> {
    let seconds = answer.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

fn exchange(agent: &Agent, base: &str, call: &Call) -> Result<Reply, ureq::Error> {
    let request = request(base, call);
    let timeout = Some(call.timeout);
    let mut answer = if call.body.is_empty() {
        agent.run(agent.configure_request(request.body(())?).timeout_global(timeout).build())?
    } else {
        let request = request.header("content-type", "application/json").body(call.body.as_slice())?;
        agent.run(agent.configure_request(request).timeout_global(timeout).build())?
    };
    let retry_after = retry_after(&answer);
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(LARGEST).read_to_vec()?;
    Ok(Reply::Answer { status, body, retry_after })
}

/// Returns the error as a part of a sentence.
fn describe(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "it did not answer in time".to_owned(),
        ureq::Error::HostNotFound => "its name is not known".to_owned(),
        ureq::Error::BodyExceedsLimit(_) => "its answer is too long".to_owned(),
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            "nothing listens there".to_owned()
        }
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Checks an authority's URL: HTTPS, or HTTP to this machine; without query; with or without a path.
pub(crate) fn checked_url(url: &str) -> Result<String, String> {
    let uri: ureq::http::Uri =
        url.parse().map_err(|_| format!("'{url}' is not a URL like https://licenses.example.com"))?;
    let host = uri.host().unwrap_or_default();
    let loopback = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if loopback => {}
        Some("http") => {
            return Err(format!("{url} is not encrypted: use https:// for anything but this machine"));
        }
        _ => return Err(format!("'{url}' is not a URL like https://licenses.example.com")),
    }
    if host.is_empty() || uri.query().is_some() {
        return Err(format!("'{url}' is not a URL like https://licenses.example.com"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::checked_url;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for url in
            ["https://licenses.example.com/", "http://127.0.0.1:7700", "http://[::1]:1", "http://localhost"]
        {
            assert_eq!(checked_url(url).unwrap(), url.trim_end_matches('/'));
        }
        for url in [
            "http://licenses.example.com",
            "http://127.0.0.1.example.com",
            "ftp://x",
            "licenses",
            "",
            "https://a?b",
        ] {
            assert!(checked_url(url).is_err(), "{url}");
        }
    }
}
