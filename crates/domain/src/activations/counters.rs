use kaching_base::{Code, Limit, Limits};

/// The counter of this name, if the license has one.
pub fn known_counter<'l>(limits: &'l Limits, name: &str) -> Option<&'l Code> {
    match limits.get_key_value(name) {
        Some((code, Limit::Counter { .. })) => Some(code),
        _ => None,
    }
}
