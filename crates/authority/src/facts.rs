//! What audit entries say of a change: the facts without personal data, and the personal data apart.

use kaching_base::{CustomerId, Timestamp};
use serde_json::{Map, Value, json};

use crate::audit::Entry;

/// A thing as audit entries tell of it: two JSON objects.
pub(crate) struct Facts {
    pub(crate) open: Value,
    /// Names, mail, free text, raw fingerprints.
    pub(crate) personal: Value,
    /// Whose personal data it is.
    pub(crate) customer: Option<CustomerId>,
}

impl Facts {
    /// Facts without personal data.
    pub(crate) fn open(open: Value) -> Self {
        Self { open, personal: Value::Object(Map::new()), customer: None }
    }

    /// All of it as text, with the moment of the last change, for [`Versioned::content`](crate::Versioned::content).
    pub(crate) fn content(&self, id: impl std::fmt::Display, updated_at: Timestamp) -> String {
        json!([id.to_string(), updated_at.micros(), self.open, self.personal]).to_string()
    }

    /// The entry of something that was made.
    pub(crate) fn made(self) -> Entry {
        entry(told(self.open), told(self.personal), self.customer)
    }

    /// The entry of a change from this to that.
    pub(crate) fn became(self, after: Self) -> Entry {
        entry(difference(&self.open, after.open), difference(&self.personal, after.personal), after.customer)
    }
}

fn entry(open: Value, personal: Value, customer: Option<CustomerId>) -> Entry {
    let mut entry = Entry::ok(open);
    if personal.as_object().is_some_and(|members| !members.is_empty()) {
        entry = entry.private(personal);
    }
    match customer {
        Some(customer) => entry.of_customer(customer),
        None => entry,
    }
}

/// The members that say something.
fn told(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    Value::Object(members.into_iter().filter(|(_, value)| !empty(value)).collect())
}

/// `{"member": {"from": …, "to": …}}` for each that differs.
fn difference(before: &Value, after: Value) -> Value {
    let Value::Object(after) = after else { return Value::Object(Map::new()) };
    let changed = after.into_iter().filter_map(|(name, to)| {
        let from = before.get(&name).cloned().unwrap_or(Value::Null);
        (from != to).then(|| (name, json!({ "from": from, "to": to })))
    });
    Value::Object(changed.collect())
}
