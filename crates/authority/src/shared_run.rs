//! Work that one of the servers on a database does at a time: when it began last, how it ended, and under whose lease it
//! runs. It is kept as JSON in a row of `settings`.

use kaching_base::{Base64Url, CLOCK_TOLERANCE, Seconds, Timestamp};
use kaching_db::{Json, Tx, params};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Op, Result};

/// A server that dies leaves the work to another one after this.
const LEASE: Seconds = Seconds(600);

/// The part of the row that is the same for all such work.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SharedRun {
    begun_at: i64,
    succeeded_at: Option<i64>,
    /// Which server is at it, and until when no other one takes over.
    lease: Option<String>,
    until: i64,
}

impl SharedRun {
    pub(crate) fn begun_at(&self) -> Option<Timestamp> {
        (self.begun_at != 0).then(|| Timestamp::from_micros(self.begun_at))
    }

    pub(crate) fn succeeded_at(&self) -> Option<Timestamp> {
        self.succeeded_at.map(Timestamp::from_micros)
    }

    /// Whether a run is to begin, where `next_is_due` says that of one that began at this moment and has ended.
    pub(crate) fn is_due(&self, now: Timestamp, next_is_due: impl FnOnce(Timestamp) -> bool) -> bool {
        let begun = Timestamp::from_micros(self.begun_at);
        // What began later than now was begun by a clock that ran ahead.
        let is_ahead = begun.since(now) > CLOCK_TOLERANCE;
        let is_next = self.begun_at == 0 || self.is_unfinished() || next_is_due(begun);
        is_ahead || is_next && now.micros() >= self.until
    }

    /// Whether a run was begun and not ended, perhaps because its server died.
    pub(crate) fn is_unfinished(&self) -> bool {
        self.lease.is_some()
    }

    /// Records that a run begins.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.begun_at = now.micros();
    }

    /// Takes the lease for this server, and returns it.
    pub(crate) fn take_lease(&mut self, op: &mut Op) -> String {
        let lease = Base64Url(op.random::<16>()).to_string();
        self.lease = Some(lease.clone());
        self.renew_lease(op.now);
        lease
    }

    pub(crate) fn is_leased_as(&self, lease: &str) -> bool {
        self.lease.as_deref() == Some(lease)
    }

    pub(crate) fn renew_lease(&mut self, now: Timestamp) {
        self.until = (now + LEASE).micros();
    }

    /// Ends the run, and gives the lease back.
    pub(crate) fn end(&mut self) {
        (self.lease, self.until) = (None, 0);
    }

    pub(crate) fn succeed(&mut self, now: Timestamp) {
        self.succeeded_at = Some(now.micros());
    }
}

/// Returns the row of this name, locked against other servers.
pub(crate) fn lock_state<T: DeserializeOwned + Default>(tx: &mut Tx<'_>, name: &str) -> Result<T> {
    let none = "insert into settings (name, value) values (?1, '{}') on conflict (name) do nothing";
    tx.execute(none, params![name])?;
    let locked = "select value from settings where name = ?1 for update";
    Ok(tx.query_one(locked, params![name], |row| row.get::<Json<T>>(0))?.0)
}

/// Returns the row of this name.
pub(crate) fn state<T: DeserializeOwned + Default>(tx: &mut Tx<'_>, name: &str) -> Result<T> {
    let sql = "select value from settings where name = ?1";
    Ok(tx.query_opt(sql, params![name], |row| row.get::<Json<T>>(0))?.map(|json| json.0).unwrap_or_default())
}

pub(crate) fn store_state<T: Serialize>(tx: &mut Tx<'_>, name: &str, state: &T) -> Result<()> {
    tx.execute("update settings set value = ?2 where name = ?1", params![name, Json(state)])?;
    Ok(())
}
