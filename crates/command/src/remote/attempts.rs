//! Retries of a call whose outcome is unknown, with its idempotency key.

use std::time::Duration;

use http::HeaderValue;
use kaching_authority::{Entropy as _, SystemEntropy};
use kaching_base::{Base64Url, ErrorCode};

use crate::failure::Failure;

/// The pauses before further attempts: long enough for a server to restart.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(3), Duration::from_secs(6)];

/// The longest pause between calls that a limit may ask for, in seconds. A longer one is for the user to decide.
const LONGEST_PAUSE_S: u64 = 10;

/// The most pauses for a limit before one call.
const LIMITED: usize = 30;

/// The keys of one command: a random start, and a number for each call.
pub(super) struct IdempotencyKeys {
    command: String,
    calls: u32,
}

impl IdempotencyKeys {
    pub(super) fn of_this_command() -> Self {
        let seed = SystemEntropy.seed();
        let random: [u8; 16] = *seed.first_chunk().expect("a seed has 32 bytes");
        Self { command: Base64Url(random).to_string(), calls: 0 }
    }

    pub(super) fn next(&mut self) -> HeaderValue {
        self.calls += 1;
        HeaderValue::try_from(format!("cli-{}-{}", self.command, self.calls)).expect("Base64url and digits")
    }
}

/// The attempts of one call so far.
#[derive(Default)]
pub(super) struct Attempts {
    made: usize,
    /// The number of pauses for a limit.
    limited: usize,
    /// The first failure that left the outcome unknown. The user sees it even if later attempts fail differently.
    open: Option<Failure>,
}

impl Attempts {
    /// Waits before another attempt.
    ///
    /// # Errors
    /// With the failure if another attempt would not help.
    pub(super) async fn after(&mut self, failure: Failure) -> Result<(), Failure> {
        // A command of many calls waits for its turn, and does not end halfway.
        if let Some(pause) = pause_of_limit(&failure).filter(|_| self.limited < LIMITED) {
            self.limited += 1;
            tokio::time::sleep(pause).await;
            return Ok(());
        }
        let leaves_open = matches!(failure, Failure::Lost(_))
            || failure.is(ErrorCode::OutcomeUnknown)
            || failure.is(ErrorCode::IdempotencyInProgress);
        let hinders = matches!(failure, Failure::Unreached(_)) || failure.is(ErrorCode::Overloaded);
        let worth_another = leaves_open || (hinders && self.open.is_some());
        if !worth_another {
            return Err(failure);
        }
        let open = self.open.take().unwrap_or(failure);
        let Some(pause) = PAUSES.get(self.made) else { return Err(open) };
        self.open = Some(open);
        self.made += 1;
        tokio::time::sleep(*pause).await;
        Ok(())
    }
}

/// Returns the pause that a limit of calls asks for, if it is short.
fn pause_of_limit(failure: &Failure) -> Option<Duration> {
    let Failure::Answered(problem) = failure else { return None };
    let seconds = problem.retry_after_s.filter(|seconds| *seconds <= LONGEST_PAUSE_S)?;
    failure.is(ErrorCode::RateLimited).then(|| Duration::from_secs(seconds.max(1)))
}
