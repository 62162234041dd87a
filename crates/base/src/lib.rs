#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod codes;
mod encoding;
mod error_code;
mod ids;
mod invisible;
mod kinds;
mod limits;
mod money;
mod pasted;
mod plain;
mod policy;
mod quota_state;
mod secret;
mod term;
mod time;
mod url;

pub use codes::{Code, Reference};
pub use encoding::Base64Url;
pub use error_code::ErrorCode;
pub use ids::{
    ActivationId, AuditId, CustomerId, FeatureId, Id, IdKind, JobId, LicenseId, OperatorId, PlanId,
    ProductId, RequestId, TokenId,
};
pub use invisible::{is_invisible, printable, visible};
pub use kinds::{FingerprintKind, LeaseAlgorithm, LicenseType};
pub use limits::{Anchor, Limit, Limits, Overage, Period};
pub use money::{Interval, Price};
pub use pasted::{decode_text, pasted};
pub use plain::in_plain_words;
pub use policy::{CopyPolicy, LeasePolicy, Mode};
pub use quota_state::QuotaState;
pub use secret::Secret;
pub use term::Term;
pub use time::{CLOCK_TOLERANCE, EndDate, Seconds, Timestamp};
pub use url::host_of;

/// Why a text is not what it should be: one sentence for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(pub(crate) String);

impl ParseError {
    /// An error with its sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// Implements serde by way of `Display` and `FromStr`, and, for the API description, a string schema of this name.
macro_rules! text_serde {
    ($type:ty, $name:literal, $is:tt) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                crate::text_schema! $is
            }
        }
        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed($name)
            }
        }
    };
}
pub(crate) use text_serde;

/// The schema of a text: its description, and its pattern or format.
#[cfg(feature = "openapi")]
macro_rules! text_schema {
    ($description:expr, pattern = $pattern:expr) => {
        crate::text_schema!(@ $description, pattern, $pattern)
    };
    ($description:expr, format = $format:ident) => {
        crate::text_schema!(@ $description, format, utoipa::openapi::schema::SchemaFormat::KnownFormat(
            utoipa::openapi::schema::KnownFormat::$format
        ))
    };
    (@ $description:expr, $member:ident, $value:expr) => {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some($description))
            .$member(Some($value))
            .into()
    };
}
#[cfg(feature = "openapi")]
pub(crate) use text_schema;

/// A closed set of words: the enum, its `as_str`, `ALL`, `Display`, `FromStr` and serde, from one table.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// Every word, in the order of their definition.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it is written.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl std::str::FromStr for $name {
            type Err = crate::ParseError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(|| {
                    let known: Vec<_> = Self::ALL.iter().map(|word| word.as_str()).collect();
                    crate::ParseError(format!("{} is one of {}", $what, known.join(", ")))
                })
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some(Self::ALL.iter().map(|word| word.as_str())))
                    .into()
            }
        }
        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    };
}
pub(crate) use words;
