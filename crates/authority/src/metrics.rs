//! The metrics of the authority. Reading them never waits for the database.

use std::time::Duration;

use kaching_base::{ErrorCode, LeaseAlgorithm, Timestamp};
use kaching_db::DiskSpace;
use kaching_license::KeyPurpose;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{
    Authority, Result, backup,
    health::PROBE_TIMEOUT,
    jobs::{self, JobMetrics, QueueDepth},
    keys::KeyRing,
    migrations, retention,
    stats::EndingLicenses,
};

/// All metrics of the authority.
#[derive(Clone, Default)]
pub(crate) struct AuthorityMetrics {
    signed: Family<StatementLabel, Counter>,
    signing: Signing,
    /// Slow signatures that are made or wait to be.
    pub(crate) slow: Gauge,
    refusals: Family<RefusalLabel, Counter>,
    key_end: Family<KeyLabel, Gauge>,
    keyset_end: Gauge,
    epoch: Gauge,
    schema: Gauge,
    ready: Gauge,
    database_up: Gauge,
    clock_trusted: Gauge,
    database_size: Gauge,
    disk_free: Gauge,
    disk_size: Gauge,
    ending: Family<EndingLabel, Gauge>,
    jobs_queued: Gauge,
    jobs_failing: Gauge,
    jobs_overdue: Gauge,
    jobs_dead: Gauge,
    pub(crate) jobs: JobMetrics,
    removed: Family<RemovedLabel, Counter>,
    removal_success: Gauge,
    backup_success: Gauge,
    pub(crate) backup_failures: Counter,
}

/// Time for a signature, by algorithm.
#[derive(Clone)]
struct Signing(Family<AlgorithmLabel, Histogram, fn() -> Histogram>);

/// The kinds of statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatementKind {
    Lease,
    Refusal,
    Validation,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatementLabel {
    statement: &'static str,
    algorithm: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlgorithmLabel {
    algorithm: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabel {
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyLabel {
    purpose: &'static str,
    algorithm: &'static str,
}

/// The state of licenses that end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndingLabel {
    state: &'static str,
}

/// The kind of rows that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RemovedLabel {
    what: String,
}

impl Default for Signing {
    fn default() -> Self {
        Self(Family::new_with_constructor(|| {
            Histogram::new([1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 1e-1])
        }))
    }
}

impl StatementKind {
    const ALL: [Self; 3] = [Self::Lease, Self::Refusal, Self::Validation];

    fn as_str(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::Refusal => "refusal",
            Self::Validation => "validation",
        }
    }
}

impl AuthorityMetrics {
    /// Makes them known to a registry.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.register_statements(registry);
        self.register_keys(registry);
        self.register_state(registry);
        self.register_work(registry);
    }

    fn register_statements(&self, registry: &mut Registry) {
        registry.register(
            "statements_signed",
            "Statements signed, by type and algorithm",
            self.signed.clone(),
        );
        registry.register_with_unit(
            "signing",
            "Time for one signature, by algorithm",
            Unit::Seconds,
            self.signing.0.clone(),
        );
        registry.register("signing_waiting", "RS256 signatures in progress or waiting", self.slow.clone());
        registry.register(
            "refusals",
            "Activations, heartbeats and validations that were refused by the rules, by code",
            self.refusals.clone(),
        );
        // Each is reported as 0 until it first happens, so that its first time is seen as a change.
        for algorithm in LeaseAlgorithm::ALL.iter().map(|algorithm| algorithm.as_str()) {
            for statement in StatementKind::ALL.map(StatementKind::as_str) {
                drop(self.signed.get_or_create(&StatementLabel { statement, algorithm }));
            }
            drop(self.signing.0.get_or_create(&AlgorithmLabel { algorithm }));
        }
        for code in ErrorCode::ALL.iter().filter(|code| code.signed()) {
            drop(self.refusals.get_or_create(&RefusalLabel { code: code.as_str() }));
        }
    }

    fn register_keys(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "signing_key_end",
            "End of the key that signs, in Unix seconds, by purpose and algorithm",
            Unit::Seconds,
            self.key_end.clone(),
        );
        registry.register_with_unit(
            "keyset_end",
            "When the keyset ends, in Unix seconds; it is signed again every day",
            Unit::Seconds,
            self.keyset_end.clone(),
        );
        registry.register(
            "epoch",
            "The number of the epoch; each restore from a backup begins a new one",
            self.epoch.clone(),
        );
        registry.register("schema_version", "The version of the database's schema", self.schema.clone());
        self.schema.set(i64::try_from(migrations::ALL.list.len()).unwrap_or(i64::MAX));
    }

    fn register_state(&self, registry: &mut Registry) {
        registry.register(
            "ready",
            "1 where database, clock and keys could be used at the last check, else 0",
            self.ready.clone(),
        );
        registry.register(
            "database_up",
            "1 where the database answered at the last check, else 0",
            self.database_up.clone(),
        );
        registry.register(
            "clock_trusted",
            "1 where the clock was trusted to date what is written at the last check, else 0",
            self.clock_trusted.clone(),
        );
        registry.register_with_unit(
            "database_size",
            "Size of the database, without SQLite's write-ahead log",
            Unit::Bytes,
            self.database_size.clone(),
        );
        registry.register_with_unit(
            "database_disk_free",
            "Free space of the disk with SQLite's file; 0 on PostgreSQL, whose disk is not this server's",
            Unit::Bytes,
            self.disk_free.clone(),
        );
        registry.register_with_unit(
            "database_disk_size",
            "Size of the disk with SQLite's file; 0 on PostgreSQL, whose disk is not this server's",
            Unit::Bytes,
            self.disk_size.clone(),
        );
        registry.register(
            "licenses_ending",
            "Licenses other than trials that were not renewed, by state: active ones end within 30 days, those in_grace have ended",
            self.ending.clone(),
        );
    }

    fn register_work(&self, registry: &mut Registry) {
        registry.register("jobs_queued", "Jobs that wait or run", self.jobs_queued.clone());
        registry.register(
            "jobs_failing",
            "Jobs whose last attempt failed and that are tried again",
            self.jobs_failing.clone(),
        );
        registry.register_with_unit(
            "jobs_overdue",
            "Time since the longest waiting job was due; 0 if none waits",
            Unit::Seconds,
            self.jobs_overdue.clone(),
        );
        registry.register(
            "jobs_dead",
            "Dead letters: jobs that failed too often, and that only an operator can retry",
            self.jobs_dead.clone(),
        );
        let backups = registry.sub_registry_with_prefix("backup");
        backups.register(
            "last_success_seconds",
            "Time of the last scheduled backup that succeeded, by any process, in Unix seconds; 0 if there is none",
            self.backup_success.clone(),
        );
        backups.register(
            "failures",
            "Backups on the schedule that this process could not make",
            self.backup_failures.clone(),
        );
        let retention = registry.sub_registry_with_prefix("retention");
        retention.register(
            "removed",
            "Rows whose retention was over and that this process removed, by kind",
            self.removed.clone(),
        );
        retention.register(
            "last_success_seconds",
            "Time when the nightly removal was last completed, by any process, in Unix seconds; 0 if it never was",
            self.removal_success.clone(),
        );
        retention::words().for_each(|what| self.removed(what, 0));
    }

    pub(crate) fn removed(&self, what: &str, count: u64) {
        self.removed.get_or_create(&RemovedLabel { what: what.to_owned() }).inc_by(count);
    }

    pub(crate) fn signed(&self, kind: StatementKind, algorithm: LeaseAlgorithm, took: Duration) {
        let (statement, algorithm) = (kind.as_str(), algorithm.as_str());
        self.signed.get_or_create(&StatementLabel { statement, algorithm }).inc();
        self.signing.0.get_or_create(&AlgorithmLabel { algorithm }).observe(took.as_secs_f64());
    }

    pub(crate) fn refused(&self, code: ErrorCode) {
        self.refusals.get_or_create(&RefusalLabel { code: code.as_str() }).inc();
    }

    /// Records the present keys. The end of one that is gone stays reported: nothing took its place.
    pub(crate) fn keys(&self, ring: &KeyRing) {
        self.epoch.set(i64::try_from(ring.epoch).unwrap_or(i64::MAX));
        self.keyset_end.set(ring.keyset_ends_at.seconds());
        let lease = LeaseAlgorithm::ALL.iter().filter_map(|algorithm| {
            Some((KeyPurpose::Lease, algorithm.as_str(), ring.signer_ends_at(*algorithm)?))
        });
        for (purpose, algorithm, end) in lease {
            self.key_end.get_or_create(&KeyLabel { purpose: purpose.as_str(), algorithm }).set(end.seconds());
        }
    }

    /// Records the licenses that end without a renewal.
    pub(crate) fn ending(&self, ending: &EndingLicenses) {
        for (state, count) in [("active", ending.active), ("in_grace", ending.in_grace)] {
            self.ending.get_or_create(&EndingLabel { state }).set(count);
        }
    }

    fn disk(&self, disk: DiskSpace) {
        let [free, size] = [disk.free, disk.size].map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        self.disk_free.set(free);
        self.disk_size.set(size);
    }

    fn depth(&self, depth: &QueueDepth, now: Timestamp) {
        self.jobs_queued.set(depth.queued);
        self.jobs_dead.set(depth.dead);
        self.jobs_failing.set(depth.failing);
        self.jobs_overdue.set(depth.oldest_due.map_or(0, |due| now.since(due).0.max(0)));
    }
}

impl Authority {
    /// Measures what only the database knows, and whether the authority is ready, so that reading the metrics never waits for
    /// the database. Called at the start and every few seconds.
    ///
    /// # Errors
    /// As [`ready`](Self::ready).
    pub async fn measure(&self) -> Result<()> {
        let ready = self.ready().await;
        self.metrics.ready.set(ready.is_ok().into());
        self.metrics.clock_trusted.set(self.check_clock(self.now()).is_ok().into());
        let measured = self.measure_database().await;
        self.metrics.database_up.set(measured.is_ok().into());
        if let Some(disk) = self.db.disk().await {
            self.metrics.disk(disk);
        }
        ready.and(measured)
    }

    async fn measure_database(&self) -> Result<()> {
        let (db, now) = (self.db.with_deadline(PROBE_TIMEOUT), self.now());
        self.metrics.database_size.set(db.size().await?);
        self.metrics.depth(&db.read("jobs.depth", jobs::depth).await?, now);
        let last = db.read("backup.measure", backup::last).await?;
        self.metrics.backup_success.set(last.succeeded_at.map_or(0, |at| at.seconds()));
        let last = db.read("retention.measure", retention::last).await?;
        self.metrics.removal_success.set(last.succeeded_at.map_or(0, |at| at.seconds()));
        Ok(())
    }
}

/// Returns the time between two readings; zero if the clock was set back in between.
pub(crate) fn since(began: Timestamp, now: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(now.micros() - began.micros()).unwrap_or(0))
}
