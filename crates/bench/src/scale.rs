use std::time::Duration;

use clap::Args;

use super::{
    bench_server::{BenchServer, ServerOptions},
    disk::Disk,
    engines::Engines,
    figures::{Figures, rounded},
    heartbeat::{self, HeartbeatCaller},
    load::LoadPattern,
    series,
    server_process::ServerProcess,
};
use kaching_command::{failure::Failure, output::show_progress};

/// The cost of a heartbeat with more and more installations stored
#[derive(Args)]
pub struct Scale {
    /// The numbers of installations, in ascending order
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "10000,100000,1000000",
          value_parser = clap::value_parser!(u64).range(10..=20_000_000))]
    pub(super) sizes: Vec<u64>,
    /// Seconds that are measured at each size, after a quarter of that to warm up
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub(super) seconds: u32,
    /// Connections, each with one heartbeat at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) connections: u32,
    /// Measure this many times, and print the median with the least and the most
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub(super) runs: u32,
    /// At each size also an open loop with this many heartbeats a second: the cost of one depends on the load of the machine
    #[arg(long, value_name = "N", value_parser = series::rate)]
    pub(super) rate: Option<f64>,
    #[command(flatten)]
    pub(super) engines: Engines,
}

impl Scale {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        if !self.sizes.is_sorted() {
            return Err(Failure::usage(
                "The sizes must be in ascending order, as in --sizes 10000,100000,1000000.",
            ));
        }
        let smallest = self.sizes.first().copied().unwrap_or_default();
        let setting = ServerOptions { installations: smallest, ..ServerOptions::default() };
        self.engines
            .each(disk, setting, async |server: &mut BenchServer<'_>| {
                let mut rows: Vec<Figures> = Vec::new();
                for size in &self.sizes {
                    server.grow_to(*size).await?;
                    // Reads the new rows once, so that the measurement does not include the first read from disk.
                    heartbeat::send_one_each(server, self.connections, None).await?;
                    for measure in self.measures() {
                        let row = self.measure_at(server, measure).await?;
                        let smallest = rows.iter().find(|smallest| smallest.looped == row.looped);
                        rows.push(compared(row, smallest));
                    }
                }
                Ok(rows)
            })
            .await
    }

    fn measures(&self) -> impl Iterator<Item = LoadPattern> {
        let span = Duration::from_secs(self.seconds.into());
        [LoadPattern::Closed(span)].into_iter().chain(self.rate.map(|rate| LoadPattern::Open { span, rate }))
    }

    /// Measures with the present number of installations.
    async fn measure_at(
        &self,
        server: &mut BenchServer<'_>,
        measure: LoadPattern,
    ) -> Result<Figures, Failure> {
        let mut runs = Vec::new();
        for _ in 0..self.runs {
            show_progress(&format!(
                "{}: {} s of heartbeats with {} installations{}",
                server.engine,
                self.seconds,
                server.filled,
                measure.each_second()
            ));
            let callers = HeartbeatCaller::share_out(server, self.connections);
            let before = server.process.as_ref().and_then(ServerProcess::cpu);
            let (measured, callers) = server.load(callers, measure).await?;
            let after = server.process.as_ref().and_then(ServerProcess::cpu);
            server.installations =
                callers.into_iter().flat_map(HeartbeatCaller::into_installations).collect();
            let spent = after.zip(before).map(|(after, before)| after.saturating_sub(before));
            let calls = u32::try_from(measured.answered.max(1)).unwrap_or(u32::MAX);
            let row = Figures::of_load(
                "scale",
                Some(server.engine),
                self.connections,
                &measured,
                measure.offered(),
            );
            let full = measure.offered().is_none();
            runs.push(Figures {
                activations: Some(server.filled),
                us_per_call: full.then(|| rounded(1e6 / measured.rate().max(f64::MIN_POSITIVE), 2)),
                cpu_us_per_call: spent.map(|spent| rounded(spent.as_secs_f64() * 1e6 / f64::from(calls), 2)),
                durable: Some(server.durable()),
                rss_mib: server.rss_mib().map(|mib| rounded(mib, 1)),
                ..row
            });
        }
        Figures::median(runs).ok_or_else(|| Failure::refused("Nothing was measured."))
    }
}

/// Returns the row with its ratios to the row of the smallest size.
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
