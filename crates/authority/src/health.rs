//! Whether the authority can do its work.

use std::time::Duration;

use kaching_db::Engine;

use crate::{Authority, Error, Result};

/// How long the database may take to be called usable.
pub(crate) const LOOK: Duration = Duration::from_secs(2);

impl Authority {
    /// Whether the database, the clock and the keys are usable; else what to do about it.
    ///
    /// # Errors
    /// With one sentence for the site engineer.
    pub async fn ready(&self) -> Result<()> {
        // Whoever asks has others to ask, and does not wait for long, not even for a connection that hangs.
        let db = self.db.with_deadline(LOOK);
        let usable = async {
            db.ping().await?;
            self.compare_clocks(&db).await?;
            self.follow_clock(&db).await?;
            // Where the last write found no room, the next small one tells whether there is some again.
            if db.finds_no_room() { self.store_time().await } else { Ok(()) }
        };
        tokio::time::timeout(LOOK, usable)
            .await
            .unwrap_or(Err(Error::Database(kaching_db::Error::Deadline)))?;
        self.check_clock(self.now())?;
        self.check_keyset()
    }

    /// The version of the database, as it names itself.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn database_version(&self) -> Result<String> {
        Ok(self.db.version().await?)
    }

    /// The database's size on disk in bytes, without SQLite's write-ahead log.
    ///
    /// # Errors
    /// If it cannot be asked.
    pub async fn database_size(&self) -> Result<u64> {
        Ok(u64::try_from(self.db.size().await?).unwrap_or_default())
    }

    /// Whether other servers may work on the same database.
    pub fn is_shared(&self) -> bool {
        self.db.engine() == Engine::Postgres
    }

    /// Whether what was answered is on disk, as the database says of its own settings.
    ///
    /// # Errors
    /// If the database cannot be asked.
    pub async fn is_durable(&self) -> Result<bool> {
        Ok(self.db.is_durable().await?)
    }

    /// Ends all work that was begun and closes the database.
    pub async fn close(&self) {
        self.db.close().await;
    }

    /// Ends when the database can no longer be trusted with a write; the process has to end, too.
    pub async fn fatal(&self) -> kaching_db::Error {
        self.db.fatal().await
    }
}
