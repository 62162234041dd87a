//! What checks shall say, and how the guard stands.

use std::time::Duration;

use kaching_api::{Contact as Whom, Holder, Problem};
use kaching_base::{ErrorCode, Mode, Timestamp};
use kaching_license::{Refusal, RefusalCode};

use super::{Contact, Engine, record::Stop};
use crate::{
    clock::{Reading, until},
    gate::{Gate, Verdict},
    grant::Grant,
    state::{State, Via},
};

/// The last refusal, for people to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastRefusal {
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) holders: Vec<Holder>,
    pub(crate) contact: Option<Whom>,
    /// Only a signed one is a refusal; another one tells why it is unknown.
    signed: bool,
}

impl LastRefusal {
    fn new(code: &str, detail: &str) -> Self {
        Self {
            code: code.to_owned(),
            detail: detail.to_owned(),
            holders: Vec::new(),
            contact: None,
            signed: true,
        }
    }

    pub(super) fn of_stop(stop: &Stop) -> Self {
        Self::new(stop.code.as_str(), &stop.detail)
    }

    pub(super) fn of_push(refusal: &Refusal) -> Self {
        Self::new(refusal.code.as_str(), &refusal.detail)
    }

    pub(super) fn of_answer(refusal: &Refusal, problem: &Problem) -> Self {
        let (holders, contact) = (problem.holders.clone().unwrap_or_default(), problem.contact.clone());
        Self { holders, contact, ..Self::of_push(refusal) }
    }

    pub(super) fn of_problem(problem: &Problem) -> Self {
        Self { signed: false, ..Self::new(&problem.code, &problem.detail) }
    }
}

impl Engine {
    /// The last refusal, if nothing has said yes since.
    pub(crate) fn refusal(&self) -> Option<&LastRefusal> {
        self.refusal.as_ref()
    }

    /// Whether checks may say yes to something now.
    pub(super) fn permits(&self, now: Reading) -> bool {
        !matches!(self.verdict(self.now(now), self.clock_counts(now)), Verdict::No { .. })
    }

    /// Until when, on the boot clock, it runs although the wall clock is past the license's end.
    pub(super) fn disbelieved_until(&self, now: Reading) -> Option<Duration> {
        let end = self.grant.as_ref()?.license_ends()?;
        self.time.disbelieved_until(end, now)
    }

    /// Whether the wall clock has been past the license's end for so long that it counts.
    fn clock_counts(&self, now: Reading) -> bool {
        self.disbelieved_until(now).is_some_and(|end| end <= now.boot)
    }

    /// What checks read from now on.
    pub(crate) fn gate(&self, now: Reading) -> Gate {
        let time = self.now(now);
        let end = self
            .lease()
            .map(|lease| lease.run_until)
            .filter(|end| *end >= time && self.record.stop.is_none());
        let clock_counts = self.clock_counts(now);
        let (mut change, mut then) = match end {
            // Its last moment is still inside.
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
        Gate { now, until: change, then, grant: self.grant.clone() }
    }

    fn verdict(&self, time: Timestamp, clock_counts: bool) -> Verdict {
        if self.ended {
            return Verdict::No {
                code: Some(ErrorCode::ActivationDeactivated.into()),
                message: "This installation was deactivated.".to_owned(),
            };
        }
        let Some(grant) = &self.grant else {
            return self.record.stop.as_ref().map_or_else(|| self.unknown(), refused);
        };
        let mode = grant.lease.grace.mode;
        match &self.record.stop {
            Some(stop) => by_mode(mode, || refused(stop)),
            None if clock_counts => by_mode(mode, || self.over_by_clock(grant)),
            None if time <= grant.lease.run_until => Verdict::Run,
            None => by_mode(mode, || self.over(grant, time)),
        }
    }

    /// The lease's time is over: because the license has ended, or because there was no contact for too long.
    fn over(&self, grant: &Grant, time: Timestamp) -> Verdict {
        let run_until = grant.lease.run_until;
        match grant.license_ends().filter(|end| *end <= time) {
            Some(end) => Verdict::No {
                code: Some(ErrorCode::LicenseExpired.into()),
                message: format!("The license ended, and its grace on {end}: renew it."),
            },
            None if self.trouble().is_none() && self.refusal.is_some() => self.unknown(),
            None => Verdict::No {
                code: None,
                message: format!(
                    "There was no contact with the license authority at {}, and the time without it ended on {run_until}.",
                    self.settings.url
                ),
            },
        }
    }

    /// The machine's clock says that the license has ended, and there was no contact since the machine was started.
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
        let (code, message) = match (&self.refusal, self.trouble()) {
            (Some(refusal), _) if refusal.signed => (Some(refusal.code.clone()), refusal.detail.clone()),
            (Some(refusal), _) => (None, refusal.detail.clone()),
            (None, Some(why)) => {
                (None, format!("The license authority at {} cannot be asked: {why}.", self.settings.url))
            }
            (None, None) if self.settings.license_key.is_none() && !self.follows => {
                (None, "No license key has been entered yet.".to_owned())
            }
            (None, None) => (None, "The license authority has not been asked yet.".to_owned()),
        };
        Verdict::No { code: code.map(|code| RefusalCode::from(std::borrow::Cow::from(code))), message }
    }

    fn via(&self) -> Via {
        if self.follows { Via::Holder } else { self.pace.hearing.via() }
    }

    /// How the guard stands.
    pub(crate) fn state(&self, now: Reading) -> State {
        let time = self.now(now);
        let clock_counts = self.clock_counts(now);
        let verdict = self.verdict(time, clock_counts);
        let code = || match (
            &self.record.stop,
            &verdict,
            self.grant.as_ref().and_then(|grant| grant.license_ends()),
        ) {
            (Some(stop), ..) => Some(stop.code.clone()),
            (None, Verdict::No { code, .. } | Verdict::Keep { code, .. }, _) => code.clone(),
            (None, _, Some(end)) if end <= time => Some(ErrorCode::LicenseExpired.into()),
            _ => None,
        };
        match (&verdict, self.lease()) {
            (Verdict::No { code: Some(code), .. }, _) => State::Refused { code: code.clone() },
            (Verdict::No { message, .. }, _) => State::Unknown { why: message.clone() },
            (Verdict::Run, Some(lease))
                if self.record.stop.is_none() && !clock_counts && time <= lease.run_until =>
            {
                let until = lease.run_until;
                if lease.lic_exp.is_some_and(|end| end <= time) {
                    State::Expiring { until }
                } else if self.contact != Contact::Made || time >= lease.exp {
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
