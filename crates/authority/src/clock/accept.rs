//! An operator confirms the clock, and the authority continues from the present time.

use std::sync::Arc;

use kaching_base::{CLOCK_TOLERANCE, ErrorCode, Timestamp};
use serde_json::json;

use super::sql;
use crate::{
    Authority, Cx, Error, Result,
    audit::Entry,
    jobs,
    keys::{self, KeyRing, StoredKey},
    licenses,
};

/// The result of accepting the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedClock {
    /// The time from which the authority continues.
    pub now: Timestamp,
    /// The newest time that was stored before.
    pub newest: Timestamp,
    /// The epoch that began, where that was later than the present time.
    pub epoch: Option<u64>,
}

impl Authority {
    /// Accepts the clock as the present time, where it has jumped or is before the newest stored time.
    ///
    /// If it went back, an epoch begins, as with a restore: clients accept statements of the new epoch, though they are
    /// dated earlier than those that they have. Licenses and keys made while the clock was ahead count from now on.
    ///
    /// # Errors
    /// `wrong_state` where nothing is wrong with the clock, or an epoch has to begin and the root cannot be opened here; as
    /// [`Error::Unusable`] where the database's clock contradicts.
    pub async fn accept_clock(&self, cx: Cx) -> Result<AcceptedClock> {
        self.compare_clocks(&self.db).await?;
        self.follow_clock(&self.db).await?;
        let (now, newest) = (self.now(), self.newest());
        let goes_back = newest.since(now) > CLOCK_TOLERANCE;
        let root =
            if goes_back { Some(Arc::new(self.open_root(&self.stored_keys().await?).await?)) } else { None };
        let wrong = self.check_clock(now).is_err();
        let sealing = self.data.seal.clone();
        let next = self.read("clock.epoch", keys::next_epoch).await?;
        if goes_back {
            // Nothing is signed until then. The entry of this operation is the first of the epoch.
            self.take_keys(KeyRing::of_epoch(&self.data, next));
        }
        let accepted = self
            .write_regardless("clock.accept", cx, move |tx, op| {
                keys::lock_keys(tx)?;
                op.on("clock.accept", op.now);
                let (newest, accepted) = sql::stored(tx)?;
                if !wrong {
                    let detail =
                        format!("there is nothing to accept: the clock says {}, as is expected", op.now);
                    return Err(Error::coded(ErrorCode::WrongState, detail));
                }
                sql::accept(tx, op.now, accepted + 1)?;
                if let Some(root) = &root {
                    keys::set_epoch(tx, next)?;
                    StoredKey::bring_back(tx, op.now)?;
                    licenses::sql::bring_back(tx, op.now)?;
                    jobs::bring_forward(tx, op.now)?;
                    let signing = StoredKey::load(tx, &keys::Sealer::new(&sealing), op.now)?;
                    keys::sign_again(tx, root, &signing, op.now)?;
                }
                let epoch = root.as_ref().map(|_| next);
                op.audit(tx, Entry::ok(json!({ "newest": newest, "epoch": epoch })))?;
                Ok(AcceptedClock { now: op.now, newest, epoch })
            })
            .await;
        self.load_keys().await?;
        let accepted = accepted?;
        self.follow_clock(&self.db).await?;
        Ok(accepted)
    }
}
