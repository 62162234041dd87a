//! Things as audit entries show them, with personal data kept apart.

use kaching_base::{CustomerId, Timestamp};
use serde_json::{Map, Value, json};

use crate::audit::Entry;

/// A thing as audit entries show it: two JSON objects.
pub(crate) struct AuditView {
    pub(crate) open: Value,
    /// Names, mail addresses, free text, raw fingerprints.
    pub(crate) personal: Value,
    /// The customer whose personal data it is.
    pub(crate) customer: Option<CustomerId>,
}

impl AuditView {
    /// Returns a view without personal data.
    pub(crate) fn open(open: Value) -> Self {
        Self { open, personal: Value::Object(Map::new()), customer: None }
    }

    /// Returns all of it as text, with the moment of the last change, for [`Versioned::content`](crate::Versioned::content).
    pub(crate) fn content(&self, id: impl std::fmt::Display, updated_at: Timestamp) -> String {
        json!([id.to_string(), updated_at.micros(), self.open, self.personal]).to_string()
    }

    /// Returns the entry of something that was created.
    pub(crate) fn created(self) -> Entry {
        entry(non_empty(self.open), non_empty(self.personal), self.customer)
    }

    /// Returns the entry of a change from this view to another.
    pub(crate) fn changed(self, after: Self) -> Entry {
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

/// Returns the members that are not empty.
fn non_empty(value: Value) -> Value {
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

/// Returns `{"member": {"from": …, "to": …}}` for each member that differs.
fn difference(before: &Value, after: Value) -> Value {
    let Value::Object(after) = after else { return Value::Object(Map::new()) };
    let changed = after.into_iter().filter_map(|(name, to)| {
        let from = before.get(&name).cloned().unwrap_or(Value::Null);
        (from != to).then(|| (name, json!({ "from": from, "to": to })))
    });
    Value::Object(changed.collect())
}
