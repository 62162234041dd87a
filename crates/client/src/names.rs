//! The names of features and limits that a product asks for, against those that its plans have.

use std::fmt;

/// No plan of the product has a feature or limit of this name. It reads as a sentence with the names that are near.
///
/// It is an error of the program, which has misspelt the name or is newer than the catalogue, and not of the license.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownName {
    /// The product's code.
    pub product: String,
    /// Whether a feature or a limit was asked for.
    pub kind: NameKind,
    /// The name.
    pub name: String,
    /// The names of this kind that are spelt almost like it, the nearest first; all names where none is.
    pub near: Vec<String>,
    /// Whether `near` has only names that are spelt almost like it.
    is_near: bool,
}

/// The kinds of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// A feature, which is on or off.
    Feature,
    /// A limit: slots, a level or a counter.
    Limit,
}

impl UnknownName {
    pub(crate) fn new<'a>(
        product: &str,
        kind: NameKind,
        name: &str,
        known: impl Iterator<Item = &'a str>,
    ) -> Self {
        let mut by_distance: Vec<_> = known.map(|known| (distance(name, known), known)).collect();
        by_distance.sort_unstable();
        by_distance.dedup();
        let is_close = |(distance, known): &&(usize, &str)| *distance <= 1 + known.len() / 4;
        let close: Vec<_> = by_distance.iter().filter(is_close).collect();
        let is_near = !close.is_empty();
        let near = if is_near { close } else { by_distance.iter().collect() };
        let near = near.into_iter().map(|(_, known)| (*known).to_owned()).collect();
        Self { product: product.to_owned(), kind, name: name.to_owned(), near, is_near }
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { product, kind, name, near, is_near } = self;
        write!(f, "No plan of {product} has a {kind} {name:?}.")?;
        match near.join(", ") {
            near if near.is_empty() => Ok(()),
            near if *is_near => write!(f, " Did you mean {near}?"),
            all => write!(f, " Its {kind}s are: {all}."),
        }
    }
}

impl std::error::Error for UnknownName {}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Feature => "feature",
            Self::Limit => "limit",
        })
    }
}

/// Returns how many characters have to be inserted, removed or replaced to turn one name into another (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, one) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(one != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(name: &str, known: &[&str]) -> String {
        UnknownName::new("chorus", NameKind::Limit, name, known.iter().copied()).to_string()
    }

    #[test]
    fn a_distance_counts_edits() {
        for (from, to, edits) in [
            ("nodes", "nodes", 0),
            ("node", "nodes", 1),
            ("nodse", "nodes", 2),
            ("", "abc", 3),
            ("abc", "", 3),
        ] {
            assert_eq!(distance(from, to), edits, "{from} {to}");
        }
    }

    #[test]
    fn an_unknown_name_is_reported_with_the_names_near_it() {
        assert_eq!(
            unknown("nodse", &["jobs", "nodes", "services"]),
            "No plan of chorus has a limit \"nodse\". Did you mean nodes?"
        );
        assert_eq!(
            unknown("requests", &["nodes", "jobs"]),
            "No plan of chorus has a limit \"requests\". Its limits are: nodes, jobs."
        );
        assert_eq!(unknown("requests", &[]), "No plan of chorus has a limit \"requests\".");
    }
}
