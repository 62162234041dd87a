//! The description of the API, built from the handlers.

mod operations;
mod requests;
mod schemas;

use std::{collections::BTreeMap, fmt::Write as _};

use kaching_authority::domain::Scope;
use serde_json::{Value, json};
use utoipa::{OpenApi as _, openapi::OpenApi};

use crate::route::{Facts, Operation};

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
    ),
    servers((
        url = "/",
        description = "The public URL of the authority. The calls of operators, and /metrics, are on its private address."
    ))
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
    for (path, item) in document["paths"].as_object_mut().expect("paths are an object") {
        for (method, operation) in item.as_object_mut().expect("a path is an object") {
            operations::complete(&facts, &(path.clone(), method.clone()), operation);
        }
    }
    document["components"]["headers"] = operations::headers();
    document["components"]["responses"] = operations::problems();
    document["components"]["securitySchemes"] = json!({
        "token": {"type": "http", "scheme": "bearer", "description": token()},
        "lease": {"type": "http", "scheme": "bearer", "description": "A lease, a compact JWS"},
        "key": {"type": "http", "scheme": "License", "description": "A license key"},
        "credential": {
            "type": "http", "scheme": "Kaching",
            "description": "<activation id>.<generation>.<number>.<mac> over the request hash",
        },
    });
    document["components"]["schemas"]["StreamData"] = stream_data();
    document["paths"]["/v1/events"]["get"]["responses"]["200"]["content"]["text/event-stream"]["schema"] =
        json!({"$ref": "#/components/schemas/StreamData"});
    schemas::refine(&mut document);
    requests::require(&mut document);
    document
}

/// The data of each event of a stream, which no type has.
fn stream_data() -> Value {
    let schema = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    json!({
        "description": "The `data` of an event. Its name says which: `license` and `refusal` have Changes, `ping` has Ping, \
                        and `end` has StreamEnd.",
        "anyOf": [schema("Changes"), schema("StreamEnd"), schema("Ping")],
    })
}

/// The description of API tokens, with the table of scopes.
fn token() -> String {
    let mut text = "An API token: kch_… Each operation names the scope that it needs:\n".to_owned();
    for scope in Scope::ALL {
        let _ = write!(text, "\n- `{}`: {}", scope.as_str(), scope.allows());
    }
    text
}
