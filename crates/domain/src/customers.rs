//! Customers.

use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{CustomerId, Reference, Timestamp};

/// Customers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    pub id: CustomerId,
    /// The vendor's own name for it.
    pub reference: Option<Reference>,
    pub name: String,
    pub email: Option<String>,
    pub company: Option<String>,
    pub tags: BTreeSet<String>,
    pub notes: String,
    pub metadata: BTreeMap<String, String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub archived_at: Option<Timestamp>,
}
