//! The client of the admin API: one client with one `send` over every transport.

use std::time::Duration;

use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use hyper::body::Bytes;
use kaching_api::SecretText;
use kaching_server::App;
use serde::Serialize;
use tokio::time::timeout;

use crate::failure::Failure;

mod answer;
mod attempts;
mod changes;
mod http_connection;
mod in_process;
mod path;
mod stream_body;
mod target;
mod tls;

pub use answer::Answer;
use attempts::{Attempts, IdempotencyKeys};
pub use path::Path;
pub use stream_body::TakeChunk;
pub use target::{AuthorityTarget, IfMissing};

/// The longest time of a call, with its connection.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of an authority, with its credentials.
pub struct Client {
    transport: Transport,
    token: Option<SecretText>,
    keys: IdempotencyKeys,
    done: changes::Changes,
}

/// The transport to the authority.
enum Transport {
    /// HTTP over a socket: the local one, TCP, or TLS.
    Http(http_connection::HttpConnection),
    /// The same router within this process, since no server runs.
    InProcess(Box<in_process::InProcess>),
}

/// A request to the authority.
pub struct Call {
    method: Method,
    path: Path,
    body: Option<Vec<u8>>,
    unchanged_since: Option<HeaderValue>,
}

impl Client {
    /// Returns a client of an authority that this process has opened. The caller closes the authority.
    pub fn of_app(app: &App) -> Self {
        let transport = Transport::InProcess(Box::new(in_process::InProcess::of(app)));
        let keys = IdempotencyKeys::of_this_command();
        Self { transport, token: None, keys, done: changes::Changes::default() }
    }

    /// Sends a request, and waits for its answer.
    ///
    /// # Errors
    /// With the problem document if the answer is one, or that the authority was not reached.
    pub async fn send(&mut self, call: Call) -> Result<Answer, Failure> {
        let key = self.idempotency_key(&call);
        let mut attempts = Attempts::default();
        loop {
            let failure = match self.attempt(&call, key.as_ref()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            attempts.after(failure).await?;
        }
    }

    async fn attempt(&mut self, call: &Call, key: Option<&HeaderValue>) -> Result<Answer, Failure> {
        let mut request = self.request(call)?;
        if let Some(key) = key {
            request.headers_mut().insert("idempotency-key", key.clone());
        }
        let answered = match &mut self.transport {
            Transport::Http(connection) => timeout(PATIENCE, connection.send(request)).await,
            Transport::InProcess(process) => timeout(PATIENCE, process.send(request)).await,
        };
        let answer = answered.map_err(|_| unanswered())??.accepted()?;
        self.done.note(call, &answer);
        Ok(answer)
    }

    /// Returns a sentence about the changes so far, if there are any.
    pub fn done(&self) -> Option<String> {
        self.done.sentence()
    }

    /// Returns a key with which a repeated call has the effect of one. In process it is not needed, since no answer is lost.
    fn idempotency_key(&mut self, call: &Call) -> Option<HeaderValue> {
        let changes = call.method != Method::GET && call.path.as_str().starts_with("/v1/admin/");
        (changes && matches!(self.transport, Transport::Http(_))).then(|| self.keys.next())
    }

    /// Sends a request, and passes the body of the answer to `take` in chunks.
    ///
    /// # Errors
    /// With the problem document if the answer is one, the failure of `take`, or that the answer is incomplete.
    pub async fn stream(&mut self, call: Call, take: &mut TakeChunk<'_>) -> Result<(), Failure> {
        let request = self.request(&call)?;
        match &mut self.transport {
            Transport::Http(connection) => {
                stream_body::stream_body(timeout(PATIENCE, connection.begin(request)).await, take).await
            }
            Transport::InProcess(process) => {
                stream_body::stream_body(timeout(PATIENCE, process.begin(request)).await, take).await
            }
        }
    }

    /// Sends a GET request.
    pub async fn get(&mut self, path: Path) -> Result<Answer, Failure> {
        self.send(Call::new(Method::GET, path)).await
    }

    /// Sends a POST request.
    pub async fn post<T: Serialize>(&mut self, path: Path, body: &T) -> Result<Answer, Failure> {
        self.send(Call::new(Method::POST, path).body(body)?).await
    }

    /// Sends a PATCH request.
    pub async fn patch<T: Serialize>(&mut self, path: Path, body: &T) -> Result<Answer, Failure> {
        self.send(Call::new(Method::PATCH, path).body(body)?).await
    }

    /// Sends a DELETE request.
    pub async fn delete(&mut self, path: Path) -> Result<Answer, Failure> {
        self.send(Call::new(Method::DELETE, path)).await
    }

    /// Closes the connection, or the database that was opened in process.
    pub async fn close(self) {
        if let Transport::InProcess(process) = self.transport {
            process.close().await;
        }
    }

    fn request(&self, call: &Call) -> Result<Request<Full<Bytes>>, Failure> {
        call.path.check()?;
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(call.path.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("kaching/", env!("CARGO_PKG_VERSION")));
        let bearer = self.token.as_ref().map(|token| format!("Bearer {}", token.expose()));
        if let Some(text) = bearer {
            let mut value = http::HeaderValue::try_from(text)
                .map_err(|_| Failure::usage("The token holds characters that no token has."))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        if let Some(etag) = &call.unchanged_since {
            request = request.header(header::IF_MATCH, etag);
        }
        if call.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request
            .body(Full::new(Bytes::from(call.body.clone().unwrap_or_default())))
            .map_err(|error| Failure::usage(format!("This cannot be asked over HTTP: {error}.")))
    }
}

fn unanswered() -> Failure {
    Failure::unreached(
        "The authority did not answer in a minute: check whether the change took effect before you repeat it.",
    )
}

impl Call {
    pub fn new(method: Method, path: Path) -> Self {
        Self { method, path, body: None, unchanged_since: None }
    }

    /// Adds a JSON body.
    pub fn body<T: Serialize>(self, body: &T) -> Result<Self, Failure> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::usage(format!("This cannot be written as JSON: {error}.")))?;
        Ok(Self { body: Some(body), ..self })
    }
}

impl Call {
    /// Makes the call conditional: the object must be unchanged since this answer.
    pub fn if_unchanged_since(self, read: &Answer) -> Self {
        Self { unchanged_since: read.etag.clone(), ..self }
    }
}
