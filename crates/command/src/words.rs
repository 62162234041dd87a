//! Dates, durations and sentences as people read them.

mod dates;

pub use dates::{ago, begins, day, ends_on, exact, plural, span};

/// Returns the text as a sentence: with a capital letter and a full stop.
pub fn sentence(text: &str) -> String {
    let text = text.trim();
    // A path or the name of a setting keeps its letters.
    let is_word = text.split(' ').next().is_some_and(|word| word.bytes().all(|b| b.is_ascii_alphabetic()));
    let mut letters = text.chars();
    let text = match letters.next() {
        Some(first) if is_word => format!("{}{}", first.to_ascii_uppercase(), letters.as_str()),
        _ => text.to_owned(),
    };
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}
