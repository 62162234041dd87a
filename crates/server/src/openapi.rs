//! The description of the API, built from the handlers.

use std::sync::OnceLock;

use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::router;

#[derive(OpenApi)]
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
        (name = "product", description = "What the client in a product calls."),
        (name = "keys", description = "The public keys that verify statements."),
        (name = "health", description = "For those who watch the authority."),
        (name = "operator", description = "What operators and their programs call, with an API token.")
    )
)]
struct Description;

/// What these hand out is too long, or too secret, to be kept for a repeat, or only read; they change nothing that a
/// repeat would change again.
const UNREMEMBERED: [&str; 3] = ["/v1/admin/backup", "/v1/admin/keys/root", "/v1/admin/licenses/find"];

/// The description as JSON text.
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| format!("{:#}\n", document()))
}

/// What the handlers say, and what holds for all of them and is therefore said here.
fn document() -> Value {
    let routes = router::product_routes().merge(router::operator_routes());
    let mut api = Description::openapi();
    let (_, described) = routes.split_for_parts();
    api.paths = described.paths;
    if let (Some(ours), Some(theirs)) = (&mut api.components, described.components) {
        ours.schemas.extend(theirs.schemas);
    }
    let mut document = serde_json::to_value(&api).expect("a description is plain data");
    // An identifier is all that a license needs; the empty URL beside it would not be valid.
    for (path, item) in document["paths"].as_object_mut().expect("paths are an object") {
        for (method, operation) in item.as_object_mut().expect("a path is an object") {
            complete(path, method, operation);
        }
    }
    document["components"]["securitySchemes"] = json!({
        "token": {"type": "http", "scheme": "bearer", "description": "An API token: kch_…"},
        "lease": {"type": "http", "scheme": "bearer", "description": "A lease, a compact JWS"},
        "key": {"type": "http", "scheme": "License", "description": "A license key"},
        "credential": {
            "type": "http", "scheme": "Kaching",
            "description": "<activation id>.<generation>.<number>.<mac> over the request hash",
        },
    });
    document
}

/// Whether an operation is about one object that has a version, and with which status it answers that version.
fn versioned(path: &str, method: &str) -> Option<Option<&'static str>> {
    let words: Vec<_> = path.strip_prefix("/v1/admin/")?.split('/').collect();
    match (words.as_slice(), method) {
        (["products" | "features" | "plans" | "customers" | "licenses" | "tokens", "{id}"], _) => {
            Some(Some("200"))
        }
        (["licenses", "{id}", "key"], _) => None,
        (["licenses", "{id}", _], "post") => Some(Some("200")),
        (["plans", "{id}", "apply"], "post") => Some(None),
        _ => None,
    }
}

fn complete(path: &str, method: &str, operation: &mut Value) {
    let words = path.split('/').filter(|word| !word.is_empty() && *word != "v1");
    let words: Vec<_> = words.map(|word| word.trim_matches(['{', '}', '.'])).collect();
    operation["operationId"] = json!(format!("{method}_{}", words.join("_").replace(['.', '-'], "_")));
    operation["responses"]["default"] = json!({
        "description": "Something else than what was asked for",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    let operator = path.starts_with("/v1/admin/");
    let mut add = |parameter: Value| {
        if operation.get("parameters").is_none() {
            operation["parameters"] = json!([]);
        }
        operation["parameters"].as_array_mut().expect("parameters are an array").push(parameter);
    };
    if path.contains("{id}") {
        add(json!({
            "name": "id", "in": "path", "required": true, "schema": {"type": "string"},
            "description": "Its address: a code, <product>:<code>, an id, a reference or a kid, as the noun has it",
        }));
    }
    if operator && method != "get" && !UNREMEMBERED.contains(&path) {
        add(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            "description": "The same request under the same key has the effect of one, for 24 hours",
        }));
    }
    if let Some(answered) = versioned(path, method) {
        if method != "get" {
            add(json!({
                "name": "If-Match", "in": "header", "required": false, "schema": {"type": "string"},
                "description": "The ETag of the object as it was read: the change is made only while it is still so",
            }));
        }
        if let Some(status) = answered {
            operation["responses"][status]["headers"]["ETag"] = json!({
                "description": "The version of the object, for If-Match", "schema": {"type": "string"},
            });
        }
    }
    operation["security"] = match path {
        _ if operator => json!([{"token": []}]),
        "/v1/heartbeat" | "/v1/deactivate" | "/v1/reports" => json!([{"credential": []}]),
        "/v1/status" | "/v1/catalogue" => json!([{"lease": []}, {"key": []}]),
        "/v1/changes" | "/v1/events" => json!([{"lease": []}]),
        "/v1/activate" => json!([{}, {"key": []}, {"credential": []}]),
        "/v1/validate" => json!([{}, {"key": []}]),
        _ => json!([]),
    };
}
