//! Plain English: sources and documents do without the words of `words.txt`.

use crate::{none_found, source, workspace};

/// A word or a phrase to avoid, and the words to use in its place.
const AVOIDED: &str = include_str!("words.txt");

struct Word {
    text: String,
    line: usize,
    /// Separated from the word before by nothing but a gap.
    follows: bool,
}

#[test]
fn sources_and_documents_are_in_plain_english() {
    let table: Vec<(Vec<&str>, &str)> = AVOIDED
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(phrase, instead)| (phrase.split(' ').collect(), instead))
        .collect();
    assert!(table.len() > 10, "the table has only {} rows", table.len());

    let mut findings = Vec::new();
    let mut search = |at: &dyn Fn(usize) -> String, words: &[Word]| {
        for (phrase, instead) in &table {
            let found = words.windows(phrase.len()).filter(|words| is_phrase(words, phrase));
            findings.extend(
                found.map(|words| format!("{}: {}: say {instead}", at(words[0].line), phrase.join(" "))),
            );
        }
    };
    for source in source::all() {
        search(&|line| source.at(line), &words(&source.text, is_gap_of_prose));
        let names = source.facts().map(|(facts, _)| &facts.names);
        for name in names.into_iter().flatten().filter(|name| name.word.contains('_')) {
            search(&|_| source.at(name.line), &words(&name.word, |c| c == '_'));
        }
    }
    for path in &documents() {
        search(&|line| format!("{path}:{line}"), &words(&workspace::read(path), is_gap_of_prose));
    }
    none_found("Sources and documents are in plain English", findings);
}

#[test]
fn a_phrase_is_found_in_comments_and_names() {
    let is_found = |text: &str, is_gap: fn(char) -> bool| {
        words(text, is_gap).windows(2).any(|words| is_phrase(words, &["in", "vain"]))
    };
    for text in ["/// all in\n    /// vain", "struct InVain;", "\"In vain\""] {
        assert!(is_found(text, is_gap_of_prose), "{text}");
    }
    assert!(is_found("waits_in_vain", |c| c == '_'));
    for text in ["in most vain", "look in. Vain", "within vain", "a setting named waits_in_vain"] {
        assert!(!is_found(text, is_gap_of_prose), "{text}");
    }
}

/// The documents for people, the history of releases apart.
fn documents() -> Vec<String> {
    let readme = |path: &String| path.ends_with("/README.md");
    let at_the_root =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "testdata/vectors/README.md"];
    let mut found: Vec<_> = at_the_root.map(str::to_owned).into();
    found.extend(workspace::files("docs", "md"));
    found.extend(workspace::files("crates", "md").into_iter().filter(readme));
    found
}

/// Divides a text into lower-case words, and names in camel case as well. Names with underscores are divided only where
/// `_` is a gap: settings, metrics and columns that are mentioned keep their names.
fn words(text: &str, is_gap: fn(char) -> bool) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut line = 1;
    let mut inside = false;
    let mut lower = false;
    let mut follows = true;
    for c in text.chars() {
        let part = c.is_alphabetic() || (c == '_' && !is_gap(c));
        let starts = !inside || (lower && c.is_uppercase());
        match words.last_mut() {
            _ if !part => follows = (follows || inside) && is_gap(c),
            Some(word) if !starts => word.text.extend(c.to_lowercase()),
            _ => {
                let follows = inside || follows;
                words.push(Word { text: c.to_lowercase().collect(), line, follows });
            }
        }
        line += usize::from(c == '\n');
        inside = part;
        lower = c.is_lowercase();
    }
    words
}

/// White space, and the marks of comments and of lines that go on.
fn is_gap_of_prose(c: char) -> bool {
    c.is_whitespace() || "/!\\".contains(c)
}

fn is_phrase(words: &[Word], phrase: &[&str]) -> bool {
    let same = words.iter().zip(phrase).all(|(word, wanted)| word.text == *wanted);
    same && words[1..].iter().all(|word| word.follows)
}
