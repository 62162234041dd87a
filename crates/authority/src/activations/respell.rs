//! Rewrites domains that an earlier version has stored in other spellings in their canonical form.

use kaching_base::{ActivationId, FingerprintKind, LicenseId};
use kaching_db::Tx;
use kaching_domain::{Activation, Fingerprint};
use serde_json::json;

use super::sql;
use crate::{
    Authority, Cx, Op, Result,
    audit::Entry,
    licenses,
    search::{self, Noun},
};

impl Authority {
    /// Rewrites the stored domains of a database once. Each has a transaction of its own, so that the start after an
    /// interrupted one continues where that one ended.
    pub(crate) async fn respell_domains(&self) -> Result<()> {
        if self.read("activations.respelled", |tx, _| sql::are_respelled(tx)).await? {
            return Ok(());
        }
        let mut after = ActivationId::from_bytes([0; 16]);
        loop {
            let found = self.read("activations.spellings", move |tx, _| sql::spellings(tx, after)).await?;
            let Some(last) = found.last() else { break };
            after = last.id;
            for one in found.into_iter().filter(|one| one.kind == FingerprintKind::Domain) {
                if one.fingerprint.as_domain().is_some() {
                    self.respell(one.id, one.license).await?;
                }
            }
        }
        let done = |tx: &mut Tx<'_>, _: &mut Op| sql::set_respelled(tx);
        self.write_regardless("activations.set_respelled", Cx::system("activations.respell"), done).await
    }

    async fn respell(&self, id: ActivationId, license: LicenseId) -> Result<()> {
        self.write_regardless("activations.respell", Cx::system("activations.respell"), move |tx, op| {
            let Some(license) = licenses::sql::lock_by_id(tx, license)? else { return Ok(()) };
            let Some(one) = sql::lock_by_id(tx, id)? else { return Ok(()) };
            let Some(domain) = one.fingerprint.as_domain() else { return Ok(()) };
            let other = sql::lock_by_fingerprint(tx, license.id, &domain)?;
            let old = one.fingerprint.clone();
            match &other {
                None => respell(tx, op, one, &domain)?,
                // One of two that are the same domain keeps its spelling until it lapses, so that nothing that runs is
                // stopped; whichever activates again, with any spelling, is the one with the canonical name.
                Some(other)
                    if other.kind == FingerprintKind::Domain && yields_its_spelling(other, &one, op) =>
                {
                    // No two rows of a license may have one name, not even in between.
                    sql::set_fingerprint(tx, other.id, &other.id.to_string())?;
                    respell(tx, op, one, &domain)?;
                    respell(tx, op, other.clone(), &old)?;
                }
                Some(_) => return Ok(()),
            }
            tracing::info!(%id, "a domain is stored in its canonical form now");
            Ok(())
        })
        .await
    }
}

/// Returns whether an activation yields its spelling to the other one, which holds a slot while it does not.
fn yields_its_spelling(present: &Activation, other: &Activation, op: &Op) -> bool {
    other.holds_slot(op.now) && !present.holds_slot(op.now)
}

/// Rewrites the domain of one activation. Its client still uses the old spelling.
fn respell(tx: &mut Tx<'_>, op: &mut Op, before: Activation, to: &Fingerprint) -> Result<()> {
    let Activation { id, fingerprint, name, .. } = before;
    sql::set_fingerprint(tx, id, to.as_str())?;
    sql::put_spelling(tx, id, fingerprint.hash())?;
    search::put(tx, Noun::Activation, id, &sql::words(to, name.as_deref()))?;
    op.on("activation.respell", id);
    let private = json!({ "was": fingerprint.as_str(), "fingerprint": to.as_str() });
    op.audit(tx, Entry::ok(json!({ "license": before.license })).private(private))
}
