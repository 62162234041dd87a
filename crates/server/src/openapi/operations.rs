//! The parts of an operation that follow from the facts of its route.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::route::{Audience, Facts, Operation, VersionUse};

/// The headers of answers, by the name of their components.
const HEADERS: [(&str, &str, &str, &str); 8] = [
    ("ETag", "ETag", "The version of the object, for If-Match.", "string"),
    (
        "IdempotencyReplayed",
        "Idempotency-Replayed",
        "`true` where the answer is that of an earlier request.",
        "string",
    ),
    (
        "RateLimit",
        "RateLimit",
        "The rest of the caller's allowance (draft-ietf-httpapi-ratelimit-headers).",
        "string",
    ),
    ("RateLimitPolicy", "RateLimit-Policy", "The allowance that RateLimit is about.", "string"),
    ("RequestId", "X-Request-Id", "The id of the request in the authority's log.", "string"),
    ("RetryAfter", "Retry-After", "Seconds after which asking again makes sense.", "integer"),
    ("WwwAuthenticate", "WWW-Authenticate", "The scheme of the proof that is missing.", "string"),
    ("Allow", "Allow", "The methods that the path takes.", "string"),
];

/// The problems by their status: the name of the component, its description, and headers in addition to those of all answers.
const PROBLEMS: [(&str, &str, &str, &[&str]); 10] = [
    ("400", "Malformed", "The request cannot be read.", &[]),
    (
        "401",
        "Unauthenticated",
        "The proof of the caller is missing, or proves nothing.",
        &["WwwAuthenticate"],
    ),
    (
        "403",
        "Forbidden",
        "The answer is no: the caller has no right to this, or the license does not allow it.",
        &[],
    ),
    ("404", "NotFound", "Something that the request names is not there.", &[]),
    ("409", "Conflict", "The present state does not allow this.", &[]),
    ("412", "PreconditionFailed", "The object was changed since it was read.", &[]),
    ("422", "Unprocessable", "The request makes no sense: `errors` says where.", &[]),
    ("429", "TooManyRequests", "Too many requests.", &["RetryAfter"]),
    ("503", "Unavailable", "The authority cannot answer now.", &["RetryAfter"]),
    ("default", "Problem", "Something else than what was asked for.", &["Allow", "RetryAfter"]),
];

/// The components of headers.
pub(super) fn headers() -> Value {
    let header = |(component, _, description, kind): &(&str, &str, &str, &str)| {
        (component.to_string(), json!({"description": description, "schema": {"type": kind}}))
    };
    Value::Object(HEADERS.iter().map(header).collect())
}

/// The components of answers that are problems.
pub(super) fn problems() -> Value {
    let problem = |(_, component, description, own): &(&str, &str, &str, &[&str])| {
        let mut answer = json!({
            "description": description,
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        });
        let limits: &[&str] =
            if *component == "TooManyRequests" { &["RateLimit", "RateLimitPolicy"] } else { &[] };
        for header in ["RequestId"].iter().chain(*own).chain(limits) {
            add_header(&mut answer, header);
        }
        (component.to_string(), answer)
    };
    Value::Object(PROBLEMS.iter().map(problem).collect())
}

/// Adds what the facts of the route say.
pub(super) fn complete(all: &BTreeMap<Operation, Facts>, of: &Operation, operation: &mut Value) {
    let ((path, method), facts) = (of, &all[of]);
    let words = path.split('/').filter(|word| !word.is_empty() && *word != "v1");
    let words: Vec<_> = words.map(|word| word.trim_matches(['{', '}', '.'])).collect();
    operation["operationId"] = json!(format!("{method}_{}", words.join("_").replace(['.', '-'], "_")));
    add_parameters(method, facts, operation);
    let made = all.get(&(format!("{path}/{{id}}"), "get".to_owned()));
    let is_versioned = |facts: &Facts| facts.version == Some(VersionUse::Answered);
    let has_version = is_versioned(facts) || (method == "post" && made.is_some_and(is_versioned));
    for (_, answer) in operation["responses"].as_object_mut().expect("an operation has answers") {
        add_header(answer, "RequestId");
        if has_version {
            add_header(answer, "ETag");
        }
        if facts.is_repeatable {
            add_header(answer, "IdempotencyReplayed");
        }
        if !facts.proofs.is_empty() {
            add_header(answer, "RateLimit");
            add_header(answer, "RateLimitPolicy");
        }
    }
    for (status, component, ..) in PROBLEMS.iter().filter(|problem| answers(facts, method, problem.0)) {
        operation["responses"][status] = json!({"$ref": format!("#/components/responses/{component}")});
    }
    operation["security"] = security(facts);
    if let Some(scope) = facts.scope {
        let needed = format!("Needs the scope `{}`.", scope.as_str());
        let text = operation["description"]
            .as_str()
            .map_or_else(|| needed.clone(), |text| format!("{text}\n\n{needed}"));
        operation["description"] = json!(text);
    }
}

/// Whether an operation may answer a problem of this status, as far as its facts say.
fn answers(facts: &Facts, method: &str, status: &str) -> bool {
    let is_open = facts.audience == Some(Audience::Anybody);
    match status {
        "409" => facts.is_repeatable,
        "412" => facts.version.is_some() && method != "get",
        "401" | "403" | "404" | "422" | "429" => !is_open,
        _ => true,
    }
}

fn add_header(answer: &mut Value, component: &str) {
    let (_, name, ..) =
        HEADERS.iter().find(|header| header.0 == component).expect("the header is in the table");
    answer["headers"][name] = json!({"$ref": format!("#/components/headers/{component}")});
}

fn add_parameters(method: &str, facts: &Facts, operation: &mut Value) {
    let taken = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in taken.into_iter().flatten() {
        if parameter["name"] == "metadata" {
            parameter["schema"] = json!({"$ref": "#/components/schemas/Metadata"});
        }
    }
    let mut add = |parameter: Value| {
        if operation.get("parameters").is_none() {
            operation["parameters"] = json!([]);
        }
        operation["parameters"].as_array_mut().expect("parameters are an array").push(parameter);
    };
    if facts.is_addressed {
        add(json!({
            "name": "id", "in": "path", "required": true,
            "schema": {"type": "string", "minLength": 1, "maxLength": 512},
            "description": "Its address: a code, <product>:<code>, an id, a reference or a kid, as the noun has it",
        }));
    }
    if facts.is_repeatable {
        add(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+( +[!-~]+)*$"},
            "description": "The same request under the same key has the effect of one, for 24 hours",
        }));
    }
    if facts.version.is_some() && method != "get" {
        add(json!({
            "name": "If-Match", "in": "header", "required": false,
            "schema": {"type": "string", "pattern": "^([*]|(W/)?\"[!#-+.-~-]*\"( *, *(W/)?\"[!#-+.-~-]*\")*)$"},
            "description": "The ETag of the object as it was read: the change is made only while it is still so",
        }));
    }
}

/// The proofs of which a call carries one; an empty one means a call without any.
fn security(facts: &Facts) -> Value {
    let scopes: Vec<_> = facts.scope.iter().map(|scope| scope.as_str()).collect();
    let proofs = facts.proofs.iter().map(|proof| json!({ proof.name(): scopes }));
    let without = facts.proof_is_optional.then(|| json!({}));
    without.into_iter().chain(proofs).collect()
}
