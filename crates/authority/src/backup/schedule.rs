//! Backups on a schedule: made by one of the processes on a database, and old ones removed once a new one is whole.

use std::{
    fs,
    path::{Path, PathBuf},
    pin::pin,
    time::Duration,
};

use kaching_base::{Seconds, Timestamp};
use kaching_db::Tx;
use serde::{Deserialize, Serialize};

use super::{BackupFile, Chunks, read, refused, sql};
use crate::{
    Authority, Cx, Result,
    blocking::run_blocking,
    shared_run::{SharedRun, lock_state, state, store_state},
};

/// The settings of the schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The directory of the backups.
    pub directory: PathBuf,
    /// The time from one backup to the next.
    pub every: Seconds,
    /// The number of backups that stay.
    pub keep: usize,
}

/// The state of the backups on the schedule.
#[derive(Clone, Debug, Default)]
pub struct LastBackup {
    /// When the last one succeeded.
    pub succeeded_at: Option<Timestamp>,
    /// Why a later one did not.
    pub error: Option<String>,
}

/// The row that all processes on a database share.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct BackupState {
    #[serde(flatten)]
    run: SharedRun,
    error: Option<String>,
}

/// The name of that row.
const NAME: &str = "backup";
/// The lease is renewed this often.
const RENEWED_EVERY: Duration = Duration::from_secs(120);
/// A failed backup is tried again after this, or sooner if the schedule says so.
const RETRIED_AFTER: Seconds = Seconds(600);

impl Authority {
    /// Makes a backup if one is due and no other process makes it. Returns its file.
    ///
    /// # Errors
    /// The reason why it could not be made, which is stored as well.
    pub async fn back_up_when_due(&self, schedule: &Schedule) -> Result<Option<PathBuf>> {
        let Some(lease) = self.take_backup(schedule.every).await? else { return Ok(None) };
        let made = self.make_scheduled(schedule, &lease).await;
        let (held, error) = (lease.clone(), made.as_ref().err().map(ToString::to_string));
        self.write_regardless("backup.done", Cx::system("backup"), move |tx, op| {
            let mut state: BackupState = lock_state(tx, NAME)?;
            if state.run.is_leased_as(&held) {
                state.run.end();
                state.error.clone_from(&error);
                if error.is_none() {
                    state.run.succeed(op.now);
                }
                store_state(tx, NAME, &state)?;
            }
            Ok(())
        })
        .await?;
        made.map(Some)
    }

    /// Returns the state of the backups on the schedule, for all processes on the database.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn last_backup(&self) -> Result<LastBackup> {
        self.read("backup.last", |tx, _| last(tx)).await
    }

    /// Returns the place, interval and number of scheduled backups of this process, if there are any.
    pub fn backup_schedule(&self) -> Option<&Schedule> {
        self.backups.as_ref()
    }

    /// Takes the lease for the backup that is due.
    async fn take_backup(&self, every: Seconds) -> Result<Option<String>> {
        let is_due = move |state: &BackupState, now: Timestamp| {
            let wait = if state.error.is_some() { every.min(RETRIED_AFTER) } else { every };
            state.run.is_due(now, |begun| now >= begun + wait)
        };
        if !is_due(&self.read("backup.look_due", |tx, _| state(tx, NAME)).await?, self.now()) {
            return Ok(None);
        }
        self.write_regardless("backup.take", Cx::system("backup"), move |tx, op| {
            let mut state: BackupState = lock_state(tx, NAME)?;
            if !is_due(&state, op.now) {
                return Ok(None);
            }
            state.run.begin(op.now);
            let lease = state.run.take_lease(op);
            store_state(tx, NAME, &state)?;
            Ok(Some(lease))
        })
        .await
    }

    async fn make_scheduled(&self, schedule: &Schedule, lease: &str) -> Result<PathBuf> {
        let path = schedule.directory.join(format!("kaching-{}.backup", sql::stamp(self.now())));
        let chunks = self.backup(Cx::system("backup"), None).await?;
        let mut writing = pin!(write(chunks, path.clone(), schedule.keep));
        loop {
            match tokio::time::timeout(RENEWED_EVERY, &mut writing).await {
                Ok(done) => return done.map(|()| path),
                Err(_) => self.renew_backup_lease(lease).await?,
            }
        }
    }

    async fn renew_backup_lease(&self, lease: &str) -> Result<()> {
        let lease = lease.to_owned();
        self.write_regardless("backup.renew_lease", Cx::system("backup"), move |tx, op| {
            let mut state: BackupState = lock_state(tx, NAME)?;
            if state.run.is_leased_as(&lease) {
                state.run.renew_lease(op.now);
                store_state(tx, NAME, &state)?;
            }
            Ok(())
        })
        .await
    }
}

/// Makes a backup if one is due by the schedule of this process.
pub(crate) async fn make_due(authority: &Authority) -> Result<()> {
    let Some(schedule) = &authority.backups else { return Ok(()) };
    match authority.back_up_when_due(schedule).await {
        Ok(made) => {
            if let Some(path) = made {
                tracing::info!(path = %path.display(), "a backup was made");
            }
            Ok(())
        }
        Err(error) => {
            authority.metrics.backup_failures.inc();
            Err(error)
        }
    }
}

pub(crate) fn last(tx: &mut Tx<'_>) -> Result<LastBackup> {
    let state: BackupState = state(tx, NAME)?;
    Ok(LastBackup { succeeded_at: state.run.succeeded_at(), error: state.error })
}

/// Dropping this ends it after the piece that is being written.
async fn write(mut chunks: Chunks, path: PathBuf, keep: usize) -> Result<()> {
    let target = path.clone();
    let mut file = run_blocking(move || {
        remove_unfinished(&target);
        BackupFile::create(&target)
    })
    .await?;
    while let Some(piece) = chunks.next().await {
        let piece = piece?;
        file = run_blocking(move || file.write(&piece).map(drop).map(|()| file)).await?;
    }
    run_blocking(move || {
        if file.finish()?.sha256 != read(&path, |_| {})?.sha256 {
            return Err(refused(format!("{} does not hold what was written to it", path.display())));
        }
        remove_old(&path, keep);
        Ok(())
    })
    .await
}

/// Removes the unfinished files of processes that were killed: only the one with the lease writes here.
fn remove_unfinished(new: &Path) {
    remove(names(new).filter(|name| name.starts_with("kaching-") && name.ends_with(".unfinished")), new);
}

/// Removes those of ours that are older than the newest of this number. Those to which a clock that ran ahead has given a
/// later name than the new one's go first.
fn remove_old(new: &Path, keep: usize) {
    let ours = |name: &str| {
        let stamp = name.strip_prefix("kaching-").and_then(|rest| rest.strip_suffix(".backup"));
        stamp.is_some_and(|stamp| stamp.len() == "20261122T000000Z".len() && stamp.ends_with('Z'))
    };
    let mut others: Vec<_> =
        names(new).filter(|name| ours(name) && new.file_name() != Some(name.as_ref())).collect();
    let of_now = |name: &String| new.file_name().is_some_and(|new| name.as_str() < &*new.to_string_lossy());
    others.sort_unstable_by_key(|name| std::cmp::Reverse((of_now(name), name.clone())));
    remove(others.into_iter().skip(keep.saturating_sub(1)), new);
}

fn names(new: &Path) -> impl Iterator<Item = String> {
    let listed = new.parent().and_then(|directory| fs::read_dir(directory).ok());
    listed.into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok())
}

/// Logs what cannot be removed.
fn remove(names: impl Iterator<Item = String>, new: &Path) {
    for path in names.map(|name| new.with_file_name(name)) {
        match fs::remove_file(&path) {
            Ok(()) => tracing::info!(path = %path.display(), "a backup that is kept no longer was removed"),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a backup that is kept no longer cannot be removed")
            }
        }
    }
}
