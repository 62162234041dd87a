use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{Unavailable, database};

/// A server that may be stopped and started; it ends, and its folder goes, when this is dropped or the process ends.
pub struct Server {
    keeper: Mutex<Keeper>,
    home: String,
    port: u16,
    databases: AtomicU32,
}

/// The folder of a server's data, and its settings at the start.
#[derive(Clone, Copy, Default)]
pub struct Place<'a> {
    /// The folder of `initdb` and `pg_ctl`; looked for unless named.
    pub programs: Option<&'a Path>,
    /// The folder in which its own is made, for all users to pass; `/tmp` unless named.
    pub parent: Option<&'a Path>,
    /// Settings that differ from the defaults, such as `jit=off`.
    pub settings: &'a [&'a str],
    /// Whether it listens on 127.0.0.1, at a free port, in addition to its socket.
    pub listens: bool,
    /// The certificate chain and the private key that it shows there, PEM: it offers TLS if it has them.
    pub certificate: Option<(&'a Path, &'a Path)>,
}

/// The port of a server that does not listen: the name of its socket has it.
const PORT: u16 = 5432;

struct Keeper {
    process: Child,
    // Taken on drop: the keeper cleans up when its input ends.
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a server with a data folder of its own.
    ///
    /// # Errors
    /// If PostgreSQL is not installed or does not start; what it said about that is on standard error.
    pub fn start(place: &Place<'_>) -> Result<Self, Unavailable> {
        Self::begin(place, Path::new("-"))
    }

    /// Starts a server that follows this one, which must not listen, as a read-only standby.
    ///
    /// # Errors
    /// As of [`start`](Self::start), or if this one does not let itself be followed.
    pub fn standby(&self, place: &Place<'_>) -> Result<Self, Unavailable> {
        Self::begin(place, Path::new(&self.home))
    }

    fn begin(place: &Place<'_>, leader: &Path) -> Result<Self, Unavailable> {
        let programs = place.programs.map(Path::to_owned).or_else(programs).ok_or_else(|| {
            Unavailable("PostgreSQL's programs are not installed: install PostgreSQL 15 or later".to_owned())
        })?;
        let (port, listens) =
            if place.listens { (free_port()?, "listen_addresses=127.0.0.1") } else { (PORT, "") };
        let none = Path::new("-");
        let (chain, key) = place.certificate.unwrap_or((none, none));
        let mut process = Command::new("sh")
            .args(["-c", include_str!("keeper.sh"), "keeper"])
            .arg(programs)
            .arg(place.parent.unwrap_or(Path::new("/tmp")))
            .arg(port.to_string())
            .args([chain, key, leader])
            .args(place.settings)
            .args(Some(listens).filter(|setting| !setting.is_empty()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A signal to the owner's process group is not for the keeper: it still has to clean up.
            .process_group(0)
            .spawn()
            .map_err(|error| Unavailable(format!("no shell could be started: {error}")))?;
        let words = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("its output is piped"));
        let mut keeper = Keeper { process, words, answers };
        let home = keeper.answer()?;
        Ok(Self { keeper: Mutex::new(keeper), home, port, databases: AtomicU32::new(0) })
    }

    /// The URL of a fresh, empty database, which stays as long as the server.
    ///
    /// # Errors
    /// If the server is stopped.
    pub fn database(&self) -> Result<String, Unavailable> {
        database::make(&self.url(), &self.fresh_name())
    }

    /// The URL of a fresh database with what is in another one of this server, to which nothing is connected.
    ///
    /// # Errors
    /// If the server is stopped, or somebody is connected.
    pub fn copy_of(&self, url: &str) -> Result<String, Unavailable> {
        database::copy(&self.url(), &self.fresh_name(), url)
    }

    /// The port, where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://kaching@{}/postgres", self.host())
    }

    /// Its socket, as URLs name one.
    pub(crate) fn host(&self) -> String {
        let folder = self.home.replace('/', "%2F");
        if self.port == PORT { folder } else { format!("{folder}:{}", self.port) }
    }

    fn fresh_name(&self) -> String {
        format!("own{}", self.databases.fetch_add(1, Ordering::Relaxed))
    }

    /// Ends every connection and the server.
    ///
    /// # Errors
    /// If its keeper is gone.
    pub fn stop(&self) -> Result<(), Unavailable> {
        self.tell("stop")
    }

    /// Starts the server again on its data.
    ///
    /// # Errors
    /// If it does not start.
    pub fn restart(&self) -> Result<(), Unavailable> {
        self.tell("start")
    }

    /// Kills every process of the server, as a power cut would.
    ///
    /// # Errors
    /// If its keeper is gone.
    pub fn cut(&self) -> Result<(), Unavailable> {
        self.tell("cut")
    }

    /// Makes a standby the primary.
    ///
    /// # Errors
    /// If it is none, or its keeper is gone.
    pub fn promote(&self) -> Result<(), Unavailable> {
        self.tell("promote")
    }

    /// Starts again as a standby of that server, which must not listen; its own data is removed.
    ///
    /// # Errors
    /// If that one does not let itself be followed, or the keeper is gone.
    pub fn follow(&self, leader: &Self) -> Result<(), Unavailable> {
        self.tell(&format!("follow {}", leader.home))
    }

    fn tell(&self, word: &str) -> Result<(), Unavailable> {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let words = keeper.words.as_mut().expect("its input is open until it is dropped");
        writeln!(words, "{word}").map_err(|error| silent(&error))?;
        keeper.answer().map(drop)
    }
}

impl Keeper {
    fn answer(&mut self) -> Result<String, Unavailable> {
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(|error| silent(&error))?;
        match line.strip_suffix('\n') {
            Some(answer) => Ok(answer.to_owned()),
            None => Err(Unavailable(
                "the private PostgreSQL did not follow a command: see its log above".to_owned(),
            )),
        }
    }
}

/// Returns a free port. If another program takes it before the server does, the server does not start.
fn free_port() -> Result<u16, Unavailable> {
    let found = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    found.map(|address| address.port()).map_err(|error| Unavailable(format!("no port is free: {error}")))
}

fn silent(error: &io::Error) -> Unavailable {
    Unavailable(format!("the private PostgreSQL's keeper does not answer: {error}"))
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        keeper.words.take();
        // It has said what it had to say: nothing here depends on how it ends.
        let _ = keeper.process.wait();
    }
}

/// The folder of `initdb` and `pg_ctl`, if they are installed.
fn programs() -> Option<PathBuf> {
    let configured = || {
        let output = Command::new("pg_config").arg("--bindir").output().ok()?;
        Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
    };
    let packaged = || {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let number = |folder: &PathBuf| folder.file_name()?.to_str()?.parse::<u32>().ok();
        versions.flatten().map(|entry| entry.path()).max_by_key(number).map(|folder| folder.join("bin"))
    };
    [configured(), packaged()].into_iter().flatten().find(|folder| folder.join("pg_ctl").exists())
}
