//! The answers of the client on behalf of a product: problem documents of RFC 9457 with the members of the authority's
//! own ([`kaching_api::Problem`]), except for the request id, which is the product's.

use kaching_api::{Contact, Upgrade};
use kaching_base::ErrorCode;
use serde::Serialize;

use crate::Denied;

#[derive(Serialize)]
pub(crate) struct Problem<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    detail: String,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    upgrade: Option<&'a Upgrade>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) contact: Option<&'a Contact>,
}

impl<'a> Problem<'a> {
    /// Creates a problem by its code; one that is not in the closed list gets a general title.
    pub(crate) fn new(status: u16, code: &'a str, detail: String) -> Self {
        let title = code.parse().map_or("The license does not allow it", kaching_api::title);
        let kind = format!("{}{code}", kaching_api::Problem::TYPE);
        Self { kind, title, status, detail, code, upgrade: None, contact: None }
    }

    #[cfg(feature = "tower")]
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// Returns the document as it is sent.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("it has text for keys and nothing in it fails")
    }
}

/// A check that was denied.
impl<'a> From<&'a Denied> for Problem<'a> {
    fn from(denied: &'a Denied) -> Self {
        let (status, code) = match (&denied.unknown_name, &denied.code) {
            // The program asks for a name that is misspelt: no license changes that.
            (Some(_), _) => (500, ErrorCode::Failure.as_str()),
            (None, Some(code)) => (403, code.as_str()),
            (None, None) => (403, "unknown"),
        };
        Self {
            upgrade: denied.upgrade.as_ref(),
            contact: denied.contact.as_ref(),
            ..Self::new(status, code, denied.message.clone())
        }
    }
}
