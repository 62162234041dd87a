use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

use axum::http::StatusCode;
use kaching_client::Guard;
use serde::Serialize;
use serde_json::json;

use crate::{jobs::Job, refused::Refused};

/// The cluster: its nodes, its jobs, and the guard that says what it may do.
pub(crate) struct Cluster {
    pub(crate) guard: Guard,
    pub(crate) name: String,
    desk: Arc<Desk>,
}

/// What nodes and handlers share.
struct Desk {
    table: Mutex<Table>,
    changed: Condvar,
}

/// Who is there and what there is to do.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) nodes: BTreeSet<String>,
    pub(crate) jobs: BTreeMap<u64, Job>,
    pub(crate) links: BTreeSet<String>,
    pub(crate) events: Vec<Event>,
    waiting: VecDeque<u64>,
    closing: bool,
}

/// A line of the audit export.
#[derive(Clone, Serialize)]
pub(crate) struct Event {
    pub(crate) what: &'static str,
    pub(crate) subject: String,
}

impl Cluster {
    /// A cluster of one node.
    pub(crate) fn new(guard: Guard, name: &str) -> io::Result<Self> {
        let desk = Arc::new(Desk { table: Mutex::default(), changed: Condvar::new() });
        let cluster = Self { guard, name: name.to_owned(), desk };
        cluster.guard.set_level("nodes", 1);
        cluster.start(&mut cluster.table(), name)?;
        Ok(cluster)
    }

    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.desk.lock()
    }

    /// Takes a job, if the license allows to take any; a node runs it as soon as it can.
    pub(crate) fn submit(&self, input: String, rounds: u64) -> Result<Job, Refused> {
        self.guard.check()?;
        self.guard.record("jobs", 1);
        let mut table = self.table();
        let id = table.jobs.last_key_value().map_or(1, |(last, _)| last + 1);
        let job = Job::new(id, input, rounds);
        table.jobs.insert(id, job.clone());
        table.waiting.push_back(id);
        table.note("job taken", id.to_string());
        drop(table);
        self.desk.changed.notify_one();
        Ok(job)
    }

    /// Lets a node in, if the license allows one more. Asked and done under one lock, so that two never share a place.
    pub(crate) fn join(&self, node: &str) -> Result<(), Refused> {
        let mut table = self.table();
        if table.nodes.contains(node) {
            let error = format!("{node} is a node already.");
            return Err(Refused::new(StatusCode::CONFLICT, "already_exists", &error));
        }
        let present = table.nodes.len() as u64;
        self.guard.ensure("nodes", present + 1).map_err(|denied| {
            let names = table.nodes.iter().cloned().collect::<Vec<_>>().join(", ");
            Refused::from(denied).and(&format!("Present nodes: {names}.")).with("nodes", json!(table.nodes))
        })?;
        self.start(&mut table, node).map_err(|error| {
            self.guard.set_level("nodes", present);
            let error = format!("{node} cannot start: {error}.");
            Refused::new(StatusCode::SERVICE_UNAVAILABLE, "failure", &error)
        })
    }

    fn start(&self, table: &mut Table, node: &str) -> io::Result<()> {
        let (desk, name) = (Arc::clone(&self.desk), node.to_owned());
        thread::Builder::new().name(format!("node-{node}")).spawn(move || desk.work(&name))?;
        table.nodes.insert(node.to_owned());
        table.note("node joined", node.to_owned());
        Ok(())
    }

    /// Lets a node go, after the job that it is at.
    pub(crate) fn dismiss(&self, node: &str) -> bool {
        let mut table = self.table();
        let gone = table.nodes.remove(node);
        if gone {
            table.note("node left", node.to_owned());
            self.guard.set_level("nodes", table.nodes.len() as u64);
        }
        drop(table);
        self.desk.changed.notify_all();
        gone
    }

    /// Waits until the jobs that were taken are done.
    pub(crate) fn finish(&self) {
        let mut table = self.table();
        table.closing = true;
        self.desk.changed.notify_all();
        while table.jobs.values().any(|job| !job.is_done()) {
            table = self.desk.changed.wait(table).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node's life: one job after the other, until it is let go.
    fn work(&self, node: &str) {
        let mut table = self.lock();
        loop {
            if !table.nodes.contains(node) {
                return;
            }
            let Some(id) = table.waiting.pop_front() else {
                if table.closing {
                    return;
                }
                table = self.changed.wait(table).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let Some(job) = table.jobs.get_mut(&id) else { continue };
            let work = job.begin(node);
            drop(table);
            let output = work.run();
            table = self.lock();
            if let Some(job) = table.jobs.get_mut(&id) {
                job.end(output);
            }
            table.note("job done", id.to_string());
            self.changed.notify_all();
        }
    }
}

impl Table {
    pub(crate) fn note(&mut self, what: &'static str, subject: String) {
        self.events.push(Event { what, subject });
    }
}
