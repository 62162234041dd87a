//! `kaching serve` as a process that is killed and started again on the same data and the same port.

use std::{
    fs,
    io::BufReader,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use kaching_testkit::{Engine, Scratch};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::wire::{Answer, Call, Line};

/// The binary that was built with these tests.
pub(crate) const THIS_RELEASE: &str = env!("CARGO_BIN_EXE_kaching");

pub(crate) struct Server {
    /// Which release serves from the next start on.
    pub(crate) binary: PathBuf,
    pub(crate) scratch: Scratch,
    pub(crate) address: SocketAddr,
    pub(crate) root: String,
    pub(crate) token: Token,
    process: Option<Child>,
    environment: Environment,
    /// The longest time from a start to being reached.
    pub(crate) slowest: Duration,
}

/// Settings in addition to those that all servers have.
type Environment = &'static [(&'static str, &'static str)];

const LEAVES_AFTER_A_SECOND: Environment = &[("KACHING_SERVER__LEAVE_S", "1")];

/// The token of an operator's program.
#[derive(Clone, Default)]
pub(crate) struct Token(String);

impl Token {
    pub(crate) fn call(&self, method: &'static str, path: &str, body: &Value) -> Call {
        Call::new(method, format!("/v1/admin/{path}"), body).header("authorization", &self.0)
    }
}

impl Server {
    /// A fresh authority that serves.
    pub(crate) fn start(engine: Engine) -> Self {
        Self::on(Scratch::new(engine))
    }

    /// One that serves from this database, which is empty.
    pub(crate) fn on(scratch: Scratch) -> Self {
        Self::with(Path::new(THIS_RELEASE), scratch, LEAVES_AFTER_A_SECOND)
    }

    /// A fresh authority that the release with this binary serves.
    pub(crate) fn of_release(binary: &Path, engine: Engine) -> Self {
        Self::with(binary, Scratch::new(engine), LEAVES_AFTER_A_SECOND)
    }

    /// One on PostgreSQL behind a proxy on this machine, which asks each second whether it is ready.
    pub(crate) fn behind_proxies() -> Self {
        let environment =
            &[("KACHING_SERVER__TRUSTED_PROXIES", "127.0.0.1"), ("KACHING_SERVER__LEAVE_S", "3")];
        Self::with(Path::new(THIS_RELEASE), Scratch::new(Engine::Postgres), environment)
    }

    fn with(binary: &Path, scratch: Scratch, environment: Environment) -> Self {
        let engine = scratch.engine();
        let mut server = Self {
            binary: binary.to_owned(),
            scratch,
            address: "127.0.0.1:0".parse().unwrap(),
            root: String::new(),
            token: Token::default(),
            process: None,
            environment,
            slowest: Duration::ZERO,
        };
        let greeting = server.serve();
        server.address = greeting["listen"].as_str().unwrap().parse().unwrap();
        server.root = greeting["root"].as_str().unwrap().to_owned();
        let token = fs::read_to_string(greeting["first_token"].as_str().unwrap()).unwrap();
        server.token = Token(format!("Bearer {}", token.trim()));
        // Kept offline, as it may be where it is a file: to open it costs most of a start, which is not tried here.
        if engine == Engine::Sqlite {
            fs::remove_file(server.scratch.folder.path().join("root.key")).unwrap();
        }
        server
    }

    /// Another one on the same database, as behind a balancer: only the master key is its own.
    pub(crate) fn replica(&self) -> Self {
        let url = self.scratch.url.clone().expect("it is shared");
        let mut server = Self {
            binary: self.binary.clone(),
            scratch: Scratch::at(url),
            address: "127.0.0.1:0".parse().unwrap(),
            root: self.root.clone(),
            token: self.token.clone(),
            process: None,
            environment: self.environment,
            slowest: Duration::ZERO,
        };
        let key = |server: &Self| server.scratch.folder.path().join("master.key");
        fs::set_permissions(server.scratch.folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        fs::copy(key(self), key(&server)).unwrap();
        let greeting = server.serve();
        assert_eq!(greeting["root"], self.root.as_str(), "another root");
        assert_eq!(greeting["first_token"], Value::Null, "another first token");
        server.address = greeting["listen"].as_str().unwrap().parse().unwrap();
        server
    }

    /// As a power cut would.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("it serves");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Asks it to end, as an init system does.
    pub(crate) fn ask_to_end(&self) {
        let process = Pid::from_child(self.process.as_ref().expect("it serves"));
        kill_process(process, Signal::TERM).unwrap();
    }

    /// Waits until it has ended, in good order.
    pub(crate) fn until_ended(&mut self) {
        assert!(self.process.take().expect("it serves").wait().unwrap().success());
    }

    pub(crate) fn restart(&mut self) {
        let began = Instant::now();
        self.serve();
        self.slowest = self.slowest.max(began.elapsed());
    }

    /// Starts the process, and waits for what it says when it is reached.
    fn serve(&mut self) -> Value {
        let mut command = Command::new(&self.binary);
        command.env_clear().envs(self.environment.iter().copied()).args([
            "serve",
            "--json",
            "--listen",
            &self.address.to_string(),
            "--data",
        ]);
        command.arg(self.scratch.folder.path());
        // A few installations do here in seconds what others do in months.
        for limit in [
            "ACTIVATION_PER_SECOND",
            "OUTDATED_PER_SECOND",
            "LICENSE_PER_SECOND",
            "NEW_FINGERPRINTS_PER_HOUR",
            "TOKEN_PER_SECOND",
            "USAGE_PER_DAY",
            "AUDIT_PER_DAY",
        ] {
            command.env(format!("KACHING_LIMITS__{limit}"), "0");
        }
        if let Some(url) = &self.scratch.url {
            // Servers that share a database are one authority with one name.
            command.args(["--database", url, "--public-url", "https://licenses.example.com"]);
        }
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        self.process = Some(process);
        let mut documents = serde_json::Deserializer::from_reader(output).into_iter();
        documents.next().expect("it serves").unwrap()
    }

    /// Asks as an operator, once.
    pub(crate) fn ask(&self, method: &'static str, path: &str, body: &Value) -> Value {
        let Answer { status, body } =
            Line::to(self.address).ask(&self.token.call(method, path, body)).unwrap();
        assert!(status < 300, "{method} {path}: {status} {body}");
        body
    }

    /// Every item of a list.
    pub(crate) fn list(&self, path: &str) -> Vec<Value> {
        let (mut items, mut after) = (Vec::new(), String::new());
        loop {
            let mut page = self.ask("GET", &format!("{path}&limit=200{after}"), &Value::Null);
            items.append(page["items"].as_array_mut().unwrap());
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return items,
            }
        }
    }

    /// A product, a plan of so many slots, and a license of it for this customer.
    pub(crate) fn license(&self, customer: &str, slots: u64) -> Value {
        let limits = json!({"activations": {"kind": "slots", "max": slots},
            "nodes": {"kind": "level", "max": null}, "jobs": {"kind": "counter", "max": null, "per": "day"}});
        let term = json!({"product": "chorus", "code": "team", "name": "Team", "rank": 2, "term_days": 365});
        self.ask("POST", "products", &json!({"code": "chorus", "name": "CHORUS"}));
        self.ask("POST", "plans", &term);
        self.ask("POST", "customers", &json!({"name": customer, "reference": customer}));
        // An installation that loses its state in a kill displaces itself, and moves by the key when it gives its slot back.
        let license = json!({"customer": customer, "product": "chorus", "plan": "team", "limits": limits,
            "lease_policy": {"moves": 1_000_000}});
        self.ask("POST", "licenses", &license)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}
