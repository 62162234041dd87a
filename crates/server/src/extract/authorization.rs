//! The `Authorization` header as text.

use axum::http::{HeaderMap, header};
use kaching_base::pasted;

/// Returns the header's text, or an empty one. It may have the dashes and spaces of a document from which a person pasted.
pub(crate) fn authorization(headers: &HeaderMap) -> &str {
    let value = headers.get(header::AUTHORIZATION);
    value.and_then(|value| str::from_utf8(value.as_bytes()).ok()).unwrap_or("")
}

/// Returns the text after this scheme, as [`pasted`] reads it. Schemes are compared without regard to case (RFC 9110, section
/// 11.1).
pub(super) fn after_scheme(text: &str, scheme: &str) -> Option<String> {
    let (found, rest) = text.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then(|| pasted(rest)).filter(|rest| !rest.is_empty())
}
