//! A process of this binary that serves, so that the measured server shares no memory with the load.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use kaching_base::LeaseAlgorithm;
use tokio::process::{Child, Command};

use super::{connection::Connection, load::now};
use kaching_command::failure::Failure;

/// A process that serves a data directory. It is killed when this is dropped.
pub(super) struct ServerProcess {
    child: Child,
    pub(super) address: SocketAddr,
    log: PathBuf,
    began: Instant,
}

/// The longest time to start or to stop.
const PATIENCE: Duration = Duration::from_secs(60);

/// The algorithm that signs leases.
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

impl ServerProcess {
    /// Starts the authority of a data directory, whose settings name its address, and waits until it is ready.
    pub(super) async fn start(data: &Path, address: SocketAddr) -> Result<Self, Failure> {
        Self::spawn(data, address, &["bench", "serving"])?.wait_until_ready().await
    }

    /// Starts a server that answers the `ceiling` request alone, and waits until it is ready.
    pub(super) async fn start_ceiling(
        data: &Path,
        address: SocketAddr,
        with: Algorithm,
    ) -> Result<Self, Failure> {
        Self::spawn(data, address, &["bench", "serving", "--ceiling", with.word()])?.wait_until_ready().await
    }

    /// Starts this program with these arguments, without waiting.
    pub(super) fn spawn(data: &Path, address: SocketAddr, words: &[&str]) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::refused(format!("No server could be started: {error}."));
        let log = data.join("server.log");
        let log_file = File::options().create(true).append(true).open(&log).map_err(failed)?;
        let mut command = this_program(words)?;
        command.arg("--data").arg(data).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log_file);
        let began = now();
        let child = command.spawn().map_err(failed)?;
        Ok(Self { child, address, log, began })
    }

    /// Waits until it is ready.
    pub(super) async fn wait_until_ready(mut self) -> Result<Self, Failure> {
        self.ready_after().await?;
        Ok(self)
    }

    /// Waits until it is ready, and returns the time since its start.
    pub(super) async fn ready_after(&mut self) -> Result<Duration, Failure> {
        const READY: &[u8] = b"GET /ready HTTP/1.1\r\nhost: authority\r\n\r\n";
        loop {
            if let Ok(mut connection) = Connection::connect(self.address).await
                && let Ok((200, _)) = connection.exchange(READY).await
            {
                return Ok(self.began.elapsed());
            }
            if self.child.try_wait().is_ok_and(|ended| ended.is_some()) || self.began.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                let last = log.lines().last().unwrap_or("its log is empty").to_owned();
                return Err(Failure::refused(format!("The server to be measured did not start: {last}")));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Stops it with SIGTERM, and waits for its end.
    pub(super) async fn stop(mut self) {
        if let Some(id) = self.id() {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = tokio::time::timeout(PATIENCE, self.child.wait()).await;
    }

    /// Kills it, as a power cut would.
    pub(super) async fn kill(mut self) {
        let _ = self.child.kill().await;
    }

    /// Returns its resident memory in MiB.
    pub(super) fn rss_mib(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
        Some(kib / 1024.0)
    }

    /// Returns the processor time that it has used, at a resolution of ten milliseconds.
    pub(super) fn cpu(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()?)).ok()?;
        // The name may contain spaces; the fields after it are numbers (proc_pid_stat(5)).
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

impl Drop for ServerProcess {
    /// Waits for the end, so that its directory can be removed.
    fn drop(&mut self) {
        let mut waits = 1000;
        while waits > 0 && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.start_kill();
            std::thread::sleep(Duration::from_millis(1));
            waits -= 1;
        }
    }
}

/// Returns a command that runs this binary with these arguments, without the settings of the environment.
pub(super) fn this_program<S: AsRef<OsStr>>(words: &[S]) -> Result<Command, Failure> {
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

/// Returns a loopback address with a free port.
pub(super) fn free_address() -> Result<SocketAddr, Failure> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.map_err(|error| Failure::refused(format!("No port of this machine is free: {error}.")))
}
