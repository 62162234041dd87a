use std::collections::{BTreeMap, BTreeSet};

use crate::Refused;

/// The request makes no sense: where, as a JSON pointer, and why, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    pub pointer: String,
    pub detail: String,
}

/// Why a change is not made: it makes no sense, or the answer is no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    Invalid(Invalid),
    Refused(Refused),
}

impl Invalid {
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

impl From<Invalid> for Rejected {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<Refused> for Rejected {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// A name for people: one line of 1 to 200 characters, without space around it.
///
/// # Errors
/// With the pointer, if it is not that.
pub fn check_name(pointer: &str, text: &str) -> Result<(), Invalid> {
    check_line(pointer, text, 200)?;
    match text.trim() == text && !text.is_empty() {
        true => Ok(()),
        false => Err(Invalid::new(pointer, "a name is not empty and has no space around it")),
    }
}

/// One line of text, which may be empty.
///
/// # Errors
/// With the pointer, if it is longer or holds control characters.
pub fn check_line(pointer: &str, text: &str, longest: usize) -> Result<(), Invalid> {
    if text.chars().any(char::is_control) {
        return Err(Invalid::new(
            pointer,
            format!("{} is one line, without control characters", member(pointer)),
        ));
    }
    check_length(pointer, text, longest)
}

/// Text of several lines, which may be empty.
///
/// # Errors
/// With the pointer, if it is longer or holds control characters other than tabs and line ends.
pub fn check_prose(pointer: &str, text: &str, longest: usize) -> Result<(), Invalid> {
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Invalid::new(
            pointer,
            format!("{} holds control characters; remove them", member(pointer)),
        ));
    }
    check_length(pointer, text, longest)
}

fn check_length(pointer: &str, text: &str, longest: usize) -> Result<(), Invalid> {
    match text.chars().count() {
        n if n <= longest => Ok(()),
        n => Err(Invalid::new(
            pointer,
            format!("{} is at most {longest} characters long, not {n}", member(pointer)),
        )),
    }
}

/// The name of the member in a sentence: the last part of its pointer.
fn member(pointer: &str) -> &str {
    pointer.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("the text")
}

/// A mail address: something, one `@`, something, no space.
///
/// # Errors
/// With the pointer, if it is not that.
pub fn check_email(pointer: &str, text: &str) -> Result<(), Invalid> {
    check_line(pointer, text, 254)?;
    match text.split_once('@') {
        Some((user, host))
            if !user.is_empty()
                && !host.is_empty()
                && !host.contains('@')
                && !text.contains(char::is_whitespace) =>
        {
            Ok(())
        }
        _ => Err(Invalid::new(pointer, "a mail address looks like name@example.com")),
    }
}

/// A web address.
///
/// # Errors
/// With the pointer, if it is not one.
pub fn check_url(pointer: &str, text: &str) -> Result<(), Invalid> {
    check_line(pointer, text, 2000)?;
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !text.contains(char::is_whitespace) => Ok(()),
        _ => Err(Invalid::new(pointer, "a web address starts with https:// or http://")),
    }
}

/// Words to find something by: at most 50 of 1 to 64 characters.
///
/// # Errors
/// With the pointer, if they are not that.
pub fn check_tags(tags: &BTreeSet<String>) -> Result<(), Invalid> {
    if tags.len() > 50 {
        return Err(Invalid::new("/tags", "there are at most 50 tags"));
    }
    for tag in tags {
        check_name("/tags", tag)?;
        check_line("/tags", tag, 64)?;
    }
    Ok(())
}

/// Entries for other systems: at most 50, keys of 1 to 64 characters, values of at most 500.
///
/// # Errors
/// With the pointer, if they are not that.
pub fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), Invalid> {
    if metadata.len() > 50 {
        return Err(Invalid::new("/metadata", "there are at most 50 entries of metadata"));
    }
    for (key, value) in metadata {
        check_name("/metadata", key)?;
        check_line("/metadata", key, 64)?;
        check_prose("/metadata", value, 500)?;
    }
    Ok(())
}

/// Notes for the operators: at most 10,000 characters.
///
/// # Errors
/// With the pointer, if they are longer.
pub fn check_notes(notes: &str) -> Result<(), Invalid> {
    check_prose("/notes", notes, 10_000)
}
