//! What the authority signs: leases, refusals, validations. Always after COMMIT.

mod pushed;
mod slow;

use std::sync::{Arc, Mutex};

use kaching_base::{ActivationId, Base64Url, ErrorCode, LeaseAlgorithm, Seconds, Timestamp};
use kaching_db::Tx;
use kaching_domain::{Activation, License, Refused, Terms, activations as rules, leases};
use kaching_license::{
    Claims, Digest, Keyset, Refusal, RefusalCode, TrustedKeyset, Validation, ValidationCode,
};

use crate::{
    Authority, Error, Result,
    activations::{self, sql::Names},
    catalogue::{Catalogues, Stamp},
    keys::KeyRing,
    metrics::{Kind, since},
};
use prometheus_client::metrics::gauge::Gauge;
use pushed::Pushed;
use slow::SlowSigning;

/// What is kept in memory for the product's calls. Everything in it can be made again.
pub(crate) struct Statements {
    pub(crate) catalogues: Catalogues,
    pub(crate) pushed: Pushed,
    slow: SlowSigning,
    /// The authority's own keys, ready to verify leases that are shown; of the keyset's version that is named.
    verifier: Mutex<Option<(u64, Arc<TrustedKeyset>)>>,
}

impl Statements {
    /// `asked` tells how many slow signatures are asked for.
    pub(crate) fn new(asked: Gauge) -> Self {
        Self {
            catalogues: Catalogues::default(),
            pushed: Pushed::default(),
            slow: SlowSigning::new(asked),
            verifier: Mutex::default(),
        }
    }
}

/// Refusals and validations count for this long.
const LIFE: Seconds = Seconds(60);

/// A license with what statements name around it.
pub(crate) struct Around {
    pub(crate) license: License,
    /// What the license grants.
    pub(crate) terms: Arc<Terms>,
    pub(crate) names: Arc<Names>,
    /// Which catalogue its product has.
    pub(crate) stamp: Stamp,
}

impl Around {
    pub(crate) fn read(tx: &mut Tx<'_>, license: License) -> Result<Self> {
        let (names, stamp) = activations::sql::names(tx, &license)?;
        Ok(Self::new(license, Arc::new(names), stamp))
    }

    pub(crate) fn new(license: License, names: Arc<Names>, stamp: Stamp) -> Self {
        Self { terms: license.terms(), license, names, stamp }
    }
}

/// What a failure after COMMIT is: what was asked for is done, and only the answer to it could not be made. The same
/// request again is answered.
pub(crate) fn after_commit(error: Error) -> Error {
    tracing::error!(%error, "what was stored could not be answered");
    Error::Database(kaching_db::Error::OutcomeUnknown)
}

impl Authority {
    /// Signs the lease of an activation, which was committed.
    pub(crate) async fn sign_lease(
        &self,
        around: &Around,
        activation: &Activation,
        times: leases::Times,
        jti: [u8; 16],
        request: Digest,
    ) -> Result<String> {
        let catalogue = self.catalogue_of(around.license.product, around.stamp).await?;
        let ring = self.keys();
        let issuer = leases::Issuer {
            iss: ring.issuer.clone(),
            epoch: ring.epoch,
            keyset: ring.version,
            stretch: self.pace.present(),
        };
        let Names { product, plan, lease_alg, .. } = &*around.names;
        let jti = Base64Url(jti).to_string();
        let lease = leases::lease(
            &issuer,
            product,
            plan,
            &around.license,
            &around.terms,
            activation,
            times,
            jti,
            request,
            catalogue.etag,
        );
        match *lease_alg {
            LeaseAlgorithm::EdDsa => self.sign(Kind::Lease, &ring, &lease, LeaseAlgorithm::EdDsa),
            LeaseAlgorithm::Rs256 => {
                let (clock, metrics) = (Arc::clone(&self.clock), self.metrics.clone());
                let signing = move || {
                    let began = clock.now();
                    let statement = ring.sign(&lease, LeaseAlgorithm::Rs256)?;
                    metrics.signed(Kind::Lease, LeaseAlgorithm::Rs256, since(began, clock.now()));
                    Ok(statement)
                };
                self.statements.slow.sign(signing).await
            }
        }
    }

    /// Signs a refusal where its code is one of those that are signed. Whether the clock may date it was looked at before.
    pub(crate) fn sign_refusal(
        &self,
        around: &Around,
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
        let algorithm = if foreign { LeaseAlgorithm::EdDsa } else { around.names.lease_alg };
        let refusal = Refusal {
            iss: ring.issuer.clone(),
            aud: (!foreign).then(|| around.names.product.clone()),
            iat: now,
            exp: now + LIFE,
            ks: ring.version,
            sub: Some(around.license.id),
            act,
            req: request,
            epoch: ring.epoch,
            rev: Some(around.license.revision.unsigned_abs()),
            code: RefusalCode::Known(refused.code),
            detail: refused.detail.clone(),
        };
        self.sign(Kind::Refusal, &ring, &refusal, algorithm).map(Some)
    }

    /// Signs whether a key is good; `refused` is the reason why not.
    pub(crate) fn sign_validation(
        &self,
        around: Option<&Around>,
        code: Result<ValidationCode, ErrorCode>,
        request: Digest,
        now: Timestamp,
    ) -> Result<String> {
        self.check_clock(now)?;
        let ring = self.keys();
        let valid = code.is_ok();
        let own = around.filter(|_| !code.as_ref().is_err_and(|code| is_foreign(*code)));
        let validation = Validation {
            iss: ring.issuer.clone(),
            aud: own.map(|around| around.names.product.clone()),
            iat: now,
            exp: now + LIFE,
            ks: ring.version,
            sub: around.map(|around| around.license.id),
            req: request,
            epoch: ring.epoch,
            rev: around.map(|around| around.license.revision.unsigned_abs()),
            code: code.unwrap_or_else(|code| ValidationCode::No(RefusalCode::Known(code))),
            valid,
        };
        let algorithm = own.map_or(LeaseAlgorithm::EdDsa, |around| around.names.lease_alg);
        self.sign(Kind::Validation, &ring, &validation, algorithm)
    }

    fn sign(
        &self,
        kind: Kind,
        ring: &KeyRing,
        claims: &impl Claims,
        algorithm: LeaseAlgorithm,
    ) -> Result<String> {
        let began = self.clock.now();
        let statement = ring.sign(claims, algorithm)?;
        self.metrics.signed(kind, algorithm, since(began, self.clock.now()));
        Ok(statement)
    }

    /// Why this activation may not run at the moment, signed for those who wait rather than ask.
    pub(crate) fn push_refusal(
        &self,
        around: &Around,
        activation: &Activation,
        now: Timestamp,
    ) -> Result<Option<String>> {
        // What the license itself refuses is the same for all of its activations, and signed once.
        if let Some(refusal) = self.push_license_refusal(around, now)? {
            return Ok(Some(refusal));
        }
        match rules::standing(&around.license, &around.names.product, activation, now) {
            Ok(()) => Ok(None),
            Err(refused) => self.push(around, Some(activation.id), &refused, now),
        }
    }

    /// Why no activation of this license may run at the moment.
    pub(crate) fn push_license_refusal(&self, around: &Around, now: Timestamp) -> Result<Option<String>> {
        match rules::admit(&around.license, &around.names.product, None, None, now) {
            Ok(()) => Ok(None),
            Err(refused) => self.push(around, None, &refused, now),
        }
    }

    /// Signs a refusal that answers no request, unless that was done a moment ago.
    fn push(
        &self,
        around: &Around,
        act: Option<ActivationId>,
        refused: &Refused,
        now: Timestamp,
    ) -> Result<Option<String>> {
        let name = pushed::Name {
            license: around.license.id,
            act,
            rev: around.license.revision,
            code: refused.code,
        };
        if let Some(statement) = self.statements.pushed.find(&name, now) {
            return Ok(Some(statement));
        }
        self.check_clock(now)?;
        let statement = self.sign_refusal(around, act, refused, None, now)?;
        if let Some(statement) = &statement {
            self.changes.signed_one();
            self.statements.pushed.keep(name, statement.clone(), now);
        }
        Ok(statement)
    }

    /// The authority's own keyset, to verify what it signed.
    pub(crate) fn own_keyset(&self) -> Result<Arc<TrustedKeyset>> {
        let ring = self.keys();
        let mut kept = self.statements.verifier.lock().expect("nothing panics while it is held");
        if let Some((_, keyset)) = kept.as_ref().filter(|(version, _)| *version == ring.version) {
            return Ok(Arc::clone(keyset));
        }
        let keyset = Arc::new(trusted(&ring)?);
        *kept = Some((ring.version, Arc::clone(&keyset)));
        Ok(keyset)
    }
}

/// Whether whoever asked is another product than the one that is licensed.
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
