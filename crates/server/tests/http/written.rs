//! The public surface is recorded in `surface/`; accept a change with KACHING_ACCEPT=1.

use kaching_api::STATUSES;
use kaching_testkit::World;
use serde_json::Value;

use crate::{pace, surface, test_server::TestServer};

#[test]
fn the_description_is_openapi_3_1_and_written_down() {
    let text = kaching_server::openapi();
    surface::check("openapi.json", text);
    let document: Value = serde_json::from_str(text).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{method} {path}: {id} is there twice");
            assert!(operation["summary"].is_string(), "{method} {path} has no summary");
        }
    }
}

#[test]
fn the_description_names_no_schema_that_it_does_not_have() {
    let document: Value = serde_json::from_str(kaching_server::openapi()).unwrap();
    let mut missing = Vec::new();
    references(&document, &mut |reference| {
        let pointer = reference.strip_prefix('#').unwrap();
        if document.pointer(pointer).is_none() {
            missing.push(reference.to_owned());
        }
    });
    assert!(missing.is_empty(), "{missing:?}");
}

fn references(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                found(reference);
            }
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn null_is_explained() {
    let document: Value = serde_json::from_str(kaching_server::openapi()).unwrap();
    let mut silent = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (member, of) in schema["properties"].as_object().into_iter().flatten() {
            let may_be_null = |of: &Value| of["type"] == "null" || of["type"][1] == "null";
            let choices = of["oneOf"].as_array().into_iter().flatten();
            let described = of["description"].as_str().unwrap_or_default().to_lowercase();
            if (may_be_null(of) || choices.into_iter().any(may_be_null)) && !described.contains("null") {
                silent.push(format!("{name}.{member}"));
            }
        }
    }
    assert!(silent.is_empty(), "say what null means: {silent:?}");
}

#[test]
fn answers_may_have_words_that_are_new() {
    let document: Value = serde_json::from_str(kaching_server::openapi()).unwrap();
    let mut open = vec!["#/components/responses".to_owned()];
    for path in document["paths"].as_object().unwrap().values() {
        path.as_object().unwrap().values().for_each(|operation| {
            references(&operation["responses"], &mut |reference| open.push(reference.to_owned()));
        });
    }
    let (mut seen, mut words) = (std::collections::BTreeSet::new(), 0);
    while let Some(reference) = open.pop() {
        let schema = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        if seen.insert(reference.clone()) {
            assert!(schema.get("enum").is_none(), "{reference} is closed, and answers have it");
            words += usize::from(schema.get("x-extensible-enum").is_some());
            references(schema, &mut |reference| open.push(reference.to_owned()));
        }
    }
    assert!(words > 10, "only {words} lists of words were found");
}

#[test]
fn the_codes_are_recorded() {
    let mut text = String::from(
        "# Codes\n\nThe codes of all problems, as `application/problem+json` of RFC 9457.\n\
         Signed codes come with a `statement` that a client obeys; a stopping code stops a running client immediately.\n\
         \n\
         | code | status | signed | meaning |\n|---|---|---|---|\n",
    );
    for (code, status, title) in STATUSES {
        let signed = match (code.stops(), code.signed()) {
            (true, _) => "stops",
            (false, true) => "yes",
            (false, false) => "",
        };
        text.push_str(&format!("| `{code}` | {status} | {signed} | {title} |\n"));
    }
    surface::check("error-codes.md", &text);
}

#[tokio::test]
async fn the_metrics_are_recorded() {
    let server = TestServer::of(World::on(kaching_testkit::Engine::Sqlite).await);
    // A metric with labels shows once something was counted.
    let license = server.seed().await;
    pace::install(&server, &license, "eu-1", 1).await.beat(&server).await.expect(200);
    server.world.authority.measure().await.unwrap();
    server.world.authority.count_ending().await.unwrap();
    let answer = server.call("GET", "/metrics").header("accept", "application/openmetrics-text").send().await;
    assert_eq!(answer.status, 200);
    let text = String::from_utf8(answer.bytes).unwrap();
    let mut lines: Vec<_> =
        text.lines().filter(|line| line.starts_with("# ")).filter(|line| *line != "# EOF").collect();
    lines.sort_by_key(|line| line.split(' ').nth(2).unwrap_or("").to_owned());
    surface::check("metrics.txt", &(lines.join("\n") + "\n"));
}
