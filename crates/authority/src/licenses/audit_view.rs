use kaching_domain::{Binding, License, TermsChange};
use serde_json::{Map, Value, json};

use super::LicenseDetails;
use crate::{Versioned, audit::Entry, audit_view::AuditView};

/// Returns the entry of a change, with the terms before and after and the difference between them.
pub(super) fn changed(before: &License, after: &License) -> Entry {
    let entry = of(before).changed(of(after));
    match TermsChange::between(&before.terms(), &after.terms()) {
        change if change.is_empty() => entry,
        change => entry.also("terms", terms(&change)),
    }
}

/// Returns the difference between terms as JSON.
pub(crate) fn terms(change: &TermsChange) -> Value {
    let changed = change.limits_changed.iter();
    let changed: Map<_, _> =
        changed.map(|(name, (from, to))| (name.to_string(), json!({ "from": from, "to": to }))).collect();
    json!({
        "features": { "added": change.features_added, "removed": change.features_removed },
        "limits": { "added": change.limits_added, "removed": change.limits_removed, "changed": changed },
        "lease_policy": change.policy,
    })
}

/// Returns a license as audit entries show it, without its key, which is a secret.
pub(super) fn of(license: &License) -> AuditView {
    let terms = license.terms();
    let binding = |binding: &Binding| json!({ "kind": binding.kind, "value": binding.value });
    AuditView {
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

impl Versioned for License {
    fn content(&self) -> String {
        of(self).content(self.id, self.updated_at)
    }

    fn summary(&self) -> Option<String> {
        let end = match self.expires_at {
            Some(at) => format!("ends on {at}"),
            None => "has no end date".to_owned(),
        };
        Some(format!("is at revision {} and {end}", self.revision))
    }
}

impl Versioned for LicenseDetails {
    fn content(&self) -> String {
        self.license.content()
    }
}
