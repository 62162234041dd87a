use kaching_base::printable;

use super::{Style, table::width};

/// One thing, as a title and lines of name and value.
pub struct Card {
    title: String,
    lines: Vec<(String, String)>,
}

impl Card {
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), lines: Vec::new() }
    }

    /// Adds a line, unless there is nothing to say.
    pub fn line(mut self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.lines.push((name.to_owned(), value));
        }
        self
    }

    /// Adds a line if there is a value.
    pub fn maybe(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.line(name, value),
            None => self,
        }
    }

    /// Adds a line with the values joined, unless there are none.
    pub fn list<T: ToString>(self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        self.line(name, values.join(", "))
    }

    pub fn text(&self, style: Style) -> String {
        let widest = self.lines.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        let mut text = style.bold(&printable(&self.title));
        text.push('\n');
        for (name, value) in &self.lines {
            let space = " ".repeat(widest - width(name) + 2);
            text.push_str(&format!("  {}{space}{}\n", style.dim(name), style.state(&printable(value))));
        }
        text
    }
}
