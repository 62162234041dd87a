//! Subscriptions to the changes of a license, as a stream or by questions that wait.

use std::time::Duration;

use crate::{
    Authority, Bearer, Result, activations,
    changes::{Change, ListenMode, Listener, Notification, Snapshot, due, own_due, spread},
};

impl Authority {
    /// Listens for changes from now on. Listen first, then take a [snapshot](Self::snapshot), so that no change is
    /// missed between the two.
    pub fn listen(&self, bearer: Bearer, mode: ListenMode) -> Listener {
        self.changes.listen(bearer, mode)
    }

    /// Returns the present state for an installation that has the revision `rev`.
    ///
    /// # Errors
    /// `activation_not_found`, or if the database cannot be read.
    pub async fn snapshot(&self, listener: &Listener, rev: i64) -> Result<Change> {
        let _permit = self.changes.snapshot_permit().await;
        listener.begin_snapshot();
        let Bearer { license, activation, .. } = listener.bearer();
        let (snapshot, now) = self
            .read("changes.look", move |tx, now| Ok((Snapshot::read(tx, license, [activation], now)?, now)))
            .await?;
        let Snapshot { entitlement, activations } = snapshot.ok_or_else(activations::unknown)?;
        let activation = activations.first().ok_or_else(activations::unknown)?;
        listener.set_due(due(&entitlement.license, now), own_due(activation, now));
        let refusal = self.push_refusal(&entitlement, activation, now)?;
        let present = entitlement.license.revision;
        let within_ms = (present > rev).then(|| spread(&entitlement.license));
        Ok(Change { rev: present, epoch: self.keys().epoch, refusal, within_ms, at: None })
    }

    /// Returns the present state: immediately where its revision is above `rev`, else when it is, or after `longest`.
    ///
    /// # Errors
    /// As of [`snapshot`](Self::snapshot).
    pub async fn wait_for_change(&self, bearer: Bearer, rev: i64, longest: Duration) -> Result<Change> {
        let deadline = tokio::time::Instant::now() + longest;
        let listener = self.listen(bearer, ListenMode::LongPoll);
        let first = self.snapshot(&listener, rev).await?;
        if first.rev > rev || longest.is_zero() {
            return Ok(first);
        }
        loop {
            match tokio::time::timeout_at(deadline, listener.next()).await {
                Ok(Notification::News(news)) => return Ok(news.change().clone()),
                Ok(Notification::Resync) => {
                    let change = self.snapshot(&listener, rev).await?;
                    if change.rev > rev || change.refusal.is_some() != first.refusal.is_some() {
                        return Ok(change);
                    }
                }
                Ok(Notification::Ended) | Err(_) => return self.snapshot(&listener, rev).await,
            }
        }
    }
}
