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

use super::hold_streams::DeliveryReport;
use crate::server_process::this_program;
use kaching_command::failure::Failure;

/// The processes that hold the streams, one for each server.
pub(super) struct Listeners(Vec<Listener>);

struct Listener {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

/// The longest time until all streams are open.
const OPEN: Duration = Duration::from_secs(120);

impl Listeners {
    /// Opens a stream with each lease, divided among the servers, and waits until all are open.
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
            let opened = listener.next_report(OPEN).await?;
            if let Some(error) = opened.error {
                return Err(Failure::refused(format!("Not all streams could be opened: {error}.")));
            }
        }
        Ok(Self(listeners))
    }

    /// Returns how many microseconds after the change each stream delivered this revision, without those that took longer
    /// than `within`.
    pub(super) async fn wait_for_revision(
        &mut self,
        revision: u64,
        within: Duration,
    ) -> Result<Vec<u64>, Failure> {
        let mut all = Vec::new();
        for listener in &mut self.0 {
            loop {
                let report = listener.next_report(within).await?;
                if let Some(error) = report.error {
                    return Err(Failure::refused(format!("A stream broke: {error}.")));
                }
                // A late report of an earlier revision is skipped.
                if report.revision >= revision || report.micros.is_empty() {
                    all.extend(report.micros);
                    break;
                }
            }
        }
        Ok(all)
    }

    pub(super) async fn close(self) {
        for Listener { mut child, input, .. } in self.0 {
            drop(input);
            let _ = child.wait().await;
        }
    }
}

impl Listener {
    fn spawn(to: SocketAddr, leases: &Path) -> Result<Self, Failure> {
        let mut command = this_program(&["bench", "listening"])?;
        command.arg("--to").arg(to.to_string()).arg("--leases").arg(leases);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| failed(&error))?;
        let input = child.stdin.take();
        let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
        let (Some(input), Some(lines)) = (input, lines) else { return Err(gone()) };
        Ok(Self { child, input, lines })
    }

    /// Returns the next report. After `within`, asks for a report of what was delivered so far.
    async fn next_report(&mut self, within: Duration) -> Result<DeliveryReport, Failure> {
        let line = match tokio::time::timeout(within, self.lines.next_line()).await {
            Ok(line) => line,
            Err(_) => {
                self.input.write_all(b"report\n").await.map_err(|error| failed(&error))?;
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
    Failure::refused(format!("The listener processes could not be started or asked: {error}."))
}

fn gone() -> Failure {
    Failure::refused("The listener processes ended before they had reported everything.")
}
