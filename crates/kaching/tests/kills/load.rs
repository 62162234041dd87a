//! The meeting point of the threads that load a server and the one that kills it.

use std::{
    sync::{Condvar, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use crate::wire::{Answer, Call, Line, Target};

/// No answer is waited for longer, kills and starts included.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two attempts while nobody serves.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Default)]
pub(crate) struct Load {
    turn: Mutex<Turn>,
    changed: Condvar,
}

#[derive(Default)]
struct Turn {
    /// Answers so far.
    answered: u64,
    /// Requests that were sent again because their answer did not come.
    repeated: u64,
    /// Answers that say that nobody knows.
    unknown: u64,
    /// Why the last of those that were sent again was.
    failure: Option<String>,
    paused: bool,
    /// The threads that load, and those of them that have stopped.
    workers: usize,
    parked: usize,
    ended: bool,
}

/// A worker's connection to the server, which sends a request again until it is answered.
pub(crate) struct RetryingClient<'a> {
    load: &'a Load,
    line: Line,
}

impl Load {
    pub(crate) fn client(&self, target: impl Into<Target>) -> RetryingClient<'_> {
        RetryingClient { load: self, line: Line::to(target) }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap()
    }

    fn change(&self, change: impl FnOnce(&mut Turn)) {
        change(&mut self.turn());
        self.changed.notify_all();
    }

    /// How many requests were answered, and how many had to be repeated for that.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let turn = self.turn();
        (turn.answered, turn.repeated)
    }

    /// Nothing had to be sent again.
    pub(crate) fn assert_no_failure(&self) {
        let turn = self.turn();
        assert_eq!(
            turn.repeated, 0,
            "requests that failed, of {}; the last: {:?}",
            turn.answered, turn.failure
        );
    }

    /// How many answers said that the outcome is not known.
    pub(crate) fn unknown(&self) -> u64 {
        self.turn().unknown
    }

    /// Lets everybody work until there are so many more answers, and a little longer.
    pub(crate) fn work(&self, answers: u64, longer: Duration) {
        let end = self.turn().answered + answers;
        self.change(|turn| turn.paused = false);
        let busy = |turn: &mut Turn| turn.answered < end;
        let waited = self.changed.wait_timeout_while(self.turn(), PATIENCE, busy).unwrap();
        assert!(waited.0.answered >= end, "the load makes no progress");
        drop(self.changed.wait_timeout_while(waited.0, longer, |_| true).unwrap());
    }

    /// Lets nobody begin anything new.
    pub(crate) fn pause(&self) {
        self.change(|turn| turn.paused = true);
    }

    /// Sets the number of workers, which wait until they may work.
    pub(crate) fn begin(&self, workers: usize) {
        self.change(|turn| (turn.paused, turn.workers) = (true, workers));
    }

    /// Waits until everybody has stopped, with the answer that it waited for.
    pub(crate) fn until_parked(&self) {
        self.pause();
        let works = |turn: &mut Turn| turn.parked < turn.workers;
        let waited = self.changed.wait_timeout_while(self.turn(), PATIENCE, works).unwrap();
        assert_eq!(waited.0.parked, waited.0.workers, "somebody got no answer, or failed");
    }

    pub(crate) fn end(&self) {
        self.change(|turn| turn.ended = true);
    }

    /// Between two things that a worker does; whether there is a next one.
    pub(crate) fn goes_on(&self) -> bool {
        self.change(|turn| turn.parked += 1);
        let mut turn = self.changed.wait_while(self.turn(), |turn| turn.paused && !turn.ended).unwrap();
        turn.parked -= 1;
        !turn.ended
    }
}

impl RetryingClient<'_> {
    /// Asks until there is an answer, with the same bytes again and again: the server may be killed meanwhile.
    pub(crate) fn ask(&mut self, call: &Call) -> Answer {
        let began = Instant::now();
        loop {
            let failure = match self.line.ask(call) {
                // An outcome that is not known, or the same request still on its client, is no answer.
                Ok(answer) if answer.status < 500 && answer.body["code"] != "idempotency_in_progress" => {
                    self.load.change(|turn| turn.answered += 1);
                    return answer;
                }
                Ok(answer) if answer.body["code"] == "outcome_unknown" => {
                    assert_eq!(answer.status, 503);
                    self.load.change(|turn| turn.unknown += 1);
                    "outcome_unknown".to_owned()
                }
                Ok(answer) => format!("{} {}", answer.status, answer.body),
                Err(error) => error.to_string(),
            };
            assert!(began.elapsed() < PATIENCE, "no answer to {} {}", call.method, call.path);
            let mut turn = self.load.turn();
            turn.repeated += 1;
            turn.failure = Some(format!("{} {}: {failure}", call.method, call.path));
            drop(self.load.changed.wait_timeout_while(turn, PAUSE, |_| true).unwrap());
        }
    }
}
