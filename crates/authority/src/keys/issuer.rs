//! The issuer that statements name: the public URL on record, which clients tie to the keyset.

use std::{net::IpAddr, sync::Arc};

use kaching_base::{ErrorCode, LeaseAlgorithm, host_of};
use kaching_license::KeyPurpose;
use serde_json::json;

use super::{Sealer, StoredKey, epoch::lock_keys, keyset, signing};
use crate::{Authority, Cx, Error, Issuer, Result, audit::Entry};

/// A new issuer, and the signing keys that were made with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedIssuer {
    pub issuer: String,
    /// The one before.
    pub before: String,
    /// The `kid`s of the keys that sign from now on.
    pub keys: Vec<String>,
}

impl Issuer {
    /// Whether this one replaces the one on record.
    ///
    /// # Errors
    /// If another one is on record that is no mere default.
    pub(crate) fn replaces(&self, recorded: Option<&str>) -> Result<bool> {
        let (Self::Named(named), Some(recorded)) = (self, recorded) else { return Ok(false) };
        if named == recorded {
            return Ok(false);
        }
        if is_local(recorded) {
            return Ok(true);
        }
        Err(Error::Unusable(format!(
            "this authority speaks for {recorded}, and products believe no other, but server.public_url says {named}: set \
             it to {recorded}; or, to change it for all products and servers, run: kaching key issuer {named}"
        )))
    }
}

impl Authority {
    /// Changes what statements name as their issuer, and makes the keys that sign in its name, in one step with the keyset
    /// that says so. A client that meets a new key fetches the keyset, and with it the new issuer.
    ///
    /// # Errors
    /// `wrong_state` where it is the issuer already, or the root cannot be opened here.
    pub async fn change_issuer(&self, cx: Cx, issuer: String) -> Result<ChangedIssuer> {
        self.check_clock(self.now())?;
        let root = Arc::new(self.open_root(&self.stored_keys().await?).await?);
        let mut new = Vec::new();
        for algorithm in LeaseAlgorithm::ALL {
            if self.keys().signs(*algorithm) {
                new.push(
                    signing::generate(*algorithm, KeyPurpose::Lease, self.entropy.seed(), self.now()).await?,
                );
            }
        }
        let sealing = self.data.seal.clone();
        let changed = self
            .write("keys.change_issuer", cx, move |tx, op| {
                lock_keys(tx)?;
                op.on("key.issuer", &issuer);
                let before = keyset::StoredKeyset::issuer(tx)?.unwrap_or_default();
                if before == issuer {
                    let detail = format!("the issuer is {issuer} already");
                    return Err(Error::coded(ErrorCode::WrongState, detail));
                }
                let sealer = Sealer::new(&sealing);
                for key in &new {
                    key.store(tx, &sealer)?;
                }
                let all = StoredKey::load(tx, &sealer, op.now)?;
                keyset::sign(tx, &root, &issuer, &all, op.now)?;
                let keys: Vec<_> = new.iter().map(|key| key.signer.kid().to_owned()).collect();
                op.audit(tx, Entry::ok(json!({ "before": before, "issuer": issuer, "keys": keys })))?;
                Ok(ChangedIssuer { issuer: issuer.clone(), before, keys })
            })
            .await?;
        self.load_keys().await?;
        Ok(changed)
    }
}

/// Whether no other machine can reach this one at the address in a URL, as with the default.
fn is_local(url: &str) -> bool {
    let host = host_of(url);
    let local = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    host == "localhost" || host.parse().is_ok_and(local)
}
