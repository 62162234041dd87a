use axum::{
    Json,
    extract::rejection::JsonRejection,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use kaching_client::Denied;
use serde_json::{Value, json};

/// An answer that is not what was asked for.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    body: Value,
}

impl Refused {
    pub(crate) fn new(status: StatusCode, code: &str, error: &str) -> Self {
        Self { status, body: json!({"error": error, "code": code}) }
    }

    /// More that the caller may want to know.
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.body[name] = value;
        self
    }

    /// Puts a sentence behind the one that is there.
    pub(crate) fn and(mut self, sentence: &str) -> Self {
        let error = self.body["error"].as_str().unwrap_or_default();
        self.body["error"] = json!(format!("{error} {sentence}"));
        self
    }
}

impl From<Denied> for Refused {
    /// What the license denies is a 403 that says how to get it.
    fn from(denied: Denied) -> Self {
        let refused = Self::new(StatusCode::FORBIDDEN, denied.code_text(), &denied.message);
        refused.with("upgrade", json!(denied.upgrade)).with("contact", json!(denied.contact))
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
