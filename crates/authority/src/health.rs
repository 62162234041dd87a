//! Whether the authority can do its work.

use std::time::Duration;

use kaching_db::Engine;

use crate::{Authority, Error, Result};

/// The time within which a usable database answers.
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

impl Authority {
    /// Checks that the database, the clock and the keys are usable.
    ///
    /// # Errors
    /// With one sentence that says what to do.
    pub async fn ready(&self) -> Result<()> {
        // A balancer has other servers to ask, and does not wait for long, not even for a connection that hangs.
        let db = self.db.with_deadline(PROBE_TIMEOUT);
        let usable = async {
            db.ping().await?;
            self.compare_clocks(&db).await?;
            self.follow_clock(&db).await?;
            // Where the last write found no room, a small one shows whether there is some again.
            if db.finds_no_room() { self.store_time().await } else { Ok(()) }
        };
        tokio::time::timeout(PROBE_TIMEOUT, usable)
            .await
            .unwrap_or(Err(Error::Database(kaching_db::Error::Deadline)))?;
        self.check_clock(self.now())?;
        self.check_keyset()
    }

    /// Returns the version of the database, as it names itself.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn database_version(&self) -> Result<String> {
        Ok(self.db.version().await?)
    }

    /// Returns the database's size on disk in bytes, without SQLite's write-ahead log.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub async fn database_size(&self) -> Result<u64> {
        Ok(u64::try_from(self.db.size().await?).unwrap_or_default())
    }

    /// Returns whether other servers may work on the same database.
    pub fn is_shared(&self) -> bool {
        self.db.engine() == Engine::Postgres
    }

    /// Returns whether committed data is on disk, by the settings of the database.
    ///
    /// # Errors
    /// If the database cannot be asked.
    pub async fn is_durable(&self) -> Result<bool> {
        Ok(self.db.is_durable().await?)
    }

    /// Ends the work that was begun and closes the database.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// Returns when the database can no longer be trusted with a write; the process has to end, too.
    pub async fn fatal(&self) -> kaching_db::Error {
        self.db.fatal().await
    }
}
