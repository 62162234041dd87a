use std::collections::BTreeSet;

use kaching_base::{Code, Limit, Limits};

use crate::{Invalid, Terms};

/// A century: no term is longer.
const LONGEST_DAYS: i64 = 36_500;

impl Terms {
    /// Whether the terms make sense for a product with these features.
    ///
    /// # Errors
    /// With where and why.
    pub fn check(&self, known: &BTreeSet<Code>) -> Result<(), Invalid> {
        let all = self.features.iter().map(|code| ("/features", code));
        let kept = self.policy.keep.iter().map(|code| ("/lease_policy/keep", code));
        for (pointer, code) in all.chain(kept) {
            if !known.contains(code) {
                let detail = format!("the product has no feature {code}; make it first");
                return Err(Invalid::new(pointer, detail));
            }
        }
        check_limits(&self.limits)?;
        if let Some(days) = self.term_days {
            check_days("/term_days", days)?;
        }
        self.policy.check().map_err(|error| Invalid::new("/lease_policy", error.to_string()))
    }
}

/// A number of days: at least one, at most a century.
///
/// # Errors
/// With the pointer, if it is not that.
pub fn check_days(pointer: &str, days: i64) -> Result<(), Invalid> {
    match days {
        1..=LONGEST_DAYS => Ok(()),
        _ => Err(Invalid::new(pointer, format!("days are 1 to {LONGEST_DAYS}, not {days}"))),
    }
}

fn check_limits(limits: &Limits) -> Result<(), Invalid> {
    if limits.len() > 100 {
        return Err(Invalid::new("/limits", "there are at most 100 limits"));
    }
    for (name, limit) in limits {
        let slots = matches!(limit, Limit::Slots { .. });
        if slots != (name.as_str() == "activations") {
            let detail = "'activations' is the limit of kind slots, and no other is";
            return Err(Invalid::new(format!("/limits/{name}"), detail));
        }
    }
    Ok(())
}
