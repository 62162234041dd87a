//! Every operation of the description with input that nobody should send: never a 5xx.

use kaching_testkit::World;
use serde_json::{Value, json};

use crate::test_server::{TestServer, description};

/// A value in place of a member, parameter or address.
fn odd() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1.5),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!(" "),
        json!("\u{0}"),
        json!("'; drop table licenses; --"),
        json!("é\u{202e}\u{10ffff}"),
        json!("x".repeat(5000)),
        json!("9999-12-31T23:59:59Z"),
        json!("0001-01-01T00:00:00Z"),
        json!([]),
        json!([null]),
        json!({}),
        json!({"a": {"kind": "level", "max": u64::MAX}}),
        json!({"\u{0}": "\u{0}"}),
    ]
}

const ADDRESSES: [&str; 9] = [
    "chorus:nothing",
    "lic_01h455vb4pex5vsknk084sn02q",
    "act_01h455vb4pex5vsknk084sn02q",
    "tok_01h455vb4pex5vsknk084sn02q",
    "CHORUS-00000-00000-00000-00000-00000",
    "-1",
    "%00",
    "%f0%9f%92%b8",
    "..%2f..%2fetc",
];

#[tokio::test]
async fn no_input_causes_a_failure() {
    World::each(|world| async {
        let unlimited =
            "[limits]\ntoken_per_second = 0\nlicense_per_second = 0\nnew_fingerprints_per_hour = 0";
        let server = TestServer::with(world, unlimited);
        server.seed().await;
        let mut asked = 0;
        for (template, item) in description()["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let method = static_method(method);
                let real = template.replace("{id}", &address(&server, template).await);
                for query in queries(operation) {
                    asked += ask(&server, method, &format!("{real}{query}"), None).await;
                }
                for body in bodies(operation) {
                    asked += ask(&server, method, &real, Some(body)).await;
                }
                for odd in ADDRESSES.iter().filter(|_| template.contains("{id}")) {
                    asked +=
                        ask(&server, method, &template.replace("{id}", odd), Some(sound_body(operation)))
                            .await;
                }
            }
        }
        assert!(asked > 2000, "only {asked} requests were made");
    })
    .await;
}

/// The address of something that is there, made for this operation alone where it could be spoilt.
pub(crate) async fn address(server: &TestServer, template: &str) -> String {
    let noun = template.strip_prefix("/v1/admin/").unwrap_or_default().split('/').next().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    match noun {
        "products" => "chorus".to_owned(),
        "features" => "chorus:federation".to_owned(),
        "plans" => "chorus:enterprise".to_owned(),
        "customers" => {
            let body = json!({"name": "c"});
            text(&server.admin("POST", "/customers").json(&body).send().await.expect(201)["id"])
        }
        "licenses" => text(&server.license("team").await["id"]),
        "tokens" => {
            let body = json!({"name": "t", "scopes": ["read"]});
            text(&server.admin("POST", "/tokens").json(&body).send().await.expect(201)["id"])
        }
        "activations" => {
            let key = &server.license("team").await["key"];
            let body = json!({"license_key": key, "product": "chorus", "fingerprint": "f", "kind": "cluster", "nonce": "0123456789abcdef"});
            text(
                &server.call("POST", "/v1/activate").json(&body).send().await.expect(201)["activation"]["id"],
            )
        }
        "keys" => text(&server.admin("GET", "/keys").send().await.expect(200)["items"][0]["kid"]),
        _ => String::new(),
    }
}

async fn ask(server: &TestServer, method: &'static str, path: &str, body: Option<Value>) -> usize {
    let operator = path.starts_with("/v1/admin");
    let call = if operator {
        server.admin(method, path.strip_prefix("/v1/admin").unwrap())
    } else {
        server.call(method, path)
    };
    let call = match &body {
        Some(body) => call.json(body),
        None => call,
    };
    let call = match path {
        "/v1/heartbeat" | "/v1/deactivate" | "/v1/reports" => {
            let secret = kaching_base::Base64Url([7; 32]);
            call.signed(&format!("act_01h455vb4pex5vsknk084sn02q.1.{secret}"), 1)
        }
        _ => call,
    };
    let answer = call.send().await;
    assert!(answer.status < 500, "{method} {path} {body:?}: {:#}", answer.body);
    let detail = answer.body["detail"].as_str().unwrap_or_default();
    let found = kaching_testkit::word_of_rust(detail, &["invalid type", "invalid value", "expected value"])
        .filter(|_| answer.status >= 400);
    assert!(found.is_none(), "{found:?}: {method} {path} {body:?}: {detail}");
    1
}

pub(crate) fn static_method(method: &str) -> &'static str {
    ["GET", "POST", "PATCH", "DELETE"].into_iter().find(|known| known.eq_ignore_ascii_case(method)).unwrap()
}

fn queries(operation: &Value) -> Vec<String> {
    let mut queries = vec![String::new(), "?%00=%00&%ff".to_owned()];
    for parameter in operation["parameters"].as_array().into_iter().flatten().filter(|p| p["in"] == "query") {
        let name = parameter["name"].as_str().unwrap();
        for value in
            ["", "-1", "0", "18446744073709551616", "%00", "%ff", "x", "true", "0001-01-01", "eyJ9", "bnVsbA"]
        {
            queries.push(format!("?{name}={value}"));
        }
    }
    queries
}

/// Bodies in which one member after the other is odd, and the others are as they should be.
fn bodies(operation: &Value) -> Vec<Value> {
    let Some(schema) = schema_of(operation) else { return vec![json!([]), json!({"odd": 1})] };
    let sound = sound_body(operation);
    let mut bodies = vec![json!({}), json!([]), json!("text"), json!(null), sound.clone()];
    for name in schema["properties"].as_object().unwrap().keys() {
        for value in odd() {
            let mut body = sound.clone();
            body[name] = value;
            bodies.push(body);
        }
    }
    bodies
}

pub(crate) fn sound_body(operation: &Value) -> Value {
    let required = schema_of(operation).and_then(|schema| schema["required"].as_array());
    let names = required.into_iter().flatten().map(|name| name.as_str().unwrap());
    Value::Object(names.map(|name| (name.to_owned(), sound(name))).collect())
}

pub(crate) fn schema_of(operation: &Value) -> Option<&'static Value> {
    let reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()?;
    description().pointer(reference.strip_prefix('#').unwrap())
}

fn sound(name: &str) -> Value {
    match name {
        "product" | "code" => json!("chorus"),
        "plan" => json!("team"),
        "customer" => json!("CUST-001"),
        "nonce" => json!("0123456789abcdef"),
        "kind" => json!("cluster"),
        "scopes" => json!(["read"]),
        "licenses" => json!(["lic_01m81jhz4sewe84nq6ffy7jzvt"]),
        "to" => json!("all"),
        "purpose" => json!("lease"),
        "at" => json!("2026-11-22T00:00:00Z"),
        "fpr" => json!("47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"),
        _ => json!("text"),
    }
}

/// Returns whether a member has a closed list of words in the description.
fn is_enum(schema: &Value) -> bool {
    let of = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
    let resolved =
        schema["$ref"].as_str().and_then(|at| description().pointer(at.strip_prefix('#').unwrap()));
    schema.get("enum").is_some()
        || resolved.is_some_and(is_enum)
        || of.is_some_and(|choices| choices.iter().any(is_enum))
}

#[tokio::test]
async fn a_word_of_another_type_is_named_by_its_pointer() {
    let unlimited = "[limits]\ntoken_per_second = 0\nlicense_per_second = 0\nnew_fingerprints_per_hour = 0";
    let server = TestServer::with(World::on(kaching_testkit::Engine::Sqlite).await, unlimited);
    server.seed().await;
    let mut members = 0;
    for (template, item) in description()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(schema) = schema_of(operation) else { continue };
            let real = template.replace("{id}", &address(&server, template).await);
            for (name, member) in schema["properties"].as_object().unwrap() {
                if !is_enum(member) {
                    continue;
                }
                members += 1;
                for wrong in [json!(5), json!(true), json!([]), json!(["lease"]), json!("no such word")] {
                    let mut body = sound_body(operation);
                    body[name] = wrong;
                    let (method, operator) = (static_method(method), real.strip_prefix("/v1/admin"));
                    let call = operator
                        .map_or_else(|| server.call(method, &real), |path| server.admin(method, path));
                    let call = match real.as_str() {
                        "/v1/heartbeat" | "/v1/deactivate" | "/v1/reports" => {
                            let secret = kaching_base::Base64Url([7; 32]);
                            call.signed(&format!("act_01h455vb4pex5vsknk084sn02q.1.{secret}"), 1)
                        }
                        _ => call,
                    };
                    let problem = call.json(&body).send().await.refused(422, "invalid_request");
                    assert_eq!(problem["errors"][0]["pointer"], format!("/{name}"), "{method} {real} {body}");
                }
            }
        }
    }
    assert!(members >= 8, "only {members} found");
}
