use std::hash::{Hash, Hasher};

use kaching_base::{FingerprintKind, ParseError};
use kaching_license::{Digest, domain_name};

/// The string that identifies an installation: 1 to 256 bytes, compared byte for byte, a domain in its canonical form.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    text: String,
    /// The hash of the client's own spelling, if it is not the canonical one: the client's leases have to name it. Two
    /// spellings of one domain are the same fingerprint.
    spelling: Option<Digest>,
}

impl Fingerprint {
    /// Parses a fingerprint of this kind.
    ///
    /// # Errors
    /// If it is empty, longer than 256 bytes or has a NUL character, and a domain also if it is not the name of one host.
    pub fn new(kind: FingerprintKind, text: impl Into<String>) -> Result<Self, ParseError> {
        let Self { text, .. } = Self::stored(text)?;
        if kind != FingerprintKind::Domain {
            return Ok(Self { text, spelling: None });
        }
        let name = domain_name(&text).map_err(|error| ParseError::new(error.to_string()))?;
        let spelling = (name != text).then(|| Digest::of(&text));
        Ok(Self { text: name, spelling })
    }

    /// The fingerprint of a text as it is: one that is stored, or whose kind is not known.
    ///
    /// # Errors
    /// If it is empty, longer than 256 bytes or has a NUL character.
    pub fn stored(text: impl Into<String>) -> Result<Self, ParseError> {
        let text = text.into();
        match text.len() {
            1..=256 if text.contains('\0') => Err(ParseError::new("a fingerprint has no NUL character")),
            1..=256 => Ok(Self { text, spelling: None }),
            0 => Err(ParseError::new("a fingerprint is not empty")),
            long => Err(ParseError::new(format!("a fingerprint is at most 256 bytes, not {long}"))),
        }
    }

    /// The same fingerprint, whose client calls itself by another spelling with this hash.
    pub fn spelled(self, spelling: Digest) -> Self {
        Self { spelling: Some(spelling), ..self }
    }

    /// The same fingerprint in its canonical form alone.
    pub fn canonical(self) -> Self {
        Self { spelling: None, ..self }
    }

    /// The domain that this text is as well, where its kind is not known and it is written in another form.
    pub fn as_domain(&self) -> Option<Self> {
        let name = domain_name(&self.text).ok().filter(|name| *name != self.text)?;
        Some(Self { text: name, spelling: None })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the SHA-256 that names the installation in heartbeats and leases.
    pub fn hash(&self) -> Digest {
        self.spelling.unwrap_or_else(|| Digest::of(&self.text))
    }

    /// The hash of the client's own spelling, where that is not the canonical one.
    pub fn spelling(&self) -> Option<Digest> {
        self.spelling
    }
}

impl PartialEq for Fingerprint {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Fingerprint {}

impl Hash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}
