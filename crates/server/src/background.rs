//! Background tasks: workers of jobs, the schedule of the authority, measurements, and the distribution of changes.

use std::time::Duration;

use kaching_authority::jobs::Task;

use crate::{App, Shutdown};

/// The interval of the metrics that come from the database.
const MEASURED: Duration = Duration::from_secs(15);
const MINUTE: Duration = Duration::from_secs(60);

/// One of the workers of jobs.
pub(crate) async fn worker(app: App, mut shutdown: Shutdown) {
    app.authority.work_on_jobs(shutdown.requested()).await;
}

/// One task of the authority's schedule.
pub(crate) async fn scheduled(app: App, task: &'static Task, mut shutdown: Shutdown) {
    app.authority.run_task(task, shutdown.requested()).await;
}

/// Forgets what the limits no longer need.
pub(crate) async fn sweep(app: App, mut shutdown: Shutdown) {
    loop {
        app.limits.sweep(app.now());
        tokio::select! {
            () = tokio::time::sleep(MINUTE) => {}
            () = shutdown.requested() => return,
        }
    }
}

/// Updates the metrics that come from the database, and logs when the authority can no longer work.
pub(crate) async fn measure(app: App, mut shutdown: Shutdown) {
    let mut well = true;
    loop {
        let measured = app.authority.measure().await;
        match &measured {
            Ok(()) if !well => tracing::info!("ready again"),
            Err(error) if well => {
                tracing::error!(%error, "not ready: this server cannot do its work")
            }
            Ok(()) | Err(_) => {}
        }
        well = measured.is_ok();
        tokio::select! {
            () = tokio::time::sleep(MEASURED) => {}
            () = shutdown.requested() => return,
        }
    }
}

/// Distributes changes to streams and long polls, from this and from other replicas.
pub(crate) async fn changes(app: App, mut shutdown: Shutdown) {
    tokio::select! {
        () = app.authority.follow_changes() => {}
        () = shutdown.requested() => {}
    }
}
