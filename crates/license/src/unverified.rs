use serde_json::Value;

use crate::{Invalid, json, jws::Compact};

/// The content of a statement **without any proof that it is true**: to show to people, never to act on.
#[derive(Clone, Debug, PartialEq)]
pub struct Unverified {
    /// The header's `typ`.
    pub typ: String,
    /// The header's `alg`.
    pub alg: String,
    /// The header's `kid`.
    pub kid: String,
    /// The claims as they stand.
    pub claims: Value,
}

impl Unverified {
    /// Reads a statement of any type.
    ///
    /// # Errors
    /// If it does not have the form of one.
    pub fn read(text: &str) -> Result<Self, Invalid> {
        let Compact { header, payload, .. } = Compact::read(text)?;
        let claims: Value = json::read(&payload)?;
        if !claims.is_object() {
            return Err(Invalid::Claims("they are not an object".to_owned()));
        }
        Ok(Self { typ: header.typ, alg: header.alg, kid: header.kid, claims })
    }
}
