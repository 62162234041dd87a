use super::Figures;
use kaching_command::output::Table;

/// A heading, and the text of a cell below it.
type Column = (&'static str, fn(&Figures) -> Option<String>);

static COLUMNS: [Column; 30] = [
    ("NAME", |row| Some(row.name.clone())),
    ("ENGINE", |row| row.engine.map(str::to_owned)),
    ("OF", |row| row.of.clone()),
    ("LOOP", |row| row.looped.map(str::to_owned)),
    ("ACTIVATIONS", |row| row.activations.map(|count| count.to_string())),
    ("REPLICAS", |row| row.replicas.map(|count| count.to_string())),
    ("CONNECTIONS", |row| row.connections.map(|count| count.to_string())),
    ("OFFERED/S", |row| row.offered_per_s.map(|rate| format!("{rate:.0}"))),
    ("RATE/S", |row| row.rate_per_s.map(|rate| format!("{rate:.0}"))),
    ("P50 MS", |row| row.p50_ms.map(|ms| format!("{ms:.2}"))),
    ("P99 MS", |row| row.p99_ms.map(|ms| format!("{ms:.2}"))),
    ("P99.9 MS", |row| row.p999_ms.map(|ms| format!("{ms:.2}"))),
    ("MAX MS", |row| row.max_ms.map(|ms| format!("{ms:.2}"))),
    ("CALLBACK MS", |row| row.callback_ms.map(|ms| format!("{ms:.2}"))),
    ("NS/CHECK", |row| row.ns_per_check.map(|ns| format!("{ns:.1}"))),
    ("US/CALL", |row| row.us_per_call.map(|us| format!("{us:.1}"))),
    ("CPU US/CALL", |row| row.cpu_us_per_call.map(|us| format!("{us:.1}"))),
    ("CALLS", |row| row.calls.map(|count| count.to_string())),
    ("BYTES/CALL", |row| row.bytes_per_call.map(|bytes| format!("{bytes:.1}"))),
    ("MIB/YEAR", |row| row.mib_per_year.map(|mib| format!("{mib:.0}"))),
    ("ERRORS", |row| Some(row.errors.to_string())),
    ("SHED", |row| row.shed.filter(|shed| *shed > 0).map(|shed| shed.to_string())),
    ("DURABLE", |row| row.durable.map(|durable| if durable { "yes" } else { "no" }.to_owned())),
    ("RSS MIB", |row| row.rss_mib.map(|mib| format!("{mib:.0}"))),
    ("KIB/STREAM", |row| row.kib_per_stream.map(|kib| format!("{kib:.1}"))),
    ("OF CEILING", |row| row.ceiling_ratio.map(|ratio| format!("{ratio:.2}"))),
    ("RATIO", |row| row.ratio.map(|ratio| format!("{ratio:.2}"))),
    ("CPU RATIO", |row| row.cpu_ratio.map(|ratio| format!("{ratio:.2}"))),
    ("LEAST", |row| row.least.map(|least| format!("{least:.1}"))),
    ("MOST", |row| row.most.map(|most| format!("{most:.1}"))),
];

/// Returns the table with the columns that have a value in any row.
pub(super) fn of(rows: &[Figures]) -> Table {
    let shown = shown(rows);
    let mut table = Table::under(shown.iter().map(|(heading, _)| (*heading).to_owned()).collect());
    for row in rows {
        table.cells(shown.iter().map(|(_, cell)| cell(row).unwrap_or_default()).collect());
    }
    table
}

/// Returns the same table in Markdown.
pub(super) fn markdown(rows: &[Figures]) -> String {
    let shown = shown(rows);
    let headings: Vec<String> = shown.iter().map(|(heading, _)| heading.to_lowercase()).collect();
    let mut text = format!("| {} |\n|{}\n", headings.join(" | "), "---|".repeat(headings.len()));
    for row in rows {
        let cells: Vec<String> = shown.iter().map(|(_, cell)| cell(row).unwrap_or_default()).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text.trim_end().to_owned()
}

fn shown(rows: &[Figures]) -> Vec<&'static Column> {
    COLUMNS.iter().filter(|(_, cell)| rows.iter().any(|row| cell(row).is_some())).collect()
}
