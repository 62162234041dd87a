//! The published page: conditions, targets with the measured figures, and all rows.

use std::{fs, path::Path};

use super::{
    figures::{self, Figures},
    plot,
};
use kaching_command::failure::Failure;

mod conditions;
mod targets;

pub(super) use conditions::Conditions;

/// The report is between these lines of a page.
const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// Returns the parts of a page before and after the report.
pub(super) fn split_at_marks(path: &Path) -> Result<(String, String), Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::refused(format!("{} cannot be read: {error}.", path.display())))?;
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    parts.map(|(before, after)| (before.to_owned(), after.to_owned())).ok_or_else(|| {
        Failure::refused(format!(
            "{} does not say where the report goes: it needs the lines {BEGIN} and {END}.",
            path.display()
        ))
    })
}

/// Writes the report between the marks of a page, and the pictures into its directory.
pub(super) fn write(path: &Path, conditions: &Conditions, rows: &[Figures]) -> Result<(), Failure> {
    let (before, after) = split_at_marks(path)?;
    let pictures = plot::write(path, rows)?;
    let text = format!("{before}{BEGIN}\n{}\n{END}{after}", page(conditions, &pictures, rows));
    fs::write(path, text)
        .map_err(|error| Failure::refused(format!("{} cannot be written: {error}.", path.display())))
}

fn page(conditions: &Conditions, pictures: &str, rows: &[Figures]) -> String {
    let mut text =
        format!("{}\n\n| figure | target | measured | reached |\n|---|---|---|---|\n", conditions.text());
    for line in targets::all(rows) {
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            line.what,
            line.target,
            line.measured,
            line.reached_text()
        ));
    }
    let shown: Vec<Figures> = rows.iter().filter(|row| row.of.as_deref() != Some("sweep")).cloned().collect();
    text.push('\n');
    text.push_str(pictures);
    text.push_str("All rows, with the names of `--json`:\n\n");
    text.push_str(&figures::markdown(&shown));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_text_between_the_marks_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("page.md");
        fs::write(&path, "# Figures\nnothing\n").unwrap();
        assert!(split_at_marks(&path).unwrap_err().to_string().contains(BEGIN));
        fs::write(&path, format!("# Figures\n{BEGIN}\nold\n{END}\nafter\n")).unwrap();
        let row =
            Figures { rate_per_s: Some(21_000.0), engine: Some("sqlite"), ..Figures::named("heartbeat") };
        write(&path, &Conditions::default(), &[row]).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# Figures\n") && text.ends_with(&format!("{END}\nafter\n")), "{text}");
        assert!(text.contains("21000") && !text.contains("old"), "{text}");
    }
}
