//! `kaching serve` as a process that is killed and started again on the same data and the same port.

use std::{
    fs,
    io::BufReader,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use kaching_testkit::{Engine, Scratch};
use serde_json::{Value, json};

use crate::wire::{Answer, Call, Line};

pub(crate) struct Server {
    pub(crate) scratch: Scratch,
    pub(crate) address: SocketAddr,
    pub(crate) root: String,
    pub(crate) token: Token,
    process: Option<Child>,
    /// The longest time from a start to being reached.
    pub(crate) slowest: Duration,
}

/// What an operator's program shows.
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
        let mut server = Self {
            scratch: Scratch::new(engine),
            address: "127.0.0.1:0".parse().unwrap(),
            root: String::new(),
            token: Token::default(),
            process: None,
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

    /// As a power cut would.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().expect("it serves");
        process.kill().unwrap();
        process.wait().unwrap();
    }

    pub(crate) fn restart(&mut self) {
        let began = Instant::now();
        self.serve();
        self.slowest = self.slowest.max(began.elapsed());
    }

    /// Starts the process, and waits for what it says when it is reached.
    fn serve(&mut self) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kaching"));
        command.env_clear().args(["serve", "--json", "--listen", &self.address.to_string(), "--data"]);
        command.arg(self.scratch.folder.path());
        // A few installations do here in seconds what others do in months.
        for limit in
            ["ACTIVATION_PER_SECOND", "LICENSE_PER_SECOND", "NEW_FINGERPRINTS_PER_HOUR", "TOKEN_PER_SECOND"]
        {
            command.env(format!("KACHING_LIMITS__{limit}"), "0");
        }
        if let Some(url) = &self.scratch.url {
            command.args(["--database", url]);
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
        let limits = json!({"activations": {"kind": "slots", "max": slots}});
        let term = json!({"product": "chorus", "code": "team", "name": "Team", "rank": 2, "term_days": 365});
        self.ask("POST", "products", &json!({"code": "chorus", "name": "CHORUS"}));
        self.ask("POST", "plans", &term);
        self.ask("POST", "customers", &json!({"name": customer, "reference": customer}));
        let license = json!({"customer": customer, "product": "chorus", "plan": "team", "limits": limits});
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
