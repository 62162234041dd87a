#![doc = include_str!("../README.md")]

pub mod activations;
pub mod customers;
pub mod licenses;
pub mod products;
mod refused;
pub mod terms;

pub use activations::{Activation, ActivationStatus, Fingerprint, Holder};
pub use customers::Customer;
pub use licenses::{Binding, License, ScheduledChange, State, Status};
pub use products::{Contact, Feature, KeyPrefix, Plan, Product};
pub use refused::{Refused, Upgrade};
pub use terms::{Overrides, Terms};
