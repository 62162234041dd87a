//! The body of a PATCH from flags.

use serde::Serialize;

use crate::failure::Failure;

/// Returns the value to set, or `Some(None)` for an empty text, which removes the present one.
pub(crate) fn cleared(value: Option<String>) -> Option<Option<String>> {
    value.map(|text| if text.is_empty() { None } else { Some(text) })
}

/// Checks that an edit changes something.
///
/// # Errors
/// With advice if it does not.
pub(crate) fn changes_something<T: Serialize>(edit: &T) -> Result<(), Failure> {
    let value = serde_json::to_value(edit).unwrap_or_default();
    let said = value.as_object().is_some_and(|members| members.keys().any(|name| name != "force"));
    if said {
        Ok(())
    } else {
        Err(Failure::usage("Nothing to change: add a flag with the new value, --help lists them."))
    }
}
