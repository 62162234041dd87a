use std::{
    fs, io,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use axum::http::StatusCode;
use kaching_client::{Guard, HealthStatus, ReportKind, Watch};
use serde_json::json;

use crate::{
    job::Job,
    refused::Refused,
    table::{Table, Turn, WAITING},
};

/// The cluster: its nodes, its jobs, and the guard that says what it may do.
pub(crate) struct Cluster {
    pub(crate) guard: Guard,
    pub(crate) name: String,
    /// The id of the cluster for the authority and its own nodes.
    pub(crate) id: String,
    desk: Arc<Desk>,
}

/// The state that nodes and handlers share.
struct Desk {
    table: Mutex<Table>,
    changed: Condvar,
    /// Whether a job may begin now.
    may_work: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Cluster {
    /// A cluster of one node, or a node that follows.
    pub(crate) fn new(guard: Guard, name: &str, data: &Path) -> io::Result<Self> {
        let id = fs::read_to_string(data.join("cluster-id"))?.trim().to_owned();
        let asked = guard.clone();
        let desk = Arc::new(Desk::new(move || asked.check().is_ok()));
        let awake = (Arc::clone(&desk), guard.clone());
        let cluster = Self { guard, name: name.to_owned(), id, desk };
        cluster.start(&mut cluster.table(), name)?;
        // Its first report counts the first node.
        thread::Builder::new().name("license".to_owned()).spawn(move || awake.0.follow(&awake.1))?;
        Ok(cluster)
    }

    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.desk.lock()
    }

    /// Takes a job, if the license allows to take any; a node runs it as soon as it can.
    pub(crate) fn submit(&self, input: String, rounds: u64) -> Result<Job, Refused> {
        self.guard.check()?;
        let job = self.table().submit(input, rounds).ok_or_else(|| {
            self.guard.set_health(HealthStatus::Degraded, Some("as many jobs wait as may"));
            let error = format!("{WAITING} jobs wait already: send it again when some of them are done.");
            Refused::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", &error)
        })?;
        self.guard.set_health(HealthStatus::Ok, None);
        self.guard.record("jobs", 1)?;
        self.desk.changed.notify_all();
        Ok(job)
    }

    /// Lets in a node that is a thread of this process.
    pub(crate) fn join(&self, node: &str) -> Result<(), Refused> {
        let mut table = self.table();
        let present = self.allow(&table, node)?;
        self.start(&mut table, node).map_err(|error| {
            set_nodes(&self.guard, present);
            let error = format!("{node} cannot start: {error}.");
            Refused::new(StatusCode::SERVICE_UNAVAILABLE, "failure", &error)
        })
    }

    /// Lets in a node that is a process of its own, and shows that it belongs here.
    pub(crate) fn admit(&self, node: &str, id: &str) -> Result<(), Refused> {
        if id != self.id {
            // The vendor's audit log may know what this cluster forgets. It is on disk before the answer.
            let _ = self.guard.report(ReportKind::Security, "a node with another cluster's id asked to join");
            let error = format!("{node} belongs to another cluster. This was reported.");
            return Err(Refused::new(StatusCode::FORBIDDEN, "forbidden", &error));
        }
        let mut table = self.table();
        self.allow(&table, node)?;
        table.join(node);
        Ok(())
    }

    /// Asks the license for one node more; how many there are. The table stays locked from the question to the joining,
    /// so that two nodes never share a place.
    fn allow(&self, table: &Table, node: &str) -> Result<u64, Refused> {
        let nodes = table.nodes();
        if nodes.contains(&node) {
            let error = format!("{node} is a node already.");
            return Err(Refused::new(StatusCode::CONFLICT, "already_exists", &error));
        }
        let present = nodes.len() as u64;
        self.guard.ensure("nodes", present + 1).map_err(|denied| {
            let names = nodes.join(", ");
            Refused::from(denied).and(&format!("Present nodes: {names}.")).with("nodes", json!(nodes))
        })?;
        Ok(present)
    }

    /// Only one process of a cluster counts its nodes and its usage: the one that keeps the lease.
    pub(crate) fn keeps_the_lease(&self) -> Result<(), Refused> {
        if self.guard.is_holder() {
            return Ok(());
        }
        let error = "Another process of this cluster keeps the lease: ask that one.";
        Err(Refused::new(StatusCode::MISDIRECTED_REQUEST, "misdirected", error))
    }

    fn start(&self, table: &mut Table, node: &str) -> io::Result<()> {
        let joined = table.join(node);
        let (desk, name) = (Arc::clone(&self.desk), node.to_owned());
        let started =
            thread::Builder::new().name(format!("node-{node}")).spawn(move || desk.work(&name, joined));
        if started.is_err() {
            table.leave(node);
        }
        started.map(drop)
    }

    /// Lets a node go, after the job that it is at.
    pub(crate) fn dismiss(&self, node: &str) -> bool {
        let mut table = self.table();
        let gone = table.leave(node);
        if gone {
            set_nodes(&self.guard, table.nodes().len() as u64);
        }
        drop(table);
        self.desk.changed.notify_all();
        gone
    }

    /// Waits until the jobs that run are done; those that wait are not begun.
    pub(crate) fn finish(&self) {
        self.desk.finish();
    }
}

impl Desk {
    fn new(may_work: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { table: Mutex::default(), changed: Condvar::new(), may_work: Box::new(may_work) }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node's life: one job after the other, until it is let go.
    fn work(&self, node: &str, joined: u64) {
        let mut table = self.lock();
        loop {
            let (id, work) = match table.turn(node, joined, (self.may_work)()) {
                Turn::Leave => return,
                Turn::Wait => {
                    table = self.changed.wait(table).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                Turn::Run(id, work) => (id, work),
            };
            drop(table);
            let output = work.run();
            table = self.lock();
            table.done(id, output);
            self.changed.notify_all();
        }
    }

    /// Wakes the nodes whenever the license changes, and reports their number once this process is the holder.
    fn follow(&self, guard: &Guard) {
        let mut watch: Watch = guard.watch();
        let mut keeps = false;
        while !watch.closed() {
            let Some(_) = watch.next(Duration::from_secs(3600)) else { continue };
            if guard.is_holder() && !keeps {
                keeps = true;
                set_nodes(guard, self.lock().nodes().len() as u64);
                guard.set_health(HealthStatus::Ok, None);
            }
            self.wake();
        }
    }

    /// Under the lock, so that no node that has just looked goes to sleep on what was.
    fn wake(&self) {
        let _table = self.lock();
        self.changed.notify_all();
    }

    fn finish(&self) {
        let mut table = self.lock();
        table.closing = true;
        self.changed.notify_all();
        while table.is_running() {
            table = self.changed.wait(table).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Sets the number of nodes. A level that no plan has shows when the next node joins, so there is nothing to do here.
fn set_nodes(guard: &Guard, nodes: u64) {
    let _ = guard.set_level("nodes", nodes);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_stop_keeps_jobs_waiting_and_its_end_lets_them_run() {
        let allowed = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&allowed);
        let (looked, looks) = std::sync::mpsc::channel();
        let desk = Desk::new(move || {
            let _ = looked.send(());
            asked.load(Ordering::SeqCst)
        });
        let joined = desk.lock().join("a");
        desk.lock().submit("x".to_owned(), 1).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| desk.work("a", joined));
            looks.recv().unwrap();
            assert!(!desk.lock().jobs[&1].is_done());
            allowed.store(true, Ordering::SeqCst);
            desk.wake();
            let mut table = desk.lock();
            while !table.jobs[&1].is_done() {
                table = desk.changed.wait(table).unwrap();
            }
            drop(table);
            desk.finish();
        });
    }

    #[test]
    fn an_end_does_not_work_off_what_waits() {
        let desk = Desk::new(|| true);
        let joined = desk.lock().join("a");
        desk.lock().submit("x".to_owned(), 1).unwrap();
        desk.finish();
        desk.work("a", joined);
        assert!(!desk.lock().jobs[&1].is_done());
    }
}
