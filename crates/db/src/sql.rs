use std::{borrow::Cow, fmt::Write as _};

use crate::{Engine, Param, ToParam};

/// The text of a statement: a constant, or one that [`Sql`] put together from constants.
#[derive(Clone, Copy)]
pub struct Statement<'s>(pub(crate) &'s str);

impl From<&'static str> for Statement<'_> {
    fn from(text: &'static str) -> Self {
        Self(text)
    }
}
impl<'s> From<&'s Sql> for Statement<'s> {
    fn from(sql: &'s Sql) -> Self {
        Self(&sql.text)
    }
}

/// A statement whose parts depend on what is asked: its fragments are constants, its values are bound.
///
/// ```
/// # use kaching_db::{Sql, params};
/// # let (status, after) = (Some("active"), Some((7_i64, 9_i64)));
/// let mut sql = Sql::new("select id, name from things where archived_at is null");
/// sql.add_if(" and status = ?", status);
/// if let Some((at, id)) = after {
///     sql.add(" and (created_at, id) < (?, ?)", params![at, id]);
/// }
/// sql.add(" order by created_at desc, id desc limit ?", params![100]);
/// assert_eq!(sql.text(), "select id, name from things where archived_at is null and status = ?1 \
///     and (created_at, id) < (?2, ?3) order by created_at desc, id desc limit ?4");
/// // tx.query_all(&sql, sql.params(), |row| …)
/// ```
pub struct Sql {
    text: String,
    params: Vec<Param<'static>>,
}

impl Sql {
    /// A statement that begins like this, without parameters.
    pub fn new(fragment: &'static str) -> Self {
        let mut sql = Self { text: String::with_capacity(256), params: Vec::new() };
        sql.push(fragment);
        sql
    }

    /// Adds a fragment without parameters.
    pub fn push(&mut self, fragment: &'static str) -> &mut Self {
        self.add(fragment, &[])
    }

    /// Adds a fragment; each plain `?` in it takes the next of these values.
    ///
    /// # Panics
    /// If there are more or fewer values than `?`: the fragment is a constant, so every test of it shows this.
    pub fn add(&mut self, fragment: &'static str, values: &[Param<'_>]) -> &mut Self {
        let mut parts = fragment.split('?');
        self.text.push_str(parts.next().unwrap_or(""));
        let mut values = values.iter();
        for part in parts {
            self.params.push(owned(values.next().expect("one value for each ? of the fragment")));
            write!(self.text, "?{}{part}", self.params.len()).expect("a String takes any text");
        }
        assert!(values.next().is_none(), "one ? for each value of the fragment");
        self
    }

    /// Adds a fragment with one `?` if there is a value for it.
    pub fn add_if<T: ToParam>(&mut self, fragment: &'static str, value: Option<T>) -> &mut Self {
        match &value {
            Some(value) => self.add(fragment, &[value.to_param()]),
            None => self,
        }
    }

    /// Adds `(?, ?, …)` for these values, or `(null)`, in which nothing is, for none.
    pub fn list<T: ToParam>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Self {
        let mut separator = "(";
        for value in values {
            self.push(separator).add("?", &[value.to_param()]);
            separator = ", ";
        }
        self.push(if separator == "(" { "(null)" } else { ")" })
    }

    /// The text so far.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The values so far.
    pub fn params(&self) -> &[Param<'static>] {
        &self.params
    }
}

fn owned(param: &Param<'_>) -> Param<'static> {
    match param {
        Param::Text(text) => Param::Text(Cow::Owned(text.as_ref().to_owned())),
        Param::Bytes(bytes) => Param::Bytes(Cow::Owned(bytes.as_ref().to_owned())),
        Param::Null => Param::Null,
        Param::Int(n) => Param::Int(*n),
        Param::Bool(b) => Param::Bool(*b),
        Param::Uuid(bytes) => Param::Uuid(*bytes),
    }
}

/// The one dialect as an engine reads it.
pub(crate) fn dialect(engine: Engine, text: &str) -> Cow<'_, str> {
    match engine {
        Engine::Sqlite => Cow::Borrowed(without_lock(text)),
        Engine::Postgres => Cow::Owned(with_dollars(text)),
    }
}

/// SQLite's writer is alone: a locking clause has nothing to add.
fn without_lock(text: &str) -> &str {
    let text = text.trim_end();
    let text = text.strip_suffix("skip locked").map_or(text, str::trim_end);
    // `for update of a` locks the rows of one table of a join, which has a name of one letter.
    let text = text
        .strip_suffix(|letter: char| letter.is_ascii_lowercase())
        .and_then(|text| text.strip_suffix(" of "))
        .unwrap_or(text);
    text.strip_suffix("for update").unwrap_or(text)
}

/// `?1` becomes `$1`, but not inside a text or a quoted name.
fn with_dollars(text: &str) -> String {
    let mut quote = None;
    text.chars()
        .map(|c| {
            match (quote, c) {
                (None, '\'' | '"') => quote = Some(c),
                (Some(open), _) if open == c => quote = None,
                (None, '?') => return '$',
                _ => {}
            }
            c
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;

    #[test]
    fn each_engine_gets_its_dialect() {
        let text = "select a, '?1''?' from t where b = ?1 and c = ?12\n limit ?2 for update skip locked";
        assert_eq!(
            dialect(Engine::Postgres, text),
            "select a, '?1''?' from t where b = $1 and c = $12\n limit $2 for update skip locked"
        );
        assert_eq!(
            dialect(Engine::Sqlite, text).trim_end(),
            "select a, '?1''?' from t where b = ?1 and c = ?12\n limit ?2"
        );
        assert_eq!(dialect(Engine::Sqlite, "select 1\nfor update\n").trim_end(), "select 1");
        assert_eq!(dialect(Engine::Sqlite, "select 1"), "select 1");
        let join = "select a.n from a, b for update of a skip locked";
        assert_eq!(dialect(Engine::Sqlite, join).trim_end(), "select a.n from a, b");
        assert_eq!(dialect(Engine::Postgres, join), join);
    }

    #[test]
    fn a_list_numbers_its_values() {
        let mut sql = Sql::new("select 1 from t where a in ");
        sql.list(["x", "y"]).add(" and b = ?", params![3]);
        assert_eq!(sql.text(), "select 1 from t where a in (?1, ?2) and b = ?3");
        assert_eq!(sql.params().len(), 3);
        let mut none = Sql::new("select 1 from t where a in ");
        none.list(Vec::<i64>::new());
        assert_eq!(none.text(), "select 1 from t where a in (null)");
    }

    #[test]
    #[should_panic(expected = "one ? for each value")]
    fn a_value_without_a_place_is_a_fault() {
        Sql::new("select 1").add(" limit 1", params![3]);
    }
}
