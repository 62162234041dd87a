use clap::Args;
use kaching_base::LeasePolicy;

use super::{
    activate,
    bench_server::{BenchServer, ServerOptions},
    disk::Disk,
    engines::Engines,
    figures::{Figures, rounded},
    heartbeat,
    load::LoadPattern,
};
use kaching_command::{failure::Failure, output::show_progress};

/// The growth of the database in bytes: for each activation, heartbeat, and change of a level
#[derive(Args)]
pub struct Growth {
    /// Installations that send heartbeats; as many more activate
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    pub(super) installations: u32,
    /// Heartbeats of each, without a change
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) heartbeats: u32,
    #[command(flatten)]
    pub(super) engines: Engines,
}

const CONNECTIONS: u32 = 10;
/// The number of installations in the computed year.
const MANY: u64 = 10_000;
const YEAR_S: u64 = 365 * 86_400;
/// A product has at most one audit entry for its reports in an hour.
const HOUR_S: u64 = 3600;

impl Growth {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let setting = ServerOptions { installations: self.installations.into(), ..ServerOptions::default() };
        self.engines
            .each(disk, setting, async |server: &mut BenchServer<'_>| self.measure_on(server).await)
            .await
    }

    async fn measure_on(&self, server: &mut BenchServer<'_>) -> Result<Vec<Figures>, Failure> {
        let empty = server.size().await?;
        let activations = self.activate(server).await?;
        let activated = server.size().await?;
        // After its first heartbeat a row keeps its length.
        heartbeat::send_one_each(server, CONNECTIONS, None).await?;
        let before = server.size().await?;
        let mut heartbeats = 0;
        for _ in 0..self.heartbeats {
            heartbeats += heartbeat::send_one_each(server, CONNECTIONS, None).await?;
            server.vacuum()?;
        }
        let after = server.size().await?;
        let levels = heartbeat::send_one_each(server, CONNECTIONS, Some(7)).await?;
        let changed = server.size().await?;
        let interval_s = u64::try_from(LeasePolicy::default().lease_s).unwrap_or_default() / 3;
        Ok(vec![
            row(server, "activations", activations, activated.saturating_sub(empty), MANY),
            row(server, "heartbeats", heartbeats, after.saturating_sub(before), MANY * YEAR_S / interval_s),
            row(server, "levels that change", levels, changed.saturating_sub(after), MANY * YEAR_S / HOUR_S),
        ])
    }

    /// Activates as many installations as there are, and returns their number.
    async fn activate(&self, server: &BenchServer<'_>) -> Result<u64, Failure> {
        show_progress(&format!("{}: {} installations activate", server.engine, self.installations));
        let callers = activate::callers(server, CONNECTIONS, self.installations / CONNECTIONS);
        let (measured, _) = server.load(callers, LoadPattern::All).await?;
        match measured.error {
            Some(error) => Err(Failure::refused(format!("The installations were not activated: {error}."))),
            None => Ok(measured.answered),
        }
    }
}

/// Returns the growth for each call, and for the calls of a year.
#[expect(clippy::cast_precision_loss, reason = "a size needs no more digits than a float has")]
fn row(server: &BenchServer<'_>, of: &str, calls: u64, bytes: u64, a_year: u64) -> Figures {
    let each = bytes as f64 / calls.max(1) as f64;
    Figures {
        engine: Some(server.engine),
        of: Some(of.to_owned()),
        calls: Some(calls),
        bytes_per_call: Some(rounded(each, 2)),
        mib_per_year: Some(rounded(each * a_year as f64 / 1_048_576.0, 1)),
        ..Figures::named("growth")
    }
}
