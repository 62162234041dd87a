//! The verdicts that checks read, and the state that people see.

use std::time::Duration;

use kaching_base::{ErrorCode, Mode, Timestamp};
use kaching_license::RefusalCode;

use super::{Contact, Engine, LastRefusal, Stop};
use crate::{
    checks::{CheckSnapshot, Verdict},
    clock::{Reading, until},
    grant::Grant,
    state::{State, Via},
};

impl Engine {
    /// Returns the last refusal, if no lease has come since.
    pub(crate) fn refusal(&self) -> Option<&LastRefusal> {
        self.lease.refusal()
    }

    /// Whether anything is allowed now.
    pub(super) fn permits(&self, now: Reading) -> bool {
        !matches!(self.verdict(self.now(now), self.clock_counts(now)), Verdict::No { .. })
    }

    /// Returns until when, on the boot clock, it runs although the wall clock is past the license's end.
    pub(super) fn disbelieved_until(&self, now: Reading) -> Option<Duration> {
        let end = self.lease.license_ends()?;
        self.time.disbelieved_until(end, now)
    }

    /// Whether the wall clock has been past the license's end for long enough to count.
    fn clock_counts(&self, now: Reading) -> bool {
        self.disbelieved_until(now).is_some_and(|end| end <= now.boot)
    }

    /// Returns what checks read from now on.
    pub(crate) fn check_snapshot(&self, now: Reading) -> CheckSnapshot {
        let time = self.now(now);
        let end = self
            .lease
            .lease()
            .map(|lease| lease.run_until)
            .filter(|end| *end >= time && self.lease.stop().is_none());
        let clock_counts = self.clock_counts(now);
        let (mut change, mut then) = match end {
            // The last moment is still allowed.
            Some(end) => {
                let past = Timestamp::from_micros(end.micros().saturating_add(1));
                (now.boot + until(time, past), self.verdict(past, clock_counts))
            }
            None => (Duration::MAX, self.verdict(time, clock_counts)),
        };
        if let Some(end) = self.disbelieved_until(now).filter(|end| (now.boot..change).contains(end)) {
            (change, then) = (end, self.verdict(time, true));
        }
        let now = self.verdict(time, clock_counts);
        let (grant, usage) = (self.lease.grant().cloned(), self.known_usage(time));
        CheckSnapshot { now, until: change, then, grant, usage }
    }

    fn verdict(&self, time: Timestamp, clock_counts: bool) -> Verdict {
        if self.deactivated {
            return Verdict::No {
                code: Some(ErrorCode::ActivationDeactivated.into()),
                message: "This installation was deactivated.".to_owned(),
            };
        }
        let Some(grant) = self.lease.grant() else {
            return self.lease.stop().map_or_else(|| self.unknown(), refused);
        };
        let mode = grant.lease.grace.mode;
        match self.lease.stop() {
            Some(stop) => by_mode(mode, || refused(stop)),
            None if clock_counts => by_mode(mode, || self.over_by_clock(grant)),
            None if time <= grant.lease.run_until => Verdict::Run,
            None => by_mode(mode, || self.over(grant, time)),
        }
    }

    /// Denies because the lease's time is over: the license has ended, or there was no contact for too long.
    fn over(&self, grant: &Grant, time: Timestamp) -> Verdict {
        let run_until = grant.lease.run_until;
        match grant.license_ends().filter(|end| *end <= time) {
            Some(end) => Verdict::No {
                code: Some(ErrorCode::LicenseExpired.into()),
                message: format!("The license ended, and its grace on {end}: renew it."),
            },
            None if self.trouble().is_none() && self.refusal().is_some() => self.unknown(),
            None => Verdict::No {
                code: None,
                message: format!(
                    "There was no contact with the license authority at {}, and the time without it ended on {run_until}.",
                    self.settings.url()
                ),
            },
        }
    }

    /// Denies because the license has ended by the machine's clock, and there was no contact since the machine was started.
    fn over_by_clock(&self, grant: &Grant) -> Verdict {
        let ended = grant.license_ends().map(|end| format!(" on {end}")).unwrap_or_default();
        Verdict::No {
            code: None,
            message: format!(
                "By this machine's clock the license and its grace ended{ended}, and for a day no contact with the \
                 license authority has shown otherwise: set the clock, or restore the contact."
            ),
        }
    }

    fn unknown(&self) -> Verdict {
        let (code, message) = match (self.refusal(), self.trouble()) {
            (Some(refusal), _) if refusal.signed => (Some(refusal.code.clone()), refusal.detail.clone()),
            (Some(refusal), _) => (None, refusal.detail.clone()),
            (None, Some(why)) => {
                (None, format!("The license authority at {} cannot be asked: {why}.", self.settings.url()))
            }
            (None, None) if self.settings.license_key.is_none() && !self.role.follows() => {
                (None, "No license key has been entered yet.".to_owned())
            }
            (None, None) => (None, "The license authority has not been asked yet.".to_owned()),
        };
        Verdict::No { code: code.map(|code| RefusalCode::from(std::borrow::Cow::from(code))), message }
    }

    fn via(&self) -> Via {
        if self.role.follows() { Via::Holder } else { self.changes.transport.via() }
    }

    /// Returns the state that people see.
    pub(crate) fn state(&self, now: Reading) -> State {
        let time = self.now(now);
        let clock_counts = self.clock_counts(now);
        let verdict = self.verdict(time, clock_counts);
        let code = || match (self.lease.stop(), &verdict, self.lease.license_ends()) {
            (Some(stop), ..) => Some(stop.code.clone()),
            (None, Verdict::No { code, .. } | Verdict::Keep { code, .. }, _) => code.clone(),
            (None, _, Some(end)) if end <= time => Some(ErrorCode::LicenseExpired.into()),
            _ => None,
        };
        match (&verdict, self.lease.lease()) {
            (Verdict::No { code: Some(code), .. }, _) => State::Refused { code: code.clone() },
            (Verdict::No { message, .. }, _) => State::Unknown { why: message.clone() },
            (Verdict::Run, Some(lease))
                if self.lease.stop().is_none() && !clock_counts && time <= lease.run_until =>
            {
                let until = lease.run_until;
                if lease.lic_exp.is_some_and(|end| end <= time) {
                    State::Expiring { until }
                } else if *self.calls.contact() != Contact::Made || time >= lease.exp {
                    State::Offline { until }
                } else {
                    State::Active { via: self.via() }
                }
            }
            (Verdict::Run, _) => State::Degraded { code: code(), in_full: true },
            (Verdict::Keep { .. }, _) => State::Degraded { code: code(), in_full: false },
        }
    }
}

fn by_mode(mode: Mode, no: impl FnOnce() -> Verdict) -> Verdict {
    match mode {
        Mode::Block => no(),
        Mode::Degrade => match no() {
            Verdict::No { code, message } => Verdict::Keep { code, message },
            other => other,
        },
        Mode::Advise => Verdict::Run,
    }
}

fn refused(stop: &Stop) -> Verdict {
    Verdict::No { code: Some(stop.code.clone()), message: stop.detail.clone() }
}
