//! The result of one run of a periodic task, item by item.

use crate::{Error, Result};

/// The number of items that were done, and the ones that failed.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) done: u64,
    /// The items that failed, with the reason of each.
    pub(crate) failed: Vec<(String, Error)>,
}

impl Progress {
    /// Counts an item that was done, or remembers it as failed.
    ///
    /// # Errors
    /// If the error does not concern this item alone: then the others would fail as well.
    pub(crate) fn item(&mut self, item: impl ToString, result: Result<()>) -> Result<()> {
        match result {
            Ok(()) => self.done += 1,
            Err(error) if error.concerns_one_item() => self.failed.push((item.to_string(), error)),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl From<u64> for Progress {
    fn from(done: u64) -> Self {
        Self { done, failed: Vec::new() }
    }
}
