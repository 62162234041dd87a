use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::body::Bytes;
use kaching_api::Problem;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{failure::Failure, output::Output};

/// An answer of the authority that is not a refusal.
pub struct Answer {
    pub(super) status: StatusCode,
    /// The version of the object.
    pub(super) etag: Option<HeaderValue>,
    body: Bytes,
}

impl Answer {
    pub(super) fn new(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        Self { status, etag: headers.get(header::ETAG).cloned(), body }
    }

    /// Returns the document.
    pub fn json(&self) -> Result<Value, Failure> {
        self.read()
    }

    /// Returns the document as a type of the API.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| Self::not_understood(&error))
    }

    /// Returns the failure for an answer of another version.
    pub fn not_understood(error: &serde_json::Error) -> Failure {
        Failure::refused(format!(
            "The answer is not what this version of kaching understands ({error}): use the server's own version."
        ))
    }

    /// Whether the answer has no document.
    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    pub(super) fn accepted(self) -> Result<Self, Failure> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(match serde_json::from_slice::<Problem>(&self.body) {
            Ok(problem) => Failure::Answered(Box::new(problem)),
            Err(_) => Failure::unreached(format!(
                "The server is not a Kaching authority (it answered with {}): check the URL after --server.",
                self.status
            )),
        })
    }
}

impl Output {
    /// Prints the answer as JSON, or the text that `page` returns.
    pub fn answer<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        page: impl FnOnce(T) -> String,
    ) -> Result<(), Failure> {
        if self.json { self.value(&answer.json()?) } else { self.words(&page(answer.read()?)) }
    }

    /// Prints the answer as JSON if there is one, or the sentence that the change is done.
    pub fn done(&self, answer: &Answer, sentence: &str) -> Result<(), Failure> {
        if !self.json {
            self.words(sentence)
        } else if answer.is_empty() {
            Ok(())
        } else {
            self.value(&answer.json()?)
        }
    }
}
