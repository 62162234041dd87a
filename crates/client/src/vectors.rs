//! The vectors of a client's behaviour, for the tests of its parts.

use serde_json::Value;

/// Returns the cases for a rule of `docs/protocol.md`, of which there are some.
pub(crate) fn of_rule(rule: &str) -> Vec<Value> {
    let file = include_str!("../../../testdata/vectors/client.json");
    let file: Value = serde_json::from_str(file).expect("the vectors are JSON");
    let mut cases = file["cases"].as_array().expect("there are cases").clone();
    cases.retain(|case| case["rule"] == rule);
    assert!(!cases.is_empty(), "no case for {rule}");
    cases
}

/// Returns a duration of a case, in milliseconds.
pub(crate) fn millis(value: &Value) -> std::time::Duration {
    std::time::Duration::from_millis(value.as_u64().expect("a number"))
}
