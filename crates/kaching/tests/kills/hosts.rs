//! The process of a product's host, killed again and again.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use kaching_testkit::Engine;

use crate::{dice::Dice, server::Server, verify::stored};

/// The bound of a start, as the builder documents it.
const START: Duration = Duration::from_secs(10);
/// How long usage may stay in memory alone, and what a busy machine adds.
const MEMORY: Duration = Duration::from_millis(1000 + 1000);

/// What a host said in one life.
#[derive(Default)]
struct Life {
    started: Option<Duration>,
    activation: Option<String>,
    /// The most that may be found of what it counted.
    counted: u64,
    /// What must be found.
    kept: u64,
}

/// Kills a host so many times, and compares what is known of it with what it said.
pub(crate) fn kill_hosts(kills: usize) -> String {
    let began = Instant::now();
    let mut server = Server::start(Engine::Sqlite);
    let license = server.license("hosted", 1);
    let folder = tempfile::tempdir().unwrap();
    let start = |manner: &str| {
        Command::new(std::env::current_exe().unwrap())
            .args(["host", &format!("http://{}", server.address), &server.root])
            .arg(license["key"].as_str().unwrap())
            .arg(folder.path().join("license"))
            .arg(manner)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let (mut dice, mut lives) = (Dice::new(3), Vec::new());
    for round in 0..kills {
        lives.push(match round % 10 {
            // Long enough for the guard itself to have written what the host counted.
            9 => killed(start("quiet"), 1, MEMORY + Duration::from_millis(dice.below(300))),
            // Often in the middle of its start.
            0..3 => killed(start("busy"), 0, Duration::from_micros(dice.below(150_000))),
            // Often in the middle of a heartbeat.
            _ => killed(start("busy"), 3 + dice.below(60), Duration::from_micros(dice.below(20_000))),
        });
        one_activation(&server, &license["id"], lives.last().unwrap());
    }
    let mut last = start("last");
    let said = BufReader::new(last.stdout.take().unwrap()).lines().map(Result::unwrap).collect::<Vec<_>>();
    assert!(last.wait().unwrap().success(), "the last life ends in order");
    let mut life = Life::default();
    said.iter().for_each(|line| life.hear(line));
    life.kept = life.counted;
    one_activation(&server, &license["id"], &life);
    lives.push(life);

    let listed = server.list(&format!("audit?action=activation.activate&target={}", activation(&lives)));
    assert_eq!(listed.len(), 1, "it activated once, however often it was killed");
    server.kill();
    let found: u64 = stored(&server).1.values().flat_map(|usage| usage.values()).sum();
    let sum = |of: fn(&Life) -> u64| lives.iter().map(of).sum::<u64>();
    let (kept, counted) = (sum(|life| life.kept), sum(|life| life.counted));
    assert!((kept..=counted).contains(&found), "{found} found, {kept} were on disk, {counted} were counted");
    let slowest = lives.iter().filter_map(|life| life.started).max().unwrap();
    format!(
        "the client's host: {kills} kills, usage of {kept} on disk and {counted} counted, {found} found, 0 lost, \
         1 activation, slowest start {slowest:.0?}, {:.0?} in all",
        began.elapsed()
    )
}

fn activation(lives: &[Life]) -> &str {
    let mut all = lives.iter().filter_map(|life| life.activation.as_deref());
    let first = all.next().expect("it started at least once");
    assert!(all.all(|other| other == first), "another activation after a kill");
    first
}

/// One slot is held by one activation, and nobody looks like a copy.
fn one_activation(server: &Server, license: &serde_json::Value, life: &Life) {
    let listed = server.list(&format!("activations?license={}", license.as_str().unwrap()));
    // One that was killed before it could ask holds nothing yet.
    assert!(listed.len() <= 1 && (life.activation.is_none() || listed.len() == 1), "{listed:?}");
    assert!(listed.iter().all(|found| found["status"] == "active"), "{listed:?}");
    assert!(server.list("audit?action=activation.two_holders").is_empty(), "a false copy");
    assert!(life.started.is_none_or(|took| took < START), "a start took {:?}", life.started);
}

impl Life {
    fn hear(&mut self, line: &str) {
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

/// Kills a host a while after so many lines. What it had counted long enough before must be found.
fn killed(mut host: Child, lines: u64, after: Duration) -> Life {
    let output = BufReader::new(host.stdout.take().unwrap());
    let (tell, told) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        output.lines().map_while(Result::ok).for_each(|line| tell.send((Instant::now(), line)).unwrap());
    });
    let mut heard: Vec<_> =
        (0..lines).map(|_| told.recv().expect("the host works until it is killed")).collect();
    let end = Instant::now() + after;
    while let Ok(said) = told.recv_timeout(end.saturating_duration_since(Instant::now())) {
        heard.push(said);
    }
    let killed = Instant::now();
    host.kill().unwrap();
    let status = host.wait().unwrap();
    assert_eq!(status.code(), None, "the host works until it is killed");
    reader.join().unwrap();
    heard.extend(told.try_iter());
    let mut life = Life::default();
    for (at, line) in &heard {
        life.hear(line);
        if line.starts_with("counts") && *at + MEMORY < killed {
            life.kept = life.kept.max(life.counted);
        }
    }
    life
}
