//! Versions on the wire: `ETag`, and `If-Match`, which compares by RFC 9110, section 13.1.1.

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use kaching_authority::{Expected, Versioned};
use kaching_base::ErrorCode;
use serde::Serialize;

use crate::{
    App,
    problem::{Rejected, Result},
};

/// An object that was asked for, with its version.
pub(crate) fn shown<T: Versioned, A: Serialize>(
    app: &App,
    object: &T,
    convert: impl Fn(&T) -> A,
) -> Response {
    ([(header::ETAG, etag(&app.authority.version(object)))], Json(convert(object))).into_response()
}

/// A version as the header has it.
pub(super) fn etag(version: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("a version is Base64url")
}

/// Returns the versions that `If-Match` expects, over all headers of this name.
pub(super) fn expected(headers: &HeaderMap) -> Result<Option<Expected>> {
    let mut versions = Vec::new();
    let mut given = false;
    for value in headers.get_all(header::IF_MATCH) {
        given = true;
        for tag in value.to_str().map_err(|_| malformed())?.split(',').map(str::trim) {
            match tag {
                "*" => return Ok(Some(Expected::Any)),
                "" => {}
                tag => versions.extend(strong(tag)?),
            }
        }
    }
    Ok(given.then_some(Expected::OneOf(versions)))
}

/// The version in a tag. A weak one matches nothing.
fn strong(tag: &str) -> Result<Option<String>> {
    let (weak, quoted) = tag.strip_prefix("W/").map_or((false, tag), |rest| (true, rest));
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).ok_or_else(malformed)?;
    Ok((!weak).then(|| inner.to_owned()))
}

fn malformed() -> Rejected {
    let detail = "If-Match is an ETag in its quotes, as the answer to a GET has it, or *";
    Rejected::new(ErrorCode::InvalidRequest, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_expected_versions() {
        let of = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::IF_MATCH, value.parse().unwrap());
            }
            expected(&headers).map_err(|rejected| rejected.problem.code)
        };
        let one_of =
            |versions: &[&str]| Ok(Some(Expected::OneOf(versions.iter().map(ToString::to_string).collect())));
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["*"]), Ok(Some(Expected::Any)));
        assert_eq!(of(&[r#""a""#]), one_of(&["a"]));
        assert_eq!(of(&[r#""a", W/"b""#, r#""c""#]), one_of(&["a", "c"]));
        assert_eq!(of(&[""]), one_of(&[]));
        for malformed in ["a", r#""a"#, "W/a", "é"] {
            assert_eq!(of(&[malformed]), Err("invalid_request".to_owned()), "{malformed}");
        }
    }
}
