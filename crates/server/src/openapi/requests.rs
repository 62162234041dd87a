//! The schemas of requests that are narrower than the types in Rust: the rules that their values are checked by.

use std::sync::OnceLock;

use kaching_authority::domain::Scope;
use serde_json::{Map, Value, json};

/// The schemas as JSON: `define` has those of the markers in `kaching_api`, `input` those of schemas that answers have as
/// well, and `extend` further members of others.
fn narrow() -> &'static Value {
    static NARROW: OnceLock<Value> = OnceLock::new();
    NARROW.get_or_init(|| serde_json::from_str(include_str!("requests.json")).expect("the file is JSON"))
}

/// Defines the schemas that only requests have.
pub(super) fn define(schemas: &mut Map<String, Value>) {
    for (name, schema) in narrow()["define"].as_object().into_iter().flatten() {
        schemas.insert(name.clone(), schema.clone());
    }
    let scopes: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
    schemas.insert(
        "ScopeWord".to_owned(),
        json!({"type": "string", "description": "A scope of API tokens.", "enum": scopes}),
    );
    for (name, members) in narrow()["extend"].as_object().into_iter().flatten() {
        let schema = schemas
            .get_mut(name)
            .and_then(Value::as_object_mut)
            .expect("the file extends schemas that exist");
        schema.extend(
            members.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())),
        );
    }
    for (_, schema) in schemas.iter_mut().filter(|(name, _)| name.ends_with("ListEdit")) {
        schema["oneOf"][1]["additionalProperties"] = json!(false);
    }
}

/// Whether a schema is another one in requests than in answers.
pub(super) fn differs(name: &str) -> bool {
    narrow()["input"].get(name).is_some()
}

/// The schema of requests for one that answers have as well, where the file has it.
pub(super) fn input(name: &str) -> Option<Value> {
    narrow()["input"].get(name).cloned()
}

/// A body is required where it has members that are: an empty one is an empty object.
pub(super) fn require(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let paths = document["paths"].as_object_mut().expect("paths are an object");
    for operation in
        paths.values_mut().flat_map(|item| item.as_object_mut().expect("a path is an object").values_mut())
    {
        let Some(body) = operation.get_mut("requestBody") else { continue };
        let at = body.pointer("/content/application~1json/schema/$ref").and_then(Value::as_str);
        let name = at.and_then(|at| at.rsplit('/').next()).unwrap_or_default();
        let required = schemas[name].get("required").is_some();
        body["required"] = json!(required);
    }
}
