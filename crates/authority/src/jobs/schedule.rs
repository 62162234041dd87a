//! Everything that is due by the clock alone, in one table. Each task runs apart from the others, and each item of a task
//! apart from the others: what cannot be read or done stops nothing else, and is reported.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::{Pin, pin},
    sync::Mutex,
    time::Duration,
};

use kaching_base::Timestamp;

use super::Progress;
use crate::{
    Authority, Result, activations, backup, changes, idempotency, keys, licenses, refusals, retention,
};

/// A periodic task.
pub struct Task {
    name: &'static str,
    every: Duration,
    /// The effect of a stop of the process.
    on_stop: OnStop,
    run: for<'a> fn(&'a Authority) -> TaskFuture<'a>,
}

type TaskFuture<'a> = Pin<Box<dyn Future<Output = Result<Progress>> + Send + 'a>>;

/// The effect of a stop of the process on a running task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnStop {
    /// It ends first: it is short.
    Finish,
    /// It is dropped, and another process continues it or begins again.
    Drop,
}

/// The tasks that run with each round of jobs, and pause while the clock is wrong.
const ROUND: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_secs(60);
const TEN_MINUTES: Duration = Duration::from_secs(600);
/// A client that has learned of a newer keyset from one server may ask another one for it.
const KEYS: Duration = Duration::from_secs(1);

macro_rules! task {
    ($name:literal, $every:expr, $on_stop:ident, $run:path) => {
        Task {
            name: $name,
            every: $every,
            on_stop: OnStop::$on_stop,
            run: |authority| Box::pin(async move { Ok(Progress::from($run(authority).await?)) }),
        }
    };
}

/// The schedule.
pub static TASKS: [Task; 15] = [
    task!("licenses.change_plan", ROUND, Finish, licenses::apply_due_changes),
    task!("activations.lapse", ROUND, Finish, activations::lapse_due),
    task!("activations.write_repeated", ROUND, Finish, activations::write_repeated),
    task!("activations.forget", ROUND, Finish, activations::forget_nonces),
    task!("usage.roll_up", ROUND, Finish, activations::roll_up_usage),
    task!("idempotency.forget", ROUND, Finish, idempotency::forget_old),
    task!("changes.forget", ROUND, Finish, changes::forget_old),
    task!("keys.replace", ROUND, Finish, keys::replace_ending_keys),
    task!("refusals.digest", ROUND, Finish, refusals::write_digests),
    task!("keys.follow", KEYS, Finish, keys::follow),
    task!("clock.store", MINUTE, Finish, Authority::store_time),
    task!("keyset.renew", MINUTE, Finish, Authority::renew_keyset),
    task!("licenses.count_ending", TEN_MINUTES, Drop, Authority::count_ending),
    task!("backup.make", MINUTE, Drop, backup::make_due),
    task!("retention.remove", MINUTE, Drop, retention::remove_due),
];

/// The outcome of the runs of a task in this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskReport {
    /// The task's name.
    pub task: &'static str,
    /// When it last ended without a failure.
    pub succeeded_at: Option<Timestamp>,
    /// Why the last run failed as a whole.
    pub error: Option<String>,
    /// The items that failed in the last run, each with the reason.
    pub failed_items: BTreeMap<String, String>,
}

/// The reports of this process.
#[derive(Default)]
pub(crate) struct TaskReports(Mutex<BTreeMap<&'static str, TaskReport>>);

impl Task {
    /// The task's name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl Authority {
    /// Runs a task of the schedule, again and again, until `stop` ends.
    pub async fn run_task(&self, task: &Task, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        loop {
            // A wrong clock makes nothing due; `/ready` and the log say that it is wrong.
            if task.every != ROUND || self.check_clock(self.now()).is_ok() {
                let mut run = pin!(self.run_once(task));
                tokio::select! {
                    _ = &mut run => {}
                    () = &mut stop => {
                        if task.on_stop == OnStop::Finish {
                            let _ = run.await;
                        }
                        return;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(task.every) => {}
                () = &mut stop => return,
            }
        }
    }

    /// Runs each task of a round once. Returns how many things they did.
    ///
    /// # Errors
    /// If the database cannot be used.
    pub(super) async fn run_tasks(&self) -> Result<u64> {
        let mut done = 0;
        for task in TASKS.iter().filter(|task| task.every == ROUND) {
            match self.run_once(task).await {
                Ok(count) => done += count,
                Err(error) if error.concerns_one_item() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Returns how the tasks of the schedule ended in this process, by name.
    pub fn task_reports(&self) -> Vec<TaskReport> {
        self.task_reports.0.lock().expect("nothing panics while it is held").values().cloned().collect()
    }

    async fn run_once(&self, task: &Task) -> Result<u64> {
        let ran = (task.run)(self).await;
        self.record_run(task, &ran);
        ran.map(|progress| progress.done)
    }

    /// Counts and remembers how a run ended. Each failure is logged when it begins, not with every run.
    fn record_run(&self, task: &Task, ran: &Result<Progress>) {
        let name = task.name;
        let mut report =
            TaskReport { task: name, succeeded_at: None, error: None, failed_items: BTreeMap::new() };
        match ran {
            Ok(progress) => {
                let failed = progress.failed.iter();
                report.failed_items = failed.map(|(item, error)| (item.clone(), error.to_string())).collect();
            }
            Err(error) => report.error = Some(error.to_string()),
        }
        let failures = report.failed_items.len() as u64 + u64::from(report.error.is_some());
        self.metrics.jobs.task_failed(name, failures);
        if failures == 0 {
            report.succeeded_at = Some(self.now());
            self.metrics.jobs.task_succeeded(name, self.now());
        }
        let mut reports = self.task_reports.0.lock().expect("nothing panics while it is held");
        let before = reports.remove(name);
        let is_new =
            |item: &String| before.as_ref().is_none_or(|before| !before.failed_items.contains_key(item));
        for (item, error) in report.failed_items.iter().filter(|(item, _)| is_new(item)) {
            tracing::error!(task = name, item, error, "an item of periodic work failed; the others are done");
        }
        // What makes a server not ready is logged once, by the task that measures.
        if let Err(error) = ran
            && error.out_of_order().is_none()
            && before.as_ref().is_none_or(|before| before.error != report.error)
        {
            tracing::error!(task = name, %error, "periodic work failed; it is tried again");
        }
        report.succeeded_at = report.succeeded_at.or(before.and_then(|before| before.succeeded_at));
        reports.insert(name, report);
    }
}

impl From<()> for Progress {
    fn from((): ()) -> Self {
        Self::default()
    }
}
