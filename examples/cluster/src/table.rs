use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::Serialize;

use crate::job::{Job, Work};

/// So many jobs may wait; more are answered with 503.
pub(crate) const WAITING: usize = 1000;
/// So many jobs are kept once they are done, and ten times as many events.
const KEPT: usize = 1000;

/// The nodes and the jobs.
#[derive(Default)]
pub(crate) struct Table {
    /// The present nodes, each with the number of its joining.
    nodes: BTreeMap<String, u64>,
    pub(crate) jobs: BTreeMap<u64, Job>,
    pub(crate) links: BTreeSet<String>,
    pub(crate) events: VecDeque<Event>,
    waiting: VecDeque<u64>,
    done: VecDeque<u64>,
    running: usize,
    joined: u64,
    taken: u64,
    pub(crate) closing: bool,
}

/// A line of the audit export.
#[derive(Clone, Serialize)]
pub(crate) struct Event {
    pub(crate) what: &'static str,
    pub(crate) subject: String,
}

/// The next action of a node.
pub(crate) enum Turn {
    /// It was let go, or the cluster closes.
    Leave,
    /// Nothing to do, or nothing that it may do.
    Wait,
    /// A job.
    Run(u64, Work),
}

impl Table {
    /// Puts a job behind the others; `None` where too many wait.
    pub(crate) fn submit(&mut self, input: String, rounds: u64) -> Option<Job> {
        if self.waiting.len() >= WAITING {
            return None;
        }
        self.taken += 1;
        let job = Job::new(self.taken, input, rounds);
        self.jobs.insert(self.taken, job.clone());
        self.waiting.push_back(self.taken);
        self.note("job taken", self.taken.to_string());
        Some(job)
    }

    /// The next action of a node. A name that left and joined again is another node, so that the limit counts every one.
    pub(crate) fn turn(&mut self, node: &str, joined: u64, may_work: bool) -> Turn {
        if self.closing || self.nodes.get(node) != Some(&joined) {
            return Turn::Leave;
        }
        if !may_work {
            return Turn::Wait;
        }
        let Some(id) = self.waiting.pop_front() else { return Turn::Wait };
        let Some(job) = self.jobs.get_mut(&id) else { return Turn::Wait };
        self.running += 1;
        Turn::Run(id, job.begin(node))
    }

    /// A job that a node ran is done.
    pub(crate) fn done(&mut self, id: u64, output: String) {
        self.running -= 1;
        if let Some(job) = self.jobs.get_mut(&id) {
            job.end(output);
        }
        self.note("job done", id.to_string());
        self.done.push_back(id);
        if self.done.len() > KEPT {
            let oldest = self.done.pop_front();
            oldest.and_then(|id| self.jobs.remove(&id));
        }
    }

    /// Whether a node is at a job.
    pub(crate) fn is_running(&self) -> bool {
        self.running > 0
    }

    /// Puts a node on the table, and gives the number of its joining.
    pub(crate) fn join(&mut self, node: &str) -> u64 {
        self.joined += 1;
        self.nodes.insert(node.to_owned(), self.joined);
        self.note("node joined", node.to_owned());
        self.joined
    }

    /// Takes a node off the table; whether it was there.
    pub(crate) fn leave(&mut self, node: &str) -> bool {
        let gone = self.nodes.remove(node).is_some();
        if gone {
            self.note("node left", node.to_owned());
        }
        gone
    }

    /// The names of the present nodes.
    pub(crate) fn nodes(&self) -> Vec<&str> {
        self.nodes.keys().map(String::as_str).collect()
    }

    pub(crate) fn note(&mut self, what: &'static str, subject: String) {
        if self.events.len() >= 10 * KEPT {
            self.events.pop_front();
        }
        self.events.push_back(Event { what, subject });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_joins_again_leaves_no_second_node_behind() {
        let mut table = Table::default();
        let first = table.join("a");
        assert!(table.leave("a"));
        let second = table.join("a");
        table.submit("x".to_owned(), 1).unwrap();
        assert!(matches!(table.turn("a", first, true), Turn::Leave));
        assert!(matches!(table.turn("a", second, true), Turn::Run(1, _)));
        assert_eq!(table.nodes(), ["a"]);
    }

    #[test]
    fn what_waits_goes_on_waiting_while_nothing_may_run() {
        let mut table = Table::default();
        let joined = table.join("a");
        table.submit("x".to_owned(), 1).unwrap();
        assert!(matches!(table.turn("a", joined, false), Turn::Wait));
        assert!(matches!(table.turn("a", joined, true), Turn::Run(1, _)));
    }

    #[test]
    fn neither_the_queue_nor_what_is_kept_grows_for_ever() {
        let mut table = Table::default();
        let joined = table.join("a");
        for _ in 0..WAITING {
            table.submit("x".to_owned(), 1).unwrap();
        }
        assert!(table.submit("x".to_owned(), 1).is_none());
        for _ in 0..12 * KEPT {
            let Turn::Run(id, work) = table.turn("a", joined, true) else { panic!("a job waits") };
            table.done(id, work.run());
            table.submit("x".to_owned(), 1).unwrap();
        }
        assert_eq!((table.jobs.len(), table.events.len()), (WAITING + KEPT, 10 * KEPT));
    }
}
