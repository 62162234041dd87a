//! What runs beside the requests: jobs, the keyset, the clock, backups.

use std::time::Duration;

use crate::{App, Shutdown};

/// How often due jobs are looked for.
const JOBS: Duration = Duration::from_secs(5);
/// How often the time is stored, and the keyset looked at: what other replicas changed shows within this.
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) async fn jobs(app: App, mut shutdown: Shutdown) {
    loop {
        if let Err(error) = app.authority.run_jobs().await {
            tracing::warn!("jobs could not run: {error}");
        }
        tokio::select! {
            () = tokio::time::sleep(JOBS) => {}
            () = shutdown.asked() => return,
        }
    }
}

pub(crate) async fn minutely(app: App, mut shutdown: Shutdown) {
    loop {
        if let Err(error) = app.authority.store_time().await {
            tracing::error!("{error}");
        }
        if let Err(error) = app.authority.renew_keyset().await {
            tracing::error!("the keyset could not be renewed: {error}");
        }
        tokio::select! {
            () = tokio::time::sleep(MINUTE) => {}
            () = shutdown.asked() => return,
        }
    }
}

/// Backups on the schedule of the settings, made by one of the processes on a database.
pub(crate) async fn backups(app: App, mut shutdown: Shutdown) {
    let Some(schedule) = app.schedule.clone() else { return };
    loop {
        // One that is under way when the stop comes is dropped, and begun again by whoever is next.
        let made = tokio::select! {
            made = app.authority.back_up_when_due(&schedule) => made,
            () = shutdown.asked() => return,
        };
        match made {
            Ok(None) => {}
            Ok(Some(path)) => tracing::info!(path = %path.display(), "a backup was made"),
            Err(error) => {
                app.metrics.backup_failures.inc();
                tracing::error!("the backup could not be made: {error}");
            }
        }
        if let Ok(last) = app.authority.last_backup().await {
            app.metrics.backup_success.set(last.succeeded_at.map_or(0, |at| at.seconds()));
        }
        tokio::select! {
            () = tokio::time::sleep(MINUTE) => {}
            () = shutdown.asked() => return,
        }
    }
}
