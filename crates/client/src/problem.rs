//! What the client answers on behalf of a product: problem documents of RFC 9457 with the parts that the authority's
//! own have ([`kaching_api::Problem`]), but for a request id, which the product has or has not.

use kaching_api::{Contact, Upgrade};
use kaching_license::RefusalCode;
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
    /// A problem by its code, in words of ours where the code is not one of the closed list.
    pub(crate) fn new(status: u16, code: &'a str, detail: String) -> Self {
        let title = code.parse().map_or("The license does not allow it", kaching_api::title);
        let kind = format!("{}{code}", kaching_api::Problem::TYPE);
        Self { kind, title, status, detail, code, upgrade: None, contact: None }
    }

    /// As it is sent.
    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).expect("it has text for keys and nothing in it fails")
    }
}

/// A check's no.
impl<'a> From<&'a Denied> for Problem<'a> {
    fn from(denied: &'a Denied) -> Self {
        let code = denied.code.as_ref().map_or("unknown", RefusalCode::as_str);
        Self {
            upgrade: denied.upgrade.as_ref(),
            contact: denied.contact.as_ref(),
            ..Self::new(403, code, denied.message.clone())
        }
    }
}
