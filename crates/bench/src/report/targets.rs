use crate::figures::Figures;

/// A target, with the measured figure.
pub(super) struct TargetLine {
    pub(super) what: &'static str,
    pub(super) target: String,
    pub(super) measured: String,
    reached: Option<bool>,
}

impl TargetLine {
    pub(super) fn reached_text(&self) -> &'static str {
        match self.reached {
            Some(true) => "yes",
            Some(false) => "no",
            None => "",
        }
    }
}

/// A figure of a row, with its unit.
#[derive(Clone, Copy)]
struct Metric {
    of: fn(&Figures) -> Option<f64>,
    unit: &'static str,
    digits: usize,
}

const RATE: Metric = Metric { of: |row| row.rate_per_s, unit: "/s", digits: 0 };
const CEILING: Metric = Metric { of: |row| row.ceiling_ratio, unit: " of the ceiling", digits: 2 };
const P99: Metric = Metric { of: |row| row.p99_ms, unit: " ms", digits: 1 };
const P999: Metric = Metric { of: |row| row.p999_ms, unit: " ms", digits: 1 };
const MAX: Metric = Metric { of: |row| row.max_ms, unit: " ms", digits: 1 };
const NANOS: Metric = Metric { of: |row| row.ns_per_check, unit: " ns", digits: 1 };
const RATIO: Metric = Metric { of: |row| row.ratio, unit: " ×", digits: 2 };
const CPU_RATIO: Metric = Metric { of: |row| row.cpu_ratio, unit: " ×", digits: 2 };
const RSS: Metric = Metric { of: |row| row.rss_mib, unit: " MiB", digits: 0 };
const STREAM: Metric = Metric { of: |row| row.kib_per_stream, unit: " KiB", digits: 1 };
const CALLBACK: Metric = Metric { of: |row| row.callback_ms, unit: " ms", digits: 1 };

const SQLITE: Option<&str> = Some("sqlite");
const POSTGRES: Option<&str> = Some("postgres");
const CLOSED: Option<&str> = Some("closed");
const OPEN: Option<&str> = Some("open");

/// The bound of a figure.
#[derive(Clone, Copy)]
enum Target {
    Least(f64),
    Most(f64),
}

/// Returns every target, the most asked for first.
pub(super) fn all(rows: &[Figures]) -> Vec<TargetLine> {
    let mut lines = calls(rows);
    lines.extend(scale_and_checks(rows));
    lines.extend(changes(rows));
    lines.extend(process(rows));
    lines
}

fn calls(rows: &[Figures]) -> Vec<TargetLine> {
    let heartbeats = find(rows, "heartbeat", SQLITE, CLOSED, None);
    let late = find(rows, "heartbeat", SQLITE, OPEN, None);
    let ceiling = find(rows, "ceiling", None, OPEN, None);
    // On a slow machine the target is one and a half times the ceiling at the same load.
    let or_ceiling = |least: f64, of: fn(&Figures) -> Option<f64>| {
        Target::Most(ceiling.and_then(of).map_or(least, |ms| least.max(ms * 1.5)))
    };
    let closed = |name, engine| find(rows, name, engine, CLOSED, None);
    let slowest = |engine: Option<&str>| {
        let rows = rows.iter().filter(|row| row.name == "admin" && row.engine == engine);
        rows.max_by(|a, b| a.p99_ms.unwrap_or_default().total_cmp(&b.p99_ms.unwrap_or_default()))
    };
    vec![
        line("heartbeats, SQLite", heartbeats, RATE, Target::Least(20_000.0)),
        line("heartbeats, SQLite", heartbeats, CEILING, Target::Least(0.5)),
        line("heartbeats, PostgreSQL", closed("heartbeat", POSTGRES), CEILING, Target::Least(0.3)),
        line("heartbeats, SQLite, open loop, p99", late, P99, or_ceiling(10.0, P99.of)),
        line("heartbeats, SQLite, open loop, p99.9", late, P999, or_ceiling(40.0, P999.of)),
        line("activations, SQLite", closed("activate", SQLITE), RATE, Target::Least(8000.0)),
        race(rows),
        line("validations, SQLite", closed("validate", SQLITE), RATE, Target::Least(25_000.0)),
        line("slowest operator call, SQLite, p99", slowest(SQLITE), P99, Target::Most(50.0)),
        line("slowest operator call, PostgreSQL, p99", slowest(POSTGRES), P99, Target::Most(50.0)),
    ]
}

fn scale_and_checks(rows: &[Figures]) -> Vec<TargetLine> {
    let largest = |looped: Option<&str>| {
        let rows = rows.iter().filter(|row| row.name == "scale" && row.engine == SQLITE);
        rows.filter(|row| row.looped == looped).max_by_key(|row| row.activations)
    };
    let cost = "cost of a heartbeat with the most installations, SQLite";
    let verify = rows.iter().find(|row| row.name == "verify");
    vec![
        line(cost, largest(CLOSED), RATIO, Target::Most(1.3)),
        line("the same as processor time", largest(CLOSED), CPU_RATIO, Target::Most(1.3)),
        line("the same under the same load", largest(OPEN), CPU_RATIO, Target::Most(1.3)),
        line("check of a feature", find(rows, "check", None, None, None), NANOS, Target::Most(50.0)),
        line("verification of a lease", verify, RATIO, Target::Most(1.2)),
    ]
}

fn changes(rows: &[Figures]) -> Vec<TargetLine> {
    let events = |several: bool| {
        rows.iter()
            .find(|row| row.name == "events" && row.replicas.is_some_and(|count| (count > 1) == several))
    };
    let (one, three) = (events(false), events(true));
    let callback = "suspension to the callback of a product, one node";
    let callback_of_three = "suspension to the callback of a product, three replicas";
    let storm = rows.iter().find(|row| row.name == "herd");
    let reconnect = "clients that reconnect together, until all have their lease";
    vec![
        line("change to delivery, one node, p99", one, P99, Target::Most(250.0)),
        line("change to the last delivery, one node", one, MAX, Target::Most(250.0)),
        line(callback, one, CALLBACK, Target::Most(250.0)),
        line("change to delivery, three replicas, p99", three, P99, Target::Most(500.0)),
        line(callback_of_three, three, CALLBACK, Target::Most(500.0)),
        line(reconnect, storm, MAX, Target::Most(10_000.0)),
        // 20 kB.
        line("memory of a stream", one, STREAM, Target::Most(19.5)),
    ]
}

fn process(rows: &[Figures]) -> Vec<TargetLine> {
    let idle = find(rows, "start", SQLITE, None, Some("start to serving"));
    let killed = find(rows, "start", SQLITE, None, Some("kill -9 to serving"));
    let heartbeats = find(rows, "heartbeat", SQLITE, CLOSED, None);
    vec![
        line("start to serving, p99", idle, P99, Target::Most(100.0)),
        line("kill -9 to serving, p99", killed, P99, Target::Most(250.0)),
        line("memory, idle", idle, RSS, Target::Most(40.0)),
        line("memory under heartbeats", heartbeats, RSS, Target::Most(200.0)),
    ]
}

fn find<'r>(
    rows: &'r [Figures],
    name: &str,
    engine: Option<&str>,
    looped: Option<&str>,
    of: Option<&str>,
) -> Option<&'r Figures> {
    rows.iter().find(|row| {
        row.name == name && row.engine == engine && row.looped == looped && row.of.as_deref() == of
    })
}

fn line(what: &'static str, row: Option<&Figures>, measure: Metric, target: Target) -> TargetLine {
    let Metric { of, unit, digits } = measure;
    let (sign, limit) = match target {
        Target::Least(limit) => ("≥", limit),
        Target::Most(limit) => ("≤", limit),
    };
    let target_text = format!("{sign} {limit}{unit}");
    let Some((row, value)) = row.and_then(|row| Some((row, of(row)?))) else {
        return TargetLine { what, target: target_text, measured: "not measured".to_owned(), reached: None };
    };
    let range = row.least.zip(row.most).filter(|_| (row.main_figure() - value).abs() < f64::EPSILON);
    let range =
        range.map_or_else(String::new, |(least, most)| format!(" ({least:.digits$} – {most:.digits$})"));
    let size = match (row.activations, row.connections, row.offered_per_s) {
        (Some(stored), _, Some(rate)) => format!(", {stored} stored, {rate:.0}/s"),
        (Some(stored), ..) => format!(", {stored} stored"),
        (_, Some(many), Some(rate)) => format!(", {many} connections, {rate:.0}/s"),
        (_, Some(many), None) if row.replicas.is_some() => format!(", {many} streams"),
        (_, Some(many), None) if row.name == "herd" => format!(", {many} clients"),
        _ => String::new(),
    };
    let errors = if row.errors > 0 { format!(", {} errors", row.errors) } else { String::new() };
    let reached = match target {
        Target::Least(limit) => value >= limit,
        Target::Most(limit) => value <= limit,
    };
    let measured = format!("{value:.digits$}{unit}{range}{size}{errors}");
    TargetLine { what, target: target_text, measured, reached: Some(reached && row.errors == 0) }
}

/// Returns the line of the race. Any other number of activations fails the measurement itself.
fn race(rows: &[Figures]) -> TargetLine {
    let row = rows.iter().find_map(|row| row.of.as_deref().filter(|of| of.ends_with("slots")));
    let measured = row.map_or_else(|| "not measured".to_owned(), str::to_owned);
    let target = "exactly the slots".to_owned();
    TargetLine {
        what: "a thousand installations race for a license",
        target,
        reached: row.map(|_| true),
        measured,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_reached_only_without_errors() {
        let row = Figures {
            engine: Some("sqlite"),
            looped: Some("closed"),
            rate_per_s: Some(20_500.0),
            ..Figures::named("heartbeat")
        };
        let first = |row: &Figures| all(std::slice::from_ref(row)).swap_remove(0);
        assert_eq!((first(&row).reached_text(), first(&row).measured.as_str()), ("yes", "20500/s"));
        let wrong = Figures { errors: 1, ..row.clone() };
        assert_eq!(first(&wrong).reached_text(), "no");
        let slow = Figures { rate_per_s: Some(19_999.0), ..row };
        assert_eq!(first(&slow).reached_text(), "no");
        assert_eq!(all(&[])[0].reached_text(), "");
    }
}
