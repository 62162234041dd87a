//! A series of loads: a closed loop, and open loops at several rates.

use std::time::Duration;

use clap::Args;

use super::{
    bench_server::BenchServer,
    figures::{Figures, rounded},
    load::{Caller, LoadPattern},
};
use kaching_command::{failure::Failure, output::show_progress};

/// The flags of a load.
#[derive(Clone, Copy, Args)]
pub(super) struct Load {
    /// Seconds that are measured, after a quarter of that to warm up
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub(super) seconds: u32,
    /// Connections, each with one request at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) connections: u32,
    /// Measure this many times, and print the median with the least and the most
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub(super) runs: u32,
    /// An open loop with this many requests a second: each is sent at its time, and its latency counts from then
    #[arg(long, value_name = "N", value_parser = rate)]
    pub(super) rate: Option<f64>,
    /// Open loops too, from a tenth of the closed loop's rate to a fifth above it
    #[arg(long, conflicts_with = "rate")]
    pub(super) sweep: bool,
}

/// The rates of a sweep, as parts of the closed loop's rate.
pub(super) const SWEEP: [f64; 8] = [0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2];

impl Load {
    pub(super) fn span(self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    /// Returns an open loop if a rate was given, else a closed one.
    pub(super) fn pattern(self) -> LoadPattern {
        match self.rate {
            Some(rate) => LoadPattern::Open { span: self.span(), rate },
            None => LoadPattern::Closed(self.span()),
        }
    }
}

pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "a rate is a number of requests a second".to_owned())?;
    if (1.0..=200_000.0).contains(&rate) {
        Ok(rate)
    } else {
        Err("a rate is from 1 to 200000 a second".to_owned())
    }
}

/// Runs the loads, and returns the rows with the callers, which keep their state.
pub(super) async fn series<C: Caller>(
    server: &BenchServer<'_>,
    load: Load,
    name: &str,
    mut callers: Vec<C>,
) -> Result<(Vec<Figures>, Vec<C>), Failure> {
    let mut rows: Vec<Figures> = Vec::new();
    rows.extend(run_repeatedly(server, load, name, &mut callers, load.pattern()).await?);
    let full = rows.first().and_then(|row| row.rate_per_s).unwrap_or_default();
    for part in SWEEP.iter().filter(|_| load.sweep && full >= 10.0) {
        let measure = LoadPattern::Open { span: load.span(), rate: full * part };
        rows.extend(run_repeatedly(server, load, name, &mut callers, measure).await?);
    }
    Ok((rows, callers))
}

async fn run_repeatedly<C: Caller>(
    server: &BenchServer<'_>,
    load: Load,
    name: &str,
    callers: &mut Vec<C>,
    measure: LoadPattern,
) -> Result<Option<Figures>, Failure> {
    let mut runs = Vec::new();
    for _ in 0..load.runs {
        let (row, back) = run_once(server, load, name, std::mem::take(callers), measure).await?;
        (*callers, _) = (back, runs.push(row));
    }
    Ok(Figures::median(runs))
}

async fn run_once<C: Caller>(
    server: &BenchServer<'_>,
    load: Load,
    name: &str,
    callers: Vec<C>,
    measure: LoadPattern,
) -> Result<(Figures, Vec<C>), Failure> {
    show_progress(&format!("{}: {} s of {name}{}", server.engine, load.seconds, measure.each_second()));
    let (measured, callers) = server.load(callers, measure).await?;
    let row = Figures::of_load(name, Some(server.engine), load.connections, &measured, measure.offered());
    Ok((
        Figures {
            durable: Some(server.durable()),
            rss_mib: server.rss_mib().map(|mib| rounded(mib, 1)),
            ..row
        },
        callers,
    ))
}
