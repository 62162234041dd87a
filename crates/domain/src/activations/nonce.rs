use std::{fmt, str::FromStr};

use kaching_base::ParseError;

/// A nonce distinguishes two requests: 16 to 64 characters of `[A-Za-z0-9_-]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(String);

impl Nonce {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Nonce {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let symbol = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if (16..=64).contains(&text.len()) && text.bytes().all(symbol) {
            return Ok(Self(text.to_owned()));
        }
        Err(ParseError::new("a nonce is 16 to 64 of A-Z, a-z, 0-9, '_' and '-'"))
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
