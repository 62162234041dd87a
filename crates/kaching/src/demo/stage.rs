//! What the steps act on: a temporary authority, the operator's commands, guarded clusters.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    http::{self, Answer},
    teller::now,
    troupe::Troupe,
    wire::Wire,
};
use crate::failure::Failure;

/// No step waits longer for anything.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the clusters of the demo take for their admin's token.
const ADMIN: &str = "the admin of the demo";
/// How often something is looked at that is waited for.
const GLANCE: Duration = Duration::from_millis(10);

pub(super) struct Stage {
    troupe: Troupe,
    program: PathBuf,
    dir: PathBuf,
    authority: Option<Authority>,
    clusters: BTreeMap<String, Cluster>,
    /// What the steps tell each other: the license, its key.
    pub(super) license: String,
    pub(super) key: String,
}

/// A serving authority, and the network on which clusters reach it.
struct Authority {
    process: u32,
    address: SocketAddr,
    wire: Wire,
    root: String,
}

/// A process of the guarded cluster, yet to be started.
pub(super) struct Cast<'a> {
    pub(super) name: &'a str,
    /// The directory that it runs on, which several may share.
    pub(super) data: &'a str,
    /// Arguments of the example beside those that all have.
    pub(super) more: Vec<String>,
    /// How far its machine's clock is off, in seconds.
    pub(super) clock_off: i64,
}

impl<'a> Cast<'a> {
    /// A cluster of its own.
    pub(super) fn new(name: &'a str) -> Self {
        Self { name, data: name, more: Vec::new(), clock_off: 0 }
    }
}

/// A process that runs, or what it said before it ended and its exit code.
type Started = Result<Cluster, (String, Option<i32>)>;

/// A guarded cluster that runs.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) process: u32,
    pub(super) address: SocketAddr,
}

impl Stage {
    /// An empty directory, and nothing running.
    pub(super) fn set() -> Result<Self, Failure> {
        let dir = tempfile::Builder::new().prefix("kaching-demo-").tempdir().map_err(made)?;
        let path = dir.path().to_owned();
        let program = std::env::current_exe().map_err(made)?;
        let troupe = Troupe::gather(dir).map_err(made)?;
        let (license, key) = (String::new(), String::new());
        Ok(Self { troupe, program, dir: path, authority: None, clusters: BTreeMap::new(), license, key })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    fn data(&self) -> PathBuf {
        self.dir.join("authority")
    }

    /// This program, without what the environment says about other authorities.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        let ours =
            |name: &str| ["KACHING_", "CHORUS_", "NOTES_", "CLUSTER_"].iter().any(|it| name.starts_with(it));
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(ours)) {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        command
    }

    /// Starts the authority: the first time on any free port, then on the same one.
    pub(super) fn serve(&mut self) -> Result<SocketAddr, Failure> {
        let listen =
            self.authority.as_ref().map_or_else(|| "127.0.0.1:0".to_owned(), |it| it.address.to_string());
        let log =
            File::options().create(true).append(true).open(self.dir.join("authority.log")).map_err(made)?;
        let mut command = self.command();
        command.args(["serve", "--json", "--listen", &listen, "--data"]).arg(self.data());
        command.stdout(Stdio::piped()).stderr(log);
        let (process, output) = self.troupe.start(command).map_err(made)?;
        let output = output.ok_or_else(|| Failure::refused("The authority's output cannot be read."))?;
        let greeting: Value = serde_json::Deserializer::from_reader(BufReader::new(output))
            .into_iter()
            .next()
            .and_then(Result::ok)
            .ok_or_else(|| Failure::refused("The authority did not start."))?;
        let text = |name: &str| greeting[name].as_str().unwrap_or_default().to_owned();
        let address =
            text("listen").parse().map_err(|_| Failure::refused("The authority names no address."))?;
        let wire = match self.authority.take() {
            Some(before) => before.wire,
            None => Wire::to(address).map_err(made)?,
        };
        self.authority = Some(Authority { process, address, wire, root: text("root") });
        let healthy = self.until("the authority's /health", || {
            Ok(http::ask(address, "GET", "/health", None, None).ok().filter(|answer| answer.status == 200))
        });
        healthy.map(|_| address)
    }

    /// Kills the authority as a power cut would.
    pub(super) fn kill_authority(&self) -> Result<(), Failure> {
        match &self.authority {
            Some(authority) => self.troupe.kill(authority.process).map_err(made),
            None => Ok(()),
        }
    }

    /// An operator's command line against the authority, and its answer.
    pub(super) fn operator(&self, line: &[&str]) -> Result<Value, Failure> {
        let mut command = self.command();
        let done = command.args(line).arg("--data").arg(self.data()).arg("--json").output().map_err(made)?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            return Err(Failure::refused(format!("`kaching {}` said: {}", line.join(" "), said.trim())));
        }
        Ok(serde_json::from_slice(&done.stdout).unwrap_or(Value::Null))
    }

    /// The network between the clusters and the authority.
    pub(super) fn wire(&self) -> Result<&Wire, Failure> {
        self.authority.as_ref().map(|authority| &authority.wire).ok_or_else(nobody)
    }

    /// Starts a process of the guarded cluster; where it refuses to start, what it said and its exit code.
    pub(super) fn cluster(&mut self, cast: Cast<'_>) -> Result<Started, Failure> {
        let Cast { name, data, more, clock_off } = cast;
        let authority = self.authority.as_ref().ok_or_else(nobody)?;
        let mut command = self.command();
        command.args(["demo", "node", &format!("--clock-off={clock_off}"), "--"]);
        command.args(["--listen", "127.0.0.1:0", "--name", name, "--root", &authority.root, "--data"]);
        command.arg(self.dir.join(data)).args(&more);
        command.env("CHORUS_LICENSE_KEY", &self.key).env("CLUSTER_ADMIN_TOKEN", ADMIN);
        if !more.iter().any(|argument| argument == "--follow") {
            command.args(["--authority", &format!("http://{}", authority.wire.address)]);
        }
        self.start(name, command)
    }

    /// Starts the product that only a layer guards.
    pub(super) fn notes(&mut self, domain: &str, key: &str) -> Result<Cluster, Failure> {
        let authority = self.authority.as_ref().ok_or_else(nobody)?;
        let url = format!("http://{}", authority.wire.address);
        let mut command = self.command();
        command.args(["demo", "notes", "--", "--listen", "127.0.0.1:0", "--domain", domain, "--data"]);
        command.arg(self.dir.join(domain)).args(["--authority", &url, "--root", &authority.root]);
        command.env("NOTES_LICENSE_KEY", key);
        must_run(domain, self.start(domain, command)?)
    }

    /// Starts a guarded process, which says its address on its first line.
    fn start(&mut self, name: &str, mut command: Command) -> Result<Started, Failure> {
        let log = self.dir.join(format!("{name}.log"));
        command.stdout(Stdio::piped()).stderr(File::create(&log).map_err(made)?);
        let (process, output) = self.troupe.start(command).map_err(made)?;
        let mut line = String::new();
        if let Some(output) = output {
            BufReader::new(output).read_line(&mut line).map_err(made)?;
        }
        match line.trim().parse() {
            Ok(address) => {
                let cluster = Cluster { process, address };
                self.clusters.insert(name.to_owned(), cluster.clone());
                Ok(Ok(cluster))
            }
            Err(_) => {
                let status = self.until("the end of a refused process", || self.troupe.ended(process))?;
                let said = fs::read_to_string(&log).map_err(made)?;
                let said = said.rsplit_once("error: ").map_or(said.as_str(), |(_, said)| said);
                Ok(Err((said.trim().to_owned(), status.code())))
            }
        }
    }

    /// Starts a process that has to run.
    pub(super) fn runs(&mut self, cast: Cast<'_>) -> Result<Cluster, Failure> {
        let name = cast.name.to_owned();
        must_run(&name, self.cluster(cast)?)
    }

    /// Kills a cluster's process as a power cut would.
    pub(super) fn kill(&self, name: &str) -> Result<(), Failure> {
        let process = self.running(name)?.process;
        self.troupe.kill(process).map_err(made)
    }

    /// Copies a cluster's directory while it runs, as a thief or a snapshot would.
    pub(super) fn copy(&self, data: &str, to: &str) -> Result<(), Failure> {
        copied(&self.dir.join(data), &self.dir.join(to)).map_err(made)
    }

    /// Asks a cluster something.
    pub(super) fn ask(
        &self,
        name: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, Failure> {
        let cluster = self.running(name)?;
        http::ask(cluster.address, method, path, Some(ADMIN), body.as_ref())
            .map_err(|error| Failure::refused(format!("{name} does not answer {method} {path}: {error}.")))
    }

    /// A cluster whose process is the one that was started.
    pub(super) fn running(&self, name: &str) -> Result<&Cluster, Failure> {
        let cluster =
            self.clusters.get(name).ok_or_else(|| Failure::refused(format!("{name} was never started.")))?;
        match self.troupe.ended(cluster.process).map_err(made)? {
            None => Ok(cluster),
            Some(status) => Err(Failure::refused(format!("{name} has ended: {status}."))),
        }
    }

    /// Waits until something is there; asks again and again, for twenty seconds at most.
    pub(super) fn until<T>(
        &self,
        what: &str,
        found: impl Fn() -> io::Result<Option<T>>,
    ) -> Result<T, Failure> {
        let began = now();
        loop {
            if let Some(found) = found().map_err(made)? {
                return Ok(found);
            }
            if began.elapsed() > PATIENCE {
                return Err(Failure::refused(format!(
                    "{what} did not come in {} seconds.",
                    PATIENCE.as_secs()
                )));
            }
            thread::sleep(GLANCE);
        }
    }

    /// Waits until a cluster answers a call as wanted, and tells since when.
    pub(super) fn until_answers(
        &self,
        name: &str,
        path: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<(Answer, Instant), Failure> {
        let cluster = self.running(name)?.address;
        let answer = self.until(what, || {
            Ok(http::ask(cluster, "GET", path, None, None).ok().filter(|answer| wanted(&answer.body)))
        })?;
        Ok((answer, now()))
    }

    /// What every process said last, for a demo that failed.
    pub(super) fn logs(&self) -> String {
        let mut logs = String::new();
        for name in std::iter::once("authority").chain(self.clusters.keys().map(String::as_str)) {
            let log = fs::read_to_string(self.dir.join(format!("{name}.log"))).unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(8).collect();
            logs.push_str(&format!("\n{name} said last:\n"));
            logs.extend(last.iter().rev().map(|line| format!("  {line}\n")));
        }
        logs
    }

    /// Ends every process and removes the directory.
    pub(super) fn strike(&self) -> Result<(), Failure> {
        self.troupe.clear().map_err(made)?;
        if self.dir.exists() {
            return Err(Failure::refused(format!("{} could not be removed: remove it.", self.dir.display())));
        }
        Ok(())
    }
}

fn copied(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copied(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

fn must_run(name: &str, started: Started) -> Result<Cluster, Failure> {
    started.map_err(|(said, _)| Failure::refused(format!("{name} did not start: {said}")))
}

fn nobody() -> Failure {
    Failure::refused("No authority serves.")
}

/// What this machine did not allow.
fn made(error: io::Error) -> Failure {
    Failure::refused(format!("The demo cannot run here: {error}."))
}
