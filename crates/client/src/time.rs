//! Trusted time: set by fresh statements, advanced by the boot clock, never judged by the wall clock.

use std::time::Duration;

use kaching_base::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clock::{Reading, after};

/// How far ahead of the mark on disk the wall clock is believed.
const AHEAD: Seconds = Seconds(24 * 3600);
/// How long it runs in one run of the machine, without contact, after the wall clock has passed the end of the license.
const DISBELIEVED: Duration = Duration::from_secs(24 * 3600);
/// How far behind the mark the wall clock may be before it is doubted.
const BEHIND: Seconds = Seconds(300);

/// The time as it is written to disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TimeMark {
    /// The latest time known when this was written.
    pub(crate) mark: Anchor,
    /// The last fresh statement of the machine's present run.
    pub(crate) anchor: Option<Anchor>,
    /// When, in the machine's present run, the wall clock was first found past the end of the license.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) past_end: Option<Anchor>,
}

/// A time that was known at a reading of the boot clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Anchor {
    pub(crate) time: Timestamp,
    pub(crate) boot: Duration,
    pub(crate) boot_id: String,
}

/// The client's own time.
#[derive(Clone, Debug)]
pub(crate) struct TrustedTime {
    boot_id: String,
    anchor: Option<Anchor>,
    /// Without contact since boot: the highest known time and when it was known.
    mark: Option<(Timestamp, Duration)>,
    /// When the wall clock was first found past the end of the license: what it said, on the boot clock.
    past_end: Option<(Timestamp, Duration)>,
}

impl TrustedTime {
    /// Restores the time from the disk, if there is any.
    pub(crate) fn restore(saved: Option<&TimeMark>, boot_id: String, now: Reading) -> Self {
        let of_this_run = |anchor: &Anchor| anchor.boot_id == boot_id && anchor.boot <= now.boot;
        let anchor = saved.and_then(|saved| saved.anchor.clone()).filter(of_this_run);
        // A process that was down while the machine ran has missed no time.
        let since = |mark: &Anchor| if of_this_run(mark) { mark.boot } else { now.boot };
        let mark = saved.map(|saved| (saved.mark.time, since(&saved.mark)));
        let past_end = saved.and_then(|saved| saved.past_end.clone()).filter(of_this_run);
        let past_end = past_end.map(|found| (found.time, found.boot));
        Self { boot_id, anchor, mark, past_end }
    }

    /// Sets the time to that of a statement that answers a request just sent, forward or back.
    pub(crate) fn fresh(&mut self, iat: Timestamp, now: Reading) {
        self.anchor = Some(Anchor { time: iat, boot: now.boot, boot_id: self.boot_id.clone() });
        self.mark = Some((iat, now.boot));
    }

    /// Advances the time to that of something verified: it cannot be earlier.
    pub(crate) fn at_least(&mut self, iat: Timestamp, now: Reading) {
        if self.now(now) < iat {
            self.mark = Some((iat, now.boot));
        }
    }

    /// The authority's time may have gone back with a new epoch, as this statement of that epoch shows. This is no
    /// contact, because the authority was not asked.
    pub(crate) fn begin_epoch(&mut self, iat: Timestamp, now: Reading) {
        if iat < self.now(now) {
            (self.anchor, self.mark) = (None, Some((iat, now.boot)));
        }
    }

    /// Whether a fresh statement has set it in the machine's present run.
    pub(crate) fn is_set(&self) -> bool {
        self.anchor.is_some()
    }

    /// The time.
    pub(crate) fn now(&self, now: Reading) -> Timestamp {
        if let Some(anchor) = &self.anchor {
            let marked = self.mark.map_or(anchor.time, |(mark, at)| advanced(mark, at, now));
            return advanced(anchor.time, anchor.boot, now).max(marked);
        }
        match self.mark {
            None => now.wall,
            Some((mark, at)) => {
                let running = advanced(mark, at, now);
                if now.wall < running + AHEAD { running.max(now.wall) } else { running }
            }
        }
    }

    /// Whether the wall clock says something that only the authority can settle.
    pub(crate) fn asks_for_contact(&self, now: Reading) -> bool {
        if self.anchor.is_some() {
            return false;
        }
        self.mark.is_some_and(|(mark, at)| {
            let running = advanced(mark, at, now);
            now.wall >= running + AHEAD || now.wall < running - BEHIND
        })
    }

    /// Notes that the wall clock is past the end of the license, where only the authority could say that it is not;
    /// whether that is new.
    pub(crate) fn note_past_end(&mut self, end: Timestamp, now: Reading) -> bool {
        let notes = self.anchor.is_none() && self.past_end.is_none() && now.wall > end;
        if notes {
            self.past_end = Some((now.wall, now.boot));
        }
        notes
    }

    /// Returns until when, on the boot clock, a wall clock past the end of the license is not believed. An owner who
    /// restores an old state gains this time at each start of the machine; a clock that ran ahead can be corrected in
    /// it.
    pub(crate) fn disbelieved_until(&self, end: Timestamp, now: Reading) -> Option<Duration> {
        let doubted = self.anchor.is_none() && now.wall > end;
        self.past_end.filter(|_| doubted).map(|(_, at)| at + DISBELIEVED)
    }

    /// Forgets the doubt about the clock, because another process in contact has shown something newer.
    pub(crate) fn reassured(&mut self) {
        self.past_end = None;
    }

    /// Returns the time to write to disk. From then on, time does not fall behind it.
    pub(crate) fn mark(&mut self, now: Reading) -> TimeMark {
        let time = self.now(now);
        self.mark = Some((time, now.boot));
        let anchor = |(time, boot)| Anchor { time, boot, boot_id: self.boot_id.clone() };
        let past_end = self.past_end.map(anchor);
        TimeMark { mark: anchor((time, now.boot)), anchor: self.anchor.clone(), past_end }
    }
}

fn advanced(time: Timestamp, at: Duration, now: Reading) -> Timestamp {
    after(time, now.boot.saturating_sub(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(boot_s: u64, wall_s: i64) -> Reading {
        Reading { boot: Duration::from_secs(boot_s), wall: Timestamp::from_seconds(wall_s) }
    }

    fn left(mark_s: i64) -> TimeMark {
        let time = Timestamp::from_seconds(mark_s);
        TimeMark {
            mark: Anchor { time, boot: Duration::ZERO, boot_id: "an earlier run".to_owned() },
            anchor: None,
            past_end: None,
        }
    }

    fn restored(mark_s: i64, now: Reading) -> TrustedTime {
        TrustedTime::restore(Some(&left(mark_s)), "run".to_owned(), now)
    }

    #[test]
    fn a_fresh_statement_sets_it_forward_and_back() {
        let mut time = TrustedTime::restore(None, "run".to_owned(), at(10, 1_000));
        assert_eq!(time.now(at(10, 1_000)).seconds(), 1_000);
        time.fresh(Timestamp::from_seconds(5_000), at(10, 1_000));
        assert_eq!(time.now(at(70, 1_060)).seconds(), 5_060);
        time.fresh(Timestamp::from_seconds(900), at(70, 1_060));
        assert_eq!(time.now(at(71, 999_999)).seconds(), 901, "the wall clock has no say after contact");
    }

    #[test]
    fn a_wall_clock_set_back_extends_nothing_and_asks_for_contact() {
        let time = restored(1_000_000, at(5, 400_000));
        assert_eq!(time.now(at(105, 400_100)).seconds(), 1_000_100);
        assert!(time.asks_for_contact(at(105, 400_100)));
    }

    #[test]
    fn a_wall_clock_far_ahead_ends_nothing_and_asks_for_contact() {
        let time = restored(1_000_000, at(5, 2_000_000));
        assert_eq!(time.now(at(5, 2_000_000)).seconds(), 1_000_000);
        assert!(time.asks_for_contact(at(5, 2_000_000)));
        assert!(!time.asks_for_contact(at(5, 1_010_000)));
        assert_eq!(time.now(at(5, 1_010_000)).seconds(), 1_010_000, "a machine that was off for a while");
    }

    #[test]
    fn a_wall_clock_past_the_end_is_disbelieved_for_a_day_of_each_run_and_not_after_contact() {
        let (end, day) = (Timestamp::from_seconds(1_500_000), 86_400);
        let until = |time: &TrustedTime, now| time.disbelieved_until(end, now).map(|at| at.as_secs());
        let mut time = restored(1_000_000, at(50, 1_400_000));
        assert!(!time.note_past_end(end, at(50, 1_400_000)));
        assert!(time.note_past_end(end, at(60, 9_000_000)));
        assert!(!time.note_past_end(end, at(70, 9_000_010)), "the first time counts");
        assert_eq!(until(&time, at(70, 9_000_010)), Some(60 + day));
        assert_eq!(until(&time, at(80, 1_400_000)), None, "a clock that was set again");
        let saved = time.mark(at(90, 9_000_030));
        let again = TrustedTime::restore(Some(&saved), "run".to_owned(), at(100, 9_000_040));
        assert_eq!(
            until(&again, at(100, 9_000_040)),
            Some(60 + day),
            "a restart of the process gains nothing"
        );
        let mut other = TrustedTime::restore(Some(&saved), "another run".to_owned(), at(5, 9_000_050));
        assert!(other.note_past_end(end, at(5, 9_000_050)));
        assert_eq!(until(&other, at(5, 9_000_050)), Some(5 + day));
        other.fresh(Timestamp::from_seconds(1_400_000), at(9, 9_000_060));
        assert_eq!(until(&other, at(9, 9_000_060)), None);
        assert!(!other.note_past_end(end, at(9, 9_000_060)));
    }

    #[test]
    fn it_never_falls_behind_what_was_verified_or_marked() {
        let mut time = restored(1_000_000, at(5, 1_000_000));
        time.at_least(Timestamp::from_seconds(1_500_000), at(5, 1_000_000));
        assert_eq!(time.now(at(6, 0)).seconds(), 1_500_001);
        assert_eq!(time.mark(at(6, 1_500_900)).mark.time.seconds(), 1_500_900);
        assert_eq!(time.now(at(7, 0)).seconds(), 1_500_901);
    }

    #[test]
    fn a_process_that_was_down_in_the_same_run_of_the_machine_has_missed_no_time() {
        let mut time = restored(1_000_000, at(5, 400_000));
        let saved = time.mark(at(65, 400_060));
        let later = TrustedTime::restore(Some(&saved), "run".to_owned(), at(3_665, 403_660));
        assert_eq!(later.now(at(3_665, 403_660)).seconds(), 1_003_660);
    }

    #[test]
    fn a_restart_of_the_process_keeps_it_and_one_of_the_machine_does_not() {
        let mut time = TrustedTime::restore(None, "run".to_owned(), at(10, 50));
        time.fresh(Timestamp::from_seconds(5_000), at(10, 50));
        let saved = time.mark(at(20, 60));
        let same = TrustedTime::restore(Some(&saved), "run".to_owned(), at(30, 70));
        assert_eq!(same.now(at(30, 70)).seconds(), 5_020);
        assert!(!same.asks_for_contact(at(30, 70)));
        let other = TrustedTime::restore(Some(&saved), "another run".to_owned(), at(3, 70));
        assert_eq!(other.now(at(3, 70)).seconds(), 5_010);
        assert!(other.asks_for_contact(at(3, 70)));
    }
}
