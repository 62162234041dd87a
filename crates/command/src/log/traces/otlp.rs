//! Spans as OTLP encodes them in JSON (opentelemetry-proto 1), with names of its semantic conventions where it has one.

use serde_json::{Value, json};

use super::Span;

/// Returns the request body for a collector.
pub(super) fn request(spans: &[Span]) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let resource = [("service.name", json!("kaching")), ("service.version", json!(version))];
    json!({ "resourceSpans": [{
        "resource": { "attributes": attributes(resource) },
        "scopeSpans": [{
            "scope": { "name": "kaching", "version": version },
            "spans": spans.iter().map(span).collect::<Vec<_>>(),
        }],
    }] })
}

fn span(span: &Span) -> Value {
    let of_request = span.name == "request";
    let failed =
        of_request && span.field("status").and_then(Value::as_u64).is_some_and(|status| status >= 500);
    let mut written = json!({
        "traceId": hex(&span.trace),
        "spanId": hex(&span.id),
        "name": span.title(),
        // A server's, or one within it.
        "kind": if of_request { 2 } else { 1 },
        // 64 bits do not fit into a number of JSON.
        "startTimeUnixNano": nanoseconds(span.began),
        "endTimeUnixNano": nanoseconds(span.ended.max(span.began)),
        "attributes": attributes(span.fields.0.iter().map(|(name, value)| (known(span.name, name), value.clone()))),
        "status": if failed { json!({ "code": 2 }) } else { json!({}) },
    });
    if let Some(parent) = span.parent {
        written["parentSpanId"] = json!(hex(&parent));
    }
    written
}

impl Span {
    fn field(&self, name: &str) -> Option<&Value> {
        self.fields.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Returns the name for people: method and route of a request, the name of a transaction.
    fn title(&self) -> String {
        let word = |name| self.field(name).and_then(Value::as_str);
        match (self.name, word("method"), word("route"), word("name")) {
            ("request", Some(method), Some(route), _) => format!("{method} {route}"),
            ("transaction", _, _, Some(name)) => name.to_owned(),
            _ => self.name.to_owned(),
        }
    }
}

fn known(span: &str, field: &'static str) -> String {
    match (span, field) {
        ("request", "method") => "http.request.method".to_owned(),
        ("request", "route") => "http.route".to_owned(),
        ("request", "status") => "http.response.status_code".to_owned(),
        ("transaction", "name") => "db.operation.name".to_owned(),
        _ => format!("kaching.{field}"),
    }
}

fn attributes(of: impl IntoIterator<Item = (impl Into<String>, Value)>) -> Vec<Value> {
    let value = |value: Value| match value {
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::String(text) => json!({ "stringValue": text }),
        other => json!({ "stringValue": other.to_string() }),
    };
    of.into_iter().map(|(key, said)| json!({ "key": key.into(), "value": value(said) })).collect()
}

fn nanoseconds(micros: i64) -> String {
    format!("{micros}000")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
