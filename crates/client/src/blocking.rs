//! Blocking calls as futures, on any runtime: each runs on a thread of its own, so the task that awaits it blocks no thread
//! of the runtime. Dropping a future cancels nothing: its call continues to its end.

use std::thread;

use tokio::sync::oneshot;

use crate::{
    Builder, DeactivateError, Fingerprint, Guard, LicenseKey, StartError, State, ValidateError, Validity,
};

/// Runs blocking work on a thread of its own; `None` where the system gives no thread.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, outcome) = oneshot::channel();
    let run = move || drop(done.send(work()));
    match thread::Builder::new().name("kaching-blocking".to_owned()).spawn(run) {
        Ok(_) => outcome.await.ok(),
        Err(error) => {
            tracing::error!(%error, "no thread to wait on");
            None
        }
    }
}

const NO_THREAD: &str = "this system gives no thread to wait on";

fn not_started() -> StartError {
    StartError::Setting(NO_THREAD.to_owned())
}

fn not_deactivated() -> DeactivateError {
    DeactivateError { why: NO_THREAD.to_owned() }
}

/// Needs the feature `async`.
impl Builder {
    /// As [`start`](Self::start), without blocking the task. If the future is dropped, the guard ends as it has started.
    ///
    /// # Errors
    /// As there.
    pub async fn start_async(self) -> Result<Guard, StartError> {
        blocking(|| self.start()).await.unwrap_or_else(|| Err(not_started()))
    }

    /// As [`start_unlicensed`](Self::start_unlicensed), without blocking the task.
    ///
    /// # Errors
    /// As there.
    pub async fn start_unlicensed_async(self) -> Result<Guard, StartError> {
        blocking(|| self.start_unlicensed()).await.unwrap_or_else(|| Err(not_started()))
    }
}

/// Needs the feature `async`.
impl Guard {
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        let guard = self.clone();
        blocking(move || work(&guard)).await
    }

    /// As [`heartbeat_now`](Self::heartbeat_now), without blocking the task.
    pub async fn heartbeat_async(&self) -> State {
        self.blocking(Self::heartbeat_now).await.unwrap_or_else(|| self.state())
    }

    /// As [`activate`](Self::activate), without blocking the task.
    ///
    /// # Errors
    /// As there.
    pub async fn activate_async(&self, license_key: LicenseKey) -> Result<(), StartError> {
        let done = self.blocking(|guard| guard.activate(license_key)).await;
        done.unwrap_or_else(|| Err(not_started()))
    }

    /// As [`activate_as`](Self::activate_as), without blocking the task.
    ///
    /// # Errors
    /// As there.
    pub async fn activate_as_async(
        &self,
        license_key: LicenseKey,
        fingerprint: Fingerprint,
    ) -> Result<(), StartError> {
        let done = self.blocking(|guard| guard.activate_as(license_key, fingerprint)).await;
        done.unwrap_or_else(|| Err(not_started()))
    }

    /// As [`validate`](Self::validate), without blocking the task.
    ///
    /// # Errors
    /// As there.
    pub async fn validate_async(
        &self,
        license_key: LicenseKey,
        fingerprint: Option<Fingerprint>,
    ) -> Result<Validity, ValidateError> {
        let done = self.blocking(move |guard| guard.validate(&license_key, fingerprint.as_ref())).await;
        done.unwrap_or_else(|| Err(ValidateError { why: NO_THREAD.to_owned() }))
    }

    /// As [`deactivate`](Self::deactivate), without blocking the task.
    ///
    /// # Errors
    /// As there.
    pub async fn deactivate_async(&self) -> Result<(), DeactivateError> {
        self.blocking(Self::deactivate).await.unwrap_or_else(|| Err(not_deactivated()))
    }

    /// As [`shutdown`](Self::shutdown), without blocking the task.
    ///
    /// # Errors
    /// As there.
    pub async fn shutdown_async(&self) -> Result<(), DeactivateError> {
        self.blocking(Self::shutdown).await.unwrap_or_else(|| Err(not_deactivated()))
    }
}
