use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kaching_api::Contact;
use kaching_base::ErrorCode;
use serde::Serialize;

use crate::{StartError, problem::Problem};

/// An answer that says no, with a sentence for people.
pub(super) struct Rejected {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    contact: Option<Contact>,
}

impl Rejected {
    pub(super) fn new(status: StatusCode, code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { status, code: code.as_str().into(), detail: detail.into(), contact: None }
    }

    pub(super) fn method() -> Self {
        let detail = "This call takes another method: POST changes the license, GET shows it.";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::MethodNotAllowed, detail)
    }

    pub(super) fn busy() -> Self {
        let detail = "This machine has no thread to spare: ask again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Overloaded, detail)
    }
}

/// A key that does not work is an error of the caller, for every reason; `code` says which.
impl From<StartError> for Rejected {
    fn from(error: StartError) -> Self {
        let mut detail = error.to_string();
        if !detail.ends_with('.') {
            detail.push('.');
        }
        let (code, contact) = match error {
            StartError::UnknownKey { code, .. } => (code.as_str().into(), None),
            StartError::Held { code, contact, .. } | StartError::Refused { code, contact, .. } => {
                (code.as_str().to_owned().into(), contact)
            }
            StartError::Rejected { code, .. } => (code.into(), None),
            StartError::Unreachable { .. } => ("unknown".into(), None),
            _ => (ErrorCode::WrongState.as_str().into(), None),
        };
        Self { status: StatusCode::BAD_REQUEST, code, detail, contact }
    }
}

impl IntoResponse for Rejected {
    fn into_response(self) -> Response {
        let Self { status, code, detail, contact } = self;
        let mut problem = Problem::new(status.as_u16(), &code, detail);
        problem.contact = contact.as_ref();
        respond(status, kaching_api::Problem::CONTENT_TYPE, problem.text())
    }
}

/// A yes in JSON.
pub(super) fn json(answer: &impl Serialize) -> Response {
    let text = serde_json::to_string(answer).expect("answers have text for keys and nothing in them fails");
    respond(StatusCode::OK, "application/json", text)
}

pub(super) fn respond(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    // The answer changes as soon as the license does.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
