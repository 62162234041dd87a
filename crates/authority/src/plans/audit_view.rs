use serde_json::{Value, json};

use super::PlanDetails;
use crate::audit_view::AuditView;

pub(super) fn of(details: &PlanDetails) -> AuditView {
    let PlanDetails { plan, product } = details;
    AuditView::open(json!({
        "product": product,
        "code": plan.code,
        "name": plan.name,
        "rank": plan.rank,
        "type": plan.license_type,
        "features": plan.terms.features,
        "limits": plan.terms.limits,
        "term": plan.terms.term,
        "lease_policy": plan.terms.policy,
        "price": plan.price.as_ref().map_or(Value::Null, |price| json!(price)),
        "archived_at": plan.archived_at,
    }))
}
