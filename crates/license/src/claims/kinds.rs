use std::{borrow::Cow, fmt};

use kaching_base::ErrorCode;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::KeyPurpose;

/// The type of a statement: the `typ` of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatementType {
    /// `lease+jwt`.
    Lease,
    /// `refusal+jwt`.
    Refusal,
    /// `validation+jwt`.
    Validation,
    /// `keyset+jwt`.
    Keyset,
    /// `license+jwt`: the statement in a license file.
    File,
}

impl StatementType {
    /// The `typ` itself.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lease => "lease+jwt",
            Self::Refusal => "refusal+jwt",
            Self::Validation => "validation+jwt",
            Self::Keyset => "keyset+jwt",
            Self::File => "license+jwt",
        }
    }

    /// The purpose of the keys that sign it; a keyset is signed by a root key, which has none.
    pub fn purpose(self) -> Option<KeyPurpose> {
        match self {
            Self::Lease | Self::Refusal | Self::Validation => Some(KeyPurpose::Lease),
            Self::File => Some(KeyPurpose::File),
            Self::Keyset => None,
        }
    }
}

/// A refusal's code as it was signed, perhaps by a later version than this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    /// One of the closed list.
    Known(ErrorCode),
    /// Another.
    Other(String),
}

impl RefusalCode {
    /// The code's text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(code) => code.as_str(),
            Self::Other(text) => text,
        }
    }

    /// Whether it stops a running client: an unknown code does, since it is signed.
    pub fn stops(&self) -> bool {
        match self {
            Self::Known(code) => code.stops(),
            Self::Other(_) => true,
        }
    }
}

impl From<ErrorCode> for RefusalCode {
    fn from(code: ErrorCode) -> Self {
        Self::Known(code)
    }
}

impl From<Cow<'_, str>> for RefusalCode {
    fn from(text: Cow<'_, str>) -> Self {
        text.parse().map_or_else(|_| Self::Other(text.into_owned()), Self::Known)
    }
}

/// A validation's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValidationCode {
    /// Good.
    Valid,
    /// Good, and the license has ended.
    ValidInGrace,
    /// Not good, and why.
    No(RefusalCode),
}

impl ValidationCode {
    /// The code's text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Valid => "valid",
            Self::ValidInGrace => "valid_in_grace",
            Self::No(code) => code.as_str(),
        }
    }
}

impl From<Cow<'_, str>> for ValidationCode {
    fn from(text: Cow<'_, str>) -> Self {
        match text.as_ref() {
            "valid" => Self::Valid,
            "valid_in_grace" => Self::ValidInGrace,
            _ => Self::No(text.into()),
        }
    }
}

macro_rules! text {
    ($type:ident) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(d).map(Self::from)
            }
        }
    };
}
text!(RefusalCode);
text!(ValidationCode);
