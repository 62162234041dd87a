//! How the start went.

use crate::start_error::StartError;

/// The outcome of a start, settled once.
#[derive(Default)]
pub(super) struct StartOutcome {
    settled: bool,
    outcome: Option<Result<(), StartError>>,
}

impl StartOutcome {
    pub(super) fn is_open(&self) -> bool {
        !self.settled
    }

    /// Settles the start, unless it is settled.
    pub(super) fn settle(&mut self, outcome: Result<(), StartError>) {
        if !self.settled {
            *self = Self { settled: true, outcome: Some(outcome) };
        }
    }

    /// Returns the outcome once it is known, and `None` after that.
    pub(super) fn take(&mut self) -> Option<Result<(), StartError>> {
        self.outcome.take()
    }

    /// Continues the start of another engine, whose outcome somebody else takes.
    pub(super) fn succeed(&mut self, earlier: &Self) {
        self.settled = earlier.settled;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_outcome_counts_and_is_taken_once() {
        let mut start = StartOutcome::default();
        assert!(start.is_open() && start.take().is_none());
        start.settle(Ok(()));
        start.settle(Err(StartError::NoKey));
        assert!(!start.is_open());
        assert!(matches!(start.take(), Some(Ok(()))));
        assert!(start.take().is_none());
    }
}
