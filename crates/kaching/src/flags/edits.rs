//! How flags become the body of a PATCH.

use serde::Serialize;

use crate::failure::Failure;

/// A value to set, or, given as an empty text, to take away.
pub(crate) fn cleared(value: Option<String>) -> Option<Option<String>> {
    value.map(|text| if text.is_empty() { None } else { Some(text) })
}

/// Whether an edit says anything at all.
///
/// # Errors
/// With what to do, if it does not.
pub(crate) fn changes_something<T: Serialize>(edit: &T) -> Result<(), Failure> {
    let value = serde_json::to_value(edit).unwrap_or_default();
    let said = value.as_object().is_some_and(|members| members.keys().any(|name| name != "force"));
    if said {
        Ok(())
    } else {
        Err(Failure::usage("Nothing to change: add a flag with the new value, --help lists them."))
    }
}
