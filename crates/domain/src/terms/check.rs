use std::collections::BTreeSet;

use kaching_base::{Code, Limit, Limits};

use crate::{Invalid, Terms};

/// A statement has 16 KiB, of which two thirds are left for granted terms and as many overrides.
const LONGEST_BYTES: usize = 5_000;

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
        check_size(self)?;
        self.policy.check().map_err(|error| Invalid::new("/lease_policy", error.to_string()))
    }
}

/// Refuses terms whose lease would be too long for its verifiers.
fn check_size(terms: &Terms) -> Result<(), Invalid> {
    let names = terms.features.iter().chain(&terms.policy.keep);
    let features: usize = names.map(|code| code.as_str().len() + 3).sum();
    let limit = |(name, limit): (&Code, &Limit)| {
        // As JSON, with the longest numbers.
        let written = if matches!(limit, Limit::Counter { .. }) { 115 } else { 45 };
        name.as_str().len() + written
    };
    let limits: usize = terms.limits.iter().map(limit).sum();
    if features + limits <= LONGEST_BYTES {
        return Ok(());
    }
    let pointer = if features > limits { "/features" } else { "/limits" };
    let detail = format!(
        "features and limits are too long for a lease: they take {} bytes of {LONGEST_BYTES}; grant fewer, or shorten their codes",
        features + limits
    );
    Err(Invalid::new(pointer, detail))
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
