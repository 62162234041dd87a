//! Domain types as the database stores them: rows read column by column, sets and objects as JSON.

use std::{collections::BTreeSet, sync::Arc};

use kaching_base::{Code, FingerprintKind, LeasePolicy, Limits, Term};
use kaching_db::{self as db, Column, Json, Row, Value};
use kaching_domain::{Binding, Overrides, Terms};
use kaching_license::KeyFormat;
use serde::{Deserialize, Serialize};

/// The columns of a row, taken one after another.
pub(crate) struct Fields<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Fields<'r> {
    pub(crate) fn of(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    pub(crate) fn take<T: Column>(&mut self) -> db::Result<T> {
        self.next += 1;
        self.row.get(self.next - 1)
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(&mut self) -> db::Result<T> {
        self.take::<Json<T>>().map(|json| json.0)
    }

    /// A word of a closed set.
    pub(crate) fn word<T>(&mut self, of: impl Fn(&str) -> Option<T>) -> db::Result<T> {
        let word: String = self.take()?;
        of(&word).ok_or_else(|| db::Error::Value(format!("column {} holds an unknown word", self.next - 1)))
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredTerms {
    features: BTreeSet<Code>,
    limits: Limits,
    /// A term that is counted in days.
    term_days: Option<i64>,
    /// One of months or years.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    term: Option<Term>,
    lease_policy: LeasePolicy,
}

impl From<&Terms> for StoredTerms {
    fn from(terms: &Terms) -> Self {
        let Terms { features, limits, term, policy } = terms.clone();
        let term_days = term.and_then(Term::days);
        Self { features, limits, term_days, term: term.filter(|_| term_days.is_none()), lease_policy: policy }
    }
}

impl From<StoredTerms> for Terms {
    fn from(stored: StoredTerms) -> Self {
        let StoredTerms { features, limits, term_days, term, lease_policy } = stored;
        let term = term.or_else(|| Term::of_days(term_days?).ok());
        Self { features, limits, term, policy: lease_policy }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredOverrides {
    granted: BTreeSet<Code>,
    withheld: BTreeSet<Code>,
    limits: Limits,
    lease_policy: Option<LeasePolicy>,
}

impl From<&Overrides> for StoredOverrides {
    fn from(overrides: &Overrides) -> Self {
        let Overrides { granted, withheld, limits, policy } = overrides.clone();
        Self { granted, withheld, limits, lease_policy: policy }
    }
}

impl From<StoredOverrides> for Overrides {
    fn from(stored: StoredOverrides) -> Self {
        let StoredOverrides { granted, withheld, limits, lease_policy } = stored;
        Self { granted, withheld, limits, policy: lease_policy }
    }
}

/// The terms that a license copied from its plan, and its overrides.
pub(crate) type Granted = (Arc<Terms>, Arc<Overrides>);

/// Parses the terms and overrides of a license.
pub(crate) fn granted(terms: &str, overrides: &str) -> db::Result<Granted> {
    let terms: StoredTerms = parsed(terms)?;
    let overrides: StoredOverrides = parsed(overrides)?;
    Ok((Arc::new(terms.into()), Arc::new(overrides.into())))
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> db::Result<T> {
    Json::from_value(Value::Text(text)).map(|json| json.0).map_err(db::Error::Value)
}

#[derive(Serialize, Deserialize)]
pub(crate) struct StoredBinding {
    kind: FingerprintKind,
    value: String,
}

impl From<&Binding> for StoredBinding {
    fn from(binding: &Binding) -> Self {
        Self { kind: binding.kind, value: binding.value.clone() }
    }
}

impl From<StoredBinding> for Binding {
    fn from(stored: StoredBinding) -> Self {
        Self { kind: stored.kind, value: stored.value }
    }
}

/// The word of a key format.
pub(crate) fn key_format(format: KeyFormat) -> &'static str {
    match format {
        KeyFormat::Short => "short",
        KeyFormat::CaioV1 => "caio-v1",
        KeyFormat::CaioV2 => "caio-v2",
        KeyFormat::Agency => "agency",
    }
}

/// The key format of this word.
pub(crate) fn key_format_of(word: &str) -> Option<KeyFormat> {
    match word {
        "short" => Some(KeyFormat::Short),
        "caio-v1" => Some(KeyFormat::CaioV1),
        "caio-v2" => Some(KeyFormat::CaioV2),
        "agency" => Some(KeyFormat::Agency),
        _ => None,
    }
}
