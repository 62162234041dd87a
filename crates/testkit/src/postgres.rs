//! A PostgreSQL of this test process's own, on a socket in a temporary folder.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

/// A server that a test may stop and start; it ends, and its folder goes, when this is dropped or the process ends.
pub struct Server {
    keeper: Mutex<Keeper>,
    home: String,
    databases: AtomicU32,
}

struct Keeper {
    process: Child,
    // Taken on drop: the keeper cleans up when its input ends.
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// The URL of a fresh database on the one server of this process, which starts with the first call.
///
/// # Panics
/// If PostgreSQL is not installed: no test of an engine is left out.
pub fn postgres() -> String {
    static SHARED: LazyLock<Server> = LazyLock::new(Server::start);
    SHARED.database()
}

impl Server {
    /// Starts a server with a data folder of its own.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start.
    pub fn start() -> Self {
        let mut process = Command::new("sh")
            .args(["-c", include_str!("postgres/keeper.sh"), "keeper"])
            .arg(programs())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A signal to the tests' process group is not for the keeper: it still has to clean up.
            .process_group(0)
            .spawn()
            .expect("a shell is there");
        let words = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("its output is piped"));
        let mut keeper = Keeper { process, words, answers };
        let home = keeper.answer();
        Self { keeper: Mutex::new(keeper), home, databases: AtomicU32::new(0) }
    }

    /// The URL of a fresh, empty database.
    ///
    /// # Panics
    /// If the server is stopped.
    pub fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let (all, statement) = (self.url("postgres"), format!("create database {name}"));
        // On a thread of its own: the synchronous client may not be used by async code.
        let made = thread::spawn(move || {
            ::postgres::Client::connect(&all, ::postgres::NoTls)?.batch_execute(&statement)
        });
        made.join().expect("the thread does not panic").expect("the server makes a database");
        self.url(&name)
    }

    /// Ends every connection and the server.
    pub fn stop(&self) {
        self.tell("stop");
    }

    /// Starts the server again on its data.
    pub fn restart(&self) {
        self.tell("start");
    }

    fn url(&self, name: &str) -> String {
        format!("postgresql://kaching@{}/{name}", self.home.replace('/', "%2F"))
    }

    fn tell(&self, word: &str) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let words = keeper.words.as_mut().expect("its input is open until it is dropped");
        writeln!(words, "{word}").expect("the keeper listens");
        keeper.answer();
    }
}

impl Keeper {
    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the keeper answers in text");
        assert!(line.ends_with('\n'), "the private PostgreSQL did not do as it was told: see its log above");
        line.trim_end().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        keeper.words.take();
        // It has said what it had to say: nothing here depends on how it ends.
        let _ = keeper.process.wait();
    }
}

/// The folder of `initdb` and `pg_ctl`.
fn programs() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "where the machine keeps PostgreSQL is no setting of the product"
    )]
    let named = std::env::var("KACHING_TEST_PG_BIN").ok().map(PathBuf::from);
    let told = || {
        let output = Command::new("pg_config").arg("--bindir").output().ok()?;
        Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
    };
    let packaged = || {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let number = |folder: &PathBuf| folder.file_name()?.to_str()?.parse::<u32>().ok();
        versions.flatten().map(|entry| entry.path()).max_by_key(number).map(|folder| folder.join("bin"))
    };
    [named, told(), packaged()].into_iter().flatten().find(|folder| folder.join("pg_ctl").exists()).expect(
        "the tests need PostgreSQL 15 or later: install it, or name the folder of pg_ctl in KACHING_TEST_PG_BIN",
    )
}
