//! Many clients that reconnect at the same moment.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{bench_server, disk::Disk, figures::Figures, server_process::Algorithm};
use kaching_command::{
    data_dir::DataDir,
    failure::Failure,
    output::{Card, Output, remark, show_progress},
};

mod clients;

/// Clients that all connect at the same moment after an outage, each with a heartbeat due
///
/// The server is a process of its own with its default settings. Processes of some thousand clients each connect to it. Each
/// client sends its heartbeat, and repeats it with the backoff of kaching-client until it has its lease.
#[derive(Args)]
pub struct ReconnectStorm {
    /// The number of clients
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: u32,
    /// The processes of the clients; one for each 6,000 unless set
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    generators: Option<u32>,
    /// Run as one of those processes
    #[arg(long, hide = true)]
    part: bool,
}

/// The task of a process of clients, on its standard input.
#[derive(Serialize, Deserialize)]
struct Task {
    address: SocketAddr,
    /// The keys of the licenses on which its clients run.
    keys: Vec<String>,
    first: u32,
    clients: u32,
}

/// The outcome of some clients, on the standard output of their process.
#[derive(Default, Serialize, Deserialize)]
struct Outcome {
    /// Microseconds from the reconnect until each client had its lease.
    micros: Vec<u32>,
    /// Answers 503.
    shed: u64,
    /// Answers 429.
    limited: u64,
    /// Connections that failed, broke, or timed out.
    broken: u64,
    /// Clients that got an answer that cannot be repeated.
    refused: u64,
    /// The first such answer.
    refusal: Option<String>,
}

/// The printed result.
#[derive(Serialize)]
struct StormResult {
    name: &'static str,
    clients: u32,
    generators: u32,
    /// Milliseconds until the last client had its lease.
    settled_ms: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    shed: u64,
    rate_limited: u64,
    broken: u64,
    /// Requests that were repeated.
    retries: u64,
    refused: u64,
    /// Clients without a lease at the end.
    unserved: u64,
    /// The peak memory of the server.
    rss_mib: f64,
}

/// Kills a child process when it is dropped, also if the measurement fails.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl ReconnectStorm {
    pub(super) async fn run(self, disk: &Disk, output: &Output) -> Result<(), Failure> {
        if self.part {
            return clients::run().await;
        }
        let result = self.measure(disk).await?;
        output.either(&result, || result.text(output))?;
        match result.refused + result.unserved {
            0 => Ok(()),
            _ => Err(Failure::refused("Not every client had its lease in the end.")),
        }
    }

    /// Returns the result for this many clients as a row of the report.
    pub(super) async fn row(clients: u32, disk: &Disk) -> Result<Figures, Failure> {
        let result = Self { clients, generators: None, part: false }.measure(disk).await?;
        Ok(Figures {
            of: Some(format!("{} sent away", result.retries)),
            engine: Some("sqlite"),
            connections: Some(clients),
            p50_ms: Some(result.p50_ms),
            p99_ms: Some(result.p99_ms),
            max_ms: Some(result.max_ms),
            shed: Some(result.shed),
            errors: result.refused + result.unserved,
            rss_mib: Some(result.rss_mib),
            ..Figures::named("herd")
        })
    }

    async fn measure(&self, disk: &Disk) -> Result<StormResult, Failure> {
        let generators = self.generators.unwrap_or(self.clients.div_ceil(6000)).min(self.clients);
        let dir = tempfile::Builder::new().prefix("kaching-bench-").tempdir_in(disk.path())?;
        let data = DataDir::locate(Some(dir.path().to_owned()))?;
        data.make()?;
        show_progress("a server starts");
        let (server, address) = start_server(data.path())?;
        let keys: Vec<String> = bench_server::create_fixture(&data, Algorithm::default())
            .await?
            .keys
            .iter()
            .map(|key| key.expose().to_owned())
            .collect();
        show_progress(&format!("{} clients activate, and come back", self.clients));
        let shares = (0..generators).map(|n| {
            let (first, end) = (share(self.clients, generators, n), share(self.clients, generators, n + 1));
            Task { address, keys: keys.clone(), first, clients: end - first }
        });
        let parts = shares.map(start_clients).collect::<Result<Vec<_>, Failure>>()?;
        let (processes, pipes): (Vec<KillOnDrop>, Vec<ClientPipe>) = parts.into_iter().unzip();
        // The conversation blocks a thread. An interrupt drops the handles, which kills the processes and ends it.
        let (mut conversation, mut interrupted) = (JoinSet::new(), disk.interrupted.clone());
        conversation.spawn_blocking(move || run_together(pipes));
        let outcomes = tokio::select! {
            outcomes = conversation.join_next() => match outcomes {
                Some(Ok(outcomes)) => outcomes?,
                _ => return Err(Failure::refused("The clients ended without a result.")),
            },
            () = interrupted.requested() => return Err(Failure::refused("Interrupted: nothing was measured.")),
        };
        drop(processes);
        let rss_mib = peak_mib(server.0.id());
        drop(server);
        show_progress("");
        Ok(StormResult::of(self.clients, generators, outcomes, rss_mib))
    }
}

/// Returns the number of the first client of the n-th process.
fn share(clients: u32, generators: u32, n: u32) -> u32 {
    u32::try_from(u64::from(clients) * u64::from(n) / u64::from(generators.max(1))).unwrap_or(clients)
}

/// Returns a command that runs this program without the settings of the environment.
fn this_program() -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    for (name, _) in kaching_command::settings::environment() {
        command.env_remove(name);
    }
    command.stdout(Stdio::piped());
    Ok(command)
}

/// Starts a server with its default settings, and returns it with its address.
fn start_server(data: &Path) -> Result<(KillOnDrop, SocketAddr), Failure> {
    let mut command = this_program()?;
    command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    let mut server = KillOnDrop(command.env("KACHING_LOG__LEVEL", "error").spawn()?);
    let output = server.0.stdout.take().ok_or_else(|| Failure::refused("The server has no output."))?;
    let mut greetings = serde_json::Deserializer::from_reader(output).into_iter::<serde_json::Value>();
    let greeting = greetings.next().and_then(Result::ok).unwrap_or_default();
    let address = greeting["listen"].as_str().and_then(|text| text.parse().ok());
    Ok((server, address.ok_or_else(|| Failure::refused("The server did not start."))?))
}

/// The standard input and output of a process of clients.
struct ClientPipe {
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// Starts a process of clients.
fn start_clients(task: Task) -> Result<(KillOnDrop, ClientPipe), Failure> {
    let mut process =
        KillOnDrop(this_program()?.args(["bench", "herd", "--part"]).stdin(Stdio::piped()).spawn()?);
    let (Some(to), Some(from)) = (process.0.stdin.take(), process.0.stdout.take()) else {
        return Err(Failure::refused("The clients have no input and output."));
    };
    let mut pipe = ClientPipe { to, from: BufReader::new(from) };
    let task = serde_json::to_string(&task).map_err(|error| Failure::refused(error.to_string()))?;
    pipe.send(&task)?;
    Ok((process, pipe))
}

/// Waits until all clients are activated, has them reconnect together, and returns their outcomes.
fn run_together(mut pipes: Vec<ClientPipe>) -> Result<Vec<Outcome>, Failure> {
    for pipe in &mut pipes {
        let mut line = String::new();
        pipe.from.read_line(&mut line)?;
        if line.trim() != clients::READY {
            return Err(Failure::refused("The clients could not be activated."));
        }
    }
    pipes.iter_mut().try_for_each(|pipe| pipe.send("go"))?;
    pipes.into_iter().map(ClientPipe::outcome).collect()
}

impl ClientPipe {
    fn send(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.to, "{line}")?;
        Ok(self.to.flush()?)
    }

    fn outcome(mut self) -> Result<Outcome, Failure> {
        let mut text = String::new();
        self.from.read_to_string(&mut text)?;
        serde_json::from_str(&text).map_err(|_| Failure::refused("The clients ended without a result."))
    }
}

/// Returns the peak memory of a process, or 0 if the system does not report it.
fn peak_mib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    kib.map_or(0.0, |kib: f64| (kib / 102.4).round() / 10.0)
}

impl StormResult {
    fn of(clients: u32, generators: u32, outcomes: Vec<Outcome>, rss_mib: f64) -> Self {
        let mut all = Outcome::default();
        for mut outcome in outcomes {
            all.micros.append(&mut outcome.micros);
            all.shed += outcome.shed;
            all.limited += outcome.limited;
            all.broken += outcome.broken;
            all.refused += outcome.refused;
            all.refusal = all.refusal.or(outcome.refusal);
        }
        if let Some(refusal) = &all.refusal {
            remark(&format!("{} clients were refused, the first: {refusal}", all.refused));
        }
        all.micros.sort_unstable();
        let within = |of_thousand: usize| {
            let at = (all.micros.len() * of_thousand).div_ceil(1000).saturating_sub(1);
            all.micros.get(at).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
        };
        Self {
            name: "herd",
            clients,
            generators,
            settled_ms: within(1000),
            p50_ms: within(500),
            p99_ms: within(990),
            max_ms: within(1000),
            shed: all.shed,
            rate_limited: all.limited,
            broken: all.broken,
            retries: all.shed + all.limited + all.broken,
            refused: all.refused,
            unserved: u64::from(clients).saturating_sub(all.micros.len() as u64 + all.refused),
            rss_mib,
        }
    }

    fn text(&self, output: &Output) -> String {
        Card::new(format!("{} clients together, from {} processes", self.clients, self.generators))
            .line("Settled", format!("within {:.0} ms", self.settled_ms))
            .line(
                "A lease",
                format!("p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms", self.p50_ms, self.p99_ms, self.max_ms),
            )
            .line(
                "Sent away",
                format!(
                    "{} (503), {} (429), {} connections broke",
                    self.shed, self.rate_limited, self.broken
                ),
            )
            .line("Refused", self.refused.to_string())
            .line("Unserved", self.unserved.to_string())
            .line("Server", format!("{:.1} MiB at most", self.rss_mib))
            .text(output.style)
    }
}
