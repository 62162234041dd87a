//! `If-Match` on every operation of the description that changes an object, and lists that several people change.

use std::{collections::BTreeSet, sync::Arc};

use kaching_testkit::World;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    hostile::{address, schema_of, sound_body, static_method},
    test_server::{Answer, TestServer, description},
};

const UNLIMITED: &str =
    "[limits]\ntoken_per_second = 0\nlicense_per_second = 0\nnew_fingerprints_per_hour = 0";

/// The paths of all nouns that are edited, below `/v1/admin`, with the operation that edits them.
fn edited() -> Vec<(&'static str, &'static Value)> {
    let paths = description()["paths"].as_object().unwrap();
    let edits = paths.iter().filter_map(|(path, item)| Some((path.as_str(), item.get("patch")?)));
    let edits: Vec<_> = edits.collect();
    for noun in ["products", "features", "plans", "customers", "licenses", "tokens"] {
        assert!(edits.iter().any(|(path, _)| path.contains(noun)), "{noun} are not edited");
    }
    edits
}

/// Members of which another value is possible, with that value.
fn other(path: &str, member: &str) -> Option<Value> {
    let noun = path.split('/').nth(3).unwrap();
    Some(match (noun, member) {
        (_, "name" | "company" | "title" | "benefit" | "notes") => json!("Another one"),
        ("products", "key_prefix") => json!("OTHER"),
        ("products", "contact") => json!({"email": "other@example.com"}),
        ("products", "lease_alg") => json!("RS256"),
        ("plans", "rank") => json!(7),
        ("plans" | "licenses", "type") => json!("enterprise"),
        ("plans", "term") => json!("6m"),
        ("plans", "term_days") => json!(30),
        ("plans", "price") => json!({"currency": "EUR", "amount": 100, "interval": "year"}),
        ("plans" | "licenses", "features") => json!({"add": ["other"]}),
        ("plans" | "licenses", "limits") => json!({"nodes": {"kind": "level", "max": 77}}),
        ("plans" | "licenses", "lease_policy") => json!({"kinds": {"add": ["device", "cluster"]}}),
        ("customers", "reference") => json!("OTHER-1"),
        ("customers", "email") => json!("other@example.com"),
        (_, "tags") => json!({"add": ["other"]}),
        (_, "metadata") => json!({"other": "1"}),
        ("licenses", "bindings") => json!({"add": [{"kind": "cluster", "value": "other"}]}),
        ("licenses", "starts_at") => json!("2026-11-01T00:00:00Z"),
        ("licenses" | "tokens", "expires_at") => json!("2029-01-01T00:00:00Z"),
        ("tokens", "scopes") => json!({"add": ["backup"]}),
        // This authority makes short keys only, and force is no member of the object.
        ("products", "key_format") | (_, "force") => return None,
        other => panic!("say which other value {other:?} can have"),
    })
}

async fn start_server(world: World) -> TestServer {
    let server = TestServer::with(world, UNLIMITED);
    server.seed().await;
    let other = json!({"product": "chorus", "code": "other", "title": "Other"});
    server.admin("POST", "/features").json(&other).send().await.expect(201);
    server
}

#[tokio::test]
async fn each_member_of_each_object_is_changed_only_as_it_was_read() {
    World::each(|world| async {
        let server = start_server(world).await;
        let mut changed = 0;
        for (template, operation) in edited() {
            let at = template.replace("{id}", &address(&server, template).await);
            let at = at.strip_prefix("/v1/admin").unwrap();
            for member in schema_of(operation).unwrap()["properties"].as_object().unwrap().keys() {
                let Some(value) = other(template, member) else { continue };
                let read = server.admin("GET", at).send().await;
                let etag = read.header("etag").to_owned();
                assert!(etag.starts_with('"') && etag.len() > 20, "{at}: {etag}");
                let edit = async |etag: &str, body: &Value| -> Answer {
                    server.admin("PATCH", at).header("if-match", etag).json(body).send().await
                };
                let body = json!({member: value});
                edit("\"another\"", &body).await.refused(412, "precondition_failed");
                edit(&format!("W/{etag}"), &body).await.refused(412, "precondition_failed");
                let after = edit(&etag, &body).await;
                assert_ne!(after.header("etag"), etag, "{at}: {member} did not change the version");
                let after_tag = after.header("etag").to_owned();
                let after = after.expect(200);
                // The clock of this test does not move: no version is made of the time.
                edit(&etag, &body).await.refused(412, "precondition_failed");
                edit(&format!("{etag}, {after_tag}"), &body).await.expect(200);
                edit("*", &body).await.expect(200);
                let shown = server.admin("GET", at).send().await;
                assert_eq!(shown.header("etag"), after_tag, "what changes nothing keeps the version");
                let mut after = after;
                after.as_object_mut().unwrap().remove("changed");
                assert_eq!(shown.body, after);
                changed += 1;
            }
        }
        assert!(changed > 30, "only {changed} members were changed");
    })
    .await;
}

#[tokio::test]
async fn each_operation_compares_the_version_or_refuses_if_match() {
    World::each(|world| async {
        let server = start_server(world).await;
        let (mut compared, mut refused) = (Vec::new(), 0);
        for (template, item) in description()["paths"].as_object().unwrap() {
            let Some(below) = template.strip_prefix("/v1/admin") else { continue };
            for (method, operation) in item.as_object().unwrap().iter().filter(|(method, _)| *method != "get")
            {
                let at = below.replace("{id}", &address(&server, template).await);
                let call = server.admin(static_method(method), &at).header("if-match", "\"another\"");
                let answer = call.json(&sound_body(operation)).send_unchecked().await;
                let mut parameters = operation["parameters"].as_array().into_iter().flatten();
                if parameters.any(|parameter| parameter["name"] == "If-Match") {
                    answer.refused(412, "precondition_failed");
                    compared.push(format!("{method} {template}"));
                } else if !template.contains("/system") && !template.ends_with("/backup") {
                    assert!(answer.status >= 400, "{method} {template} ignores If-Match: {:#}", answer.body);
                    refused += 1;
                }
            }
        }
        assert!(compared.len() > 18 && refused > 5, "{refused}, {compared:?}");
        assert!(compared.contains(&"post /v1/admin/licenses/{id}/renew".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn the_passing_of_time_is_no_change() {
    World::each(|world| async {
        let server = start_server(world).await;
        let token = json!({"name": "reports", "scopes": ["read"]});
        let token = server.admin("POST", "/tokens").json(&token).send().await.expect(201);
        let at = format!("/tokens/{}", token["id"].as_str().unwrap());
        let before = server.admin("GET", &at).send().await.header("etag").to_owned();
        let bearer = format!("Bearer {}", token["secret"].as_str().unwrap());
        server.call("GET", "/v1/admin/stats").header("authorization", &bearer).send().await.expect(200);
        let after = server.admin("GET", &at).send().await;
        assert!(!after.body["last_used_at"].is_null());
        assert_eq!(after.header("etag"), before);
    })
    .await;
}

/// Every list of every noun, as twenty people change it at the same moment: each adds one value and removes one.
#[tokio::test]
async fn concurrent_edits_of_lists_lose_nothing() {
    World::each(|world| async {
        let server = Arc::new(start_server(world).await);
        let mut lists = 0;
        for (template, operation) in edited() {
            let at = template.replace("{id}", &address(&server, template).await);
            let at = at.strip_prefix("/v1/admin").unwrap();
            for (member, values) in values_of(&server, template, operation).await {
                let (old, new) = values.split_at(values.len() / 2);
                let body = |change: Value| match member.split_once('/') {
                    Some((outer, inner)) => json!({outer: {inner: change}}),
                    None => json!({&member: change}),
                };
                server.admin("PATCH", at).json(&body(json!(old))).send().await.expect(200);
                let mut people = JoinSet::new();
                for (old, new) in old.iter().skip(1).zip(new) {
                    let (server, at) = (Arc::clone(&server), at.to_owned());
                    let body = body(json!({"add": [new], "remove": [old]}));
                    people.spawn(async move { server.admin("PATCH", &at).json(&body).send().await.status });
                }
                while let Some(status) = people.join_next().await {
                    assert_eq!(status.unwrap(), 200, "{at} {member}");
                }
                let expected: BTreeSet<String> =
                    old[..1].iter().chain(&new[..old.len() - 1]).map(Value::to_string).collect();
                let shown = server.admin("GET", at).send().await.expect(200);
                let found = shown.pointer(&format!("/{member}")).unwrap().as_array().unwrap();
                assert_eq!(
                    found.iter().map(Value::to_string).collect::<BTreeSet<_>>(),
                    expected,
                    "{at} {member}"
                );
                let both =
                    server.admin("PATCH", at).json(&body(json!({"add": [&new[0]], "remove": [&new[0]]})));
                both.send().await.refused(422, "invalid_request");
                let unknown = server.admin("PATCH", at).json(&body(json!({"plus": []}))).send().await;
                let pointer = unknown.refused(422, "invalid_request")["errors"][0]["pointer"].clone();
                assert_eq!(pointer, format!("/{member}/plus"));
                lists += 1;
            }
        }
        assert_eq!(lists, 10, "a list is new or gone: customers have 1, licenses 5, plans 3, tokens 1");
    })
    .await;
}

/// The lists that an edit has, by their place, with values for them.
async fn values_of(server: &TestServer, template: &str, operation: &Value) -> Vec<(String, Vec<Value>)> {
    let mut lists = Vec::new();
    for (member, schema) in schema_of(operation).unwrap()["properties"].as_object().unwrap() {
        let text = schema.to_string();
        if text.contains("ListEdit") {
            lists.push(member.clone());
        } else if text.contains("PolicyEdit") {
            lists.extend(["lease_policy/keep".to_owned(), "lease_policy/kinds".to_owned()]);
        }
    }
    let numbered = |of: fn(usize) -> Value| (0..20).map(of).collect::<Vec<_>>();
    let mut found = Vec::new();
    for list in lists {
        let values = match list.as_str() {
            "tags" => numbered(|i| json!(format!("tag-{i}"))),
            "bindings" => numbered(|i| json!({"kind": "cluster", "value": format!("c-{i}")})),
            "features" | "lease_policy/keep" => {
                for i in 0..20 {
                    let feature = json!({"product": "chorus", "code": format!("f{i}"), "title": "F"});
                    server.admin("POST", "/features").json(&feature).send().await;
                }
                numbered(|i| json!(format!("f{i}")))
            }
            "lease_policy/kinds" => ["cluster", "device", "domain", "instance"].map(Value::from).to_vec(),
            "scopes" => {
                ["read", "backup", "catalogue:write", "customers:write", "licenses:write", "licenses:key"]
                    .map(Value::from)
                    .to_vec()
            }
            other => panic!("{template} has a list {other}: say what can be in it"),
        };
        found.push((list, values));
    }
    found
}
