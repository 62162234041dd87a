#![doc = include_str!("../README.md")]

pub mod activations;
pub mod customers;
mod edit_list;
mod invalid;
pub mod leases;
pub mod licenses;
pub mod outlook;
pub mod products;
pub mod quotas;
mod refused;
pub mod terms;
pub mod tokens;
mod word;

pub use activations::{Activation, ActivationStatus, Fingerprint, Holder, Nonce};
pub use customers::Customer;
pub use edit_list::EditList;
pub use invalid::{
    Invalid, Rejected, check_email, check_line, check_metadata, check_name, check_notes, check_prose,
    check_tags, check_url,
};
pub use licenses::{Binding, License, ScheduledChange, State, Status};
pub use products::{Contact, Feature, KeyPrefix, Plan, Product};
pub use quotas::{Quota, quotas};
pub use refused::{Refused, Upgrade};
pub use terms::{EditPolicy, Overrides, Terms, TermsChange};
pub use tokens::{Scope, Token};
