//! Whether the authority can do its work.

use std::sync::atomic::{AtomicI64, Ordering};

use kaching_base::{Seconds, Timestamp};
use kaching_db::params;

use crate::{Authority, Cx, Error, Result};

/// A clock further than this from the database's signs nothing.
const SKEW: Seconds = Seconds(5);

/// The newest moment that was stored: a clock behind it was set back.
#[derive(Default)]
pub(crate) struct ClockMark(AtomicI64);

impl Authority {
    /// Whether the database, the clock and the keys are usable; else what to do about it.
    ///
    /// # Errors
    /// With one sentence for the site engineer.
    pub async fn ready(&self) -> Result<()> {
        self.db.ping().await?;
        self.check_clock().await?;
        let ring = self.keys();
        if ring.keysets.is_empty() {
            return Err(Error::Failure("there is no keyset: the root has to sign one".to_owned()));
        }
        if self.clock.now() >= ring.keyset_ends_at {
            return Err(Error::Failure("the keyset has ended: sign it where the root is".to_owned()));
        }
        Ok(())
    }

    /// Compares the clock with the database's and with the newest time that was stored, and stores the time.
    /// Called at the start and every minute.
    ///
    /// # Errors
    /// If it is too far off to sign anything.
    pub async fn check_clock(&self) -> Result<()> {
        let theirs = Timestamp::from_micros(self.db.now().await?);
        let ours = self.clock.now();
        if self.clock.is_real() && ours.since(theirs).0.abs() > SKEW.0 {
            return Err(Error::Failure(format!(
                "this machine's clock is {} seconds off the database's: set it right",
                ours.since(theirs).0
            )));
        }
        self.check_mark(ours)
    }

    /// Stores the time, so that a later start sees a clock that was set back.
    ///
    /// # Errors
    /// If the clock stands before a time that was stored.
    pub async fn store_time(&self) -> Result<()> {
        let newest = self
            .write("clock.mark", Cx::system("clock"), |tx, op| {
                let mark =
                    tx.query_opt("select value from settings where name = 'clock_mark'", &[], |row| {
                        row.get::<String>(0)
                    })?;
                let mark = mark.and_then(|mark| mark.parse::<i64>().ok()).unwrap_or(0);
                if op.now.micros() > mark {
                    tx.execute(
                        "insert into settings (name, value) values ('clock_mark', ?1)
                         on conflict (name) do update set value = excluded.value",
                        params![op.now.micros().to_string()],
                    )?;
                }
                Ok(mark.max(op.now.micros()))
            })
            .await?;
        self.mark.0.fetch_max(newest, Ordering::Relaxed);
        self.check_mark(self.clock.now())
    }

    /// Whether the clock may be trusted to date a statement.
    pub(crate) fn check_mark(&self, now: Timestamp) -> Result<()> {
        let mark = Timestamp::from_micros(self.mark.0.load(Ordering::Relaxed));
        if mark.since(now) > SKEW {
            return Err(Error::Failure(format!(
                "this machine's clock was set back: it stands before {mark}, which was stored already; set it right"
            )));
        }
        Ok(())
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
