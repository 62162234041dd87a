use clap::Args;
use kaching_base::LeasePolicy;

use super::{
    activate,
    disk::{Disk, tell},
    engines::Engines,
    figures::{Figures, rounded},
    heartbeat,
    load::Measure,
    stand::{Setting, Stand},
};
use crate::failure::Failure;

/// By how many bytes the database grows: for each activation, each heartbeat, each level that changes
#[derive(Args)]
pub(crate) struct Growth {
    /// Installations: as many as are there send heartbeats, and as many more activate
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    pub(super) installations: u32,
    /// Heartbeats of each, which tell nothing new
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) heartbeats: u32,
    #[command(flatten)]
    pub(super) engines: Engines,
}

const CONNECTIONS: u32 = 10;
/// Those of the year that is computed.
const MANY: u64 = 10_000;
const YEAR_S: u64 = 365 * 86_400;
/// What a product tells of itself has one entry an hour at most.
const HOUR_S: u64 = 3600;

impl Growth {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let setting = Setting { installations: self.installations.into(), ..Setting::default() };
        self.engines.each(disk, setting, async |stand: &mut Stand<'_>| self.on(stand).await).await
    }

    async fn on(&self, stand: &mut Stand<'_>) -> Result<Vec<Figures>, Failure> {
        let empty = stand.size().await?;
        let activations = self.activate(stand).await?;
        let activated = stand.size().await?;
        // The first of each makes its row as long as it stays.
        heartbeat::once(stand, CONNECTIONS, None).await?;
        let before = stand.size().await?;
        let mut heartbeats = 0;
        for _ in 0..self.heartbeats {
            heartbeats += heartbeat::once(stand, CONNECTIONS, None).await?;
            stand.vacuum()?;
        }
        let after = stand.size().await?;
        let levels = heartbeat::once(stand, CONNECTIONS, Some(7)).await?;
        let changed = stand.size().await?;
        let interval_s = u64::try_from(LeasePolicy::default().lease_s).unwrap_or_default() / 3;
        Ok(vec![
            row(stand, "activations", activations, activated.saturating_sub(empty), MANY),
            row(stand, "heartbeats", heartbeats, after.saturating_sub(before), MANY * YEAR_S / interval_s),
            row(stand, "levels that change", levels, changed.saturating_sub(after), MANY * YEAR_S / HOUR_S),
        ])
    }

    /// Activates as many as there are; how many that were.
    async fn activate(&self, stand: &Stand<'_>) -> Result<u64, Failure> {
        tell(&format!("{}: {} installations activate", stand.engine, self.installations));
        let callers = activate::callers(stand, CONNECTIONS, self.installations / CONNECTIONS);
        let (measured, _) = stand.load(callers, Measure::All).await?;
        match measured.error {
            Some(error) => Err(Failure::refused(format!("The installations were not activated: {error}."))),
            None => Ok(measured.answered),
        }
    }
}

/// By how much so many calls let it grow, and by how much those of a year would.
#[expect(clippy::cast_precision_loss, reason = "a size needs no more digits than a float has")]
fn row(stand: &Stand<'_>, of: &str, calls: u64, bytes: u64, a_year: u64) -> Figures {
    let each = bytes as f64 / calls.max(1) as f64;
    Figures {
        engine: Some(stand.engine),
        of: Some(of.to_owned()),
        calls: Some(calls),
        bytes_per_call: Some(rounded(each, 2)),
        mib_per_year: Some(rounded(each * a_year as f64 / 1_048_576.0, 1)),
        ..Figures::named("growth")
    }
}
