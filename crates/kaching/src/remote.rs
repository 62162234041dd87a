//! The authority as a command sees it: one client with one `send`, whichever way leads there.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use hyper::body::Bytes;
use kaching_api::{Problem, SecretText};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;

use crate::failure::Failure;

mod attempts;
mod choose;
mod done;
mod in_process;
mod path;
mod pour;
mod tls;
mod wire;

use attempts::{Attempts, IdempotencyKeys};
pub(crate) use choose::{Choice, Missing};
pub(crate) use path::Path;
pub(crate) use pour::Take;

/// How long one call may take, the connection included.
const PATIENCE: Duration = Duration::from_secs(60);

/// The way to an authority, with what proves who asks.
pub(crate) struct Client {
    way: Way,
    token: Option<SecretText>,
    keys: IdempotencyKeys,
    done: done::Done,
}

/// The three ways.
enum Way {
    /// Through a socket: the serving process on this machine, or a server elsewhere.
    Wire(wire::Wire),
    /// Nothing serves: the same router, within this process.
    InProcess(Box<in_process::InProcess>),
}

/// What is asked of the authority.
pub(crate) struct Call {
    method: Method,
    path: Path,
    body: Option<Vec<u8>>,
    unchanged_since: Option<HeaderValue>,
}

/// What came back, and was no refusal.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// The version of what was asked for.
    etag: Option<HeaderValue>,
    body: Bytes,
}

impl Client {
    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// With the problem document if the answer is one, or that the authority was not reached.
    pub(crate) async fn send(&mut self, call: Call) -> Result<Answer, Failure> {
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
        let answered = match &mut self.way {
            Way::Wire(wire) => timeout(PATIENCE, wire.send(request)).await,
            Way::InProcess(process) => timeout(PATIENCE, process.send(request)).await,
        };
        let answer = answered.map_err(|_| unanswered())??.accepted()?;
        self.done.note(call, &answer);
        Ok(answer)
    }

    /// What was changed so far, if anything was.
    pub(crate) fn done(&self) -> Option<String> {
        self.done.sentence()
    }

    /// What makes a call that is sent again have the effect of one. In process no answer is lost.
    fn idempotency_key(&mut self, call: &Call) -> Option<HeaderValue> {
        let changes = call.method != Method::GET && call.path.as_str().starts_with("/v1/admin/");
        (changes && matches!(self.way, Way::Wire(_))).then(|| self.keys.next())
    }

    /// Asks, and hands over the answer piece by piece, however long it is.
    ///
    /// # Errors
    /// With the problem document if the answer is one, what `take` says, or that the answer broke off.
    pub(crate) async fn stream(&mut self, call: Call, take: &mut Take<'_>) -> Result<(), Failure> {
        let request = self.request(&call)?;
        match &mut self.way {
            Way::Wire(wire) => pour::pour(timeout(PATIENCE, wire.begin(request)).await, take).await,
            Way::InProcess(process) => {
                pour::pour(timeout(PATIENCE, process.begin(request)).await, take).await
            }
        }
    }

    /// Reads what a path names.
    pub(crate) async fn get(&mut self, path: Path) -> Result<Answer, Failure> {
        self.send(Call::new(Method::GET, path)).await
    }

    /// Makes something, or does something with it.
    pub(crate) async fn post<T: Serialize>(&mut self, path: Path, body: &T) -> Result<Answer, Failure> {
        self.send(Call::new(Method::POST, path).body(body)?).await
    }

    /// Changes what is named in the body.
    pub(crate) async fn patch<T: Serialize>(&mut self, path: Path, body: &T) -> Result<Answer, Failure> {
        self.send(Call::new(Method::PATCH, path).body(body)?).await
    }

    /// Archives.
    pub(crate) async fn delete(&mut self, path: Path) -> Result<Answer, Failure> {
        self.send(Call::new(Method::DELETE, path)).await
    }

    /// Ends the connection, or closes the database that was opened in process.
    pub(crate) async fn close(self) {
        if let Way::InProcess(process) = self.way {
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
        "The authority did not answer in a minute: look whether the change took effect before you ask again.",
    )
}

impl Call {
    pub(crate) fn new(method: Method, path: Path) -> Self {
        Self { method, path, body: None, unchanged_since: None }
    }

    /// With this as JSON.
    pub(crate) fn body<T: Serialize>(self, body: &T) -> Result<Self, Failure> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::usage(format!("This cannot be written as JSON: {error}.")))?;
        Ok(Self { body: Some(body), ..self })
    }
}

impl Call {
    /// Only if what was read here is still as it was.
    pub(crate) fn if_unchanged_since(self, read: &Answer) -> Self {
        Self { unchanged_since: read.etag.clone(), ..self }
    }
}

impl Answer {
    fn new(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        Self { status, etag: headers.get(header::ETAG).cloned(), body }
    }

    /// The document, as it came.
    pub(crate) fn json(&self) -> Result<Value, Failure> {
        self.read()
    }

    /// The document as a type of the API.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| Self::not_understood(&error))
    }

    /// An answer that is written in another version.
    pub(crate) fn not_understood(error: &serde_json::Error) -> Failure {
        Failure::refused(format!(
            "The answer is not what this version of kaching understands ({error}): use the server's own version."
        ))
    }

    /// Whether there is no document.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    fn accepted(self) -> Result<Self, Failure> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(match serde_json::from_slice::<Problem>(&self.body) {
            Ok(problem) => Failure::Answered(Box::new(problem)),
            Err(_) => Failure::unreached(format!(
                "Something that is no Kaching authority answered with {}: look at the URL after --server.",
                self.status
            )),
        })
    }
}
