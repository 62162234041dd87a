//! The conditions of searches, written so that PostgreSQL has one plan for them, however it estimates: it has no
//! statistics of a new table, and knows little of a word that is a parameter.
//!
//! If there are few matches, all are found first: the engine builds a set with a limit before it joins anything to it,
//! and so does not walk a whole list for three of its rows. The limit is [`FEW`](super::FEW). It never cuts off a
//! match, because the matches were counted before.
//!
//! Of many matches the list is walked, and each row is looked at by its id: `offset 0` keeps the question what it is,
//! instead of a set of all that have the word, and `|| ''` hides the index that leads to them.

/// Up to `FEW` things with a word that begins so: three values, the noun, the word, and what is behind it.
macro_rules! few_words {
    ($id:literal) => {
        concat!(
            " and ",
            $id,
            " in (select target from search_words where noun = ? and word >= ? and word < ? limit 1000)"
        )
    };
}

/// As [`few_words`], while the list is walked.
macro_rules! many_words {
    ($id:literal) => {
        concat!(" and ", $crate::search::fragments::word_of!($id, "?"))
    };
}

/// Up to `FEW` things with this tag: two values, the noun and the tag.
macro_rules! few_tags {
    ($id:literal) => {
        concat!(" and ", $id, " in (select target from search_words where noun = ? and word = ? limit 1000)")
    };
}

/// As [`few_tags`], while the list is walked.
macro_rules! many_tags {
    ($id:literal) => {
        concat!(
            " and exists (select 1 from search_words w where w.target = ",
            $id,
            " and w.noun || '' = ? and w.word || '' = ? limit 1 offset 0)"
        )
    };
}

/// Whether one thing has a word that begins so.
macro_rules! word_of {
    ($id:literal, $noun:literal) => {
        concat!(
            "exists (select 1 from search_words w where w.target = ",
            $id,
            " and w.noun || '' = ",
            $noun,
            " and w.word || '' >= ? and w.word || '' < ? limit 1 offset 0)"
        )
    };
}

pub(crate) use {few_tags, few_words, many_tags, many_words, word_of};

/// Licenses by the words of their customers and by their own: the word and the end of its range, twice. No caller sees
/// the order of the words. It only makes the engine read them first, instead of walking the licenses and looking up the
/// customer of each.
pub(super) const FEW_LICENSES: &str = " and l.id in (
    select f.id from (select target from search_words where noun = 'customer' and word >= ? and word < ? order by word) w
      join licenses f on f.customer = w.target
    union select target from search_words where noun = 'license' and word >= ? and word < ? limit 1000)";

/// As [`FEW_LICENSES`], by the words of mail addresses as well: three times.
pub(super) const FEW_LICENSES_BY_MAIL: &str = " and l.id in (
    select f.id from (select target from search_words where noun = 'customer' and word >= ? and word < ? order by word) w
      join licenses f on f.customer = w.target
    union select f.id from (select target from search_words where noun = 'customer_mail' and word >= ? and word < ? order by word) w
      join licenses f on f.customer = w.target
    union select target from search_words where noun = 'license' and word >= ? and word < ? limit 1000)";

/// Customers by their words and by those of their mail addresses: the word and what is behind it, twice.
pub(super) const FEW_CUSTOMERS: &str = " and c.id in (
    select target from search_words where noun = 'customer' and word >= ? and word < ?
    union select target from search_words where noun = 'customer_mail' and word >= ? and word < ? limit 1000)";

/// As [`FEW_CUSTOMERS`], while the list is walked.
pub(super) const MANY_CUSTOMERS: &str =
    concat!(" and (", word_of!("c.id", "'customer'"), " or ", word_of!("c.id", "'customer_mail'"), ")");

/// As [`FEW_LICENSES_BY_MAIL`], while the list is walked.
pub(super) const MANY_LICENSES_BY_MAIL: &str = concat!(
    " and (",
    word_of!("l.customer", "'customer'"),
    " or ",
    word_of!("l.customer", "'customer_mail'"),
    " or ",
    word_of!("l.id", "'license'"),
    ")"
);

/// As [`FEW_LICENSES`], while the list is walked.
pub(super) const MANY_LICENSES: &str =
    concat!(" and (", word_of!("l.customer", "'customer'"), " or ", word_of!("l.id", "'license'"), ")");

#[cfg(test)]
mod tests {
    use super::super::FEW;

    #[test]
    fn few_are_as_many_as_are_counted() {
        let licenses = [super::FEW_LICENSES, super::FEW_LICENSES_BY_MAIL, super::FEW_CUSTOMERS];
        for fragment in [few_words!("x.id"), few_tags!("x.id")].into_iter().chain(licenses) {
            assert!(fragment.ends_with(&format!(" limit {FEW})")), "{fragment}");
        }
    }
}
