//! The description of the API, built from the handlers.

use std::{collections::BTreeMap, fmt::Write as _};

use kaching_authority::domain::Scope;
use serde_json::{Value, json};
use utoipa::{OpenApi as _, openapi::OpenApi};

use crate::route::{Facts, Operation, VersionUse};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Kaching",
        description = "The HTTP API of the Kaching software-licensing authority, version 1 of its protocol.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(
        kaching_api::Problem,
        kaching_api::Ping,
        kaching_api::StreamEnd,
        kaching_base::ErrorCode,
        kaching_base::Anchor,
        kaching_base::Period
    )),
    tags(
        (name = "product", description = "The calls of the client in a product."),
        (name = "keys", description = "The public keys that verify statements."),
        (name = "health", description = "Monitoring of the authority."),
        (name = "operator", description = "The calls of operators and their programs, with an API token.")
    )
)]
struct Description;

/// Builds the description from the facts of the handlers and the rules that all of them share.
pub(crate) fn document((described, facts): (OpenApi, BTreeMap<Operation, Facts>)) -> Value {
    let mut api = Description::openapi();
    api.paths = described.paths;
    if let (Some(ours), Some(theirs)) = (&mut api.components, described.components) {
        ours.schemas.extend(theirs.schemas);
    }
    let mut document = serde_json::to_value(&api).expect("a description is plain data");
    // An identifier is all that a license needs; an empty URL would not be valid.
    for (path, item) in document["paths"].as_object_mut().expect("paths are an object") {
        for (method, operation) in item.as_object_mut().expect("a path is an object") {
            let facts = &facts[&(path.clone(), method.clone())];
            complete(path, method, operation, facts);
        }
    }
    document["components"]["securitySchemes"] = json!({
        "token": {"type": "http", "scheme": "bearer", "description": token()},
        "lease": {"type": "http", "scheme": "bearer", "description": "A lease, a compact JWS"},
        "key": {"type": "http", "scheme": "License", "description": "A license key"},
        "credential": {
            "type": "http", "scheme": "Kaching",
            "description": "<activation id>.<generation>.<number>.<mac> over the request hash",
        },
    });
    document
}

/// The description of API tokens, with the table of scopes.
fn token() -> String {
    let mut text = "An API token: kch_… Each operation names the scope that it needs:\n".to_owned();
    for scope in Scope::ALL {
        let _ = write!(text, "\n- `{}`: {}", scope.as_str(), scope.allows());
    }
    text
}

/// Adds what the facts of the route say.
fn complete(path: &str, method: &str, operation: &mut Value, facts: &Facts) {
    let words = path.split('/').filter(|word| !word.is_empty() && *word != "v1");
    let words: Vec<_> = words.map(|word| word.trim_matches(['{', '}', '.'])).collect();
    operation["operationId"] = json!(format!("{method}_{}", words.join("_").replace(['.', '-'], "_")));
    operation["responses"]["default"] = json!({
        "description": "Something else than what was asked for",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    let mut add = |parameter: Value| {
        if operation.get("parameters").is_none() {
            operation["parameters"] = json!([]);
        }
        operation["parameters"].as_array_mut().expect("parameters are an array").push(parameter);
    };
    if facts.is_addressed {
        add(json!({
            "name": "id", "in": "path", "required": true, "schema": {"type": "string"},
            "description": "Its address: a code, <product>:<code>, an id, a reference or a kid, as the noun has it",
        }));
    }
    if facts.is_repeatable {
        add(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            "description": "The same request under the same key has the effect of one, for 24 hours",
        }));
    }
    if let Some(version) = facts.version {
        if method != "get" {
            add(json!({
                "name": "If-Match", "in": "header", "required": false, "schema": {"type": "string"},
                "description": "The ETag of the object as it was read: the change is made only while it is still so",
            }));
        }
        if version == VersionUse::Answered {
            operation["responses"]["200"]["headers"]["ETag"] = json!({
                "description": "The version of the object, for If-Match", "schema": {"type": "string"},
            });
        }
    }
    operation["security"] = security(facts);
}

/// The proofs of which a call carries one; an empty one means a call without any.
fn security(facts: &Facts) -> Value {
    let scopes: Vec<_> = facts.scope.iter().map(|scope| scope.as_str()).collect();
    let proofs = facts.proofs.iter().map(|proof| json!({ proof.name(): scopes }));
    let without = facts.proof_is_optional.then(|| json!({}));
    without.into_iter().chain(proofs).collect()
}
