//! Many clients that all come back at the same moment.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{
    disk::{Disk, tell},
    figures::Figures,
    server::Algorithm,
    stand,
};
use crate::{
    data::DataDir,
    failure::Failure,
    output::{Card, Output, remark},
};

mod part;

/// Clients that all connect at the same moment after an outage, each with a heartbeat due
///
/// The server is a process of its own with its default settings, and so are the clients, some thousand in each. Each client
/// asks once, and again as kaching-client does where it is sent away or not answered, until it has its lease.
#[derive(Args)]
pub(crate) struct Herd {
    /// How many
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    clients: u32,
    /// Processes that they are in; one for each 6,000 unless set
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    generators: Option<u32>,
    /// To be one of those processes
    #[arg(long, hide = true)]
    part: bool,
}

/// What a process of clients is told, on its standard input.
#[derive(Serialize, Deserialize)]
struct Task {
    address: SocketAddr,
    /// The keys of the licenses on which its clients run.
    keys: Vec<String>,
    first: u32,
    clients: u32,
}

/// What came of its clients.
#[derive(Default, Serialize, Deserialize)]
struct Outcome {
    /// Microseconds from the moment at which all came until each had its lease.
    micros: Vec<u32>,
    /// Answers 503.
    shed: u64,
    /// Answers 429.
    limited: u64,
    /// Connections that failed, broke, or brought no answer in time.
    broken: u64,
    /// Clients that were told anything else than to come again.
    refused: u64,
    /// What the first of them was told.
    refusal: Option<String>,
}

/// What is printed.
#[derive(Serialize)]
struct Settled {
    name: &'static str,
    clients: u32,
    generators: u32,
    /// Milliseconds until the last one had its lease.
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
    /// Clients that had no lease when the time was up.
    unserved: u64,
    /// The most memory that the server had.
    rss_mib: f64,
}

/// Ends a process that was started here, also where the measurement is given up.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Herd {
    pub(super) async fn run(self, disk: &Disk, output: &Output) -> Result<(), Failure> {
        if self.part {
            return part::run().await;
        }
        let settled = self.settle(disk).await?;
        output.either(&settled, || settled.text(output))?;
        match settled.refused + settled.unserved {
            0 => Ok(()),
            _ => Err(Failure::refused("Not every client had its lease in the end.")),
        }
    }

    /// So many, as a row among others.
    pub(super) async fn row(clients: u32, disk: &Disk) -> Result<Figures, Failure> {
        let settled = Self { clients, generators: None, part: false }.settle(disk).await?;
        Ok(Figures {
            of: Some(format!("{} sent away", settled.retries)),
            engine: Some("sqlite"),
            connections: Some(clients),
            p50_ms: Some(settled.p50_ms),
            p99_ms: Some(settled.p99_ms),
            max_ms: Some(settled.max_ms),
            shed: Some(settled.shed),
            errors: settled.refused + settled.unserved,
            rss_mib: Some(settled.rss_mib),
            ..Figures::named("herd")
        })
    }

    async fn settle(&self, disk: &Disk) -> Result<Settled, Failure> {
        let generators = self.generators.unwrap_or(self.clients.div_ceil(6000)).min(self.clients);
        let dir = tempfile::Builder::new().prefix("kaching-bench-").tempdir_in(disk.path())?;
        let data = DataDir::locate(Some(dir.path().to_owned()))?;
        data.make()?;
        tell("a server starts");
        let (server, address) = serve(data.path())?;
        let keys: Vec<String> = stand::sell(&data, Algorithm::default())
            .await?
            .keys
            .iter()
            .map(|key| key.expose().to_owned())
            .collect();
        tell(&format!("{} clients activate, and come back", self.clients));
        let shares = (0..generators).map(|n| {
            let (first, end) = (share(self.clients, generators, n), share(self.clients, generators, n + 1));
            Task { address, keys: keys.clone(), first, clients: end - first }
        });
        let parts = shares.map(start).collect::<Result<Vec<_>, Failure>>()?;
        let (processes, talks): (Vec<Ended>, Vec<Talk>) = parts.into_iter().unzip();
        // Talking with them blocks a thread; where this is interrupted, they end with their handles, and so does the talk.
        let (mut talking, mut interrupted) = (JoinSet::new(), disk.interrupted.clone());
        talking.spawn_blocking(move || converse(talks));
        let outcomes = tokio::select! {
            outcomes = talking.join_next() => match outcomes {
                Some(Ok(outcomes)) => outcomes?,
                _ => return Err(Failure::refused("The clients ended without a result.")),
            },
            () = interrupted.asked() => return Err(Failure::refused("Interrupted: nothing was measured.")),
        };
        drop(processes);
        let rss_mib = peak_mib(server.0.id());
        drop(server);
        tell("");
        Ok(Settled::of(self.clients, generators, outcomes, rss_mib))
    }
}

/// Where the clients of one process begin.
fn share(clients: u32, generators: u32, n: u32) -> u32 {
    u32::try_from(u64::from(clients) * u64::from(n) / u64::from(generators.max(1))).unwrap_or(clients)
}

/// This program again, without the settings of this one's environment.
fn ourselves() -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    for (name, _) in crate::settings::environment() {
        command.env_remove(name);
    }
    command.stdout(Stdio::piped());
    Ok(command)
}

/// A server with its default settings, once it says where it is reached.
fn serve(data: &Path) -> Result<(Ended, SocketAddr), Failure> {
    let mut command = ourselves()?;
    command.args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    let mut server = Ended(command.env("KACHING_LOG__LEVEL", "error").spawn()?);
    let told = server.0.stdout.take().ok_or_else(|| Failure::refused("The server has no output."))?;
    let mut greetings = serde_json::Deserializer::from_reader(told).into_iter::<serde_json::Value>();
    let greeting = greetings.next().and_then(Result::ok).unwrap_or_default();
    let address = greeting["listen"].as_str().and_then(|text| text.parse().ok());
    Ok((server, address.ok_or_else(|| Failure::refused("The server did not start."))?))
}

/// What is said to a process of clients, and what it says.
struct Talk {
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// Starts a process of clients.
fn start(task: Task) -> Result<(Ended, Talk), Failure> {
    let mut process = Ended(ourselves()?.args(["bench", "herd", "--part"]).stdin(Stdio::piped()).spawn()?);
    let (Some(to), Some(from)) = (process.0.stdin.take(), process.0.stdout.take()) else {
        return Err(Failure::refused("The clients cannot be talked to."));
    };
    let mut talk = Talk { to, from: BufReader::new(from) };
    let task = serde_json::to_string(&task).map_err(|error| Failure::refused(error.to_string()))?;
    talk.say(&task)?;
    Ok((process, talk))
}

/// Has all come back at once, when all are activated.
fn converse(mut talks: Vec<Talk>) -> Result<Vec<Outcome>, Failure> {
    for talk in &mut talks {
        let mut line = String::new();
        talk.from.read_line(&mut line)?;
        if line.trim() != part::READY {
            return Err(Failure::refused("The clients could not be activated."));
        }
    }
    talks.iter_mut().try_for_each(|talk| talk.say("go"))?;
    talks.into_iter().map(Talk::outcome).collect()
}

impl Talk {
    fn say(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.to, "{line}")?;
        Ok(self.to.flush()?)
    }

    fn outcome(mut self) -> Result<Outcome, Failure> {
        let mut text = String::new();
        self.from.read_to_string(&mut text)?;
        serde_json::from_str(&text).map_err(|_| Failure::refused("The clients ended without a result."))
    }
}

/// The most memory that a process had, where the system tells.
fn peak_mib(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    kib.map_or(0.0, |kib: f64| (kib / 102.4).round() / 10.0)
}

impl Settled {
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
        Card::new(format!("{} clients at once, from {} processes", self.clients, self.generators))
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
