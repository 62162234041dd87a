//! The world of the steps: a temporary authority, the operator's commands, and guarded clusters.

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
    http::{self, HttpAnswer},
    process_group::ProcessGroup,
    proxy::Proxy,
    time::now,
};
use kaching_command::failure::Failure;

/// The longest wait of a step.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The admin token of the clusters.
const ADMIN: &str = "the admin of the demo";
/// The interval between two polls.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

pub(super) struct Sandbox {
    processes: ProcessGroup,
    program: PathBuf,
    dir: PathBuf,
    authority: Option<Authority>,
    clusters: BTreeMap<String, Cluster>,
    /// The license and its key, which the first steps create for the later ones.
    pub(super) license: String,
    pub(super) key: String,
}

/// A serving authority, with the proxy through which clusters reach it.
struct Authority {
    process: u32,
    address: SocketAddr,
    proxy: Proxy,
    root: String,
}

/// A process of the guarded cluster, before its start.
pub(super) struct NodeSpec<'a> {
    pub(super) name: &'a str,
    /// Its state directory, which several processes may share.
    pub(super) data: &'a str,
    /// Arguments beyond those that every process gets.
    pub(super) more: Vec<String>,
    /// By how many seconds its clock is wrong.
    pub(super) clock_off: i64,
}

impl<'a> NodeSpec<'a> {
    /// Returns a cluster with a state directory of its own.
    pub(super) fn new(name: &'a str) -> Self {
        Self { name, data: name, more: Vec::new(), clock_off: 0 }
    }
}

/// A running process, or the last message and the exit code of one that refused to start.
type Started = Result<Cluster, (String, Option<i32>)>;

/// A running process of the guarded cluster.
#[derive(Clone)]
pub(super) struct Cluster {
    pub(super) process: u32,
    pub(super) address: SocketAddr,
}

impl Sandbox {
    /// Creates an empty directory. Nothing runs yet.
    pub(super) fn create() -> Result<Self, Failure> {
        let dir = tempfile::Builder::new().prefix("kaching-demo-").tempdir().map_err(cannot_run)?;
        let path = dir.path().to_owned();
        let program = std::env::current_exe().map_err(cannot_run)?;
        let processes = ProcessGroup::new(dir).map_err(cannot_run)?;
        let (license, key) = (String::new(), String::new());
        Ok(Self { processes, program, dir: path, authority: None, clusters: BTreeMap::new(), license, key })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    fn data(&self) -> PathBuf {
        self.dir.join("authority")
    }

    /// Returns a command that runs this program without the settings of the environment.
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

    /// Starts the authority: the first time on a free port, later on the same one.
    pub(super) fn serve(&mut self) -> Result<SocketAddr, Failure> {
        let listen =
            self.authority.as_ref().map_or_else(|| "127.0.0.1:0".to_owned(), |it| it.address.to_string());
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.join("authority.log"))
            .map_err(cannot_run)?;
        let mut command = self.command();
        command.args(["serve", "--json", "--listen", &listen, "--data"]).arg(self.data());
        command.stdout(Stdio::piped()).stderr(log);
        let (process, output) = self.processes.start(command).map_err(cannot_run)?;
        let output = output.ok_or_else(|| Failure::refused("The authority's output cannot be read."))?;
        let greeting: Value = serde_json::Deserializer::from_reader(BufReader::new(output))
            .into_iter()
            .next()
            .and_then(Result::ok)
            .ok_or_else(|| Failure::refused("The authority did not start."))?;
        let text = |name: &str| greeting[name].as_str().unwrap_or_default().to_owned();
        let address =
            text("listen").parse().map_err(|_| Failure::refused("The authority names no address."))?;
        let proxy = match self.authority.take() {
            Some(before) => before.proxy,
            None => Proxy::to(address).map_err(cannot_run)?,
        };
        self.authority = Some(Authority { process, address, proxy, root: text("root") });
        let healthy = self.until("the authority's /health", || {
            Ok(http::ask(address, "GET", "/health", None, None).ok().filter(|answer| answer.status == 200))
        });
        healthy.map(|_| address)
    }

    /// Kills the authority as a power cut would.
    pub(super) fn kill_authority(&self) -> Result<(), Failure> {
        match &self.authority {
            Some(authority) => self.processes.kill(authority.process).map_err(cannot_run),
            None => Ok(()),
        }
    }

    /// Runs an operator's command against the authority, and returns its JSON.
    pub(super) fn operator(&self, line: &[&str]) -> Result<Value, Failure> {
        let mut command = self.command();
        let done =
            command.args(line).arg("--data").arg(self.data()).arg("--json").output().map_err(cannot_run)?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            return Err(Failure::refused(format!("`kaching {}` said: {}", line.join(" "), said.trim())));
        }
        Ok(serde_json::from_slice(&done.stdout).unwrap_or(Value::Null))
    }

    /// Returns the proxy between the clusters and the authority.
    pub(super) fn proxy(&self) -> Result<&Proxy, Failure> {
        self.authority.as_ref().map(|authority| &authority.proxy).ok_or_else(no_authority)
    }

    /// Starts a process of the guarded cluster, which may refuse to start.
    pub(super) fn try_start_node(&mut self, spec: NodeSpec<'_>) -> Result<Started, Failure> {
        let NodeSpec { name, data, more, clock_off } = spec;
        let authority = self.authority.as_ref().ok_or_else(no_authority)?;
        let mut command = self.command();
        command.args(["demo", "node", &format!("--clock-off={clock_off}"), "--"]);
        command.args(["--listen", "127.0.0.1:0", "--name", name, "--root", &authority.root, "--data"]);
        command.arg(self.dir.join(data)).args(&more);
        command.env("CHORUS_LICENSE_KEY", &self.key).env("CLUSTER_ADMIN_TOKEN", ADMIN);
        if !more.iter().any(|argument| argument == "--follow") {
            command.args(["--authority", &format!("http://{}", authority.proxy.address)]);
        }
        self.start(name, command)
    }

    /// Starts the product that only a layer guards.
    pub(super) fn notes(&mut self, domain: &str, key: &str) -> Result<Cluster, Failure> {
        let authority = self.authority.as_ref().ok_or_else(no_authority)?;
        let url = format!("http://{}", authority.proxy.address);
        let mut command = self.command();
        command.args(["demo", "notes", "--", "--listen", "127.0.0.1:0", "--domain", domain, "--data"]);
        command.arg(self.dir.join(domain)).args(["--authority", &url, "--root", &authority.root]);
        command.env("NOTES_LICENSE_KEY", key);
        must_run(domain, self.start(domain, command)?)
    }

    /// Starts a guarded process, which prints its address on its first line.
    fn start(&mut self, name: &str, mut command: Command) -> Result<Started, Failure> {
        let log = self.dir.join(format!("{name}.log"));
        command.stdout(Stdio::piped()).stderr(File::create(&log).map_err(cannot_run)?);
        let (process, output) = self.processes.start(command).map_err(cannot_run)?;
        let mut line = String::new();
        if let Some(output) = output {
            BufReader::new(output).read_line(&mut line).map_err(cannot_run)?;
        }
        match line.trim().parse() {
            Ok(address) => {
                let cluster = Cluster { process, address };
                self.clusters.insert(name.to_owned(), cluster.clone());
                Ok(Ok(cluster))
            }
            Err(_) => {
                let status = self.until("the end of a refused process", || self.processes.ended(process))?;
                let said = fs::read_to_string(&log).map_err(cannot_run)?;
                let said = said.rsplit_once("error: ").map_or(said.as_str(), |(_, said)| said);
                Ok(Err((said.trim().to_owned(), status.code())))
            }
        }
    }

    /// Starts a process of the guarded cluster, which must not refuse to start.
    pub(super) fn start_node(&mut self, spec: NodeSpec<'_>) -> Result<Cluster, Failure> {
        let name = spec.name.to_owned();
        must_run(&name, self.try_start_node(spec)?)
    }

    /// Kills a cluster's process as a power cut would.
    pub(super) fn kill(&self, name: &str) -> Result<(), Failure> {
        let process = self.running(name)?.process;
        self.processes.kill(process).map_err(cannot_run)
    }

    /// Copies the state directory of a running cluster, as a thief or a snapshot would.
    pub(super) fn copy(&self, data: &str, to: &str) -> Result<(), Failure> {
        copy_directory(&self.dir.join(data), &self.dir.join(to)).map_err(cannot_run)
    }

    /// Sends a request to a cluster.
    pub(super) fn ask(
        &self,
        name: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<HttpAnswer, Failure> {
        let cluster = self.running(name)?;
        http::ask(cluster.address, method, path, Some(ADMIN), body.as_ref())
            .map_err(|error| Failure::refused(format!("{name} does not answer {method} {path}: {error}.")))
    }

    /// Returns a cluster whose process still runs.
    pub(super) fn running(&self, name: &str) -> Result<&Cluster, Failure> {
        let cluster =
            self.clusters.get(name).ok_or_else(|| Failure::refused(format!("{name} was never started.")))?;
        match self.processes.ended(cluster.process).map_err(cannot_run)? {
            None => Ok(cluster),
            Some(status) => Err(Failure::refused(format!("{name} has ended: {status}."))),
        }
    }

    /// Polls until there is a value, for twenty seconds at most.
    pub(super) fn until<T>(
        &self,
        what: &str,
        found: impl Fn() -> io::Result<Option<T>>,
    ) -> Result<T, Failure> {
        let began = now();
        loop {
            if let Some(found) = found().map_err(cannot_run)? {
                return Ok(found);
            }
            if began.elapsed() > TIMEOUT {
                return Err(Failure::refused(format!(
                    "{what} did not come in {} seconds.",
                    TIMEOUT.as_secs()
                )));
            }
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Polls a path of a cluster until it answers as wanted. Returns the answer and its time.
    pub(super) fn until_answers(
        &self,
        name: &str,
        path: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<(HttpAnswer, Instant), Failure> {
        let cluster = self.running(name)?.address;
        let answer = self.until(what, || {
            Ok(http::ask(cluster, "GET", path, None, None).ok().filter(|answer| wanted(&answer.body)))
        })?;
        Ok((answer, now()))
    }

    /// Returns the last log lines of every process, for a failed demo.
    pub(super) fn logs(&self) -> String {
        let mut logs = String::new();
        for name in std::iter::once("authority").chain(self.clusters.keys().map(String::as_str)) {
            let log = fs::read_to_string(self.dir.join(format!("{name}.log"))).unwrap_or_default();
            let last: Vec<_> = log.lines().rev().take(8).collect();
            logs.push_str(&format!("\n{name} logged last:\n"));
            logs.extend(last.iter().rev().map(|line| format!("  {line}\n")));
        }
        logs
    }

    /// Kills every process and removes the directory.
    pub(super) fn remove(&self) -> Result<(), Failure> {
        self.processes.clear().map_err(cannot_run)?;
        if self.dir.exists() {
            return Err(Failure::refused(format!("{} could not be removed: remove it.", self.dir.display())));
        }
        Ok(())
    }
}

fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_directory(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

fn must_run(name: &str, started: Started) -> Result<Cluster, Failure> {
    started.map_err(|(said, _)| Failure::refused(format!("{name} did not start: {said}")))
}

fn no_authority() -> Failure {
    Failure::refused("No authority serves.")
}

/// Returns a failure of this machine.
fn cannot_run(error: io::Error) -> Failure {
    Failure::refused(format!("The demo cannot run here: {error}."))
}
