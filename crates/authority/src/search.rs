//! The words that searches find objects by.

pub(crate) mod fragments;
mod index;
mod reindex;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{Base64Url, Id, IdKind};
use kaching_db::{Param, Sql, ToParam as _, Tx, params};
use kaching_domain::check_metadata;

use sha2::{Digest as _, Sha256};

use crate::Result;

pub(crate) use reindex::Reindex;
pub(crate) use words::words_of;

/// The kinds of objects that are searched, as the table names them.
#[derive(Clone, Copy)]
pub(crate) enum Noun {
    Product,
    Feature,
    Plan,
    Customer,
    /// The words of customers' mail addresses, for those who may see personal data.
    CustomerMail,
    License,
    /// A license's tags, each as a whole.
    LicenseTag,
    /// A customer's tags, each as a whole.
    CustomerTag,
    /// A license's metadata, a digest of each entry.
    LicenseMetadata,
    /// A customer's metadata, a digest of each entry.
    CustomerMetadata,
    Token,
    Activation,
}

impl Noun {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Feature => "feature",
            Self::Plan => "plan",
            Self::Customer => "customer",
            Self::CustomerMail => "customer_mail",
            Self::License => "license",
            Self::LicenseTag => "license_tag",
            Self::CustomerTag => "customer_tag",
            Self::LicenseMetadata => "license_metadata",
            Self::CustomerMetadata => "customer_metadata",
            Self::Token => "token",
            Self::Activation => "activation",
        }
    }
}

/// The most matches that are looked up and then sorted. If there are more, the list is read in its order instead, which
/// finds a page of them soon.
pub(crate) const FEW: i64 = 1000;

/// The number of words that one statement writes; each takes three values.
const WORDS_PER_STATEMENT: usize = 1000;

/// Replaces the indexed words of an object.
pub(crate) fn put<K: IdKind>(
    tx: &mut Tx<'_>,
    noun: Noun,
    target: Id<K>,
    words: &BTreeSet<String>,
) -> Result<()> {
    tx.execute("delete from search_words where target = ?1 and noun = ?2", params![target, noun.as_str()])?;
    add(tx, noun, target, words)
}

/// Stores the words of a new object.
pub(crate) fn add<K: IdKind>(
    tx: &mut Tx<'_>,
    noun: Noun,
    target: Id<K>,
    words: &BTreeSet<String>,
) -> Result<()> {
    add_to_all(tx, noun, &[target], words)
}

/// Stores the words that several new objects have in common.
pub(crate) fn add_to_all<K: IdKind>(
    tx: &mut Tx<'_>,
    noun: Noun,
    targets: &[Id<K>],
    words: &BTreeSet<String>,
) -> Result<()> {
    let of = |target: &Id<K>| {
        let target = *target;
        words.iter().map(move |word| (word.as_str(), target))
    };
    let rows: Vec<(&str, Id<K>)> = targets.iter().flat_map(of).collect();
    for rows in rows.chunks(WORDS_PER_STATEMENT) {
        let mut sql = Sql::new("insert into search_words (noun, word, target)");
        let mut before = " values ";
        for (word, target) in rows {
            sql.push(before).add("(?, ?, ?)", params![noun.as_str(), *word, *target]);
            before = ", ";
        }
        tx.execute(&sql, sql.params())?;
    }
    Ok(())
}

/// Replaces the indexed metadata of an object. Values may be longer than what an index takes, so digests are stored.
pub(crate) fn put_metadata<K: IdKind>(
    tx: &mut Tx<'_>,
    noun: Noun,
    target: Id<K>,
    metadata: &BTreeMap<String, String>,
) -> Result<()> {
    put(tx, noun, target, &entries(metadata))
}

/// Returns the words by which metadata is found.
pub(crate) fn entries(metadata: &BTreeMap<String, String>) -> BTreeSet<String> {
    metadata.iter().map(|(key, value)| entry(key, value)).collect()
}

/// No key has a line end.
fn entry(key: &str, value: &str) -> String {
    Base64Url(Sha256::digest(format!("{key}\n{value}"))).to_string()
}

/// The words that a query asks for. One of signs alone asks for what nothing has.
fn wanted(sql: &mut Sql, q: Option<&str>) -> BTreeSet<String> {
    let q = q.unwrap_or_default();
    let wanted = words::wanted(q);
    if wanted.is_empty() && !q.trim().is_empty() {
        sql.push(" and 1 = 0");
    }
    wanted
}

/// Returns the text that sorts after every word that begins with this one.
fn behind(word: &str) -> String {
    format!("{word}\u{10ffff}")
}

/// Adds the condition that all words of `q` begin words of the thing: in the one of the [`fragments`] for few matches, or
/// in that for many.
pub(crate) fn condition(
    tx: &mut Tx<'_>,
    sql: &mut Sql,
    noun: Noun,
    q: Option<&str>,
    few: &'static str,
    many: &'static str,
) -> Result<()> {
    for word in wanted(sql, q) {
        let end = behind(&word);
        let found = tx.query_one(
            "select count(*) from (select 1 as one from search_words where noun = ?1 and word >= ?2 and word < ?3 limit ?4) as found",
            params![noun.as_str(), word.as_str(), end.as_str(), FEW + 1],
            |row| row.get::<i64>(0),
        )?;
        add_texts(sql, if found > FEW { many } else { few }, &[noun.as_str(), &word, &end]);
    }
    Ok(())
}

/// As [`condition`] for customers, which are found by the words of their mail addresses as well where `mail` says so.
pub(crate) fn customer_condition(tx: &mut Tx<'_>, sql: &mut Sql, q: Option<&str>, mail: bool) -> Result<()> {
    if !mail {
        let (few, many) = (fragments::few_words!("c.id"), fragments::many_words!("c.id"));
        return condition(tx, sql, Noun::Customer, q, few, many);
    }
    for word in wanted(sql, q) {
        let end = behind(&word);
        let counting = "select (select count(*) from (select 1 as one from search_words
                       where noun = 'customer' and word >= ?1 and word < ?2 limit ?3) as a)
                  + (select count(*) from (select 1 as one from search_words
                       where noun = 'customer_mail' and word >= ?1 and word < ?2 limit ?3) as b)";
        let few = is_few(tx, counting, params![word.as_str(), end.as_str(), FEW + 1])?;
        let fragment = if few { fragments::FEW_CUSTOMERS } else { fragments::MANY_CUSTOMERS };
        add_texts(sql, fragment, &[&word, &end, &word, &end]);
    }
    Ok(())
}

/// As [`condition`] for licenses, which are found by their own words and by those of their customers; by the words of
/// mail addresses where `mail` says so.
pub(crate) fn license_condition(tx: &mut Tx<'_>, sql: &mut Sql, q: Option<&str>, mail: bool) -> Result<()> {
    for word in wanted(sql, q) {
        let end = behind(&word);
        let counting = "select (select count(*) from (select 1 as one from (select target from search_words
                         where noun = 'customer' and word >= ?1 and word < ?2 order by word) w
                       join licenses l on l.customer = w.target limit ?3) as a)
                  + (select count(*) from (select 1 as one from search_words
                       where noun = 'license' and word >= ?1 and word < ?2 limit ?3) as b)";
        let limit = FEW + 1;
        let mut found: i64 =
            tx.query_one(counting, params![word.as_str(), end.as_str(), limit], |row| row.get(0))?;
        if mail {
            let counting = "select count(*) from (select 1 as one from (select target from search_words
                         where noun = 'customer_mail' and word >= ?1 and word < ?2 order by word) w
                       join licenses l on l.customer = w.target limit ?3) as a";
            found +=
                tx.query_one(counting, params![word.as_str(), end.as_str(), limit], |row| row.get::<i64>(0))?;
        }
        let (few, many) = match mail {
            true => (fragments::FEW_LICENSES_BY_MAIL, fragments::MANY_LICENSES_BY_MAIL),
            false => (fragments::FEW_LICENSES, fragments::MANY_LICENSES),
        };
        let texts = [word.as_str(), &end].repeat(if mail { 3 } else { 2 });
        add_texts(sql, if found > FEW { many } else { few }, &texts);
    }
    Ok(())
}

/// Adds the condition that the thing has all of these entries of metadata, in the fragment for few matches or for many.
/// Entries that nothing can have, and more of them than anything has, make no sense.
pub(crate) fn with_metadata(
    tx: &mut Tx<'_>,
    sql: &mut Sql,
    noun: Noun,
    metadata: &BTreeMap<String, String>,
    few: &'static str,
    many: &'static str,
) -> Result<()> {
    check_metadata(metadata)?;
    metadata.iter().try_for_each(|(key, value)| tagged(tx, sql, noun, Some(&entry(key, value)), few, many))
}

/// Adds the condition that the thing has this tag, in the fragment for few matches or for many.
pub(crate) fn tagged(
    tx: &mut Tx<'_>,
    sql: &mut Sql,
    noun: Noun,
    tag: Option<&str>,
    few: &'static str,
    many: &'static str,
) -> Result<()> {
    // PostgreSQL takes no NUL in a text, and no tag has one.
    let Some(tag) = tag.filter(|tag| !tag.contains('\0')) else { return Ok(()) };
    let counting = "select count(*) from (select 1 as one from search_words where noun = ?1 and word = ?2
                    limit ?3) as found";
    let is_few = is_few(tx, counting, params![noun.as_str(), tag, FEW + 1])?;
    add_texts(sql, if is_few { few } else { many }, &[noun.as_str(), tag]);
    Ok(())
}

/// Whether few match: the statement counts at most one more than [`FEW`].
pub(crate) fn is_few(tx: &mut Tx<'_>, counting: &'static str, params: &[Param<'_>]) -> Result<bool> {
    let found: i64 = tx.query_one(counting, params, |row| row.get(0))?;
    Ok(found <= FEW)
}

fn add_texts(sql: &mut Sql, fragment: &'static str, texts: &[&str]) {
    let texts: Vec<_> = texts.iter().map(|text| text.to_param()).collect();
    sql.add(fragment, &texts);
}
