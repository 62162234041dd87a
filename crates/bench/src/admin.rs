use clap::Args;

use super::{
    bench_server::{BenchServer, PRODUCT, ServerOptions},
    connection,
    disk::Disk,
    engines::Engines,
    figures::{Figures, rounded},
    load::{Caller, LoadPattern},
};
use kaching_command::{failure::Failure, output::show_progress, remote::Path};

/// The calls of operators with many installations stored: lists, searches, counts
#[derive(Args)]
pub struct Admin {
    /// Installations that are stored, ten on each license
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(10..=10_000_000))]
    pub(super) activations: u64,
    /// How many times each is called
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) times: u32,
    #[command(flatten)]
    pub(super) engines: Engines,
}

/// The number of operators who call concurrently.
const OPERATORS: u32 = 4;

impl Admin {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let setting = ServerOptions { installations: self.activations, ..ServerOptions::default() };
        self.engines
            .each(disk, setting, async |server: &mut BenchServer<'_>| {
                let mut rows = Vec::new();
                for (what, path) in calls(self.activations) {
                    rows.push(self.measure_call(&*server, what, &path).await?);
                }
                Ok(rows)
            })
            .await
    }

    async fn measure_call(
        &self,
        server: &BenchServer<'_>,
        what: &str,
        path: &Path,
    ) -> Result<Figures, Failure> {
        show_progress(&format!("{}: {what}", server.engine));
        let authorization = format!("Bearer {}", server.token()?);
        let callers = (0..OPERATORS).map(|_| AdminCaller {
            path: path.as_str().to_owned(),
            authorization: authorization.clone(),
            left: self.times.div_ceil(OPERATORS),
        });
        let (measured, _) = server.load(callers.collect(), LoadPattern::All).await?;
        let row = Figures::of_load("admin", Some(server.engine), OPERATORS, &measured, None);
        Ok(Figures {
            of: Some(what.to_owned()),
            activations: Some(server.filled),
            rss_mib: server.rss_mib().map(|mib| rounded(mib, 1)),
            ..row
        })
    }
}

/// Returns the calls: pages, searches that find one of many, and searches that find all.
fn calls(activations: u64) -> Vec<(&'static str, Path)> {
    // The number in the names of a license in the middle.
    let number = format!("{:08}", activations / 2 / 1000 * 1000 + 10);
    let list = |plural: &str| Path::admin(plural).with("limit", "50");
    vec![
        ("licenses", list("licenses")),
        ("licenses by end", list("licenses").with("sort", "expires_at")),
        (
            "licenses of a plan, suspended",
            list("licenses").with("plan", &format!("{PRODUCT}:team")).with("status", "suspended"),
        ),
        ("licenses in grace", list("licenses").with("state", "in_grace")),
        ("licenses with a rare word", list("licenses").with("q", &number)),
        ("licenses with the word of all", list("licenses").with("q", "order")),
        ("customers with a rare word", list("customers").with("q", &number)),
        ("customers with the word of all", list("customers").with("q", "customer")),
        ("activations", list("activations")),
        ("activations that lapsed", list("activations").with("status", "lapsed")),
        ("activations with the word of all", list("activations").with("q", "install")),
        ("activations of a customer", list("activations").with("customer", &format!("FILL-{number}"))),
        ("activations of a version", list("activations").with("version", "2.4.1")),
        ("activations of no version", list("activations").with("version", "9.9.9")),
        ("activations that are down", list("activations").with("health", "down")),
        ("audit", list("audit")),
        ("audit of an actor", list("audit").with("actor", "token")),
        ("audit of a day", list("audit").with("until", "2026-01-01")),
        ("audit of a customer", list("audit").with("customer", &format!("FILL-{number}"))),
        ("audit of an action", list("audit").with("action", "license.create")),
        ("reminders", list("reminders")),
        ("stats", Path::admin("stats")),
    ]
}

/// Sends the same request repeatedly.
struct AdminCaller {
    path: String,
    authorization: String,
    left: u32,
}

impl Caller for AdminCaller {
    fn write_request(&mut self, request: &mut Vec<u8>) -> bool {
        if self.left > 0 {
            connection::get(request, &self.path, &self.authorization);
        }
        self.left > 0
    }

    fn check_answer(&mut self, status: u16, body: &[u8]) -> Result<(), String> {
        self.left -= 1;
        connection::expect(200, status, body)
    }
}
