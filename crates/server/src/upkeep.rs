//! What runs beside the requests: jobs, the keyset, the clock, the word about changes, backups, the nightly removal.

use std::time::Duration;

use crate::{App, Shutdown};

/// How often due jobs are looked for.
const JOBS: Duration = Duration::from_secs(5);
/// How often it is looked whether another server on the same database has changed the keys.
const KEYS: Duration = Duration::from_secs(1);
/// How often the numbers are made that only the database knows.
const MEASURED: Duration = Duration::from_secs(15);
/// How often the time is stored, and it is looked whether the keyset is due.
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) async fn jobs(app: App, mut shutdown: Shutdown) {
    loop {
        if let Err(error) = app.authority.run_jobs().await {
            tracing::warn!(%error, "jobs could not run; they are tried again");
        }
        tokio::select! {
            () = tokio::time::sleep(JOBS) => {}
            () = shutdown.asked() => return,
        }
    }
}

pub(crate) async fn minutely(app: App, mut shutdown: Shutdown) {
    loop {
        app.limits.sweep(app.now());
        // What makes a server not ready is told once, by whoever measures.
        match app.authority.store_time().await {
            Err(error) if error.out_of_order().is_none() => {
                tracing::error!(%error, "the time could not be stored")
            }
            Ok(()) | Err(_) => {}
        }
        match app.authority.renew_keyset().await {
            Err(error) if error.out_of_order().is_none() => {
                tracing::error!(%error, "the keyset could not be renewed; the present one serves on until it ends")
            }
            Ok(()) | Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(MINUTE) => {}
            () = shutdown.asked() => return,
        }
    }
}

/// Keeps the numbers that only the database knows, and says in the log when the authority can no longer work.
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
            () = shutdown.asked() => return,
        }
    }
}

/// Tells streams and questions what changes, here and on other replicas.
pub(crate) async fn changes(app: App, mut shutdown: Shutdown) {
    tokio::select! {
        () = app.authority.follow_changes() => {}
        () = shutdown.asked() => {}
    }
}

/// Where several servers share a database, what one of them signs is served by all: a client that hears of a newer
/// keyset from one may ask another for it.
pub(crate) async fn keys(app: App, mut shutdown: Shutdown) {
    while app.authority.is_shared() {
        tokio::select! {
            () = tokio::time::sleep(KEYS) => {}
            () = shutdown.asked() => return,
        }
        if let Err(error) = app.authority.follow_keys().await {
            tracing::debug!(%error, "the keys could not be looked at");
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
                tracing::error!(%error, "the backup could not be made");
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

/// Removes each night what is older than it is kept for.
pub(crate) async fn retention(app: App, mut shutdown: Shutdown) {
    loop {
        let removed = tokio::select! {
            removed = app.authority.remove_old_when_due() => removed,
            () = shutdown.asked() => return,
        };
        match removed {
            Ok(None) => {}
            Ok(Some(removed)) => tracing::info!(?removed, "what is kept no longer was removed"),
            Err(error) => {
                tracing::warn!(%error, "what is kept no longer could not be removed; it is tried again")
            }
        }
        tokio::select! {
            () = tokio::time::sleep(MINUTE) => {}
            () = shutdown.asked() => return,
        }
    }
}
