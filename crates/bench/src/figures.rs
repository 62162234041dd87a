//! The rows of results.

use serde::Serialize;

use super::load::LoadResult;
use kaching_command::{
    failure::Failure,
    output::{Output, remark},
};

mod table;

/// One row: the results of a measurement on one engine. A column that is `None` in every row is not printed.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Figures {
    pub(super) name: String,
    /// `None` if no database takes part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) engine: Option<&'static str>,
    /// The variant of the measurement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) of: Option<String>,
    #[serde(rename = "loop", skip_serializing_if = "Option::is_none")]
    pub(super) looped: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) activations: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replicas: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connections: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) offered_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rate_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p50_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p99_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p999_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ns_per_check: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) checks: Option<u64>,
    /// The time of one call at full load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) us_per_call: Option<f64>,
    /// The processor time of the server for one call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpu_us_per_call: Option<f64>,
    /// The number of calls, and by how many bytes the database grew for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) calls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes_per_call: Option<f64>,
    /// The growth in a year with 10,000 installations at the default intervals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mib_per_year: Option<f64>,
    pub(super) errors: u64,
    /// Requests that were refused with 429 or 503.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shed: Option<u64>,
    /// Whether changes were on disk before they were acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) durable: Option<bool>,
    /// The memory of the server afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rss_mib: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kib_per_stream: Option<f64>,
    /// The longest time from an operator's request to the last callback of a product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) callback_ms: Option<f64>,
    /// The rate as a part of the ceiling in the same run: the server without credentials and database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ceiling_ratio: Option<f64>,
    /// The ratio to the baseline of the measurement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ratio: Option<f64>,
    /// The ratio of the processor time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cpu_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) runs: Option<u32>,
    /// The least and the most of the main figure in all runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) least: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) most: Option<f64>,
}

impl Figures {
    /// Returns the row of a load in a closed loop, or in an open loop at this rate.
    pub(super) fn of_load(
        name: &str,
        engine: Option<&'static str>,
        connections: u32,
        measured: &LoadResult,
        offered: Option<f64>,
    ) -> Self {
        if let Some(error) = &measured.error {
            remark(&format!("{name}: {} answers were wrong, the first: {error}", measured.errors));
        }
        Self {
            engine,
            looped: Some(if offered.is_some() { "open" } else { "closed" }),
            connections: Some(connections),
            offered_per_s: offered.map(|rate| rounded(rate, 1)),
            rate_per_s: Some(rounded(measured.rate(), 1)),
            shed: Some(measured.shed),
            errors: measured.errors,
            ..Self::named(name)
        }
        .with_latencies(measured)
    }

    /// Returns a row with nothing but its name.
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Adds the percentiles of the latencies.
    pub(super) fn with_latencies(self, measured: &LoadResult) -> Self {
        let within = |of_thousand| Some(rounded(measured.percentile_ms(of_thousand), 3));
        Self { p50_ms: within(500), p99_ms: within(990), p999_ms: within(999), max_ms: within(1000), ..self }
    }

    pub(super) fn with_ceiling(self, ceiling: f64) -> Self {
        let ratio = self.rate_per_s.unwrap_or_default() / ceiling;
        Self { ceiling_ratio: ratio.is_finite().then(|| rounded(ratio, 3)), ..self }
    }

    /// Returns the main figure of the row; the median of several runs is the run with its median.
    pub(super) fn main_figure(&self) -> f64 {
        let open = self.looped == Some("open");
        let rate = self.rate_per_s.filter(|_| !open);
        rate.or(self.ns_per_check)
            .or(self.cpu_us_per_call)
            .or(self.p99_ms)
            .or(self.us_per_call)
            .unwrap_or_default()
    }

    /// Returns the median of several runs by the main figure.
    pub(super) fn median(mut runs: Vec<Self>) -> Option<Self> {
        runs.sort_by(|a, b| a.main_figure().total_cmp(&b.main_figure()));
        let (least, most) = (runs.first()?.main_figure(), runs.last()?.main_figure());
        let count = u32::try_from(runs.len()).ok()?;
        let middle = runs.swap_remove(runs.len() / 2);
        let several = count > 1;
        Some(Self {
            runs: several.then_some(count),
            least: several.then_some(least),
            most: several.then_some(most),
            ..middle
        })
    }
}

pub(super) fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (value * factor).round() / factor
}

/// Prints the rows.
pub(super) fn print(rows: &[Figures], output: &Output) -> Result<(), Failure> {
    output.either(&rows, || table::of(rows).text(output.style))
}

/// Returns the rows as a table in Markdown.
pub(super) fn markdown(rows: &[Figures]) -> String {
    table::markdown(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_has_the_least_and_the_most_of_all_runs() {
        let run = |rate| Figures { rate_per_s: Some(rate), ..Figures::named("heartbeat") };
        let median = Figures::median(vec![run(3.0), run(1.0), run(2.0)]).unwrap();
        assert_eq!((median.rate_per_s, median.runs), (Some(2.0), Some(3)));
        assert_eq!((median.least, median.most), (Some(1.0), Some(3.0)));
        assert_eq!(Figures::median(vec![run(5.0)]).unwrap().runs, None);
    }
}
