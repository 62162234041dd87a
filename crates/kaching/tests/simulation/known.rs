//! Observations of a client, independent of its own state: what was signed for it and reached it, what it sent, and how far its
//! clock can be wrong.

use kaching_client::State as Shown;

use crate::{
    broken::{Broken, ensure},
    machine::{Machine, SECOND},
    server::Raw,
    statement::{Says, Statement},
};

/// The observations of a state directory and the process on it. Times are true ones, in microseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// Its activation.
    pub(crate) activation: Option<String>,
    /// The end of the last lease that reached it.
    run_until: Option<i64>,
    /// When the stop that it accepted was signed.
    pub(crate) stopped: Option<i64>,
    /// The highest revision that it accepted.
    rev: u64,
    /// Generation, number and nonce of its last heartbeat.
    beat: Option<(u64, u64, String)>,
    /// How far its own time may be behind; nothing before it ever had an answer.
    lag: Option<i64>,
    /// Whether no wrong clock had a say since the last answer.
    honest: bool,
    /// When its time was surely written down last.
    marked: i64,
    /// The run of the machine in which that was.
    boots: i64,
    /// The state that it showed last, and when, in this process.
    shown: Option<(i64, i64)>,
    /// The usage that is certainly on disk, and the usage that was counted lately.
    pub(crate) kept: u64,
    lately: Vec<(i64, u64)>,
}

/// The longest time between two writings of the time: a minute, and a call that takes as long as it may.
const MARK: i64 = 75 * SECOND;

impl Known {
    /// Begins a process on the state on disk.
    pub(crate) fn begin(&mut self, now: i64, boots: i64) {
        self.shown = None;
        self.lately.clear();
        if self.boots != boots {
            // The time that the machine was off is unknown to a client whose clock does not show it.
            self.lag = self.lag.map(|lag| lag + now - self.marked);
            (self.boots, self.marked) = (boots, now);
        }
    }

    /// A stop that could not be written has removed the state: what begins on it knows nothing, and says no without an
    /// answer.
    pub(crate) fn forget(&mut self) {
        *self = Self { activation: self.activation.take(), ..Self::default() };
    }

    pub(crate) fn record(&mut self, amount: u64, now: i64) {
        self.lately.push((now, amount));
    }

    /// Usage that was counted a second ago is on disk.
    pub(crate) fn keeps(&mut self, now: i64) {
        self.kept +=
            self.lately.extract_if(.., |(at, _)| *at + SECOND <= now).map(|(_, amount)| amount).sum::<u64>();
    }

    /// I3, and what a heartbeat is known by.
    pub(crate) fn sends(&mut self, raw: &Raw) -> Result<(), Broken> {
        let Some(credential) = raw.authorization.as_ref().and_then(|header| header.strip_prefix("Kaching "))
        else {
            return Ok(());
        };
        if raw.path != "/v1/heartbeat" {
            return Ok(());
        }
        let mut parts = credential.split('.').skip(1).map(|part| part.parse::<u64>());
        let (Some(Ok(generation)), Some(Ok(number))) = (parts.next(), parts.next()) else {
            return Err(Broken(format!("a credential is no credential: {credential}")));
        };
        let body: serde_json::Value = serde_json::from_slice(&raw.body).unwrap();
        let nonce = body["nonce"].as_str().unwrap_or_default().to_owned();
        if let Some((last_generation, last, last_nonce)) = &self.beat {
            let order = (generation, number).cmp(&(*last_generation, *last));
            ensure!(
                order.is_ge(),
                "I3: heartbeat {generation}.{number} comes after {last_generation}.{last}"
            );
            ensure!(
                order.is_ne() || nonce == *last_nonce,
                "I3: heartbeat {generation}.{number} has another nonce"
            );
        }
        self.beat = Some((generation, number, nonce));
        Ok(())
    }
}

impl Machine {
    /// A statement came that answers no request.
    pub(crate) fn pushed(&mut self, statement: Option<&Statement>) {
        let Some((statement, product)) = statement.zip(self.product.as_ref()) else { return };
        if statement.stops() && matches!(product.simulation.guard().state(), Shown::Refused { .. }) {
            self.known.stopped = self.known.stopped.max(Some(statement.signed));
        }
    }

    /// Checks the invariants after each event on this machine. `fresh` is the statement that answered a request just now.
    pub(crate) fn watch(&mut self, fresh: Option<&Statement>, now: i64) -> Result<(), Broken> {
        let wrong = self.clocks.wrong.load(std::sync::atomic::Ordering::Relaxed);
        let boots = self.boots();
        let name = self.name;
        let Some(product) = &self.product else { return Ok(()) };
        let time = product.simulation.time().micros();
        let guard = product.simulation.guard();
        let state = guard.state();
        let yes = guard.check().is_ok();
        let granted = fresh.and_then(|_| guard.license().granted);
        let known = &mut self.known;
        let accepted = fresh.filter(|fresh| !fresh.held_back && time == fresh.iat * SECOND);
        if accepted.is_some() {
            known.lag = Some(now - time);
            (known.honest, known.shown) = (true, None);
            (known.boots, known.marked) = (boots, now);
        }
        if let Some(fresh) = fresh {
            learn(known, fresh, &state)?;
        }
        known.honest &= wrong <= 0;
        if let Some(lag) = known.lag {
            if let Some((shown, at)) = known.shown {
                ensure!(
                    time + 1 >= shown + now - at,
                    "I8: the time of {name} goes back by {} s",
                    (shown + now - at - time) / SECOND
                );
            }
            ensure!(
                time + 1 >= now - lag,
                "I8: {name} is {} s behind, where {} can be explained",
                (now - time) / SECOND,
                lag / SECOND
            );
            ensure!(!known.honest || time <= now + 1, "I8: {name} is {} s ahead", (time - now) / SECOND);
            known.shown = Some((time, now));
        }
        if let Some(granted) = &granted {
            ensure!(
                granted.revision >= known.rev,
                "I3: {name} goes back from revision {} to {}",
                known.rev,
                granted.revision
            );
            known.rev = granted.revision;
        }
        if yes && product.started {
            let until = known.run_until.unwrap_or(0);
            ensure!(until > 0, "I7: {name} says yes without a lease");
            let lag = known.lag.unwrap_or(0);
            ensure!(
                now - lag <= until * SECOND + 1,
                "I7: {name} says yes {} s after the end of its lease",
                now / SECOND - until
            );
            ensure!(known.stopped.is_none(), "I7: {name} says yes after a stop");
        }
        if self.disk_fails_until.is_none() {
            if now - MARK > product.since {
                known.marked = known.marked.max(now - MARK);
            }
            known.keeps(now);
            self.durable = known.clone();
        }
        Ok(())
    }
}

/// A statement reached the client as the answer to its request, in time.
fn learn(known: &mut Known, fresh: &Statement, state: &Shown) -> Result<(), Broken> {
    match &fresh.says {
        Says::Yes { activation, run_until } => {
            known.activation = Some(activation.clone());
            known.run_until = known.run_until.max(Some(*run_until));
            if known.stopped.is_some_and(|stopped| stopped <= fresh.signed) {
                known.stopped = None;
            }
        }
        Says::No { .. } if fresh.stops() && matches!(state, Shown::Refused { .. }) => {
            known.stopped = Some(fresh.signed);
        }
        Says::No { .. } => {}
    }
    Ok(())
}
