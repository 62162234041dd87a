//! Decisions about activations, case by case and for all cases.

#[cfg(test)]
mod decisions;
