//! Work that waits for a disk, or computes for long, on a thread of its own.

use crate::{Error, Result};

/// Runs work on a thread that may block.
///
/// # Errors
/// The error of the work, or a failure if the work did not end.
pub(crate) async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Failure(format!("work on a thread of its own was interrupted: {error}")))?
}
