//! The pictures of the report: answers and latency by the offered load, and the cost of a heartbeat by size.

use std::{fs, path::Path};

use super::figures::Figures;
use kaching_command::failure::Failure;

mod axis;
mod chart;

use axis::Axis;
use chart::{Chart, Series, page};

/// Writes the pictures into the directory of a page, and returns the Markdown that shows them.
pub(super) fn write(page: &Path, rows: &[Figures]) -> Result<String, Failure> {
    let folder = page.parent().unwrap_or(Path::new(""));
    let mut shown = String::new();
    for (name, title, picture) in [("load.svg", LOAD, load(rows)), ("scale.svg", SCALE, scale(rows))] {
        let Some(picture) = picture else { continue };
        let path = folder.join(name);
        shown.push_str(&format!("![{title}]({name})\n\n"));
        fs::write(&path, picture)
            .map_err(|error| Failure::refused(format!("{} cannot be written: {error}.", path.display())))?;
    }
    Ok(shown)
}

const LOAD: &str = "Heartbeats in an open loop";
const SCALE: &str = "The cost of a heartbeat by the number of stored installations";

/// Draws throughput and p99 by the offered load. `None` without a sweep.
fn load(rows: &[Figures]) -> Option<String> {
    let lines = [
        ("SQLite", "heartbeat", Some("sqlite")),
        ("PostgreSQL", "heartbeat", Some("postgres")),
        ("ceiling: no database", "ceiling", None),
    ];
    let series = |of: fn(&Figures) -> Option<f64>, unit: f64| -> Vec<Series> {
        let series = lines.iter().enumerate().map(|(color, (label, name, engine))| {
            let own = rows.iter().filter(|row| row.of.as_deref() == Some("sweep"));
            let own = own.filter(|row| row.name == *name && row.engine == *engine);
            let point = |row: &Figures| Some((row.offered_per_s? / 1000.0, of(row)? / unit));
            Series { label: (*label).to_owned(), color, points: own.filter_map(point).collect() }
        });
        series.filter(|series| !series.points.is_empty()).collect()
    };
    let (rate, late) = (series(|row| row.rate_per_s, 1000.0), series(|row| row.p99_ms, 1.0));
    let most = maximum(&rate, |point| point.0)?;
    let offered = Axis::linear("offered, thousand a second", 0.0, most);
    let charts = [
        Chart {
            title: "Heartbeats answered, thousand a second",
            x: offered.clone(),
            y: Axis::linear("", 0.0, most),
            series: rate,
            diagonal: true,
            limit: None,
        },
        Chart {
            title: "99 of 100 answered within, milliseconds",
            x: offered,
            y: Axis::decades(
                "",
                &late.iter().flat_map(|one| one.points.iter().map(|point| point.1)).collect::<Vec<_>>(),
            ),
            series: late,
            diagonal: false,
            limit: Some((10.0, "10 ms")),
        },
    ];
    Some(page(LOAD, &charts))
}

/// Draws the cost of a heartbeat by size. `None` with fewer than two sizes.
fn scale(rows: &[Figures]) -> Option<String> {
    let engines = [("SQLite", "sqlite"), ("PostgreSQL", "postgres")];
    let series = |looped: &str, of: fn(&Figures) -> Option<f64>| -> Vec<Series> {
        let all = engines.iter().enumerate().map(|(color, (label, engine))| {
            #[expect(clippy::cast_precision_loss, reason = "a picture is coarser")]
            let point = |row: &Figures| Some((row.activations? as f64, of(row)?));
            let own = rows.iter().filter(|row| row.name == "scale" && row.engine == Some(engine));
            let points = own.filter(|row| row.looped == Some(looped)).filter_map(point).collect();
            Series { label: (*label).to_owned(), color, points }
        });
        all.filter(|series: &Series| series.points.len() > 1).collect()
    };
    let cpu = |looped| series(looped, |row| row.cpu_us_per_call);
    let (time, cpu, same) = (series("closed", |row| row.us_per_call), cpu("closed"), cpu("open"));
    let sizes: Vec<f64> = time.iter().flat_map(|one| one.points.iter().map(|point| point.0)).collect();
    if sizes.is_empty() {
        return None;
    }
    let chart = |title, series: Vec<Series>| Chart {
        title,
        x: Axis::decades("installations stored", &sizes),
        y: Axis::linear("", 0.0, maximum(&series, |point| point.1).unwrap_or(1.0)),
        series,
        diagonal: false,
        limit: None,
    };
    let mut charts = vec![chart("Time, full machine, µs", time), chart("Processor, full machine, µs", cpu)];
    if !same.is_empty() {
        charts.push(chart("Processor, same load, µs", same));
    }
    Some(page(SCALE, &charts))
}

fn maximum(series: &[Series], of: fn(&(f64, f64)) -> f64) -> Option<f64> {
    series.iter().flat_map(|one| one.points.iter().map(of)).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests;
