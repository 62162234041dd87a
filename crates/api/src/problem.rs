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
    /// What the code means, the same for each of its problems.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What happened here and what to do about it: a sentence for people.
    pub detail: String,
    /// One of the closed list; text here, so that a reader survives a code that it does not know.
    #[cfg_attr(feature = "openapi", schema(value_type = ErrorCode))]
    pub code: String,
    /// What the authority's log calls this request.
    pub request_id: String,
    /// Where in the request it went wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Seconds after which asking again makes sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    /// The signed refusal (compact JWS): the only part on which a client acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// Who holds the slots.
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
    /// What is wrong there: a sentence for people.
    pub detail: String,
}

impl Problem {
    /// What the members `type` of our problems start with.
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
