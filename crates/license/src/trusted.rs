//! Verification, from the pinned root down to a statement that counts.

use std::collections::BTreeMap;

use kaching_base::{ActivationId, ErrorCode, LicenseId, Timestamp};

use crate::{
    Digest, Invalid, Jwk, Keyset, Lease, PublicKey, Refusal, RefusalCode, RootKey, StatementType, Validation,
    claims::{Frame, Framed},
    json,
    jws::Compact,
};

mod key;
use key::VerifyingKey;

/// A keyset whose signature was verified; it verifies everything else.
#[derive(Clone)]
pub struct TrustedKeyset {
    keyset: Keyset,
    keys: BTreeMap<String, (Jwk, VerifyingKey)>,
}

/// The values that the verifier already knows; a `None` is not compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected<'a> {
    /// The product.
    pub aud: Option<&'a str>,
    /// The license.
    pub sub: Option<LicenseId>,
    /// The activation.
    pub act: Option<ActivationId>,
    /// The SHA-256 of the fingerprint.
    pub fpr: Option<Digest>,
    /// The hash of the request that the statement must answer.
    pub req: Option<Digest>,
}

/// The moment as of which a statement is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Its own `iat`: it answers the request that was just sent, which [`Expected::req`] must name.
    /// The recipient takes the time from it, however wrong its clock is.
    Answer,
    /// This moment: between `nbf` and `exp`, with a keyset that has not expired.
    Now(Timestamp),
    /// This moment, for a lease that was verified before: until `run_until`, whatever became of the keyset.
    Running(Timestamp),
    /// None: times are not looked at. For people who look at a statement, never for a yes.
    Inspect,
}

impl TrustedKeyset {
    /// Verifies a keyset against the pinned roots.
    ///
    /// `held` is the version of the newest keyset that was ever verified here. With [`Moment::Now`] it must not have
    /// expired; with the others, its own end limits the `iat` of what it verifies. A keyset from the future counts,
    /// since only the clock can be wrong.
    ///
    /// # Errors
    /// With the first reason for which it does not count.
    pub fn verify(text: &str, roots: &[RootKey], held: Option<u64>, at: Moment) -> Result<Self, Invalid> {
        let statement = Compact::read(text)?;
        if statement.header.typ != StatementType::Keyset.as_str() {
            return Err(Invalid::Type);
        }
        let root =
            roots.iter().find(|root| root.kid() == statement.header.kid).ok_or(Invalid::UnknownRoot)?;
        let root = PublicKey::Ed25519(*root.as_bytes());
        if statement.header.alg != root.algorithm().as_str() {
            return Err(Invalid::Algorithm);
        }
        VerifyingKey::of(&root)?.verify(statement.message.as_bytes(), &statement.signature)?;
        let keyset: Keyset = json::read(&statement.payload)?;
        if held.is_some_and(|held| keyset.version < held) {
            return Err(Invalid::KeysetOutdated);
        }
        match at {
            Moment::Now(now) if now >= keyset.exp => Err(Invalid::KeysetExpired),
            _ => Self::own(keyset),
        }
    }

    /// The authority's own keyset, which it has no need to verify.
    ///
    /// # Errors
    /// If a listed key cannot be used, or is listed twice.
    pub fn own(keyset: Keyset) -> Result<Self, Invalid> {
        let mut keys = BTreeMap::new();
        for jwk in &keyset.keys {
            let verifying = VerifyingKey::of(&jwk.public)?;
            if keys.insert(jwk.kid(), (jwk.clone(), verifying)).is_some() {
                return Err(Invalid::KeysetKey);
            }
        }
        Ok(Self { keyset, keys })
    }

    /// The claims of the keyset.
    pub fn keyset(&self) -> &Keyset {
        &self.keyset
    }

    /// Verifies a lease.
    ///
    /// # Errors
    /// With the first reason for which it does not count. On [`Invalid::UnknownKey`] fetch the keyset, once a minute
    /// at most.
    pub fn verify_lease(&self, text: &str, expected: &Expected<'_>, at: Moment) -> Result<Lease, Invalid> {
        self.open(text, expected, at)
    }

    /// Verifies a refusal that answers a request. For one that answers none see [`verify_pushed`](Self::verify_pushed).
    ///
    /// # Errors
    /// With the first reason for which it does not count.
    pub fn verify_refusal(
        &self,
        text: &str,
        expected: &Expected<'_>,
        at: Moment,
    ) -> Result<Refusal, Invalid> {
        self.open(text, expected, at)
    }

    /// Verifies a validation.
    ///
    /// # Errors
    /// With the first reason for which it does not count.
    pub fn verify_validation(
        &self,
        text: &str,
        expected: &Expected<'_>,
        at: Moment,
    ) -> Result<Validation, Invalid> {
        self.open(text, expected, at)
    }

    /// Verifies a refusal that was pushed: it answers no request, and counts against the lease held only if it is
    /// newer, and for 60 seconds.
    ///
    /// # Errors
    /// With the first reason for which it does not count.
    pub fn verify_pushed(&self, text: &str, held: &Lease, now: Timestamp) -> Result<Refusal, Invalid> {
        let expected = Expected {
            aud: Some(held.aud.as_str()),
            sub: Some(held.sub),
            act: Some(held.act),
            ..Expected::default()
        };
        let refusal: Refusal = self.open(text, &expected, Moment::Now(now))?;
        if refusal.req.is_some() {
            return Err(Invalid::Request);
        }
        // One that names no license could be anybody's.
        if refusal.sub.is_none() {
            return Err(Invalid::License);
        }
        if refusal.outdates(held) { Ok(refusal) } else { Err(Invalid::Outdated) }
    }

    fn open<C: Framed>(&self, text: &str, expected: &Expected<'_>, at: Moment) -> Result<C, Invalid> {
        let statement = Compact::read(text)?;
        let header = &statement.header;
        if header.typ != C::TYPE.as_str() {
            return Err(Invalid::Type);
        }
        let (jwk, verifying) = self.keys.get(&header.kid).ok_or(Invalid::UnknownKey)?;
        if header.alg != jwk.public.algorithm().as_str() {
            return Err(Invalid::Algorithm);
        }
        if C::TYPE.purpose() != Some(jwk.purpose) {
            return Err(Invalid::Purpose);
        }
        verifying.verify(statement.message.as_bytes(), &statement.signature)?;
        let claims: C = json::read(&statement.payload)?;
        let frame = claims.frame();
        if frame.iss != self.keyset.iss {
            return Err(Invalid::Issuer);
        }
        if !jwk.signs_at(frame.iat) {
            return Err(Invalid::KeyTime);
        }
        expected.check(&frame)?;
        self.check_time(&frame, expected, at)?;
        Ok(claims)
    }

    fn check_time(&self, frame: &Frame<'_>, expected: &Expected<'_>, at: Moment) -> Result<(), Invalid> {
        let (now, end) = match at {
            Moment::Inspect => return Ok(()),
            Moment::Answer if expected.req.is_none() => return Err(Invalid::Request),
            Moment::Answer => (frame.iat, frame.exp),
            Moment::Now(now) if now >= self.keyset.exp => return Err(Invalid::KeysetExpired),
            Moment::Now(now) => (now, frame.exp),
            // `run_until` is the last moment, `exp` the first one after.
            Moment::Running(now) => match frame.run_until {
                Some(last) => (now, Timestamp::from_micros(last.micros().saturating_add(1))),
                None => (now, frame.exp),
            },
        };
        if frame.iat >= self.keyset.exp {
            return Err(Invalid::KeysetExpired);
        }
        if now < frame.nbf {
            return Err(Invalid::NotYetValid);
        }
        if now < end { Ok(()) } else { Err(Invalid::Expired) }
    }
}

impl Expected<'_> {
    /// A claim that a statement may leave out, and does, is not held against it; `req` is, since it proves freshness.
    fn check(&self, frame: &Frame<'_>) -> Result<(), Invalid> {
        fn differ<T: PartialEq>(expected: Option<T>, found: Option<T>) -> bool {
            expected.zip(found).is_some_and(|(expected, found)| expected != found)
        }
        if differ(self.aud, frame.aud.map(|aud| aud.as_str())) {
            Err(Invalid::Audience)
        } else if differ(self.sub, frame.sub) {
            Err(Invalid::License)
        } else if differ(self.act, frame.act) {
            Err(Invalid::Activation)
        } else if differ(self.fpr, frame.fpr) {
            Err(Invalid::Fingerprint)
        } else if self.req.is_some() && self.req != frame.req {
            Err(Invalid::Request)
        } else {
            Ok(())
        }
    }
}

impl Refusal {
    /// Whether it says, in the epoch of this lease and of its license, that no slot is left for an installation that
    /// asked to be activated: then the holder of this lease has lost its slot.
    ///
    /// After a restore of the authority, in a higher epoch, it does not: the slot may only have been forgotten.
    pub fn takes_slot_of(&self, held: &Lease) -> bool {
        use ErrorCode::{ActivationLimitReached, MovesExhausted};
        let full = matches!(self.code, RefusalCode::Known(ActivationLimitReached | MovesExhausted));
        full && self.epoch == held.epoch && self.sub == Some(held.sub)
    }

    /// Whether it tells something newer than this lease: a later epoch, or, of the same one, a higher revision or a
    /// later time.
    ///
    /// A refusal from before a restore of the authority tells nothing about a lease from after it.
    pub fn outdates(&self, held: &Lease) -> bool {
        let later = self.rev.is_some_and(|rev| rev > held.rev) || self.iat > held.iat;
        self.epoch > held.epoch || self.epoch == held.epoch && later
    }
}
