//! Names of schemas for members of requests whose type in Rust is wider: a text, or a map. The server's description says
//! what each of them allows.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, Type},
    },
};

macro_rules! texts {
    ($($(#[$meta:meta])+ $name:ident)+) => {$(
        $(#[$meta])+
        pub struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                // Generic types repeat the schemas of their parameters, which are distinguished by their titles.
                ObjectBuilder::new().schema_type(Type::String).title(Some(stringify!($name))).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )+};
}

texts! {
    /// What a feature is good for.
    BenefitText
    /// The address of a customer.
    CustomerAddress
    /// A mail address.
    Email
    /// The digest of a fingerprint.
    FingerprintDigest
    /// A fingerprint.
    FingerprintText
    /// A new issuer.
    IssuerText
    /// The prefix of a product's license keys.
    KeyPrefixText
    /// Limits by name.
    LimitMap
    /// Limits to set and to remove, by name.
    LimitMapEdit
    /// Entries for other systems.
    Metadata
    /// Entries to set and to remove.
    MetadataEdit
    /// A name for people.
    Name
    /// A reference that does not look like an id.
    NewReference
    /// A nonce.
    NonceText
    /// Notes for the operators.
    Notes
    /// The reason of a suspension.
    Reason
    /// The reason of a release.
    ReleaseReason
    /// An event that a product reports.
    ReportText
    /// A scope of API tokens.
    ScopeWord
    /// A text that fits a line.
    ShortText
    /// A word to find something by.
    Tag
    /// The address of a page.
    WebAddress
}
