use std::fmt::Write as _;

use kaching_license::LicenseKey;

use crate::failure::Failure;

/// The path and query of a call, with every part of it escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    query: bool,
    /// Whether a part looks like a license key, which no URL may contain: servers and proxies log URLs.
    holds_key: bool,
}

impl Path {
    /// `/v1/admin/<plural>`
    pub fn admin(plural: &str) -> Self {
        Self::at("/v1/admin").then(plural)
    }

    /// A path that needs no escaping.
    pub fn at(text: &'static str) -> Self {
        Self { text: text.to_owned(), query: false, holds_key: false }
    }

    /// The next segment.
    pub fn then(mut self, segment: &str) -> Self {
        self.text.push('/');
        self.push(segment);
        self
    }

    /// One more parameter of the query.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.text.push(if self.query { '&' } else { '?' });
        self.query = true;
        escape(&mut self.text, name);
        self.text.push('=');
        self.push(value);
        self
    }

    /// One more parameter, if there is a value.
    pub fn maybe<T: ToString>(self, name: &str, value: Option<&T>) -> Self {
        match value {
            Some(value) => self.with(name, &value.to_string()),
            None => self,
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// # Errors
    /// If a part looks like a license key.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if !self.holds_key {
            return Ok(());
        }
        Err(Failure::usage(
            "A license key finds nothing here, and is never part of a URL: `kaching license show KEY` shows its license; \
             use its id here.",
        ))
    }

    fn push(&mut self, part: &str) {
        self.holds_key |= LicenseKey::is_within(part);
        escape(&mut self.text, part);
    }
}

/// Escapes all but the unreserved characters of RFC 3986, and the colon between product and code, as `%XX`.
fn escape(text: &mut String, part: &str) {
    for byte in part.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                text.push(char::from(byte))
            }
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_characters_that_would_change_the_path() {
        let path = Path::admin("plans")
            .then("chorus:team/../x?y")
            .with("q", "a b&c")
            .maybe("after", None::<&String>);
        assert_eq!(path.as_str(), "/v1/admin/plans/chorus:team%2F..%2Fx%3Fy?q=a%20b%26c");
    }
}
