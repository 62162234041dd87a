//! Products, their features and their plans.

use std::{fmt, str::FromStr};

use kaching_base::{
    Code, FeatureId, LeaseAlgorithm, LicenseType, ParseError, PlanId, Price, ProductId, Timestamp,
};
use kaching_license::KeyFormat;

use crate::Terms;

/// A program that is licensed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    pub id: ProductId,
    pub code: Code,
    pub name: String,
    /// The prefix of its license keys.
    pub key_prefix: KeyPrefix,
    pub contact: Contact,
    pub lease_alg: LeaseAlgorithm,
    /// The format of its new license keys.
    pub key_format: KeyFormat,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub archived_at: Option<Timestamp>,
}

/// The contact for customers who need more.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Contact {
    pub url: Option<String>,
    pub email: Option<String>,
}

/// The prefix of a product's license keys: `[A-Z0-9][A-Z0-9-]{0,31}`, not ending in a hyphen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPrefix(String);

/// A capability that is on or off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    pub id: FeatureId,
    pub product: ProductId,
    pub code: Code,
    pub title: String,
    /// One line for upgrade prompts.
    pub benefit: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub archived_at: Option<Timestamp>,
}

/// A tier of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub id: PlanId,
    pub product: ProductId,
    pub code: Code,
    pub name: String,
    /// Higher is more.
    pub rank: i64,
    /// The type of the licenses made from it.
    pub license_type: LicenseType,
    pub terms: Terms,
    pub price: Option<Price>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub archived_at: Option<Timestamp>,
}

impl KeyPrefix {
    /// The prefix of a product that names none: its code in capitals, with `-` for what a prefix cannot hold.
    pub fn of(code: &Code) -> Self {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '-' };
        let text: String = code.as_str().chars().take(32).map(letter).collect();
        match text.trim_matches('-') {
            "" => Self("KEY".to_owned()),
            trimmed => Self(trimmed.to_owned()),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyPrefix {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let letter = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        let mut bytes = text.bytes();
        let well_formed = bytes.next().is_some_and(letter) && bytes.all(|b| letter(b) || b == b'-');
        if text.len() <= 32 && well_formed && !text.ends_with('-') {
            return Ok(Self(text.to_owned()));
        }
        Err(ParseError::new(
            "a key prefix is 1 to 32 of A-Z, 0-9 and '-', and starts and ends with a letter or digit",
        ))
    }
}

impl fmt::Display for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
