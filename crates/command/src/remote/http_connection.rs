//! HTTP/1.1 over a socket: the one in the data directory, TCP, or TLS.

use std::{path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1::SendRequest,
};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    task::JoinSet,
    time::timeout,
};

use super::Answer;
use crate::failure::Failure;

/// The longest time to connect.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest body, longer than any list.
const LONGEST: usize = 16 * 1024 * 1024;

/// A connection that is opened when needed, and again if it was lost between two calls.
pub struct HttpConnection {
    endpoint: Endpoint,
    /// The path of the API on the server: empty, or `/licensing`.
    prefix: String,
    open: Option<SendRequest<Full<Bytes>>>,
    /// The task that drives the connection. It ends when this is dropped.
    driver: JoinSet<()>,
}

enum Endpoint {
    Socket(PathBuf),
    Tcp { host: String, port: u16, authority: HeaderValue, tls: Option<Arc<ClientConfig>> },
}

impl HttpConnection {
    /// Returns a connection to the process that serves this socket.
    pub fn socket(path: PathBuf) -> Self {
        Self::to(Endpoint::Socket(path), String::new())
    }

    /// Returns a connection to a server over TLS, or without TLS if it is this machine or there is no `secret` to send.
    pub fn server(
        url: &str,
        secret: bool,
        tls: impl FnOnce() -> Result<Arc<ClientConfig>, Failure>,
    ) -> Result<Self, Failure> {
        let wrong = || {
            Failure::usage(format!("--server takes a URL like https://licenses.example.com, not {url:?}."))
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?.trim_matches(['[', ']']).to_owned();
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if is_here(&host) || !secret => false,
            Some("http") => {
                return Err(Failure::usage(format!(
                    "A token must not travel in the open: use https:// for {host}, http:// is for this machine only."
                )));
            }
            _ => return Err(wrong()),
        };
        let authority =
            uri.authority().and_then(|text| HeaderValue::from_str(text.as_str()).ok()).ok_or_else(wrong)?;
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let tls = if secure { Some(tls()?) } else { None };
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self::to(Endpoint::Tcp { host, port, authority, tls }, prefix))
    }

    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let lost = self.lost();
        let (head, body) = self.begin(request).await?.into_parts();
        let body = Limited::new(body, LONGEST).collect().await.map_err(|_| Failure::Lost(lost))?;
        Ok(Answer::new(head.status, &head.headers, body.to_bytes()))
    }

    /// Sends a request, and returns the answer with an unread body.
    pub(super) async fn begin(
        &mut self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        let lost = self.lost();
        let authority = match &self.endpoint {
            Endpoint::Socket(_) => HeaderValue::from_static("localhost"),
            Endpoint::Tcp { authority, .. } => authority.clone(),
        };
        request.headers_mut().insert(header::HOST, authority);
        if !self.prefix.is_empty() {
            let path = format!("{}{}", self.prefix, request.uri());
            *request.uri_mut() =
                path.parse().map_err(|_| Failure::usage("The path after --server is not valid."))?;
        }
        self.connection().await?.send_request(request).await.map_err(|_| Failure::Lost(lost))
    }

    fn to(endpoint: Endpoint, prefix: String) -> Self {
        Self { endpoint, prefix, open: None, driver: JoinSet::new() }
    }

    fn lost(&self) -> String {
        format!(
            "The connection to {} was lost: check whether the change took effect before you repeat it.",
            self.name()
        )
    }

    fn name(&self) -> String {
        match &self.endpoint {
            Endpoint::Socket(path) => path.display().to_string(),
            Endpoint::Tcp { host, port, .. } => format!("{host}:{port}"),
        }
    }

    async fn connection(&mut self) -> Result<&mut SendRequest<Full<Bytes>>, Failure> {
        let usable = match &mut self.open {
            Some(open) => open.ready().await.is_ok(),
            None => false,
        };
        if !usable {
            let fresh = timeout(CONNECT, self.connect()).await;
            let why = match fresh {
                Ok(Ok(open)) => {
                    self.open = Some(open);
                    None
                }
                Ok(Err(why)) => Some(why),
                Err(_) => Some("no answer in 10 seconds: is the address right?".to_owned()),
            };
            if let Some(why) = why {
                return Err(Failure::unreached(format!(
                    "The authority at {} was not reached: {why}",
                    self.name()
                )));
            }
        }
        Ok(self.open.as_mut().expect("opened above"))
    }

    async fn connect(&mut self) -> Result<SendRequest<Full<Bytes>>, String> {
        match &self.endpoint {
            Endpoint::Socket(path) => {
                let stream = UnixStream::connect(path).await.map_err(not_running)?;
                self.shake_hands(stream).await
            }
            Endpoint::Tcp { host, port, tls, .. } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(not_running)?;
                // Requests are small and sent one at a time, so delaying them gains nothing.
                let _ = stream.set_nodelay(true);
                match tls.clone() {
                    None => self.shake_hands(stream).await,
                    Some(config) => {
                        let name = ServerName::try_from(host.clone()).map_err(|error| error.to_string())?;
                        let connector = tokio_rustls::TlsConnector::from(config);
                        let stream = connector.connect(name, stream).await.map_err(|error| {
                            format!("no TLS: {error}. --ca names more certificates to trust.")
                        })?;
                        self.shake_hands(stream).await
                    }
                }
            }
        }
    }

    async fn shake_hands<S>(&mut self, stream: S) -> Result<SendRequest<Full<Bytes>>, String>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (send, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        self.driver.spawn(async move {
            // The waiting call gets the same error.
            let _ = connection.await;
        });
        Ok(send)
    }
}

fn not_running(error: std::io::Error) -> String {
    format!("{error}. Is it running, and is the address right?")
}

/// Whether a host is this machine, so that no network sees the token.
fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_https_anywhere_and_http_only_here() {
        let tls = || super::super::tls::config(None);
        for url in [
            "https://licenses.example.com",
            "https://x.example/licensing/",
            "http://127.0.0.1:7700",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(HttpConnection::server(url, true, tls).is_ok(), "{url}");
        }
        for url in [
            "",
            "licenses.example.com",
            "ftp://x",
            "http://licenses.example.com",
            "http://127.0.0.1.example.com",
            "https://",
        ] {
            assert!(HttpConnection::server(url, true, tls).is_err(), "{url}");
        }
        assert!(HttpConnection::server("http://licenses.example.com", false, tls).is_ok());
        assert!(HttpConnection::server("ftp://x", false, tls).is_err());
    }
}
