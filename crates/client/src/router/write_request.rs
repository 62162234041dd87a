use axum::{
    body::Bytes,
    extract::{FromRequest as _, Request},
    http::{HeaderMap, StatusCode, header},
};
use kaching_base::{ErrorCode, in_plain_words};
use serde::de::DeserializeOwned;

use super::{LicensingRouter, Rejected};
use crate::Fingerprint;

/// A request of somebody who may write.
pub(super) struct WriteRequest {
    body: Bytes,
    json: bool,
    /// The installation, where the request names one.
    pub(super) fingerprint: Option<Fingerprint>,
}

impl WriteRequest {
    /// Reads a request, if its sender may write.
    pub(super) async fn read(router: &LicensingRouter, request: Request) -> Result<Self, Rejected> {
        let (parts, body) = request.into_parts();
        if !(router.allowed)(&parts) {
            return Err(Rejected::new(
                StatusCode::FORBIDDEN,
                ErrorCode::Forbidden,
                "You may not change the license here: ask somebody who administers this installation.",
            ));
        }
        let fingerprint = instance(&parts.headers)?;
        let json = is_json(&parts.headers);
        let body = Bytes::from_request(Request::from_parts(parts, body), &()).await.map_err(|rejection| {
            let (code, detail) = match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => (ErrorCode::BodyTooLarge, "The body is longer than 64 KiB."),
                _ => (ErrorCode::MalformedBody, "The body broke off: send it again."),
            };
            Rejected::new(rejection.status(), code, detail)
        })?;
        Ok(Self { body, json, fingerprint })
    }

    /// Whether there is nothing in the body.
    pub(super) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// Parses the body, and refuses unknown fields. A type other than JSON is refused, since a page of another site can send
    /// that without asking.
    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Rejected> {
        if !self.json {
            return Err(Rejected::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ErrorCode::UnsupportedMediaType,
                "The body must be JSON, and say so: Content-Type: application/json.",
            ));
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            let (status, code) = match error.classify() {
                serde_json::error::Category::Data => {
                    (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidRequest)
                }
                _ => (StatusCode::BAD_REQUEST, ErrorCode::MalformedBody),
            };
            Rejected::new(
                status,
                code,
                format!("The body is not what this call takes: {}.", in_plain_words(&error.to_string())),
            )
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

fn instance(headers: &HeaderMap) -> Result<Option<Fingerprint>, Rejected> {
    let Some(id) = headers.get("x-caio-instance-id") else { return Ok(None) };
    let wrong = |why: String| {
        let detail = format!("X-CAIO-Instance-ID does not name an installation: {why}.");
        Rejected::new(StatusCode::BAD_REQUEST, ErrorCode::InvalidRequest, detail)
    };
    let id = id.to_str().map_err(|_| wrong("it is not plain text".to_owned()))?;
    Fingerprint::instance(id).map(Some).map_err(|error| wrong(error.to_string()))
}
