use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::moment;

/// The metrics of the database, labelled with the names of the transactions.
#[derive(Clone)]
pub struct Metrics {
    finished: Family<Finished, Counter>,
    retries: Family<Name, Counter>,
    duration: Family<Name, Histogram, fn() -> Histogram>,
    wait: Family<Name, Histogram, fn() -> Histogram>,
    queue: Family<Queue, Gauge>,
    inputs: Family<Name, Histogram, fn() -> Histogram>,
    gathered: Family<Name, Gauge>,
    log: Gauge,
    held_back: Gauge,
    /// 1 while the last write found no room, or a database that is read-only.
    no_room: Gauge,
    slow: Arc<AtomicU64>,
    born: Instant,
}

/// Whether a transaction may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum TxKind {
    Write,
    Read,
}

impl TxKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    name: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Finished {
    name: &'static str,
    kind: TxKind,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    kind: TxKind,
}

/// The transaction that asks whether the database answers.
pub(crate) const PING: &str = "db.ping";

/// A closure that takes longer than this holds up everyone behind it.
const SLOW: Duration = Duration::from_millis(20);

fn seconds() -> Histogram {
    Histogram::new([0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0])
}

/// Makes a histogram of the inputs that share a transaction.
fn counts() -> Histogram {
    Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
}

impl Metrics {
    /// Makes the metrics known to a registry; their names begin with `db_`, before which the registry may put its
    /// prefix.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            finished: Family::default(),
            retries: Family::default(),
            duration: Family::new_with_constructor(seconds as fn() -> Histogram),
            wait: Family::new_with_constructor(seconds as fn() -> Histogram),
            queue: Family::default(),
            inputs: Family::new_with_constructor(counts as fn() -> Histogram),
            gathered: Family::default(),
            log: Gauge::default(),
            held_back: Gauge::default(),
            no_room: Gauge::default(),
            slow: Arc::default(),
            born: moment::now(),
        };
        let db = registry.sub_registry_with_prefix("db");
        db.register(
            "transactions",
            "Transactions by name, kind and outcome; undone means that the closure asked for a rollback",
            metrics.finished.clone(),
        );
        db.register("retries", "Times that a transaction's closure ran again", metrics.retries.clone());
        db.register_with_unit(
            "closure",
            "Time that a closure held its connection",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        db.register_with_unit(
            "wait",
            "Time that a transaction waited for a connection",
            Unit::Seconds,
            metrics.wait.clone(),
        );
        db.register("queue", "Transactions that wait for a connection", metrics.queue.clone());
        db.register(
            "batch_inputs",
            "Inputs that shared one transaction, by its name",
            metrics.inputs.clone(),
        );
        db.register(
            "batch_waiting",
            "Inputs that wait to share the next transaction, by its name",
            metrics.gathered.clone(),
        );
        db.register_with_unit(
            "log",
            "Length of SQLite's write-ahead log, as of its last checkpoint",
            Unit::Bytes,
            metrics.log.clone(),
        );
        db.register_with_unit(
            "log_held_back",
            "Size of the part of the write-ahead log that the last checkpoint could not move because of a reader",
            Unit::Bytes,
            metrics.held_back.clone(),
        );
        db.register(
            "no_room",
            "1 while the last write found the disk full, or the database read-only",
            metrics.no_room.clone(),
        );
        // A series starts at 0 before its first event, so that the first one is seen as a change.
        drop(metrics.retries.get_or_create(&Name { name: PING }));
        for kind in [TxKind::Write, TxKind::Read] {
            drop(metrics.queue.get_or_create(&Queue { kind }));
        }
        metrics
    }

    pub(crate) fn enqueued(&self, kind: TxKind) {
        self.queue.get_or_create(&Queue { kind }).inc();
    }

    pub(crate) fn dequeued(&self, kind: TxKind) {
        self.queue.get_or_create(&Queue { kind }).dec();
    }

    pub(crate) fn waited(&self, name: &'static str, queued: Instant) {
        self.wait.get_or_create(&Name { name }).observe(queued.elapsed().as_secs_f64());
    }

    pub(crate) fn retried(&self, name: &'static str) {
        self.retries.get_or_create(&Name { name }).inc();
    }

    pub(crate) fn ran(&self, name: &'static str, began: Instant) {
        let took = began.elapsed();
        self.duration.get_or_create(&Name { name }).observe(took.as_secs_f64());
        if took > SLOW && self.first_this_second() {
            tracing::warn!(
                name,
                millis = took.as_millis() as u64,
                "a transaction holds its connection for long"
            );
        }
    }

    pub(crate) fn finished(&self, name: &'static str, kind: TxKind, outcome: &'static str) {
        self.finished.get_or_create(&Finished { name, kind, outcome }).inc();
    }

    /// Records the end of a write: it stored something, or the disk was full.
    pub(crate) fn stored(&self, stored: bool) {
        self.no_room.set((!stored).into());
    }

    /// Whether the last write found no room.
    pub(crate) fn finds_no_room(&self) -> bool {
        self.no_room.get() != 0
    }

    /// Records the state after a checkpoint, in bytes: the length of the log, and the part that was not moved.
    pub(crate) fn log(&self, bytes: u64, held_back: u64) {
        self.log.set(bytes.try_into().unwrap_or(i64::MAX));
        self.held_back.set(held_back.try_into().unwrap_or(i64::MAX));
    }

    /// Records the number of inputs that shared one run of this transaction.
    pub(crate) fn batched(&self, name: &'static str, inputs: usize) {
        #[expect(clippy::cast_precision_loss, reason = "a batch is no larger than its queue")]
        self.inputs.get_or_create(&Name { name }).observe(inputs as f64);
    }

    /// Returns the number of inputs that wait for the next transaction of this name.
    pub(crate) fn gathered(&self, name: &'static str) -> Gauge {
        self.gathered.get_or_create_owned(&Name { name })
    }

    /// Returns whether this is the first one in this second. One warning a second is enough: often everything is slow.
    fn first_this_second(&self) -> bool {
        let second = self.born.elapsed().as_secs() + 1;
        self.slow.swap(second, Ordering::Relaxed) != second
    }
}
