use kaching_base::{ActivationId, Code, LicenseId, Timestamp};
use serde::{Serialize, de::DeserializeOwned};

use super::{Keyset, Lease, Refusal, StatementType, Validation, not_before};
use crate::Digest;

/// The claims of one type of statement; only this crate's own types are.
pub trait Claims: Serialize + sealed::Sealed {
    /// The header's `typ`.
    const TYPE: StatementType;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! claims {
    ($($type:ident)+) => {$(
        impl sealed::Sealed for $type {}
        impl Claims for $type {
            const TYPE: StatementType = StatementType::$type;
        }
    )+};
}
claims!(Lease Refusal Validation Keyset);

/// A statement that a signing key signs.
pub(crate) trait Framed: Claims + DeserializeOwned {
    fn frame(&self) -> Frame<'_>;
}

/// The claims that verification compares in every statement.
pub(crate) struct Frame<'a> {
    pub(crate) iss: &'a str,
    pub(crate) aud: Option<&'a Code>,
    pub(crate) sub: Option<LicenseId>,
    pub(crate) act: Option<ActivationId>,
    pub(crate) fpr: Option<Digest>,
    pub(crate) req: Option<Digest>,
    pub(crate) iat: Timestamp,
    pub(crate) nbf: Timestamp,
    pub(crate) exp: Timestamp,
    pub(crate) run_until: Option<Timestamp>,
}

impl Framed for Lease {
    fn frame(&self) -> Frame<'_> {
        Frame {
            iss: &self.iss,
            aud: Some(&self.aud),
            sub: Some(self.sub),
            act: Some(self.act),
            fpr: Some(self.fpr),
            req: Some(self.req),
            iat: self.iat,
            nbf: self.nbf,
            exp: self.exp,
            run_until: Some(self.run_until),
        }
    }
}

impl Framed for Refusal {
    fn frame(&self) -> Frame<'_> {
        Frame {
            iss: &self.iss,
            aud: self.aud.as_ref(),
            sub: self.sub,
            act: self.act,
            fpr: None,
            req: self.req,
            iat: self.iat,
            nbf: not_before(self.iat),
            exp: self.exp,
            run_until: None,
        }
    }
}

impl Framed for Validation {
    fn frame(&self) -> Frame<'_> {
        Frame {
            iss: &self.iss,
            aud: self.aud.as_ref(),
            sub: self.sub,
            act: None,
            fpr: None,
            req: Some(self.req),
            iat: self.iat,
            nbf: not_before(self.iat),
            exp: self.exp,
            run_until: None,
        }
    }
}
