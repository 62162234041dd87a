//! Characters that show nothing, and so can hide in a name or turn around what follows it.

/// Whether a character shows nothing of its own: it joins or separates others, or turns the direction of what follows.
/// From the format characters and other default ignorables of Unicode 17, without variation selectors; and the
/// separators of lines and paragraphs.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e00ff}')
}

/// Returns a text with its control and invisible characters as Rust writes them, everything else as it is.
pub fn printable(text: &str) -> String {
    escape(text, |c| c.is_control() || is_invisible(c))
}

/// As [`printable`], for text whose control characters are ours: line ends and colours.
pub fn visible(text: &str) -> String {
    escape(text, is_invisible)
}

fn escape(text: &str, hidden: impl Fn(char) -> bool) -> String {
    text.chars().map(|c| if hidden(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_nothing_is_escaped() {
        assert_eq!(
            printable("Acme\u{202e}\u{200b} \u{1b}[2JGrün\u{308} 東京"),
            "Acme\\u{202e}\\u{200b} \\u{1b}[2JGrün\u{308} 東京"
        );
        assert_eq!(visible("\u{2066}Acme\u{61c}\u{1b}[0m\n"), "\\u{2066}Acme\\u{61c}\u{1b}[0m\n");
    }
}
