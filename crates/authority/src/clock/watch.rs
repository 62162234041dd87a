//! Decides whether the clock may date anything: it is compared with the database's clock, with the machine's boot
//! clock, which cannot be set, and with the newest moment that was stored.

use std::sync::atomic::{AtomicI64, Ordering};

use kaching_base::{CLOCK_TOLERANCE, Seconds, Timestamp};
use kaching_db::{Db, Engine};

use super::{Clock, sql};
use crate::{Authority, Cx, Error, Result};

/// A clock that leaves the boot clock by more than this was set.
const JUMP: Seconds = Seconds(60);
/// A start that finds the newest stored moment longer ago than this says so: the machine was off, or its clock is ahead.
const LONG_AGO: Seconds = Seconds::days(7);

/// The state of the clock, as it was compared last.
pub(crate) struct ClockWatch {
    /// The newest moment that was stored: a clock before it was set back, or once ran ahead.
    newest: AtomicI64,
    /// Seconds off the database's clock, where that is too far.
    off: AtomicI64,
    /// Microseconds to add to the machine's clock for the database's, which several replicas share.
    shared: AtomicI64,
    /// By how many microseconds the time was ahead of the boot clock when it was last found right.
    ahead: AtomicI64,
    /// The number of times that an operator has accepted the clock, as far as this process knows.
    accepted: AtomicI64,
}

impl ClockWatch {
    /// Begins with nothing but the clock as it is.
    pub(crate) fn begin(clock: &dyn Clock) -> Self {
        let [newest, off, shared, accepted] = [0; 4].map(AtomicI64::new);
        let ahead = AtomicI64::new(clock.now().micros() - boot(clock));
        Self { newest, off, shared, ahead, accepted }
    }
}

impl Authority {
    /// Returns the present moment: on PostgreSQL that of the database, as it was compared last.
    pub fn now(&self) -> Timestamp {
        let shared = self.watch.shared.load(Ordering::Relaxed);
        Timestamp::from_micros(self.clock.now().micros().saturating_add(shared))
    }

    /// Compares the clock with the database's, and remembers whether it may sign.
    pub(crate) async fn compare_clocks(&self, db: &Db) -> Result<()> {
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
        let off = if off.abs() > CLOCK_TOLERANCE.0 { off } else { 0 };
        self.watch.off.store(off, Ordering::Relaxed);
        self.check_off()?;
        if self.clock.is_real() && self.db.engine() == Engine::Postgres {
            let (least, most) = (theirs.micros() - after.micros(), theirs.micros() - before.micros());
            // What is inside the reading's own uncertainty stays as it was.
            if !(least..=most).contains(&self.watch.shared.load(Ordering::Relaxed)) {
                self.watch.shared.store(least.midpoint(most), Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Reads what is stored about the clock. A start does so, and each check of readiness, since another server may have
    /// accepted the clock.
    pub(crate) async fn follow_clock(&self, db: &Db) -> Result<()> {
        let (newest, accepted) = db.read("clock.stored", sql::stored).await?;
        self.learn(newest, accepted);
        Ok(())
    }

    fn learn(&self, newest: Timestamp, accepted: i64) {
        self.watch.newest.store(newest.micros(), Ordering::Relaxed);
        if self.watch.accepted.swap(accepted, Ordering::Relaxed) != accepted {
            self.watch.ahead.store(self.ahead(self.now()), Ordering::Relaxed);
        }
    }

    /// Compares the clock with the database's and with what is stored, and writes nothing. A clock before the newest stored
    /// moment is logged, and the start continues: reading and backups still work.
    ///
    /// # Errors
    /// If the clock is off the database's.
    pub(crate) async fn begin_watch(&self) -> Result<()> {
        self.compare_clocks(&self.db).await?;
        self.follow_clock(&self.db).await?;
        self.watch.ahead.store(self.ahead(self.now()), Ordering::Relaxed);
        let (now, newest) = (self.now(), self.newest());
        if let Err(error) = self.check_clock(now) {
            tracing::error!(%error, "not ready: nothing is written but backups");
        } else if newest.micros() > 0 && now.since(newest) > LONG_AGO {
            tracing::warn!(
                %now, %newest,
                "the clock is more than 7 days after the newest stored time: that is right if the authority was off for so \
                 long; otherwise set the clock now, because everything stored from now on is dated by it"
            );
        }
        Ok(())
    }

    /// Stores the time, so that a later start sees a clock that was set back. Called every minute, the first time when the
    /// start is done.
    ///
    /// # Errors
    /// If the clock is wrong, of which nothing is stored.
    pub async fn store_time(&self) -> Result<()> {
        self.compare_clocks(&self.db).await?;
        self.follow_clock(&self.db).await?;
        self.check_clock(self.now())?;
        let (newest, accepted) =
            self.write("clock.mark", Cx::system("clock"), |tx, op| sql::store(tx, op.now)).await?;
        self.learn(newest, accepted);
        // Smaller steps add up only while no check is made in between.
        self.watch.ahead.store(self.ahead(self.now()), Ordering::Relaxed);
        Ok(())
    }

    /// Checks that the clock may be trusted to date anything.
    pub(crate) fn check_clock(&self, now: Timestamp) -> Result<()> {
        self.check_off()?;
        let jumped = self.ahead(now) - self.watch.ahead.load(Ordering::Relaxed);
        if jumped.abs() > JUMP.0 * 1_000_000 {
            let expected = Timestamp::from_micros(now.micros() - jumped);
            return Err(Error::Unusable(format!(
                "the clock jumped: it says {now}, where {expected} is expected by the time that this machine has run since; \
                 set it right, or, if {now} is the present time, run: kaching clock accept"
            )));
        }
        let newest = self.newest();
        if newest.since(now) > CLOCK_TOLERANCE {
            return Err(Error::Unusable(format!(
                "the clock says {now}, but {newest} was stored already. Either the clock is behind: set it right. Or it once \
                 ran ahead, and {now} is the present time: run kaching clock accept"
            )));
        }
        Ok(())
    }

    fn check_off(&self) -> Result<()> {
        match self.watch.off.load(Ordering::Relaxed) {
            0 => Ok(()),
            off => Err(Error::Unusable(format!(
                "this machine's clock is {off} seconds off the database's: set it right, both may differ by {} seconds",
                CLOCK_TOLERANCE.0
            ))),
        }
    }

    /// The newest moment that was stored.
    pub(super) fn newest(&self) -> Timestamp {
        Timestamp::from_micros(self.watch.newest.load(Ordering::Relaxed))
    }

    /// By how many microseconds this moment, which is the present one, is ahead of the boot clock.
    fn ahead(&self, now: Timestamp) -> i64 {
        now.micros() - boot(self.clock.as_ref())
    }
}

/// Microseconds since the machine started.
fn boot(clock: &dyn Clock) -> i64 {
    i64::try_from(clock.boot().as_micros()).unwrap_or(i64::MAX)
}
