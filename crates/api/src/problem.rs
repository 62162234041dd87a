use kaching_base::ErrorCode;
use serde::{Deserialize, Serialize};

use crate::{Contact, Holder, Upgrade};

/// Why an answer is not what was asked for: a problem document of RFC 9457, `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `urn:kaching:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The meaning of the code, the same for each of its problems.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// The problem and its remedy: a sentence for people.
    pub detail: String,
    /// One of the closed list; text here, so that a reader survives a code that it does not know.
    #[cfg_attr(feature = "openapi", schema(value_type = ErrorCode))]
    pub code: String,
    /// The id of this request in the authority's log.
    pub request_id: String,
    /// The places in the request that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Seconds after which asking again makes sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// The signed refusal (compact JWS): the only part on which a client acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// The holders of the slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holders: Option<Vec<Holder>>,
    /// The plan that would allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<Upgrade>,
    /// Whom to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Contact>,
}

/// One thing that is wrong in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// A JSON pointer (RFC 6901) into the body; in a query or path, the name of the parameter behind a slash.
    pub pointer: String,
    /// The problem there: a sentence for people.
    pub detail: String,
}

impl Problem {
    /// The beginning of the member `type` of our problems.
    pub const TYPE: &str = "urn:kaching:problem:";
    /// The content type of a problem document.
    pub const CONTENT_TYPE: &str = "application/problem+json";

    /// The document of a code, without request id and particulars.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("{}{code}", Self::TYPE),
            title: crate::title(code).to_owned(),
            status: crate::status(code),
            detail: detail.into(),
            code: code.as_str().to_owned(),
            request_id: String::new(),
            errors: Vec::new(),
            retry_after_s: None,
            statement: None,
            holders: None,
            upgrade: None,
            contact: None,
        }
    }
}
