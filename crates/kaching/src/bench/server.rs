//! A process of this same binary that serves: what is measured shares no memory with the load.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use kaching_base::LeaseAlgorithm;
use tokio::process::{Child, Command};

use super::{ceiling, load::now, wire::Wire};
use crate::{failure::Failure, output::Output, remote::Choice, serve::Serve};

/// A server of a data directory; killed when this is dropped.
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
    log: PathBuf,
    began: Instant,
}

/// A server has to answer within this.
const PATIENCE: Duration = Duration::from_secs(60);

/// Serve for a measurement, and end with it
#[derive(Args)]
pub(crate) struct Serving {
    /// Only the ceiling, with signatures of this kind
    #[arg(long)]
    ceiling: Option<Algorithm>,
}

/// What leases are signed with.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Algorithm {
    /// Ed25519, as products have it that do not ask for another
    #[default]
    Eddsa,
    /// RSA-3072
    Rs256,
}

impl Algorithm {
    pub(super) fn lease(self) -> LeaseAlgorithm {
        match self {
            Self::Eddsa => LeaseAlgorithm::EdDsa,
            Self::Rs256 => LeaseAlgorithm::Rs256,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Eddsa => "eddsa",
            Self::Rs256 => "rs256",
        }
    }
}

impl Serving {
    pub(super) async fn run(self, choice: &Choice, output: &Output) -> Result<(), Failure> {
        // Whatever ends the measurement, a kill included, ends its servers.
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).map_err(
            |error| Failure::refused(format!("The server cannot follow its measurement: {error}.")),
        )?;
        match self.ceiling {
            Some(algorithm) => ceiling::serve(&choice.data, algorithm).await,
            None => Serve::default().run(&choice.data, &choice.environment, output).await,
        }
    }
}

impl Server {
    /// Starts the authority of a data directory, whose settings say where it listens, and waits until it serves.
    pub(super) async fn start(data: &Path, address: SocketAddr) -> Result<Self, Failure> {
        Self::spawn(data, address, &["bench", "serving"])?.serves().await
    }

    /// Starts a server that only answers what the least of heartbeats costs.
    pub(super) async fn ceiling(data: &Path, address: SocketAddr, with: Algorithm) -> Result<Self, Failure> {
        Self::spawn(data, address, &["bench", "serving", "--ceiling", with.word()])?.serves().await
    }

    /// Starts it, and waits for nothing.
    pub(super) fn spawn(data: &Path, address: SocketAddr, words: &[&str]) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::refused(format!("No server could be started: {error}."));
        let log = data.join("server.log");
        let told = File::options().create(true).append(true).open(&log).map_err(failed)?;
        let mut command = this(words)?;
        command.arg("--data").arg(data).stdin(Stdio::null()).stdout(Stdio::null()).stderr(told);
        let began = now();
        let child = command.spawn().map_err(failed)?;
        Ok(Self { child, address, log, began })
    }

    /// Waits until it answers that it can work.
    pub(super) async fn serves(mut self) -> Result<Self, Failure> {
        self.after().await?;
        Ok(self)
    }

    /// How long after its start it answered that it can work.
    pub(super) async fn after(&mut self) -> Result<Duration, Failure> {
        const READY: &[u8] = b"GET /ready HTTP/1.1\r\nhost: authority\r\n\r\n";
        loop {
            if let Ok(mut wire) = Wire::connect(self.address).await
                && let Ok((200, _)) = wire.exchange(READY).await
            {
                return Ok(self.began.elapsed());
            }
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) || self.began.elapsed() > PATIENCE {
                let told = std::fs::read_to_string(&self.log).unwrap_or_default();
                let last = told.lines().last().unwrap_or("it said nothing").to_owned();
                return Err(Failure::refused(format!("The server to be measured did not start: {last}")));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends it in good order.
    pub(super) async fn end(mut self) {
        if let Some(id) = self.id() {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = tokio::time::timeout(PATIENCE, self.child.wait()).await;
    }

    /// Ends it as power does.
    pub(super) async fn kill(mut self) {
        let _ = self.child.kill().await;
    }

    /// The memory that it has now, in MiB.
    pub(super) fn rss_mib(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
        Some(kib / 1024.0)
    }

    /// The processor time that it has used, in ticks of ten milliseconds.
    pub(super) fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()?)).ok()?;
        // The name before may hold spaces; the fields behind it are numbers (proc_pid_stat(5)).
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let user: u64 = fields.nth(11)?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        let ticks = rustix::param::clock_ticks_per_second();
        Some(Duration::from_micros((user + system) * 1_000_000 / ticks.max(1)))
    }

    fn id(&self) -> Option<rustix::process::Pid> {
        rustix::process::Pid::from_raw(i32::try_from(self.child.id()?).ok()?)
    }
}

impl Drop for Server {
    /// Whoever removes its directory finds it gone.
    fn drop(&mut self) {
        let mut waits = 1000;
        while waits > 0 && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.start_kill();
            std::thread::sleep(Duration::from_millis(1));
            waits -= 1;
        }
    }
}

/// This binary, with these words, without any setting of the environment.
pub(super) fn this<S: AsRef<OsStr>>(words: &[S]) -> Result<Command, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::refused(format!("The path of this program is not known: {error}.")))?;
    let mut command = Command::new(program);
    command.args(words).kill_on_drop(true).process_group(0);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"KACHING_") {
            command.env_remove(name);
        }
    }
    Ok(command)
}

/// An address on which nothing listens.
pub(super) fn free() -> Result<SocketAddr, Failure> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.map_err(|error| Failure::refused(format!("No port of this machine is free: {error}.")))
}
