//! Refusals and validations that are incomplete, and claims that may be absent but are not null.

use serde_json::{Value, json};

use super::{Case, REFUSAL, VALIDATION, case};
use crate::world::{changed_claims, refusal, validation};

pub(super) fn cases() -> Vec<Case> {
    let refused = |name, change: &dyn Fn(&mut Value)| {
        let text = changed_claims(&refusal(), change);
        case(name, REFUSAL, text, json!("answer"), "claims")
    };
    let validated = |name, change: &dyn Fn(&mut Value)| {
        let text = changed_claims(&validation(), change);
        case(name, VALIDATION, text, json!("answer"), "claims")
    };
    let without = |claim: &'static str| {
        move |claims: &mut Value| assert!(claims.as_object_mut().unwrap().shift_remove(claim).is_some())
    };
    vec![
        refused("a refusal without code", &without("code")),
        refused("a refusal without detail", &without("detail")),
        refused("a refusal without epoch", &without("epoch")),
        refused("a refusal without exp", &without("exp")),
        refused("the code of a refusal is a number", &|claims| claims["code"] = json!(1)),
        refused("the product of a refusal is null", &|claims| claims["aud"] = json!(null)),
        refused("the license of a refusal is null", &|claims| claims["sub"] = json!(null)),
        refused("the activation of a refusal is null", &|claims| claims["act"] = json!(null)),
        refused("the revision of a refusal is null", &|claims| claims["rev"] = json!(null)),
        refused("req of a refusal is null", &|claims| claims["req"] = json!(null)),
        validated("a validation without valid", &without("valid")),
        validated("a validation without code", &without("code")),
        validated("a validation without req", &without("req")),
        validated("valid is text", &|claims| claims["valid"] = json!("false")),
        validated("valid is a number", &|claims| claims["valid"] = json!(0)),
        validated("valid is null", &|claims| claims["valid"] = json!(null)),
    ]
}
