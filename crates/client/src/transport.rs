//! One HTTP call, bounded in time and size. It follows no redirect and judges no status.

use std::{sync::Arc, time::Duration};

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

/// What came back.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// An HTTP answer, whole.
    Answer { status: u16, body: Vec<u8>, retry_after: Option<Duration> },
    /// None, and why, as a part of a sentence.
    Unreachable(String),
}

/// Whoever carries calls to the authority.
pub(crate) trait Transport: Send + Sync {
    /// Sends one, and waits for its answer no longer than its timeout.
    fn send(&self, call: &Call) -> Reply;
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
            // What goes to this machine goes past no proxy.
            config = config.proxy(None);
        }
        Self { agent: config.build().new_agent(), base: base.to_owned() }
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
        exchange(&self.agent, &self.base, call).unwrap_or_else(|error| Reply::Unreachable(told(&error)))
    }
}

fn exchange(agent: &Agent, base: &str, call: &Call) -> Result<Reply, ureq::Error> {
    let mut request = ureq::http::Request::builder().method(call.method).uri(format!("{base}{}", call.path));
    if let Some(authorization) = &call.authorization {
        request = request.header("authorization", authorization.expose());
    }
    let timeout = Some(call.timeout);
    let mut answer = if call.body.is_empty() {
        agent.run(agent.configure_request(request.body(())?).timeout_global(timeout).build())?
    } else {
        let request = request.header("content-type", "application/json").body(call.body.as_slice())?;
        agent.run(agent.configure_request(request).timeout_global(timeout).build())?
    };
    let retry_after = answer
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(LARGEST).read_to_vec()?;
    Ok(Reply::Answer { status, body, retry_after })
}

/// The error as a person would say it.
fn told(error: &ureq::Error) -> String {
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
