use std::{borrow::Borrow, fmt, str::FromStr};

use crate::{ParseError, text_serde};

/// Names a product, plan, feature or limit: `[a-z0-9][a-z0-9_.-]{0,62}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(String);

/// The vendor's own name for a customer: `[A-Za-z0-9][A-Za-z0-9_.-]{0,62}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(String);

fn is_name(text: &str, letter: impl Fn(u8) -> bool) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 63
        && bytes.next().is_some_and(&letter)
        && bytes.all(|b| letter(b) || matches!(b, b'_' | b'.' | b'-'))
}

impl FromStr for Code {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        is_name(text, letter).then(|| Self(text.to_owned())).ok_or_else(|| {
            ParseError(
                "a code is 1 to 63 of a-z, 0-9, '_', '.' and '-', and starts with a letter or digit"
                    .to_owned(),
            )
        })
    }
}

impl FromStr for Reference {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        is_name(text, |b| b.is_ascii_alphanumeric()).then(|| Self(text.to_owned())).ok_or_else(|| {
            ParseError(
                "a reference is 1 to 63 letters, digits, '_', '.' and '-', and starts with a letter or digit"
                    .to_owned(),
            )
        })
    }
}

impl Code {
    /// A code that was written elsewhere and is kept as it is: what the database holds.
    pub fn verbatim(text: String) -> Self {
        Self(text)
    }

    /// The limit whose maximum is the number of slots.
    pub fn activations() -> Self {
        Self("activations".to_owned())
    }
}

impl Reference {
    /// A reference that was written elsewhere and is kept as it is.
    pub fn verbatim(text: String) -> Self {
        Self(text)
    }
}

macro_rules! text {
    ($type:ident, $name:literal, $description:literal, $pattern:literal) => {
        impl $type {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        text_serde!($type, $name, ($description, pattern = $pattern));
    };
}
text!(Code, "Code", "The code of a product, plan, feature or limit.", "^[a-z0-9][a-z0-9_.-]{0,62}$");
text!(Reference, "Reference", "The vendor's own name for a customer.", "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$");
