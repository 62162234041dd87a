use kaching_domain::{Binding, License};
use serde_json::{Value, json};

use crate::facts::Facts;

/// What audit entries tell of a license. Its key is a secret and never told.
pub(super) fn of(license: &License) -> Facts {
    let terms = license.terms();
    let binding = |binding: &Binding| json!({ "kind": binding.kind, "value": binding.value });
    Facts {
        open: json!({
            "product": license.product.to_string(),
            "customer": license.customer.to_string(),
            "plan": license.plan.to_string(),
            "type": license.license_type,
            "status": license.status.as_str(),
            "revision": license.revision,
            "starts_at": license.starts_at,
            "expires_at": license.expires_at,
            "starts_at_first_activation": license.starts_at_first_activation,
            "features": terms.features,
            "limits": terms.limits,
            "lease_policy": terms.policy,
            "bindings": license.bindings.len(),
            "scheduled": license.scheduled.as_ref().map_or(Value::Null, |scheduled| {
                json!({ "plan": scheduled.plan.to_string(), "at": scheduled.at })
            }),
            "archived_at": license.archived_at,
        }),
        personal: json!({
            "bindings": license.bindings.iter().map(binding).collect::<Vec<_>>(),
            "reason": license.suspended_reason,
            "tags": license.tags,
            "notes": license.notes,
            "metadata": license.metadata,
        }),
        customer: Some(license.customer),
    }
}
