//! Addresses of features and plans: `<product>:<code>`.

use crate::{Error, Result};

/// Splits `<product>:<code>` into its two halves.
///
/// # Errors
/// If it has no colon, with an example for this noun.
pub(crate) fn split<'a>(address: &'a str, noun: &str) -> Result<(&'a str, &'a str)> {
    let halves = address.split_once(':');
    halves.ok_or_else(|| {
        Error::not_found(format!("such {noun}: it is named <product>:<code>, like chorus:team"))
    })
}
