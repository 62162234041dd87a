//! Pages of lists: keyset pagination, so that the last page costs what the first does.

use kaching_base::{Base64Url, Id, IdKind};
use kaching_db::{Param, Sql, params};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The request for a page of a list.
#[derive(Clone, Debug, Default)]
pub struct List<F> {
    /// 1 to 200, 50 unless said otherwise.
    pub limit: Option<u32>,
    /// `next` of the page before.
    pub after: Option<String>,
    /// Words, or their beginnings, that must all be found.
    pub q: Option<String>,
    /// The name of a field, with `-` before it for the other direction.
    pub sort: Option<String>,
    pub filter: F,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The value of `after` for the next page; `None` on the last.
    pub next: Option<String>,
}

/// A way to sort: an index holds these columns in this order.
pub(crate) struct Sorting {
    pub(crate) name: &'static str,
    /// Whether a column is sorted before the id.
    pub(crate) keyed: bool,
    /// The condition behind a cursor and the order, upwards and downwards.
    pub(crate) up: [&'static str; 2],
    pub(crate) down: [&'static str; 2],
}

/// `sorting!("created_at", "l.id")`, or `sorting!("name", "c.sort_name", "c.id")`.
macro_rules! sorting {
    ($name:literal, $id:literal) => {
        $crate::list::Sorting {
            name: $name,
            keyed: false,
            up: [concat!(" and ", $id, " > ?"), concat!(" order by ", $id)],
            down: [concat!(" and ", $id, " < ?"), concat!(" order by ", $id, " desc")],
        }
    };
    ($name:literal, $column:literal, $id:literal) => {
        $crate::list::Sorting {
            name: $name,
            keyed: true,
            up: [
                concat!(" and (", $column, ", ", $id, ") > (?, ?)"),
                concat!(" order by ", $column, ", ", $id),
            ],
            down: [
                concat!(" and (", $column, ", ", $id, ") < (?, ?)"),
                concat!(" order by ", $column, " desc, ", $id, " desc"),
            ],
        }
    };
}
pub(crate) use sorting;

/// The position of a row in the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Key {
    Number(i64),
    Text(String),
    None,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    sort: String,
    key: Key,
    id: [u8; 16],
}

/// A list that was asked for, checked.
pub(crate) struct Paging {
    pub(crate) limit: usize,
    pub(crate) sorting: &'static Sorting,
    pub(crate) descending: bool,
    after: Option<Cursor>,
}

impl Paging {
    /// Checks a request. Without a sorting, the first one counts, downwards.
    ///
    /// # Errors
    /// With the place in the request.
    pub(crate) fn new<F>(list: &List<F>, sortings: &'static [Sorting]) -> Result<Self> {
        let limit = match list.limit {
            None => 50,
            Some(limit @ 1..=200) => limit as usize,
            Some(limit) => return Err(Error::invalid("/limit", format!("limit is 1 to 200, not {limit}"))),
        };
        let asked = list.sort.as_deref().unwrap_or_default();
        let (name, descending) = match asked.strip_prefix('-') {
            Some(name) => (name, true),
            None if asked.is_empty() => (sortings[0].name, true),
            None => (asked, false),
        };
        let Some(sorting) = sortings.iter().find(|sorting| sorting.name == name) else {
            let names: Vec<_> = sortings.iter().map(|sorting| sorting.name).collect();
            return Err(Error::invalid(
                "/sort",
                format!("sort is one of {}, with '-' before it for the reverse", names.join(", ")),
            ));
        };
        let sort = Self::sort_name(sorting, descending);
        let after = list.after.as_deref().map(|text| cursor(text, &sort)).transpose()?;
        Ok(Self { limit, sorting, descending, after })
    }

    /// Returns the id of the row behind which the page begins.
    pub(crate) fn after_id(&self) -> Option<[u8; 16]> {
        self.after.as_ref().map(|cursor| cursor.id)
    }

    /// Ends the statement with the place, the order and the length.
    pub(crate) fn finish(&self, sql: &mut Sql) {
        self.finish_with(sql, self.most());
    }

    /// Returns the number of rows that a statement reads: those of the page and one more, which shows that others follow.
    pub(crate) fn most(&self) -> usize {
        self.limit + 1
    }

    /// As [`finish`](Self::finish), with another maximum of rows.
    pub(crate) fn finish_with(&self, sql: &mut Sql, most: usize) {
        let [behind, order] = if self.descending { self.sorting.down } else { self.sorting.up };
        if let Some(cursor) = &self.after {
            let id = Param::Uuid(cursor.id);
            match &cursor.key {
                Key::None => sql.add(behind, params![id]),
                Key::Number(key) => sql.add(behind, params![*key, id]),
                Key::Text(key) => sql.add(behind, params![key.as_str(), id]),
            };
        }
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        sql.push(order).add(" limit ?", params![most]);
    }

    /// Brings together what was read in several parts, each in the order of the ids.
    pub(crate) fn by_id<T, K: IdKind>(&self, items: &mut [T], id: impl Fn(&T) -> Id<K>) {
        items.sort_by_key(&id);
        if self.descending {
            items.reverse();
        }
    }

    /// The page of the rows that were found; `place` returns the position of one.
    pub(crate) fn page<T>(&self, mut items: Vec<T>, place: impl Fn(&T) -> (Key, [u8; 16])) -> Page<T> {
        let more = items.len() > self.limit;
        items.truncate(self.limit);
        let last = items.last().filter(|_| more).map(place);
        let next = last.map(|(key, id)| self.cursor(key, id));
        Page { items, next }
    }

    /// Returns the value of `after` for what follows this position.
    pub(crate) fn cursor(&self, key: Key, id: [u8; 16]) -> String {
        let key = if self.sorting.keyed { key } else { Key::None };
        let cursor = Cursor { sort: Self::sort_name(self.sorting, self.descending), key, id };
        let json = serde_json::to_vec(&cursor).expect("a cursor has text keys");
        Base64Url(json).to_string()
    }

    fn sort_name(sorting: &Sorting, descending: bool) -> String {
        format!("{}{}", if descending { "-" } else { "" }, sorting.name)
    }
}

/// Reads what a page before gave as `next`.
fn cursor(text: &str, sort: &str) -> Result<Cursor> {
    let malformed = || Error::invalid("/after", "after is 'next' of the page before, with the same sort");
    let json = Base64Url::decode(text.as_bytes()).ok_or_else(malformed)?;
    let cursor: Cursor = serde_json::from_slice(&json).map_err(|_| malformed())?;
    let text_key = matches!(&cursor.key, Key::Text(key) if key.contains('\0'));
    if cursor.sort == sort && !text_key { Ok(cursor) } else { Err(malformed()) }
}
