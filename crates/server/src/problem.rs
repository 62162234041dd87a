//! Problem documents: the one place where errors become answers.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kaching_api::{Contact, FieldError, Holder, Problem, Upgrade};
use kaching_authority::{Error, domain::Refused};
use kaching_base::ErrorCode;

use crate::request_name::RequestName;

/// The reason why a request is refused or failed.
///
/// The outer middleware renders it, since only that knows the request's id.
#[derive(Clone)]
pub(crate) struct Rejected {
    pub(crate) problem: Box<Problem>,
    /// The cause, which is logged and not sent.
    cause: Option<String>,
    /// The authentication scheme that would help.
    challenge: Option<&'static str>,
    /// The range of `Retry-After` in seconds: each answer has another value, so that clients do not all come back together.
    again: Option<(u64, u64)>,
}

pub(crate) type Result<T, E = Rejected> = std::result::Result<T, E>;

impl Rejected {
    pub(crate) fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { problem: Box::new(Problem::new(code, detail)), cause: None, challenge: None, again: None }
    }

    /// Makes a refusal of one member or parameter.
    pub(crate) fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let mut rejected = Self::new(ErrorCode::InvalidRequest, detail.clone());
        rejected.problem.errors.push(FieldError { pointer: pointer.into(), detail });
        rejected
    }

    pub(crate) fn failure(cause: impl Into<String>) -> Self {
        let detail = "the authority failed; its log says why under this request id";
        Self { cause: Some(cause.into()), ..Self::new(ErrorCode::Failure, detail) }
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.problem.retry_after_s = Some(seconds);
        self.again = None;
        self
    }

    pub(crate) fn challenge(mut self, scheme: &'static str) -> Self {
        self.challenge = Some(scheme);
        self
    }

    /// Adds a cause for the log.
    pub(crate) fn because(self, cause: impl Into<String>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// As [`retry_after`](Self::retry_after), but a number of seconds between these two.
    pub(crate) fn retry_within(mut self, least: u64, most: u64) -> Self {
        self.again = Some((least, most));
        self
    }

    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    pub(crate) fn code(&self) -> &str {
        &self.problem.code
    }

    /// Makes a problem of an error that axum itself answered.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::new(
                ErrorCode::NotFound,
                "there is nothing at this path; /openapi.json lists what there is",
            ),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                ErrorCode::MethodNotAllowed,
                "this path does not take this method; the Allow header names those it takes",
            ),
            status if status.is_client_error() => {
                Self::new(ErrorCode::MalformedBody, "the request cannot be read")
            }
            status => Self::failure(format!("an answer of status {status} without a problem")),
        }
    }

    /// Renders the body of the answer, which names the request.
    pub(crate) fn body(&mut self, request: &RequestName) -> Vec<u8> {
        self.problem.request_id = request.to_string();
        if let Some((least, most)) = self.again {
            self.problem.retry_after_s = Some(least + request.random() % (most.saturating_sub(least) + 1));
        }
        serde_json::to_vec(&self.problem).expect("a problem is plain data")
    }

    /// Renders the answer.
    pub(crate) fn render(mut self, request: &RequestName) -> Response {
        let body = self.body(request);
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Problem::CONTENT_TYPE));
        if let Some(seconds) = self.problem.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(scheme) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
        }
        response
    }
}

impl IntoResponse for Rejected {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Rejected {
    fn from(error: Error) -> Self {
        let code = error.code();
        match error {
            Error::Refused(refused) => Self::refused(*refused),
            Error::Invalid { detail, pointer: None, .. } => Self::new(code, detail),
            outdated @ Error::OutdatedCredential { .. } => Self::new(code, outdated.to_string()),
            Error::TooMany { retry_after, .. } => {
                Self::new(code, error.to_string()).retry_after(retry_after.0.unsigned_abs())
            }
            Error::Invalid { detail, pointer: Some(pointer), .. } => {
                let mut rejected = Self::new(code, detail.clone());
                rejected.problem.errors.push(FieldError { pointer, detail });
                rejected
            }
            other => match code {
                ErrorCode::Overloaded => {
                    let (least, most) = if other.is_transient() { (1, 3) } else { (60, 120) };
                    let busy = other.out_of_order().map_or_else(Self::overloaded, |detail| {
                        Self::new(ErrorCode::Overloaded, detail).retry_within(least, most)
                    });
                    Self { cause: Some(other.to_string()), ..busy }
                }
                ErrorCode::OutcomeUnknown => {
                    Self { cause: Some(other.to_string()), ..Self::outcome_unknown() }
                }
                _ => Self::failure(other.to_string()),
            },
        }
    }
}

impl Rejected {
    pub(crate) fn overloaded() -> Self {
        Self::new(ErrorCode::Overloaded, "the authority is busy; ask again in a moment").retry_within(1, 3)
    }

    pub(crate) fn outcome_unknown() -> Self {
        let detail = "it is not known whether the change took effect; look, or send the same request again";
        Self::new(ErrorCode::OutcomeUnknown, detail).retry_within(1, 3)
    }

    fn refused(refused: Refused) -> Self {
        let mut rejected = Self::new(refused.code, refused.detail);
        let problem = &mut rejected.problem;
        if !refused.holders.is_empty() {
            problem.holders = Some(refused.holders.into_iter().map(holder).collect());
        }
        problem.upgrade = refused.upgrade.map(upgrade);
        problem.contact = refused.contact.map(|contact| Contact { url: contact.url, email: contact.email });
        problem.retry_after_s = refused.retry_after_s.and_then(|seconds| u64::try_from(seconds).ok());
        rejected
    }
}

pub(crate) fn holder(holder: kaching_authority::domain::Holder) -> Holder {
    let kaching_authority::domain::Holder { id, name, kind, since, last_seen_at } = holder;
    Holder { id, name, kind, since, last_seen_at }
}

pub(crate) fn upgrade(upgrade: kaching_authority::domain::Upgrade) -> Upgrade {
    let kaching_authority::domain::Upgrade { plan, name, benefit } = upgrade;
    Upgrade { plan, name, benefit }
}
