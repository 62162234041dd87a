//! Runs the binary in a directory of its own, and records its output.

use std::{
    collections::HashMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use kaching_authority::{
    Authority, DatabaseConfig, Issuer, Options, RootStore, SystemClock, SystemEntropy, fill::Fill,
};
use kaching_base::Secret;
use prometheus_client::registry::Registry;
use serde_json::Value;

/// A data directory that is removed when this is dropped.
pub(crate) struct Kaching {
    directory: tempfile::TempDir,
    transcript: String,
    ids: HashMap<String, usize>,
}

/// The output and the exit code of a command.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Kaching {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory, transcript: String::new(), ids: HashMap::new() }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Returns a command that runs the binary with the data directory as its only setting.
    pub(crate) fn command(&self) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_kaching"))
    }

    /// Returns a command that runs another program in the same place.
    pub(crate) fn command_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.directory.path()).env("KACHING_DATA", self.data());
        command.current_dir(self.directory.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        Said::of(&self.command().args(arguments).output().unwrap())
    }

    pub(crate) fn run_with(&self, input: &[u8], arguments: &[&str]) -> Said {
        let mut child = self
            .command()
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Said::of(&child.wait_with_output().unwrap())
    }

    /// Runs a command that succeeds, and returns its JSON document.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(said.code, 0, "{arguments:?}: {}", said.err);
        serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", said.out))
    }

    /// Creates product, plan, customer and license, and returns the license.
    pub(crate) fn with_license(&self) -> Value {
        self.json(&["product", "create", "--code", "chorus", "--name", "CHORUS"]);
        let plan =
            ["plan", "create", "--product", "chorus", "--code", "team", "--name", "Team", "--days", "365"];
        self.json(&plan);
        self.json(&["customer", "create", "--name", "Acme", "--reference", "CUST-001"]);
        self.json(&["license", "create", "--customer", "CUST-001", "--product", "chorus", "--plan", "team"])
    }

    /// Adds rows to the database, which no process may have open.
    pub(crate) async fn fill(&self, fill: Fill) {
        let options = Options {
            database: DatabaseConfig::sqlite(self.data().join("kaching.db")),
            directory: self.data(),
            master: None,
            root_store: RootStore::Directory(self.data()),
            root_passphrase: Secret::new(String::new()),
            issuer: Issuer::Default("http://127.0.0.1:7700".to_owned()),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let authority = Authority::open(options, &mut Registry::default()).await.unwrap();
        authority.fill(fill).await.unwrap();
        authority.close().await;
    }

    /// Runs a command from one line, and records its output.
    pub(crate) fn record(&mut self, line: &str) -> Said {
        let arguments = words(line);
        let said = self.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let mut text = format!("$ kaching {line}\n{}{}", said.out, said.err);
        if said.code != 0 {
            text.push_str(&format!("[exit code {}]\n", said.code));
        }
        let text = self.normal(&text);
        self.transcript.push_str(&text);
        self.transcript.push('\n');
        said
    }

    /// Compares the record with the file of this name, or writes it if `KACHING_ACCEPT` is set.
    pub(crate) fn compare(self, name: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(name);
        if std::env::var_os("KACHING_ACCEPT").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &self.transcript).unwrap();
        }
        let recorded = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            recorded == self.transcript,
            "tests/recorded/{name} is not what was said; accept with KACHING_ACCEPT=1:\n{}",
            self.transcript
        );
    }

    /// Replaces ids, keys and times, which differ in each run.
    fn normal(&mut self, text: &str) -> String {
        let user = format!("local:{}", rustix::process::geteuid().as_raw());
        let text = text.replace(&self.data().display().to_string(), "DATA").replace(&user, "local:UID");
        let mut normal = String::new();
        let mut rest = text.as_str();
        while let Some(character) = rest.chars().next() {
            let after_word = normal.ends_with(|c: char| c.is_ascii_alphanumeric());
            if let Some((id, length)) = id(rest).filter(|_| !after_word) {
                let next = self.ids.len() + 1;
                let number = *self.ids.entry(id.to_owned()).or_insert(next);
                normal.push_str(&format!("{}_{number}", &id[..3]));
                rest = &rest[length..];
            } else if let Some(length) = key(rest) {
                normal.push_str("-KEY");
                rest = &rest[length..];
            } else if let Some(length) = date(rest) {
                normal.push_str("DATE");
                rest = &rest[length..];
            } else {
                normal.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
        normal
    }
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().expect("it was not killed"),
            out: String::from_utf8(output.stdout.clone()).unwrap(),
            err: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }
}

/// Returns the words of a line. Text in double quotes is one word.
fn words(line: &str) -> Vec<String> {
    let quoted = line.split('"').enumerate();
    let words = quoted.flat_map(|(at, part)| match at % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// `lic_` and 26 symbols.
pub(crate) fn id(text: &str) -> Option<(&str, usize)> {
    const KINDS: [&str; 8] = ["prd_", "pln_", "cus_", "lic_", "act_", "tok_", "aud_", "req_"];
    let id = text.get(..30).filter(|id| KINDS.iter().any(|kind| id.starts_with(kind)))?;
    id[4..].bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()).then_some((id, 30))
}

/// Five groups of five symbols.
pub(crate) fn key(text: &str) -> Option<usize> {
    let key = text.get(..30)?.as_bytes();
    let symbol = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    let group = |group: &[u8]| group[0] == b'-' && group[1..].iter().all(|b| symbol(*b));
    key.chunks(6).all(group).then_some(30)
}

/// A day, or an instant.
pub(crate) fn date(text: &str) -> Option<usize> {
    let day = text.get(..10)?.as_bytes();
    let is_day = day
        .iter()
        .enumerate()
        .all(|(at, b)| if at == 4 || at == 7 { *b == b'-' } else { b.is_ascii_digit() });
    let instant = text.get(10..).filter(|rest| rest.starts_with('T')).and_then(|rest| rest.find('Z'));
    // For people, the time of day to the minute.
    let minute = text.get(10..16).filter(|time| {
        time.bytes().enumerate().all(|(at, b)| match at {
            0 => b == b' ',
            3 => b == b':',
            _ => b.is_ascii_digit(),
        })
    });
    is_day.then(|| instant.map_or(10 + minute.map_or(0, str::len), |end| 11 + end))
}
