//! The metrics of the worker and the schedule of this process.

use std::time::Duration;

use kaching_base::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// Jobs by kind, and tasks of the schedule by name.
#[derive(Clone, Default)]
pub(crate) struct JobMetrics {
    running: Family<JobLabel, Gauge>,
    done: Family<JobLabel, Counter>,
    failed: Family<JobLabel, Counter>,
    died: Family<JobLabel, Counter>,
    duration: JobDuration,
    task_failures: Family<TaskLabel, Counter>,
    task_success: Family<TaskLabel, Gauge>,
}

#[derive(Clone)]
struct JobDuration(Family<JobLabel, Histogram, fn() -> Histogram>);

impl Default for JobDuration {
    fn default() -> Self {
        Self(Family::new_with_constructor(|| {
            Histogram::new([0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0, 600.0])
        }))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TaskLabel {
    task: &'static str,
}

impl JobMetrics {
    /// Makes them known to a registry, with the kinds and tasks that are reported from the beginning.
    pub(crate) fn register(
        &self,
        registry: &mut Registry,
        kinds: impl Iterator<Item = &'static str>,
        tasks: impl Iterator<Item = &'static str>,
    ) {
        let jobs = registry.sub_registry_with_prefix("jobs");
        jobs.register("running", "Jobs that this process runs, by kind", self.running.clone());
        jobs.register("done", "Jobs that this process has done, by kind", self.done.clone());
        jobs.register("failed", "Attempts of jobs that failed in this process, by kind", self.failed.clone());
        jobs.register("died", "Jobs that became dead letters in this process, by kind", self.died.clone());
        jobs.register_with_unit(
            "duration",
            "Time for one step of a job, by kind",
            Unit::Seconds,
            self.duration.0.clone(),
        );
        let schedule = registry.sub_registry_with_prefix("schedule");
        schedule.register(
            "failures",
            "Periodic tasks, and single items of them, that failed in this process, by task",
            self.task_failures.clone(),
        );
        schedule.register(
            "last_success_seconds",
            "Time of the last run of a periodic task without a failure in this process, in Unix seconds, by task; 0 if there is none",
            self.task_success.clone(),
        );
        // Each is reported as 0 until it first happens, so that its first time is seen as a change.
        for kind in kinds.map(|kind| JobLabel { kind }) {
            drop(self.running.get_or_create(&kind));
            for counter in [&self.done, &self.failed, &self.died] {
                drop(counter.get_or_create(&kind));
            }
            drop(self.duration.0.get_or_create(&kind));
        }
        for task in tasks {
            drop(self.task_failures.get_or_create(&TaskLabel { task }));
            drop(self.task_success.get_or_create(&TaskLabel { task }));
        }
    }

    pub(super) fn began(&self, kind: &'static str) {
        self.running.get_or_create(&JobLabel { kind }).inc();
    }

    pub(super) fn ended(&self, kind: &'static str, took: Duration) {
        self.running.get_or_create(&JobLabel { kind }).dec();
        self.duration.0.get_or_create(&JobLabel { kind }).observe(took.as_secs_f64());
    }

    pub(super) fn done(&self, kind: &'static str) {
        self.done.get_or_create(&JobLabel { kind }).inc();
    }

    pub(super) fn failed(&self, kind: &'static str) {
        self.failed.get_or_create(&JobLabel { kind }).inc();
    }

    pub(super) fn died(&self, kind: &'static str) {
        self.died.get_or_create(&JobLabel { kind }).inc();
    }

    pub(super) fn task_failed(&self, task: &'static str, failures: u64) {
        self.task_failures.get_or_create(&TaskLabel { task }).inc_by(failures);
    }

    pub(super) fn task_succeeded(&self, task: &'static str, now: Timestamp) {
        self.task_success.get_or_create(&TaskLabel { task }).set(now.seconds());
    }
}
