//! The rules, case by case and for all cases.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod credential;
mod decisions;
