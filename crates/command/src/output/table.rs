use kaching_base::printable;
use unicode_width::UnicodeWidthStr as _;

use super::Style;

/// Rows under headings, in aligned columns.
pub struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self::under(headings.map(str::to_owned).to_vec())
    }

    /// Returns an empty table with these headings.
    pub fn under(headings: Vec<String>) -> Self {
        Self { headings, rows: Vec::new() }
    }

    /// Adds a row. Control and invisible characters are escaped, so that no name moves the cursor, changes the direction of
    /// the text, or looks like another name.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.cells(cells.to_vec());
    }

    /// Adds a row of as many cells as there are headings.
    pub fn cells(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| printable(cell)).collect());
    }

    /// Returns the text. A cell that is the word of a state is coloured.
    pub fn text(&self, style: Style) -> String {
        let widths: Vec<usize> = (0..self.headings.len())
            .map(|at| self.rows.iter().chain([&self.headings]).map(|row| width(&row[at])).max().unwrap_or(0))
            .collect();
        let mut text = line(&self.headings, &widths, |cell| style.bold(cell));
        for row in &self.rows {
            text.push_str(&line(row, &widths, |cell| style.state(cell)));
        }
        text
    }
}

/// Returns the columns that a text takes in a terminal: none for a combining mark, two for an East Asian character.
pub fn width(text: &str) -> usize {
    text.width()
}

fn line(cells: &[String], widths: &[usize], paint: impl Fn(&str) -> String) -> String {
    let last = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |at| at + 1);
    let mut text = String::new();
    for (at, cell) in cells[..last].iter().enumerate() {
        text.push_str(&paint(cell));
        if at + 1 < last {
            text.push_str(&" ".repeat(widths[at] - width(cell) + 2));
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_columns_and_leaves_no_trailing_space() {
        let mut table = Table::new(["ID", "NAME", "NOTE"]);
        table.row(["1".to_owned(), "Grünwald".to_owned(), String::new()]);
        table.row(["22".to_owned(), "A\u{1b}[2J".to_owned(), "x".to_owned()]);
        assert_eq!(table.text(Style::new(false)), "ID  NAME        NOTE\n1   Grünwald\n22  A\\u{1b}[2J  x\n");
    }

    #[test]
    fn a_column_is_as_wide_as_a_terminal_shows_it() {
        let mut table = Table::new(["NAME", "NOTE"]);
        table.row(["東京電力".to_owned(), "x".to_owned()]);
        table.row(["Gru\u{308}n".to_owned(), "x".to_owned()]);
        assert_eq!(table.text(Style::new(false)), "NAME      NOTE\n東京電力  x\nGru\u{308}n      x\n");
    }

    #[test]
    fn no_name_reverses_the_text_after_it_or_hides_in_another() {
        let mut table = Table::new(["NAME", "NOTE"]);
        table.row(["Acme\u{202e}".to_owned(), "x".to_owned()]);
        table.row(["A\u{200b}cme".to_owned(), "x".to_owned()]);
        let text = table.text(Style::new(false));
        assert_eq!(text, "NAME          NOTE\nAcme\\u{202e}  x\nA\\u{200b}cme  x\n");
    }
}
