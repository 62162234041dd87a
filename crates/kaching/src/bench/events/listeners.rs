use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout},
};

use super::listening::Heard;
use crate::{bench::server::this, failure::Failure};

/// The processes that hold the streams: one for each server.
pub(super) struct Listeners(Vec<Listener>);

struct Listener {
    child: Child,
    words: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

/// Streams are opened within this.
const OPEN: Duration = Duration::from_secs(120);

impl Listeners {
    /// Opens a stream with each lease, the servers in turn, and waits until all are open.
    pub(super) async fn open(
        dir: &Path,
        leases: &[String],
        servers: Vec<SocketAddr>,
    ) -> Result<Self, Failure> {
        let mut listeners = Vec::new();
        for (at, server) in servers.iter().enumerate() {
            let own: Vec<&str> = leases.iter().skip(at).step_by(servers.len()).map(String::as_str).collect();
            if !own.is_empty() {
                let path = dir.join(format!("leases-{at}"));
                write(&path, &own).map_err(|error| failed(&error))?;
                listeners.push(Listener::spawn(*server, &path)?);
            }
        }
        for listener in &mut listeners {
            let opened = listener.line(OPEN).await?;
            if let Some(error) = opened.error {
                return Err(Failure::refused(format!("Not all streams could be opened: {error}.")));
            }
        }
        Ok(Self(listeners))
    }

    /// How many microseconds after it each stream told of this revision, those left out that did not within this time.
    pub(super) async fn heard(&mut self, revision: u64, within: Duration) -> Result<Vec<u64>, Failure> {
        let mut all = Vec::new();
        for listener in &mut self.0 {
            loop {
                let heard = listener.line(within).await?;
                if let Some(error) = heard.error {
                    return Err(Failure::refused(format!("A stream broke: {error}.")));
                }
                // What is late of an earlier one is no answer.
                if heard.revision >= revision || heard.micros.is_empty() {
                    all.extend(heard.micros);
                    break;
                }
            }
        }
        Ok(all)
    }

    pub(super) async fn close(self) {
        for Listener { mut child, words, .. } in self.0 {
            drop(words);
            let _ = child.wait().await;
        }
    }
}

impl Listener {
    fn spawn(to: SocketAddr, leases: &Path) -> Result<Self, Failure> {
        let mut command = this(&["bench", "listening"])?;
        command.arg("--to").arg(to.to_string()).arg("--leases").arg(leases);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| failed(&error))?;
        let words = child.stdin.take();
        let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
        let (Some(words), Some(lines)) = (words, lines) else { return Err(gone()) };
        Ok(Self { child, words, lines })
    }

    /// The next line; after this time, what was heard until then.
    async fn line(&mut self, within: Duration) -> Result<Heard, Failure> {
        let line = match tokio::time::timeout(within, self.lines.next_line()).await {
            Ok(line) => line,
            Err(_) => {
                self.words.write_all(b"tell\n").await.map_err(|error| failed(&error))?;
                self.lines.next_line().await
            }
        };
        let line = line.map_err(|error| failed(&error))?.ok_or_else(gone)?;
        serde_json::from_str(&line).map_err(|_| gone())
    }
}

fn write(path: &Path, leases: &[&str]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(leases.join("\n").as_bytes())
}

fn failed(error: &io::Error) -> Failure {
    Failure::refused(format!("Those who listen could not be started or asked: {error}."))
}

fn gone() -> Failure {
    Failure::refused("Those who listen ended before they had told all.")
}
