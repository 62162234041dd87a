//! Whether the authority can do its work.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use kaching_base::{Seconds, Timestamp};
use kaching_db::{Db, Engine, Tx, params};

use crate::{Authority, Cx, Error, Result};

/// A clock further than this from the database's signs nothing.
const SKEW: Seconds = Seconds(5);

/// How long the database may take to be called usable.
pub(crate) const LOOK: Duration = Duration::from_secs(2);

/// What is known against the clock.
#[derive(Default)]
pub(crate) struct ClockMark {
    /// The newest moment that was stored: a clock behind it was set back.
    newest: AtomicI64,
    /// Seconds off the database's clock, where that is too far.
    off: AtomicI64,
    /// Microseconds to add to the machine's clock for the database's, which several replicas share.
    shared: AtomicI64,
}

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
            self.compare_clocks(&db).await
        };
        tokio::time::timeout(LOOK, usable)
            .await
            .unwrap_or(Err(Error::Database(kaching_db::Error::Deadline)))?;
        self.check_mark(self.now())?;
        self.check_keyset()
    }

    /// Compares the clock with the database's, and remembers whether it may sign.
    async fn compare_clocks(&self, db: &Db) -> Result<()> {
        let before = self.clock.now();
        let theirs = Timestamp::from_micros(db.now().await?);
        let after = self.clock.now();
        // The database read its clock at some moment between our two readings.
        let off = match () {
            () if !self.clock.is_real() => 0,
            () if before > theirs => before.since(theirs).0,
            () if theirs > after => -theirs.since(after).0,
            () => 0,
        };
        self.mark.off.store(if off.abs() > SKEW.0 { off } else { 0 }, Ordering::Relaxed);
        self.check_off()?;
        if self.clock.is_real() && self.db.engine() == Engine::Postgres {
            let (least, most) = (theirs.micros() - after.micros(), theirs.micros() - before.micros());
            // What is inside the reading's own uncertainty stays as it was.
            if !(least..=most).contains(&self.mark.shared.load(Ordering::Relaxed)) {
                self.mark.shared.store(least.midpoint(most), Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// The present moment: on PostgreSQL that of the database, as it was compared last.
    pub fn now(&self) -> Timestamp {
        let shared = self.mark.shared.load(Ordering::Relaxed);
        Timestamp::from_micros(self.clock.now().micros().saturating_add(shared))
    }

    fn check_off(&self) -> Result<()> {
        match self.mark.off.load(Ordering::Relaxed) {
            0 => Ok(()),
            off => Err(Error::Failure(format!(
                "this machine's clock is {off} seconds off the database's: set it right"
            ))),
        }
    }

    /// Compares the clock with the time that was stored last: what a start does, which writes nothing.
    pub(crate) async fn compare_time(&self) -> Result<()> {
        self.compare_clocks(&self.db).await?;
        let newest = self.read("clock.stored", |tx, _| stored(tx)).await?;
        self.mark.newest.fetch_max(newest, Ordering::Relaxed);
        self.check_mark(self.now())
    }

    /// Stores the time, so that a later start sees a clock that was set back. Called every minute, the first time when the start is done.
    ///
    /// # Errors
    /// If the clock is off the database's, of which nothing is stored, or stands before a time that was stored.
    pub async fn store_time(&self) -> Result<()> {
        self.compare_clocks(&self.db).await?;
        let newest = self
            .write("clock.mark", Cx::system("clock"), |tx, op| {
                let mark = stored(tx)?;
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
        self.mark.newest.fetch_max(newest, Ordering::Relaxed);
        self.check_mark(self.now())
    }

    /// Whether the clock may be trusted to date a statement.
    pub(crate) fn check_mark(&self, now: Timestamp) -> Result<()> {
        self.check_off()?;
        let mark = Timestamp::from_micros(self.mark.newest.load(Ordering::Relaxed));
        if mark.since(now) > SKEW {
            return Err(Error::Failure(format!(
                "this machine's clock was set back: it stands before {mark}, which was stored already; set it right"
            )));
        }
        Ok(())
    }

    /// The version of the database, as it names itself.
    ///
    /// # Errors
    /// If it does not answer.
    pub async fn database_version(&self) -> Result<String> {
        Ok(self.db.version().await?)
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

/// The newest moment that was stored; 0 before the first.
fn stored(tx: &mut Tx<'_>) -> Result<i64> {
    let mark = tx
        .query_opt("select value from settings where name = 'clock_mark'", &[], |row| row.get::<String>(0))?;
    Ok(mark.and_then(|mark| mark.parse().ok()).unwrap_or(0))
}
