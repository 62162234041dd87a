//! Statements that the authority signs, always after COMMIT: leases, refusals, validations.

mod pushed;
mod slow;

use std::sync::{Arc, Mutex};

use kaching_base::{ActivationId, Base64Url, ErrorCode, LeaseAlgorithm, Seconds, Timestamp};
use kaching_domain::{Activation, Refused, activations as rules, leases};
use kaching_license::{
    Claims, Digest, Keyset, Refusal, RefusalCode, TrustedKeyset, Validation, ValidationCode,
};

use crate::{
    Authority, Error, Result,
    catalogue::CatalogueCache,
    entitlement::{Entitlement, Names},
    keys::KeyRing,
    metrics::{StatementKind, since},
};
use prometheus_client::metrics::gauge::Gauge;
use pushed::Pushed;
use slow::SlowSigning;

/// Memory for the calls of products. Everything in it can be read or made again.
pub(crate) struct Statements {
    pub(crate) catalogues: CatalogueCache,
    pub(crate) pushed: Pushed,
    slow: SlowSigning,
    /// The authority's own keyset and its version, to verify leases that bearers show.
    verifier: Mutex<Option<(u64, Arc<TrustedKeyset>)>>,
}

impl Statements {
    /// `asked` counts the slow signatures that are made or wait.
    pub(crate) fn new(asked: Gauge) -> Self {
        Self {
            catalogues: CatalogueCache::default(),
            pushed: Pushed::default(),
            slow: SlowSigning::new(asked),
            verifier: Mutex::default(),
        }
    }
}

/// Refusals and validations count for this long.
const LIFE: Seconds = Seconds(60);

/// Turns a failure after COMMIT into *outcome unknown*: the change was made, and only its answer could not be. The same
/// request will be answered when it is sent again.
pub(crate) fn after_commit(error: Error) -> Error {
    tracing::error!(%error, "what was stored could not be answered");
    Error::Database(kaching_db::Error::OutcomeUnknown)
}

impl Authority {
    /// Signs the lease of an activation, which was committed.
    pub(crate) async fn sign_lease(
        &self,
        entitlement: &Entitlement,
        activation: &Activation,
        times: leases::Times,
        jti: [u8; 16],
        request: Digest,
    ) -> Result<String> {
        let catalogue = self.catalogue_of(entitlement.license.product, entitlement.catalogue).await?;
        let ring = self.keys();
        let issuer = leases::Issuer {
            iss: ring.issuer.clone(),
            epoch: ring.epoch,
            keyset: ring.version,
            stretch: self.pace.present(),
        };
        let Names { product, plan, lease_alg, .. } = &*entitlement.names;
        let jti = Base64Url(jti).to_string();
        let lease = leases::lease(
            &issuer,
            product,
            plan,
            &entitlement.license,
            &entitlement.terms,
            activation,
            times,
            jti,
            request,
            catalogue.etag,
        );
        match *lease_alg {
            LeaseAlgorithm::EdDsa => self.sign(StatementKind::Lease, &ring, &lease, LeaseAlgorithm::EdDsa),
            LeaseAlgorithm::Rs256 => {
                let (clock, metrics) = (Arc::clone(&self.clock), self.metrics.clone());
                let signing = move || {
                    let began = clock.now();
                    let statement = ring.sign(&lease, LeaseAlgorithm::Rs256)?;
                    metrics.signed(StatementKind::Lease, LeaseAlgorithm::Rs256, since(began, clock.now()));
                    Ok(statement)
                };
                self.statements.slow.sign(signing).await
            }
        }
    }

    /// Signs a refusal where its code is one of those that are signed. The caller has checked that the clock may date it.
    pub(crate) fn sign_refusal(
        &self,
        entitlement: &Entitlement,
        act: Option<ActivationId>,
        refused: &Refused,
        request: Option<Digest>,
        now: Timestamp,
    ) -> Result<Option<String>> {
        if !refused.code.signed() {
            return Ok(None);
        }
        let ring = self.keys();
        // A client takes only what names its own product, in an algorithm that it surely has: where the license is for
        // another one, neither is this license's.
        let foreign = is_foreign(refused.code);
        let algorithm = if foreign { LeaseAlgorithm::EdDsa } else { entitlement.names.lease_alg };
        let refusal = Refusal {
            iss: ring.issuer.clone(),
            aud: (!foreign).then(|| entitlement.names.product.clone()),
            iat: now,
            exp: now + LIFE,
            ks: ring.version,
            sub: Some(entitlement.license.id),
            act,
            req: request,
            epoch: ring.epoch,
            rev: Some(entitlement.license.revision.unsigned_abs()),
            code: RefusalCode::Known(refused.code),
            detail: refused.detail.clone(),
        };
        self.sign(StatementKind::Refusal, &ring, &refusal, algorithm).map(Some)
    }

    /// Signs whether a key is good; `refused` is the reason why not.
    pub(crate) fn sign_validation(
        &self,
        entitlement: Option<&Entitlement>,
        code: Result<ValidationCode, ErrorCode>,
        request: Digest,
        now: Timestamp,
    ) -> Result<String> {
        self.check_clock(now)?;
        let ring = self.keys();
        let valid = code.is_ok();
        let own = entitlement.filter(|_| !code.as_ref().is_err_and(|code| is_foreign(*code)));
        let validation = Validation {
            iss: ring.issuer.clone(),
            aud: own.map(|entitlement| entitlement.names.product.clone()),
            iat: now,
            exp: now + LIFE,
            ks: ring.version,
            sub: entitlement.map(|entitlement| entitlement.license.id),
            req: request,
            epoch: ring.epoch,
            rev: entitlement.map(|entitlement| entitlement.license.revision.unsigned_abs()),
            code: code.unwrap_or_else(|code| ValidationCode::No(RefusalCode::Known(code))),
            valid,
        };
        let algorithm = own.map_or(LeaseAlgorithm::EdDsa, |entitlement| entitlement.names.lease_alg);
        self.sign(StatementKind::Validation, &ring, &validation, algorithm)
    }

    fn sign(
        &self,
        kind: StatementKind,
        ring: &KeyRing,
        claims: &impl Claims,
        algorithm: LeaseAlgorithm,
    ) -> Result<String> {
        let began = self.clock.now();
        let statement = ring.sign(claims, algorithm)?;
        self.metrics.signed(kind, algorithm, since(began, self.clock.now()));
        Ok(statement)
    }

    /// Signs the refusal to push to this activation; `None` where it may run.
    pub(crate) fn push_refusal(
        &self,
        entitlement: &Entitlement,
        activation: &Activation,
        now: Timestamp,
    ) -> Result<Option<String>> {
        // A refusal by the license itself is the same for all of its activations, and signed once.
        if let Some(refusal) = self.push_license_refusal(entitlement, now)? {
            return Ok(Some(refusal));
        }
        match rules::standing(&entitlement.license, &entitlement.names.product, activation, now) {
            Ok(()) => Ok(None),
            Err(refused) => self.push(entitlement, Some(activation.id), &refused, now),
        }
    }

    /// Signs the refusal to push to all activations of a license; `None` where they may run.
    pub(crate) fn push_license_refusal(
        &self,
        entitlement: &Entitlement,
        now: Timestamp,
    ) -> Result<Option<String>> {
        match rules::admit(&entitlement.license, &entitlement.names.product, None, None, now) {
            Ok(()) => Ok(None),
            Err(refused) => self.push(entitlement, None, &refused, now),
        }
    }

    /// Signs a refusal that answers no request, unless that was done a moment ago.
    fn push(
        &self,
        entitlement: &Entitlement,
        act: Option<ActivationId>,
        refused: &Refused,
        now: Timestamp,
    ) -> Result<Option<String>> {
        let name = pushed::Name {
            license: entitlement.license.id,
            act,
            rev: entitlement.license.revision,
            code: refused.code,
        };
        if let Some(statement) = self.statements.pushed.find(&name, now) {
            return Ok(Some(statement));
        }
        self.check_clock(now)?;
        let statement = self.sign_refusal(entitlement, act, refused, None, now)?;
        if let Some(statement) = &statement {
            self.changes.signed_one();
            self.statements.pushed.insert(name, statement.clone(), now);
        }
        Ok(statement)
    }

    /// Returns the authority's own keyset, to verify its own statements.
    pub(crate) fn own_keyset(&self) -> Result<Arc<TrustedKeyset>> {
        let ring = self.keys();
        let mut cached = self.statements.verifier.lock().expect("nothing panics while it is held");
        if let Some((_, keyset)) = cached.as_ref().filter(|(version, _)| *version == ring.version) {
            return Ok(Arc::clone(keyset));
        }
        let keyset = Arc::new(trusted(&ring)?);
        *cached = Some((ring.version, Arc::clone(&keyset)));
        Ok(keyset)
    }
}

/// Whether the refusal concerns a caller of another product than the licensed one.
fn is_foreign(code: ErrorCode) -> bool {
    code == ErrorCode::ProductMismatch
}

fn trusted(ring: &KeyRing) -> Result<TrustedKeyset> {
    let keyset = Keyset {
        iss: ring.issuer.clone(),
        version: ring.version,
        epoch: ring.epoch,
        iat: Timestamp::from_seconds(0),
        exp: Timestamp::MAX,
        keys: ring.jwks.keys.clone(),
    };
    TrustedKeyset::own(keyset).map_err(|error| Error::stored("keyset", error))
}
