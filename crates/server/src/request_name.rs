//! The name of a request in its answer, in the log, and in the audit log.

use std::fmt;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use kaching_base::RequestId;

/// The header that carries it, both ways.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer than any of a tracing system or a proxy: those have 36 characters at most, or their numbers in a row.
const LONGEST: usize = 128;

/// The name of one request. A proxy or a caller may have given it one already, which its own log has, so it is kept.
#[derive(Clone, Debug)]
pub(crate) struct RequestName {
    /// Our own id, which the audit log has.
    pub(crate) id: RequestId,
    given: Option<String>,
}

impl RequestName {
    /// Reads the caller's own name of the request from the headers, if it is valid.
    pub(crate) fn new(id: RequestId, headers: &HeaderMap) -> Self {
        let mut all = headers.get_all(X_REQUEST_ID).iter();
        let given = all.next().filter(|_| all.next().is_none()).and_then(|value| value.to_str().ok());
        let given = given.filter(|text| is_sane(text)).map(str::to_owned);
        Self { id, given }
    }

    /// Returns our own id, if the request has another name.
    pub(crate) fn own(&self) -> Option<RequestId> {
        self.given.is_some().then_some(self.id)
    }

    /// As the header of the answer has it.
    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.to_string()).expect("both are printable ASCII")
    }

    /// Returns a number that cannot be predicted, even if the caller chose the name.
    pub(crate) fn random(&self) -> u64 {
        let [.., a, b, c, d] = *self.id.as_bytes();
        u64::from(u32::from_be_bytes([a, b, c, d]))
    }
}

impl From<RequestId> for RequestName {
    fn from(id: RequestId) -> Self {
        Self { id, given: None }
    }
}

impl fmt::Display for RequestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.given {
            Some(given) => f.write_str(given),
            None => self.id.fmt(f),
        }
    }
}

/// Whether a name has no characters that could be taken for another field of a log, or for markup.
fn is_sane(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&byte);
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(allowed)
}
