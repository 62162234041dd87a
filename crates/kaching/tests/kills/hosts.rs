//! The process of a product's host, killed again and again.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use kaching_testkit::Engine;

use crate::{random::Random, server::Server, verify::stored};

/// The bound of a start, as the builder documents it.
const START: Duration = Duration::from_secs(10);
/// How long usage may stay in memory alone, and what a busy machine adds.
const MEMORY: Duration = Duration::from_millis(1000 + 1000);

/// The output of a host in one life.
#[derive(Default)]
struct Life {
    started: Option<Duration>,
    activation: Option<String>,
    /// The most that may be found of what it counted.
    counted: u64,
    /// The usage that must be found.
    kept: u64,
}

/// Kills a host so many times, one after the other.
pub(crate) fn kill_hosts(kills: usize) -> String {
    let hosts = Hosts::new(Engine::Sqlite);
    let (mut random, mut lives) = (Random::new(3), Vec::new());
    for round in 0..kills {
        lives.push(match round % 10 {
            // Long enough for the guard itself to have written what the host counted.
            9 => hosts.start("quiet").killed(1, MEMORY + Duration::from_millis(random.below(300))),
            // Often in the middle of its start.
            0..3 => hosts.start("busy").killed(0, Duration::from_micros(random.below(150_000))),
            // Often in the middle of a heartbeat.
            _ => {
                hosts.start("busy").killed(3 + random.below(60), Duration::from_micros(random.below(20_000)))
            }
        });
        hosts.one_activation(lives.last().unwrap());
    }
    hosts.summarize("the client's host", kills, lives)
}

/// Kills the host that keeps the lease so many times, each while another follows it and takes its place.
pub(crate) fn kill_holders(kills: usize) -> String {
    let hosts = Hosts::new(Engine::Sqlite);
    let (mut random, mut lives) = (Random::new(4), Vec::new());
    let mut holder = hosts.start("busy");
    holder.read_lines(2);
    for _ in 0..kills {
        let mut next = hosts.start("busy");
        next.read_lines(2 + random.below(20));
        let life = holder.killed(random.below(20), Duration::from_micros(random.below(20_000)));
        hosts.one_activation(&life);
        lives.push(life);
        holder = next;
    }
    lives.push(holder.killed(1, Duration::ZERO));
    hosts.summarize("the process that keeps the lease", kills, lives)
}

/// A server, and one installation whose hosts come and go.
pub(crate) struct Hosts {
    server: Server,
    license: serde_json::Value,
    folder: tempfile::TempDir,
    began: Instant,
}

impl Hosts {
    pub(crate) fn new(engine: Engine) -> Self {
        let began = Instant::now();
        let server = Server::start(engine);
        let license = server.license("hosted", 1);
        Self { server, license, folder: tempfile::tempdir().unwrap(), began }
    }

    pub(crate) fn spawn(&self, manner: &str) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["host", &format!("http://{}", self.server.address), &self.server.root])
            .arg(self.license["key"].as_str().unwrap())
            .arg(self.folder.path().join("license"))
            .arg(manner)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Changes the license as an operator does.
    pub(crate) fn change(&self, verb: &str, body: &serde_json::Value) {
        let license = self.license["id"].as_str().unwrap();
        self.server.ask("POST", &format!("licenses/{license}/{verb}"), body);
    }

    fn start(&self, manner: &str) -> Host {
        Host::listen_to(self.spawn(manner))
    }

    /// One slot is held by one activation, and nobody looks like a copy.
    fn one_activation(&self, life: &Life) {
        let license = self.license["id"].as_str().unwrap();
        let listed = self.server.list(&format!("activations?license={license}"));
        // One that was killed before it could ask holds nothing yet.
        assert!(listed.len() <= 1 && (life.activation.is_none() || listed.len() == 1), "{listed:?}");
        assert!(listed.iter().all(|found| found["status"] == "active"), "{listed:?}");
        assert!(self.server.list("audit?action=activation.two_holders").is_empty(), "a false copy");
        assert!(life.started.is_none_or(|took| took < START), "a start took {:?}", life.started);
    }

    /// Lets a last one end in order, and compares the usage of all with what the authority has.
    fn summarize(mut self, who: &str, kills: usize, mut lives: Vec<Life>) -> String {
        let mut last = self.spawn("last");
        let said =
            BufReader::new(last.stdout.take().unwrap()).lines().map(Result::unwrap).collect::<Vec<_>>();
        assert!(last.wait().unwrap().success(), "the last life ends in order");
        let mut life = Life::default();
        said.iter().for_each(|line| life.read(line));
        life.kept = life.counted;
        self.one_activation(&life);
        lives.push(life);

        let activated = format!("audit?action=activation.activate&target={}", activation(&lives));
        let activated = self.server.list(&activated);
        assert_eq!(activated.len(), 1, "it activated once, however often it was killed");
        self.server.kill();
        let found: u64 = stored(&self.server).1.values().flat_map(|usage| usage.values()).sum();
        let sum = |of: fn(&Life) -> u64| lives.iter().map(of).sum::<u64>();
        let (kept, counted) = (sum(|life| life.kept), sum(|life| life.counted));
        assert!(
            (kept..=counted).contains(&found),
            "{who}: {found} found, {kept} were on disk, {counted} were counted"
        );
        let slowest = lives.iter().filter_map(|life| life.started).max().unwrap();
        format!(
            "{who}: {kills} kills, usage of {kept} on disk and {counted} counted, {found} found, 0 lost, \
             1 activation, slowest start {slowest:.0?}, {:.0?} in all",
            self.began.elapsed()
        )
    }
}

fn activation(lives: &[Life]) -> &str {
    let mut all = lives.iter().filter_map(|life| life.activation.as_deref());
    let first = all.next().expect("it started at least once");
    assert!(all.all(|other| other == first), "another activation after a kill");
    first
}

impl Life {
    fn read(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap();
        match word {
            "started" => self.started = Some(Duration::from_millis(rest.parse().unwrap())),
            "activation" => self.activation = Some(rest.to_owned()),
            "counts" => self.counted = rest.parse().unwrap(),
            "kept" => self.kept = rest.parse().unwrap(),
            _ => panic!("{line}"),
        }
    }
}

/// A host that works, and what it has said so far.
struct Host {
    process: Child,
    output: mpsc::Receiver<(Instant, String)>,
    reader: std::thread::JoinHandle<()>,
    lines: Vec<(Instant, String)>,
}

impl Host {
    fn listen_to(mut process: Child) -> Self {
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, output_lines) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .for_each(|line| sender.send((Instant::now(), line)).unwrap());
        });
        Self { process, output: output_lines, reader, lines: Vec::new() }
    }

    /// Waits for so many more lines.
    fn read_lines(&mut self, lines: u64) {
        let read = (0..lines).map(|_| self.output.recv().expect("the host works until it is killed"));
        self.lines.extend(read);
    }

    /// Kills it a while after so many more lines. What it had counted long enough before must be found.
    fn killed(mut self, lines: u64, after: Duration) -> Life {
        self.read_lines(lines);
        let end = Instant::now() + after;
        while let Ok(said) = self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.lines.push(said);
        }
        let killed = Instant::now();
        self.process.kill().unwrap();
        let status = self.process.wait().unwrap();
        assert_eq!(status.code(), None, "the host works until it is killed");
        self.reader.join().unwrap();
        self.lines.extend(self.output.try_iter());
        let mut life = Life::default();
        for (at, line) in &self.lines {
            life.read(line);
            if line.starts_with("counts") && *at + MEMORY < killed {
                life.kept = life.kept.max(life.counted);
            }
        }
        life
    }
}
