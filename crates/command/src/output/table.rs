use kaching_base::printable;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::{Output, Style};

/// The spaces between two columns.
const GAP: usize = 2;

/// Rows under headings, in aligned columns.
pub struct Table {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
    /// The columns that may be shortened, each with its least width.
    shortened: Vec<(usize, usize)>,
    /// The columns that may be left out, the least important first.
    left_out: Vec<usize>,
}

/// The shown columns, each with its width.
type ColumnWidths = Vec<(usize, usize)>;

impl Table {
    pub fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self::under(headings.map(str::to_owned).to_vec())
    }

    /// Returns an empty table with these headings.
    pub fn under(headings: Vec<String>) -> Self {
        Self { headings, rows: Vec::new(), shortened: Vec::new(), left_out: Vec::new() }
    }

    /// Lets these columns of text be shortened to fit a terminal, each to no less than this width. Ids, keys and states are
    /// of no use if they are not whole.
    pub fn shortens<const N: usize>(mut self, columns: [(&str, usize); N]) -> Self {
        let least = |heading: &str, least: usize| least.max(width(heading));
        self.shortened = columns
            .into_iter()
            .filter_map(|(heading, width)| Some((self.column(heading)?, least(heading, width))))
            .collect();
        self
    }

    /// Lets these columns be left out in a narrow terminal, the first of them first.
    pub fn leaves_out<const N: usize>(mut self, columns: [&str; N]) -> Self {
        self.left_out = columns.into_iter().filter_map(|heading| self.column(heading)).collect();
        self
    }

    fn column(&self, heading: &str) -> Option<usize> {
        let column = self.headings.iter().position(|one| one == heading);
        debug_assert!(column.is_some(), "{heading} is no heading");
        column
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

    /// Returns the text in its full width. A cell that is the word of a state is coloured.
    pub fn text(&self, style: Style) -> String {
        self.columns(&self.widths().into_iter().enumerate().collect::<Vec<_>>(), style)
    }

    /// Returns the text for the width of the terminal: the widest of the columns that may be shortened are, as far as
    /// needed. Where that does not suffice, columns are left out, and a line names them.
    pub fn fitted(&self, output: &Output) -> String {
        let Some(limit) = output.width else { return self.text(output.style) };
        let shown = self.fit(limit);
        let text = self.columns(&shown, output.style);
        let missing = (0..self.headings.len()).filter(|column| shown.iter().all(|(one, _)| one != column));
        let missing: Vec<&str> = missing.map(|column| self.headings[column].as_str()).collect();
        if missing.is_empty() {
            return text;
        }
        let remark = format!("The terminal is too narrow for {}.", missing.join(", "));
        format!("{text}{}\n", output.style.dim(&remark))
    }

    /// Returns the columns that fit, with their widths. If none may be left out any more, they are as narrow as they may be.
    fn fit(&self, limit: usize) -> ColumnWidths {
        let widths = self.widths();
        let mut shown: ColumnWidths = widths.iter().copied().enumerate().collect();
        let mut missing = Vec::new();
        let mut left_out = self.left_out.iter().copied();
        let mut fitting = loop {
            match (self.shorten(&shown, limit), left_out.next()) {
                (Ok(fitting), _) => break fitting,
                (Err(narrowest), None) => return narrowest,
                (Err(_), Some(column)) => {
                    shown.retain(|(one, _)| *one != column);
                    missing.push(column);
                }
            }
        };
        // The last one was wide: there may be room again for more important ones than those that were left out before it.
        for column in missing.into_iter().rev() {
            let mut more = shown.clone();
            more.push((column, widths[column]));
            more.sort_unstable();
            if let Ok(fits) = self.shorten(&more, limit) {
                (shown, fitting) = (more, fits);
            }
        }
        fitting
    }

    /// Takes from the widest of the columns that may be shortened until all fit, or returns how narrow they can be.
    fn shorten(&self, columns: &[(usize, usize)], limit: usize) -> Result<ColumnWidths, ColumnWidths> {
        let mut columns = columns.to_vec();
        let gaps = GAP * columns.len().saturating_sub(1);
        while columns.iter().map(|(_, width)| width).sum::<usize>() + gaps > limit {
            let least = |column: usize| self.shortened.iter().find(|(one, _)| *one == column);
            let wider = |(column, width): &&mut (usize, usize)| {
                least(*column).is_some_and(|(_, least)| width > least)
            };
            let Some((_, widest)) = columns.iter_mut().filter(wider).max_by_key(|(_, width)| *width) else {
                return Err(columns);
            };
            *widest -= 1;
        }
        Ok(columns)
    }

    /// Returns the width that each column needs.
    fn widths(&self) -> Vec<usize> {
        let lines = || self.rows.iter().chain([&self.headings]);
        (0..self.headings.len()).map(|at| lines().map(|row| width(&row[at])).max().unwrap_or(0)).collect()
    }

    /// Returns the text of these columns in these widths.
    fn columns(&self, columns: &[(usize, usize)], style: Style) -> String {
        let mut text = line(&self.headings, columns, |cell| style.bold(cell));
        for row in &self.rows {
            text.push_str(&line(row, columns, |cell| style.state(cell)));
        }
        text
    }
}

/// Returns the columns that a text takes in a terminal: none for a combining mark, two for an East Asian character.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Returns the text in at most this width, with an ellipsis in place of its end. What a reader takes for one character stays
/// whole.
fn shortened(text: &str, limit: usize) -> String {
    if width(text) <= limit {
        return text.to_owned();
    }
    let ends = text.grapheme_indices(true).map(|(at, cluster)| at + cluster.len());
    let end = ends.take_while(|end| width(&text[..*end]) < limit).last().unwrap_or(0);
    format!("{}…", text[..end].trim_end())
}

fn line(row: &[String], columns: &[(usize, usize)], paint: impl Fn(&str) -> String) -> String {
    let cells: Vec<String> = columns.iter().map(|(column, width)| shortened(&row[*column], *width)).collect();
    let last = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |at| at + 1);
    let mut text = String::new();
    for (at, cell) in cells[..last].iter().enumerate() {
        text.push_str(&paint(cell));
        if at + 1 < last {
            text.push_str(&" ".repeat(columns[at].1.saturating_sub(width(cell)) + GAP));
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

    fn in_columns(width: usize) -> Output {
        let now = kaching_base::Timestamp::from_micros(0);
        Output { json: false, style: Style::new(false), now, width: Some(width) }
    }

    fn customers() -> Table {
        let mut table = Table::new(["ID", "NAME", "NOTE", "TAGS"]).shortens([("NAME", 5), ("NOTE", 5)]);
        table = table.leaves_out(["TAGS", "NOTE"]);
        for (id, name) in [("1", "東京電力ホールディングス"), ("2", "شركة الاتصالات السعودية")]
        {
            table.row([id, name, "a note of some length", "vip"].map(str::to_owned));
        }
        table
    }

    #[test]
    fn the_widest_texts_are_shortened() {
        assert_eq!(
            customers().fitted(&in_columns(40)),
            "ID  NAME            NOTE            TAGS\n\
             1   東京電力ホー…   a note of som…  vip\n\
             2   شركة الاتصالات…   a note of som…  vip\n"
        );
    }

    #[test]
    fn the_least_important_columns_are_left_out() {
        let (narrow, narrowest) = (customers().fitted(&in_columns(17)), customers().fitted(&in_columns(9)));
        let text = "ID  NAME    NOTE\n1   東京…   a no…\n2   شركة…   a no…\n";
        assert_eq!(narrow, format!("{text}The terminal is too narrow for TAGS.\n"));
        let text = "ID  NAME\n1   東京…\n2   شركة…\n";
        assert_eq!(narrowest, format!("{text}The terminal is too narrow for NOTE, TAGS.\n"));
    }

    #[test]
    fn no_visible_character_is_cut() {
        for text in ["東京電力", "👩🏽👍🏿🇩🇪🇫🇷🎉", "Gru\u{308}nwa\u{301}ld", "शिक्षा मंत्रालय"]
        {
            let clusters: Vec<&str> = text.graphemes(true).collect();
            for limit in 1..width(text) {
                let short = shortened(text, limit);
                let kept = short.strip_suffix('…').unwrap();
                assert!(width(&short) <= limit, "{short} in {limit}");
                assert!(
                    (0..clusters.len()).any(|end| clusters[..end].concat().trim_end() == kept),
                    "{short}"
                );
            }
        }
    }

    #[test]
    fn room_that_a_wide_column_leaves_is_used_again() {
        let mut table = Table::new(["A", "B", "C"]).leaves_out(["A", "B"]);
        table.row(["one", "a wide cell", "two"].map(str::to_owned));
        let remark = "The terminal is too narrow for B.\n";
        assert_eq!(table.fitted(&in_columns(8)), format!("A    C\none  two\n{remark}"));
    }

    #[test]
    fn without_a_terminal_all_is_shown() {
        let output = Output { width: None, ..in_columns(1) };
        assert_eq!(customers().fitted(&output), customers().text(Style::new(false)));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for columns in 9..80 {
            let text = customers().fitted(&in_columns(columns));
            let lines = text.lines().filter(|line| !line.starts_with("The terminal"));
            for line in lines {
                assert!(width(line) <= columns, "{columns}: {line}");
            }
        }
    }
}
