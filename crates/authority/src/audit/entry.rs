//! An audit entry before it is written.

use kaching_base::{CustomerId, ErrorCode};
use serde_json::{Map, Value};

/// The record that an operation makes of itself.
pub struct Entry {
    pub(super) change: Value,
    pub(super) private: Option<Value>,
    pub(super) customer: Option<CustomerId>,
    pub(super) refused: Option<ErrorCode>,
}

impl Entry {
    /// An entry about a change; `change` is a JSON object without personal data.
    pub fn ok(change: Value) -> Self {
        Self { change, private: None, customer: None, refused: None }
    }

    /// An entry about a refusal.
    pub fn refused(code: ErrorCode) -> Self {
        Self { refused: Some(code), ..Self::ok(Value::Object(Map::new())) }
    }

    /// Adds that the change ended in a refusal.
    pub fn refusing(mut self, code: ErrorCode) -> Self {
        self.refused = Some(code);
        self
    }

    /// Adds personal data (names, mail, addresses, raw fingerprints, free text), stored apart and sealed.
    pub fn private(mut self, data: Value) -> Self {
        self.private = Some(data);
        self
    }

    /// Adds a member to the change.
    pub fn also(mut self, name: &str, value: Value) -> Self {
        if let Value::Object(members) = &mut self.change {
            members.insert(name.to_owned(), value);
        }
        self
    }

    /// Names the customer whose personal data it is.
    pub fn of_customer(mut self, customer: CustomerId) -> Self {
        self.customer = Some(customer);
        self
    }
}
