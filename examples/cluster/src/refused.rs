use axum::{
    Json,
    extract::rejection::JsonRejection,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kaching_client::{Denied, UnknownName};
use serde_json::{Value, json};

/// An answer that refuses a request.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    body: Value,
}

impl Refused {
    pub(crate) fn new(status: StatusCode, code: &str, error: &str) -> Self {
        Self { status, body: json!({"error": error, "code": code}) }
    }

    /// Adds a member for the caller.
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.body[name] = value;
        self
    }

    /// Appends a sentence.
    pub(crate) fn and(mut self, sentence: &str) -> Self {
        let error = self.body["error"].as_str().unwrap_or_default();
        self.body["error"] = json!(format!("{error} {sentence}"));
        self
    }
}

impl From<Denied> for Refused {
    /// A denial of the license is a 403 that says how to get what was asked for.
    fn from(denied: Denied) -> Self {
        if let Some(unknown) = denied.unknown_name.clone() {
            return Self::from(unknown);
        }
        let refused = Self::new(StatusCode::FORBIDDEN, denied.code_text(), &denied.message);
        refused.with("upgrade", json!(denied.upgrade)).with("contact", json!(denied.contact))
    }
}

impl From<UnknownName> for Refused {
    /// A counter or level that no plan has is an error of this program.
    fn from(unknown: UnknownName) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failure", &unknown.to_string())
    }
}

impl From<JsonRejection> for Refused {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), "invalid_request", &rejection.body_text())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
