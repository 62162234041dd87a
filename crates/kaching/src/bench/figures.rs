//! What is printed of a measurement.

use serde::Serialize;

use super::load::Measured;
use crate::{
    failure::Failure,
    output::{Output, Table, remark},
};

/// One row: what was measured on one engine.
#[derive(Serialize)]
pub(super) struct Figures {
    name: &'static str,
    /// Nothing where no database takes part.
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<&'static str>,
    connections: u32,
    rate_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    errors: u64,
    /// Whether what was answered was on disk before.
    durable: bool,
    /// The rate as a part of what the server does without credential and database, in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    ceiling_ratio: Option<f64>,
}

impl Figures {
    pub(super) fn of(
        name: &'static str,
        engine: Option<&'static str>,
        connections: u32,
        measured: &Measured,
        durable: bool,
    ) -> Self {
        if let Some(error) = &measured.error {
            remark(&format!("{name}: {} answers were wrong, the first: {error}", measured.errors));
        }
        Self {
            name,
            engine,
            connections,
            rate_per_s: rounded(measured.rate(), 1),
            p50_ms: measured.within(500),
            p99_ms: measured.within(990),
            max_ms: measured.within(1000),
            errors: measured.errors,
            durable,
            ceiling_ratio: None,
        }
    }

    pub(super) fn against(self, ceiling: f64) -> Self {
        let ratio = self.rate_per_s / ceiling;
        Self { ceiling_ratio: ratio.is_finite().then(|| rounded(ratio, 3)), ..self }
    }
}

pub(super) fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (value * factor).round() / factor
}

/// Prints the rows.
pub(super) fn print(rows: &[Figures], output: &Output) -> Result<(), Failure> {
    output.either(&rows, || {
        let headings = [
            "NAME",
            "ENGINE",
            "CONNECTIONS",
            "RATE/S",
            "P50 MS",
            "P99 MS",
            "MAX MS",
            "ERRORS",
            "DURABLE",
            "OF CEILING",
        ];
        let mut table = Table::new(headings);
        for row in rows {
            table.row([
                row.name.to_owned(),
                row.engine.unwrap_or("-").to_owned(),
                row.connections.to_string(),
                format!("{:.0}", row.rate_per_s),
                format!("{:.2}", row.p50_ms),
                format!("{:.2}", row.p99_ms),
                format!("{:.2}", row.max_ms),
                row.errors.to_string(),
                if row.durable { "yes" } else { "no" }.to_owned(),
                row.ceiling_ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            ]);
        }
        table.text(output.style)
    })
}
