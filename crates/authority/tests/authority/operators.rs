//! The operations of operators, on both engines.

mod batches;
mod catalogue;
mod customers;
mod filling;
mod histories;
mod idempotency;
mod job_phases;
mod jobs;
mod licenses;
mod lifecycle;
mod lists;
mod searches;
mod setting;
mod sight;
mod tokens;
