//! An audit entry before it is written.

use kaching_base::{CustomerId, ErrorCode};
use serde_json::{Map, Value};

/// What an operation records about itself.
pub struct Entry {
    pub(super) change: Value,
    pub(super) private: Option<Value>,
    pub(super) customer: Option<CustomerId>,
    pub(super) refused: Option<ErrorCode>,
}

impl Entry {
    /// Something was changed; `change` is a JSON object without personal data.
    pub fn ok(change: Value) -> Self {
        Self { change, private: None, customer: None, refused: None }
    }

    /// Something was refused.
    pub fn refused(code: ErrorCode) -> Self {
        Self { refused: Some(code), ..Self::ok(Value::Object(Map::new())) }
    }

    /// It also ended in a refusal, from then on.
    pub fn refusing(mut self, code: ErrorCode) -> Self {
        self.refused = Some(code);
        self
    }

    /// Personal data (names, mail, addresses, raw fingerprints, free text), stored apart and sealed.
    pub fn private(mut self, data: Value) -> Self {
        self.private = Some(data);
        self
    }

    /// One more member of the change.
    pub fn also(mut self, name: &str, value: Value) -> Self {
        if let Value::Object(members) = &mut self.change {
            members.insert(name.to_owned(), value);
        }
        self
    }

    /// Whose personal data it is.
    pub fn of_customer(mut self, customer: CustomerId) -> Self {
        self.customer = Some(customer);
        self
    }
}
