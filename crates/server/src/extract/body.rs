use std::error::Error as _;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{HeaderMap, Method, header},
};
use http_body_util::LengthLimitError;
use kaching_authority::license::Digest;
use kaching_base::{ErrorCode, in_plain_words};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, error::Category};
use sha2::Digest as _;

use crate::{
    App,
    problem::{Rejected, Result},
    route::{Describe, Facts},
};

/// A request's body is at most this long.
const LONGEST: usize = 64 * 1024;

/// The JSON of a request, and the bytes it came in.
///
/// An empty body is an empty object, so that verbs without particulars need none.
pub(crate) struct Body<T> {
    pub(crate) value: T,
    pub(crate) sent: Sent,
}

/// A request as it was sent.
pub(crate) struct Sent {
    method: Method,
    path: String,
    bytes: Bytes,
}

/// The body of a verb that has no particulars: nothing, or `{}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoMembers {}

impl<T> Describe for Body<T> {
    fn describe(_: &mut Facts) {}
}

impl Sent {
    /// The hash that a credential signs and a statement answers.
    pub(crate) fn request_hash(
        &self,
        authorization: Option<&kaching_authority::license::Authorization>,
    ) -> Digest {
        let method = self.method.as_str();
        match authorization {
            Some(authorization) => authorization.request_hash(method, &self.path, &self.bytes),
            None => kaching_authority::license::request_hash(method, &self.path, "", &self.bytes),
        }
    }

    /// Returns a digest that differs for two requests under one idempotency key.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut hash = sha2::Sha256::new();
        hash.update(self.path.as_bytes());
        hash.update(b"\n");
        hash.update(&self.bytes);
        hash.finalize().into()
    }
}

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Rejected;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let (parts, body) = request.into_parts();
        check_head(&parts.headers)?;
        let read = axum::body::to_bytes(body, LONGEST);
        let bytes = match tokio::time::timeout(app.body_timeout, read).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) if is_too_long(&error) => return Err(too_long()),
            Ok(Err(_)) => {
                return Err(Rejected::new(ErrorCode::MalformedBody, "the body broke off before its end"));
            }
            Err(_) => {
                let detail = "the body did not come in time; send it without a pause";
                return Err(Rejected::new(ErrorCode::RequestTimeout, detail));
            }
        };
        let typed = parts.headers.get(header::CONTENT_TYPE).is_some_and(|value| {
            let essence = value.to_str().unwrap_or("").split(';').next().unwrap_or("").trim();
            essence.eq_ignore_ascii_case("application/json")
        });
        if !bytes.is_empty() && !typed {
            let detail = "the body is JSON, with Content-Type: application/json";
            return Err(Rejected::new(ErrorCode::UnsupportedMediaType, detail));
        }
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let value = parse(if bytes.is_empty() { b"{}" } else { &bytes })?;
        Ok(Self { value, sent: Sent { method: parts.method, path, bytes } })
    }
}

fn check_head(headers: &HeaderMap) -> Result<()> {
    let encoded = headers.get(header::CONTENT_ENCODING).is_some_and(|value| value != "identity");
    if encoded {
        let detail = "requests have no Content-Encoding; send the body as it is";
        return Err(Rejected::new(ErrorCode::UnsupportedMediaType, detail));
    }
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > LONGEST as u64) { Err(too_long()) } else { Ok(()) }
}

fn too_long() -> Rejected {
    Rejected::new(ErrorCode::BodyTooLarge, "a request's body is at most 64 KiB")
}

fn is_too_long(error: &axum::Error) -> bool {
    error.source().is_some_and(|source| source.is::<LengthLimitError>())
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    // A list would be read as an object's members in their order, which is never meant.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Rejected::invalid("", "the body is a JSON object"));
    }
    let value = match (read(bytes), with_whole_numbers(bytes)) {
        (Err(_), Some(whole)) => read(&whole)?,
        (read, _) => read?,
    };
    // No database keeps NUL in a text, and no name, note or fingerprint of ours needs one.
    if bytes.windows(6).any(|window| window == br"\u0000")
        && let Ok(tree) = serde_json::from_slice(bytes)
        && let Some(pointer) = find_nul(&tree)
    {
        return Err(Rejected::invalid(pointer, "a text may not contain the NUL character"));
    }
    Ok(value)
}

/// If a word is expected and another type comes, serde reports a fault of the JSON. JSON without a fault is read
/// again as a value, which gives the problem and its place.
fn misread<T: DeserializeOwned>(bytes: &[u8], error: &serde_json::Error) -> Rejected {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return unreadable(error) };
    match serde_path_to_error::deserialize::<_, T>(value) {
        Ok(_) => unreadable(error),
        Err(again) => {
            let path = again.path().clone();
            invalid(&path, &again.into_inner())
        }
    }
}

fn unreadable(error: &serde_json::Error) -> Rejected {
    let why = in_plain_words(&error.to_string());
    Rejected::new(ErrorCode::MalformedBody, format!("the body is not JSON: {why}"))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().clone();
        let error = error.into_inner();
        if error.classify() == Category::Data { invalid(&path, &error) } else { misread::<T>(bytes, &error) }
    })?;
    json.end().map_err(|error| unreadable(&error))?;
    Ok(value)
}

/// Returns the JSON with whole numbers written as such: `2.0` and `2e0` are integers, but not to the parser. `None` if
/// there are no such numbers.
fn with_whole_numbers(json: &[u8]) -> Option<Vec<u8>> {
    let (mut written, mut rest, mut is_changed) = (Vec::with_capacity(json.len()), json, false);
    while let Some(first) = rest.first() {
        let length = match first {
            b'"' => text_length(rest),
            b'-' | b'0'..=b'9' => {
                rest.iter().position(|byte| !b"+-.eE0123456789".contains(byte)).unwrap_or(rest.len())
            }
            _ => 1,
        };
        let (token, behind) = rest.split_at(length);
        let number = std::str::from_utf8(token).ok().filter(|text| text.contains(['.', 'e', 'E']));
        let number = number.and_then(|text| text.parse::<f64>().ok());
        match number.filter(|number| number.fract() == 0.0 && number.abs() <= LARGEST_EXACT) {
            Some(whole) => {
                written.extend(format!("{whole:.0}").into_bytes());
                is_changed = true;
            }
            None => written.extend_from_slice(token),
        }
        rest = behind;
    }
    is_changed.then_some(written)
}

/// The largest number up to which all whole ones have a float of their own: 2^53.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// Returns the length of a text of JSON with its quotes.
fn text_length(json: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = json.iter().skip(1).position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(json.len(), |end| end + 2)
}

fn invalid(path: &serde_path_to_error::Path, error: &serde_json::Error) -> Rejected {
    let message = error.to_string();
    // The pointer names the place; lines and columns of a body are not shown.
    let detail = message.rsplit_once(" at line ").map_or(message.as_str(), |(detail, _)| detail);
    let detail = &in_plain_words(detail);
    let mut pointer = pointer(path);
    if let Some(name) = ["unknown field `", "missing field `", "duplicate field `"]
        .into_iter()
        .find_map(|start| detail.strip_prefix(start)?.split('`').next())
    {
        let member = format!("/{}", escape(name));
        if !pointer.ends_with(&member) {
            pointer.push_str(&member);
        }
    }
    Rejected::invalid(pointer, detail)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", escape(key))),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// RFC 6901, section 3.
fn escape(member: &str) -> String {
    member.replace('~', "~0").replace('/', "~1")
}

fn find_nul(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(i, item)| Some(format!("/{i}{}", find_nul(item)?)))
        }
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            let inner = if name.contains('\0') { Some(String::new()) } else { find_nul(member) };
            inner.map(|inner| format!("/{}{inner}", escape(&name.replace('\0', ""))))
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use kaching_api::{LicenseCreate, PlanEdit};

    use super::*;

    fn refusal<T: DeserializeOwned>(body: &str) -> String {
        let Err(rejected) = parse::<T>(body.as_bytes()) else { return "accepted".to_owned() };
        let problem = rejected.problem;
        let errors: Vec<_> = problem.errors.iter().map(|error| error.pointer.as_str()).collect();
        format!("{} {} {}", problem.status, errors.join(","), problem.detail)
    }

    #[test]
    fn says_where_and_what() {
        let cases = [
            ("{", "400  the body is not JSON: it ends within an object at line 1 column 1"),
            ("[]", "422  the body is a JSON object"),
            ("{}", "422 /customer missing field `customer`"),
            (
                r#"{"customer":"a","product":"chorus","plan":"team","colour":1}"#,
                "422 /colour unknown field `colour`",
            ),
            (
                r#"{"customer":"a","product":"chorus","plan":"team","days":"x"}"#,
                "422 /days expected a whole number, not a text",
            ),
            (
                r#"{"customer":"a","product":"chorus","plan":"team","limits":{"n":{"kind":"level","max":-1}}}"#,
                "422 /limits/n",
            ),
            (
                r#"{"customer":"a","product":"chorus","plan":"team","bindings":[{"kind":"domain","value":"a","x/y":1}]}"#,
                "422 /bindings/0/x~1y unknown field `x/y`",
            ),
            (r#"{"customer":"a","product":"Chorus","plan":"team"}"#, "422 /product a code is"),
            (
                r#"{"customer":"a","product":"chorus","plan":"team","lease_policy":{"mode":5}}"#,
                "422 /lease_policy/mode expected a text, not the number 5",
            ),
            (r#"{"customer":"1.0","product":"chorus","plan":"team","days":1.5}"#, "422 /days expected"),
            (r#"{"customer":"a\\\"","product":"chorus","plan":"team","days":2.50e1}"#, "accepted"),
            (
                r#"{"customer":"a","product":"chorus","plan":"team","days":30.0,"days":30}"#,
                "422 /days duplicate",
            ),
            (r#"{"customer":"a","product":"chorus","plan":"team"} x"#, "400  the body is not JSON"),
            (
                r#"{"customer":"a","product":"chorus","plan":"team","notes":"a\u0000"}"#,
                "422 /notes a text may not",
            ),
            (r#"{"customer":"a","product":"chorus","plan":"team","notes":"\\u0000"}"#, "accepted"),
        ];
        for (body, expected) in cases {
            let found = refusal::<LicenseCreate>(body);
            assert!(found.starts_with(expected), "{body}\n{found}\n{expected}");
        }
        assert!(refusal::<PlanEdit>(r#"{"name":null}"#).starts_with("422 /name"));
        assert_eq!(refusal::<PlanEdit>(r#"{"price":null,"limits":{"nodes":null}}"#), "accepted");
    }
}
