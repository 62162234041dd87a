//! TypeIDs over UUIDv7: <https://github.com/jetify-com/typeid/tree/main/spec>.

use std::{cmp::Ordering, fmt, hash, marker::PhantomData, str::FromStr};

use crate::{ParseError, Timestamp, text_serde};

/// The kind of thing that an id names; its prefix distinguishes the ids of different kinds.
pub trait IdKind: Send + Sync + 'static {
    /// The text before the underscore.
    const PREFIX: &'static str;
}

/// A UUIDv7 that says what it names: `lic_01jd6w9q2hf4rb8s0zv3k5m7n9`.
pub struct Id<K>([u8; 16], PhantomData<fn() -> K>);

impl<K: IdKind> Id<K> {
    /// The id for a moment and ten random bytes, of which 74 bits are used.
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.micros() / 1000).unwrap_or(0).to_be_bytes();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&millis[2..]);
        bytes[6..].copy_from_slice(&random);
        bytes[6] = 0x70 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Self(bytes, PhantomData)
    }

    /// The id of these sixteen bytes, as the database holds them.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes, PhantomData)
    }

    /// The sixteen bytes of the UUID.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// A short name for people: the last six characters, which are the random ones.
    pub fn tail(&self) -> String {
        let text = self.to_string();
        text[text.len() - 6..].to_owned()
    }
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The digit of each symbol; 32 where there is none.
const DIGITS: [u8; 256] = {
    let mut digits = [32; 256];
    let mut digit = 0;
    while digit < 32 {
        digits[ALPHABET[digit as usize] as usize] = digit;
        digit += 1;
    }
    digits
};

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = u128::from_be_bytes(self.0);
        let mut symbols = [0; 26];
        for symbol in symbols.iter_mut().rev() {
            *symbol = ALPHABET[(value & 31) as usize];
            value >>= 5;
        }
        let suffix = std::str::from_utf8(&symbols).expect("the alphabet is ASCII");
        match f.width() {
            Some(_) => f.pad(&format!("{}_{suffix}", K::PREFIX)),
            None => {
                f.write_str(K::PREFIX)?;
                f.write_str("_")?;
                f.write_str(suffix)
            }
        }
    }
}

impl<K: IdKind> FromStr for Id<K> {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let malformed =
            || ParseError(format!("an id of this kind looks like {}_01jd6w9q2hf4rb8s0zv3k5m7n9", K::PREFIX));
        let (prefix, suffix) = text.rsplit_once('_').ok_or_else(malformed)?;
        // 26 symbols hold 130 bits: the first may not exceed 7.
        if prefix != K::PREFIX || suffix.len() != 26 || suffix.as_bytes()[0] > b'7' {
            return Err(malformed());
        }
        let mut value = 0u128;
        for symbol in suffix.bytes() {
            let digit = DIGITS[usize::from(symbol)];
            if digit == 32 {
                return Err(malformed());
            }
            value = (value << 5) | u128::from(digit);
        }
        Ok(Self(value.to_be_bytes(), PhantomData))
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> hash::Hash for Id<K> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! ids {
    ($($(#[$meta:meta])* $id:ident, $name:literal, $kind:ident = $prefix:literal;)+) => {$(
        #[doc(hidden)]
        pub enum $kind {}
        impl IdKind for $kind {
            const PREFIX: &'static str = $prefix;
        }
        $(#[$meta])*
        pub type $id = Id<$kind>;
        text_serde!($id, $name, (
            concat!("An id: `", $prefix, "_` and 26 symbols of a UUIDv7 in base 32."),
            pattern = concat!("^", $prefix, "_[0-7][0-9a-hjkmnp-tv-z]{25}$")
        ));
    )+};
}

ids! {
    /// A product.
    ProductId, "ProductId", ProductKind = "prd";
    /// A feature; internal, since features are addressed by code.
    FeatureId, "FeatureId", FeatureKind = "fea";
    /// A plan.
    PlanId, "PlanId", PlanKind = "pln";
    /// A customer.
    CustomerId, "CustomerId", CustomerKind = "cus";
    /// A license.
    LicenseId, "LicenseId", LicenseKind = "lic";
    /// An activation.
    ActivationId, "ActivationId", ActivationKind = "act";
    /// A person who operates the authority.
    OperatorId, "OperatorId", OperatorKind = "opr";
    /// An API token.
    TokenId, "TokenId", TokenKind = "tok";
    /// An audit entry.
    AuditId, "AuditId", AuditKind = "aud";
    /// A job.
    JobId, "JobId", JobKind = "job";
    /// A request.
    RequestId, "RequestId", RequestKind = "req";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_vector_of_the_specification() {
        let id = LicenseId::from_bytes(*b"\x01\x89\x0a\x5d\xac\x96\x77\x4b\xbc\xce\xb3\x02\x09\x9a\x80\x57");
        assert_eq!(id.to_string(), "lic_01h455vb4pex5vsknk084sn02q");
    }

    #[test]
    fn refuses_what_is_not_an_id() {
        for text in [
            "",
            "lic_",
            "lic_01h455vb4pex5vsknk084sn02",
            "act_01h455vb4pex5vsknk084sn02q",
            "lic_81h455vb4pex5vsknk084sn02q",
            "lic_01H455VB4PEX5VSKNK084SN02Q",
            "lic_01h455vb4pex5vsknk084sn0é",
        ] {
            assert!(text.parse::<LicenseId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn survives_text(bytes: [u8; 16]) {
            let id = ActivationId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse::<ActivationId>().unwrap(), id);
        }
    }
}
