//! One load in a closed loop, or in open ones at the rates that were asked for.

use std::time::Duration;

use clap::Args;

use super::{
    disk::tell,
    figures::{Figures, rounded},
    load::{Caller, Measure},
    stand::Stand,
};
use crate::failure::Failure;

/// How much is asked, and for how long.
#[derive(Clone, Copy, Args)]
pub(super) struct Load {
    /// Seconds that are measured, after a quarter of that to warm up
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub(super) seconds: u32,
    /// Connections, each with one request at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) connections: u32,
    /// Measure so often; what is printed is the median, with the least and the most
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=9))]
    pub(super) runs: u32,
    /// An open loop: so many requests a second, each sent at its time, and late from then on
    #[arg(long, value_name = "N", value_parser = rate)]
    pub(super) rate: Option<f64>,
    /// Open loops too, from a tenth of the closed loop's rate to a fifth above it
    #[arg(long, conflicts_with = "rate")]
    pub(super) sweep: bool,
}

/// The parts of the closed loop's rate that a sweep offers.
pub(super) const SWEEP: [f64; 8] = [0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1.0, 1.2];

impl Load {
    pub(super) fn span(self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }

    /// The measure of an open loop where one rate was named, else that of a closed one.
    pub(super) fn measure(self) -> Measure {
        match self.rate {
            Some(rate) => Measure::Open { span: self.span(), rate },
            None => Measure::Closed(self.span()),
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

/// Measures what was asked for, and gives the callers back, who know where they were.
pub(super) async fn series<C: Caller>(
    stand: &Stand<'_>,
    load: Load,
    name: &str,
    mut callers: Vec<C>,
) -> Result<(Vec<Figures>, Vec<C>), Failure> {
    let mut rows: Vec<Figures> = Vec::new();
    rows.extend(repeated(stand, load, name, &mut callers, load.measure()).await?);
    let full = rows.first().and_then(|row| row.rate_per_s).unwrap_or_default();
    for part in SWEEP.iter().filter(|_| load.sweep && full >= 10.0) {
        let measure = Measure::Open { span: load.span(), rate: full * part };
        rows.extend(repeated(stand, load, name, &mut callers, measure).await?);
    }
    Ok((rows, callers))
}

async fn repeated<C: Caller>(
    stand: &Stand<'_>,
    load: Load,
    name: &str,
    callers: &mut Vec<C>,
    measure: Measure,
) -> Result<Option<Figures>, Failure> {
    let mut runs = Vec::new();
    for _ in 0..load.runs {
        let (row, back) = one(stand, load, name, std::mem::take(callers), measure).await?;
        (*callers, _) = (back, runs.push(row));
    }
    Ok(Figures::median(runs))
}

async fn one<C: Caller>(
    stand: &Stand<'_>,
    load: Load,
    name: &str,
    callers: Vec<C>,
    measure: Measure,
) -> Result<(Figures, Vec<C>), Failure> {
    tell(&format!("{}: {} s of {name}{}", stand.engine, load.seconds, measure.each_second()));
    let (measured, callers) = stand.load(callers, measure).await?;
    let row = Figures::of(name, Some(stand.engine), load.connections, &measured, measure.offered());
    Ok((
        Figures {
            durable: Some(stand.durable()),
            rss_mib: stand.rss_mib().map(|mib| rounded(mib, 1)),
            ..row
        },
        callers,
    ))
}
