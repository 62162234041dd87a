//! Backups on a schedule: made by one of the processes on a database, and old ones removed once a new one is whole.

use std::{
    fs,
    path::{Path, PathBuf},
    pin::pin,
};

use kaching_base::{Base64Url, CLOCK_TOLERANCE, Seconds, Timestamp};
use serde::{Deserialize, Serialize};

use super::{BackupFile, Chunks, read, refused, sql};
use crate::{Authority, Cx, Result, keys::interrupted};

/// When, where, and how many are kept.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Where they are written.
    pub directory: PathBuf,
    /// How often.
    pub every: Seconds,
    /// How many stay.
    pub keep: usize,
}

/// What is known of the backups on the schedule.
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
struct State {
    begun_at: i64,
    succeeded_at: Option<i64>,
    error: Option<String>,
    /// Who makes one, and until when nobody else begins.
    lease: Option<String>,
    until: i64,
}

/// A process that dies leaves the work to another one after this.
const LEASE: Seconds = Seconds(600);
/// The lease is held on to this often.
const HOLD: Seconds = Seconds(120);
/// What failed is tried again after this, or sooner where the schedule says so.
const AGAIN: Seconds = Seconds(600);

impl Authority {
    /// Makes a backup if one is due and no other process makes it. The file, where it was made.
    ///
    /// # Errors
    /// Why it could not be made; that is remembered, too.
    pub async fn back_up_when_due(&self, schedule: &Schedule) -> Result<Option<PathBuf>> {
        let Some(lease) = self.take_backup(schedule.every).await? else { return Ok(None) };
        let made = self.make_scheduled(schedule, &lease).await;
        let (held, error) = (lease.clone(), made.as_ref().err().map(ToString::to_string));
        self.write_regardless("backup.done", Cx::system("backup"), move |tx, op| {
            let mut state: State = sql::lock_schedule(tx)?;
            if state.lease.as_ref() == Some(&held) {
                (state.lease, state.until) = (None, 0);
                state.error.clone_from(&error);
                if error.is_none() {
                    state.succeeded_at = Some(op.now.micros());
                }
                sql::keep_schedule(tx, &state)?;
            }
            Ok(())
        })
        .await?;
        made.map(Some)
    }

    /// What is known of the backups on the schedule, whichever process made them.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn last_backup(&self) -> Result<LastBackup> {
        let state: State = self.read("backup.last", |tx, _| sql::schedule(tx)).await?;
        Ok(LastBackup { succeeded_at: state.succeeded_at.map(Timestamp::from_micros), error: state.error })
    }

    /// The lease under which this process makes the backup that is due.
    async fn take_backup(&self, every: Seconds) -> Result<Option<String>> {
        let due = move |state: &State, now: Timestamp| {
            let wait = if state.error.is_some() { every.min(AGAIN) } else { every };
            let begun = Timestamp::from_micros(state.begun_at);
            // One whose maker has died or was stopped is made by the next, once the lease is over.
            let left = state.lease.is_some();
            // One that was begun later than now was begun by a clock that ran ahead.
            let ahead = begun.since(now) > CLOCK_TOLERANCE;
            ahead || (state.begun_at == 0 || left || now >= begun + wait) && now.micros() >= state.until
        };
        if !due(&self.read("backup.look_due", |tx, _| sql::schedule(tx)).await?, self.now()) {
            return Ok(None);
        }
        self.write_regardless("backup.take", Cx::system("backup"), move |tx, op| {
            let mut state: State = sql::lock_schedule(tx)?;
            if !due(&state, op.now) {
                return Ok(None);
            }
            let lease = Base64Url(op.random::<16>()).to_string();
            state.begun_at = op.now.micros();
            (state.lease, state.until) = (Some(lease.clone()), (op.now + LEASE).micros());
            sql::keep_schedule(tx, &state)?;
            Ok(Some(lease))
        })
        .await
    }

    async fn make_scheduled(&self, schedule: &Schedule, lease: &str) -> Result<PathBuf> {
        let path = schedule.directory.join(format!("kaching-{}.backup", sql::stamp(self.now())));
        let chunks = self.backup(Cx::system("backup"), None).await?;
        let mut writing = pin!(write(chunks, path.clone(), schedule.keep));
        let held = std::time::Duration::from_secs(HOLD.0.unsigned_abs());
        loop {
            match tokio::time::timeout(held, &mut writing).await {
                Ok(done) => return done.map(|()| path),
                Err(_) => self.hold_backup(lease).await?,
            }
        }
    }

    async fn hold_backup(&self, lease: &str) -> Result<()> {
        let lease = lease.to_owned();
        self.write_regardless("backup.hold", Cx::system("backup"), move |tx, op| {
            let mut state: State = sql::lock_schedule(tx)?;
            if state.lease.as_ref() == Some(&lease) {
                state.until = (op.now + LEASE).micros();
                sql::keep_schedule(tx, &state)?;
            }
            Ok(())
        })
        .await
    }
}

/// Whoever drops this ends it after the piece that is being written.
async fn write(mut chunks: Chunks, path: PathBuf, keep: usize) -> Result<()> {
    let target = path.clone();
    let mut file = waiting(move || {
        remove_unfinished(&target);
        BackupFile::create(&target)
    })
    .await?;
    while let Some(piece) = chunks.next().await {
        let piece = piece?;
        file = waiting(move || file.write(&piece).map(drop).map(|()| file)).await?;
    }
    waiting(move || {
        if file.finish()?.sha256 != read(&path, |_| {})?.sha256 {
            return Err(refused(format!("{} does not hold what was written to it", path.display())));
        }
        remove_old(&path, keep);
        Ok(())
    })
    .await
}

/// On a thread that may wait for the disk.
async fn waiting<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(interrupted)?
}

/// Removes what processes that were killed have left behind: of all, only the holder of the lease writes here.
fn remove_unfinished(beside: &Path) {
    remove(
        names(beside).filter(|name| name.starts_with("kaching-") && name.ends_with(".unfinished")),
        beside,
    );
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

fn names(beside: &Path) -> impl Iterator<Item = String> {
    let listed = beside.parent().and_then(|directory| fs::read_dir(directory).ok());
    listed.into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok())
}

/// What cannot be removed is told, no more.
fn remove(names: impl Iterator<Item = String>, beside: &Path) {
    for path in names.map(|name| beside.with_file_name(name)) {
        match fs::remove_file(&path) {
            Ok(()) => tracing::info!(path = %path.display(), "a backup that is kept no longer was removed"),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a backup that is kept no longer cannot be removed")
            }
        }
    }
}
