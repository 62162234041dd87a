use std::time::Duration;

use clap::Args;

use super::{
    disk::{Disk, tell},
    engines::Engines,
    figures::{Figures, rounded},
    heartbeat::{self, Beating},
    load::Measure,
    series,
    server::Server,
    stand::{Setting, Stand},
};
use crate::failure::Failure;

/// What one heartbeat costs where ever more installations are stored
#[derive(Args)]
pub(crate) struct Scale {
    /// How many are stored, the fewest first
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "10000,100000,1000000",
          value_parser = clap::value_parser!(u64).range(10..=20_000_000))]
    pub(super) sizes: Vec<u64>,
    /// Seconds that are measured at each size, after a quarter of that to warm up
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub(super) seconds: u32,
    /// Connections, each with one heartbeat at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) connections: u32,
    /// Measure so often; what is printed is the median, with the least and the most
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub(super) runs: u32,
    /// At each size also an open loop, with so many heartbeats a second: what one costs depends on how full the machine is
    #[arg(long, value_name = "N", value_parser = series::rate)]
    pub(super) rate: Option<f64>,
    #[command(flatten)]
    pub(super) engines: Engines,
}

impl Scale {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        if !self.sizes.is_sorted() {
            return Err(Failure::usage("The sizes go up, as in --sizes 10000,100000,1000000."));
        }
        let smallest = self.sizes.first().copied().unwrap_or_default();
        let setting = Setting { installations: smallest, ..Setting::default() };
        self.engines
            .each(disk, setting, async |stand: &mut Stand<'_>| {
                let mut rows: Vec<Figures> = Vec::new();
                for size in &self.sizes {
                    stand.grow(*size).await?;
                    // So that a file is measured which the machine has in its memory as far as there is room, and not
                    // the first reading of what was just filled in.
                    heartbeat::once(stand, self.connections, None).await?;
                    for measure in self.measures() {
                        let row = self.at(stand, measure).await?;
                        let smallest = rows.iter().find(|smallest| smallest.looped == row.looped);
                        rows.push(compared(row, smallest));
                    }
                }
                Ok(rows)
            })
            .await
    }

    fn measures(&self) -> impl Iterator<Item = Measure> {
        let span = Duration::from_secs(self.seconds.into());
        [Measure::Closed(span)].into_iter().chain(self.rate.map(|rate| Measure::Open { span, rate }))
    }

    /// With what is stored now.
    async fn at(&self, stand: &mut Stand<'_>, measure: Measure) -> Result<Figures, Failure> {
        let mut runs = Vec::new();
        for _ in 0..self.runs {
            tell(&format!(
                "{}: {} s of heartbeats with {} installations{}",
                stand.engine,
                self.seconds,
                stand.filled,
                measure.each_second()
            ));
            let callers = Beating::share(stand, self.connections);
            let before = stand.server.as_ref().and_then(Server::cpu);
            let (measured, callers) = stand.load(callers, measure).await?;
            let after = stand.server.as_ref().and_then(Server::cpu);
            stand.installations = callers.into_iter().flat_map(Beating::back).collect();
            let spent = after.zip(before).map(|(after, before)| after.saturating_sub(before));
            let calls = u32::try_from(measured.answered.max(1)).unwrap_or(u32::MAX);
            let row =
                Figures::of("scale", Some(stand.engine), self.connections, &measured, measure.offered());
            let full = measure.offered().is_none();
            runs.push(Figures {
                activations: Some(stand.filled),
                us_per_call: full.then(|| rounded(1e6 / measured.rate().max(f64::MIN_POSITIVE), 2)),
                cpu_us_per_call: spent.map(|spent| rounded(spent.as_secs_f64() * 1e6 / f64::from(calls), 2)),
                durable: Some(stand.durable()),
                rss_mib: stand.rss_mib().map(|mib| rounded(mib, 1)),
                ..row
            });
        }
        Figures::median(runs).ok_or_else(|| Failure::refused("Nothing was measured."))
    }
}

/// Against the smallest, which is the first.
fn compared(row: Figures, smallest: Option<&Figures>) -> Figures {
    let smallest = smallest.unwrap_or(&row);
    let ratio = |mine: Option<f64>, least: Option<f64>| {
        let ratio = mine.zip(least).map(|(mine, least)| mine / least);
        ratio.filter(|ratio| ratio.is_finite()).map(|ratio| rounded(ratio, 3))
    };
    let time = ratio(row.us_per_call, smallest.us_per_call);
    let cpu = ratio(row.cpu_us_per_call, smallest.cpu_us_per_call);
    Figures { ratio: time, cpu_ratio: cpu, ..row }
}
