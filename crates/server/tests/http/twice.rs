//! Every operation that changes something, twice under one Idempotency-Key: the operations are those of the description.

use kaching_base::Seconds;
use kaching_server::Peer;
use kaching_testkit::World;
use serde_json::{Map, Value, json};

use crate::test_server::{Answer, TestServer, description};

/// The object and the body of one operation.
struct Subject {
    number: usize,
    license: String,
    activation: String,
    token: String,
    license_key: String,
    /// A job that failed, for the operation that retries one.
    job: String,
    /// The key that signs.
    kid: String,
}

/// One operation of the description.
struct Operation {
    method: &'static str,
    path: &'static str,
    described: &'static Value,
}

impl Operation {
    /// Whether the description promises that a repeat under the same key has the effect of one.
    fn takes_key(&self) -> bool {
        let parameters = self.described["parameters"].as_array().into_iter().flatten();
        parameters.clone().any(|parameter| parameter["name"] == "Idempotency-Key")
    }

    fn is(&self, method: &str, path: &str) -> bool {
        (self.method, self.path) == (method, path)
    }

    /// The path with the address of its subject. What is archived is not in use.
    fn path_of(&self, subject: &Subject) -> String {
        let Subject { number, license, activation, token, kid, job, .. } = subject;
        let spare = if self.method == "DELETE" { "spare" } else { "team" };
        let noun = self.path.trim_start_matches("/v1/admin/").split('/').next().unwrap();
        let id = match noun {
            "products" if self.method == "DELETE" => format!("spare-{number}"),
            "products" => format!("p-{number}"),
            "features" | "plans" => format!("p-{number}:{spare}"),
            "customers" if self.method == "DELETE" => format!("SPARE-{number}"),
            "customers" => format!("CUST-{number}"),
            "licenses" => license.clone(),
            "activations" => activation.clone(),
            "tokens" => token.clone(),
            "keys" => kid.clone(),
            "jobs" => job.clone(),
            _ => format!("{noun}-{number}"),
        };
        self.path.replace("{id}", &id)
    }

    /// A body that is accepted: what its schema requires, by name or by type; and for a change, something to change.
    fn body_of(&self, subject: &Subject) -> Value {
        let schema = resolved(&self.described["requestBody"]["content"]["application/json"]["schema"]);
        let mut body = self.required_of(schema, subject);
        let known = |name: &&str| schema["properties"].get(*name).is_some();
        if let ("PATCH", Some(name)) = (self.method, ["name", "benefit", "notes"].into_iter().find(known)) {
            body.insert(name.to_owned(), json!("Another"));
        }
        Value::Object(body)
    }

    fn required_of(&self, schema: &'static Value, subject: &Subject) -> Map<String, Value> {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let value = |name: &str| self.value_of(name, &schema["properties"][name], subject);
        required.map(|name| (name.to_owned(), value(name))).collect()
    }

    fn value_of(&self, name: &str, schema: &'static Value, subject: &Subject) -> Value {
        let Subject { number, license, license_key, .. } = subject;
        match name {
            "code" => json!(format!("new-{number}")),
            "product" => json!(format!("p-{number}")),
            "plan" if self.path.ends_with("/upgrade") => json!("enterprise"),
            "plan" => json!("team"),
            "customer" if self.path.ends_with("/transfer") => json!(format!("SPARE-{number}")),
            "customer" => json!(format!("CUST-{number}")),
            "confirm" => json!(license),
            "license_key" => json!(license_key),
            "licenses" => json!([license]),
            "scopes" => json!(["read"]),
            "purpose" => json!("lease"),
            "to" => json!("all"),
            "issuer" => json!(format!("https://licenses-{number}.example.com")),
            _ => match resolved(schema)["type"].as_str() {
                Some("integer") => json!(1),
                Some("boolean") => json!(false),
                Some("array") => json!([]),
                Some("object") => Value::Object(self.required_of(resolved(schema), subject)),
                _ => json!(format!("text-{number}")),
            },
        }
    }
}

fn resolved(schema: &'static Value) -> &'static Value {
    match schema["$ref"].as_str() {
        Some(reference) => description().pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// Returns the changing operations of operators.
fn operations() -> Vec<Operation> {
    let paths = description()["paths"].as_object().unwrap().iter();
    let paths = paths.filter(|(path, _)| path.starts_with("/v1/admin/"));
    let all = paths.flat_map(|(path, item)| {
        let methods = [("post", "POST"), ("put", "PUT"), ("patch", "PATCH"), ("delete", "DELETE")];
        methods.into_iter().filter_map(move |(name, method)| {
            item.get(name).map(|described| Operation { method, path, described })
        })
    });
    all.collect()
}

/// Makes what an operation may be about, with numbers of its own.
async fn furnish(server: &TestServer, number: usize) -> Subject {
    let make = async |path: &str, body: Value| {
        server.admin("POST", path).json(&body).send_unchecked().await.expect(201)
    };
    let product = format!("p-{number}");
    make("/products", json!({"code": product, "name": "P"})).await;
    make("/products", json!({"code": format!("spare-{number}"), "name": "Spare"})).await;
    for code in ["team", "spare"] {
        make("/features", json!({"product": product, "code": code, "title": "F", "benefit": "B"})).await;
    }
    for (code, rank) in [("team", 1), ("spare", 2), ("enterprise", 3)] {
        make("/plans", json!({"product": product, "code": code, "name": "N", "rank": rank, "term_days": 9}))
            .await;
    }
    for reference in ["CUST", "SPARE"] {
        make("/customers", json!({"reference": format!("{reference}-{number}"), "name": "C"})).await;
    }
    let license = json!({"customer": format!("CUST-{number}"), "product": product, "plan": "team"});
    let license = make("/licenses", license).await;
    let token = make("/tokens", json!({"name": "T", "scopes": ["read"]})).await;
    let activate = json!({
        "license_key": license["key"], "product": product, "fingerprint": format!("f-{number}"),
        "kind": "cluster", "nonce": format!("0123456789abcdef-{number}"),
    });
    let active = server.call("POST", "/v1/activate").json(&activate).send_unchecked().await.expect(201);
    let keys = server.admin("GET", "/keys").send_unchecked().await.expect(200);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Subject {
        number,
        license: text(&license["id"]),
        activation: text(&active["activation"]["id"]),
        token: text(&token["id"]),
        license_key: text(&license["key"]),
        job: String::new(),
        kid: text(&keys["items"].as_array().unwrap().last().unwrap()["kid"]),
    }
}

/// A job whose first attempt has failed.
async fn failing_job(server: &TestServer, number: usize) -> String {
    let path = format!("/plans/p-{number}:team/apply");
    server.admin("POST", &path).json(&json!({"to": "all"})).send_unchecked().await.expect(200);
    server.world.damage_jobs().await;
    server.world.authority.run_jobs().await.unwrap();
    let failing = server.admin("GET", "/jobs?state=failing").send_unchecked().await.expect(200);
    failing["items"][0]["id"].as_str().unwrap().to_owned()
}

async fn newest_entry(server: &TestServer) -> Value {
    server.admin("GET", "/audit?limit=1").send_unchecked().await.expect(200)["items"][0]["id"].clone()
}

async fn ask(server: &TestServer, operation: &Operation, subject: &Subject) -> Answer {
    let call = server.call(operation.method, &operation.path_of(subject)).peer(Peer::Local(0));
    let call = call.header("idempotency-key", &format!("key of {} {}", operation.method, operation.path));
    match operation.body_of(subject) {
        Value::Object(members) if members.is_empty() => call.send().await,
        body => call.json(&body).send().await,
    }
}

#[tokio::test]
async fn every_change_under_an_idempotency_key_has_the_effect_of_one() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let operations = operations();
        assert!(operations.len() >= 29, "only {} operations are described", operations.len());
        for (number, operation) in operations.iter().enumerate() {
            server.world.clock.advance(Seconds(60));
            let mut subject = furnish(&server, number).await;
            if operation.is("POST", "/v1/admin/jobs/{id}/retry") {
                subject.job = failing_job(&server, number).await;
            }
            if operation.is("POST", "/v1/admin/licenses/{id}/reinstate") {
                let path = format!("/licenses/{}/suspend", subject.license);
                let body = json!({"reason": "unpaid"});
                server.admin("POST", &path).json(&body).send_unchecked().await.expect(200);
            }
            if operation.is("POST", "/v1/admin/clock/accept") {
                server.world.clock.jump(Seconds(3600));
            }
            let first = ask(&server, operation, &subject).await;
            let (what, entry) =
                (format!("{} {}", operation.method, operation.path), newest_entry(&server).await);
            server.world.clock.advance(Seconds(60));
            let second = ask(&server, operation, &subject).await;
            assert!(second.status < 500, "{what}: {:#}", second.body);
            if !operation.takes_key() {
                assert_eq!((first.status, second.status), (200, 200), "{what}: {:#}", first.body);
                continue;
            }
            let body = operation.body_of(&subject);
            assert!(
                (200..300).contains(&first.status),
                "{what} with {body} answered {}: teach this test a body that it takes\n{:#}",
                first.status,
                first.body
            );
            assert_eq!((second.status, &second.bytes), (first.status, &first.bytes), "{what}");
            assert_eq!(second.header("idempotency-replayed"), "true", "{what}");
            assert_eq!(newest_entry(&server).await, entry, "{what} was done twice");
        }
        server.admin("GET", "/stats").send().await.expect(200);
    })
    .await;
}

/// A key that is made leaves the old one listed: a repeat makes no third one.
#[tokio::test]
async fn a_repeated_rotation_makes_one_key() {
    World::each(|world| async {
        let server = TestServer::of(world);
        let rotate = || {
            let call = server.admin("POST", "/keys").header("idempotency-key", "rotate");
            call.json(&json!({"purpose": "lease"})).send()
        };
        server.world.clock.advance(Seconds(1));
        let made = rotate().await.expect(201);
        let keys = server.admin("GET", "/keys").send().await.expect(200);
        assert_eq!(rotate().await.expect(201), made);
        assert_eq!(server.admin("GET", "/keys").send().await.expect(200), keys);
        assert_eq!(keys["items"].as_array().unwrap().len(), 2);
        server
            .admin("POST", "/keys")
            .header("idempotency-key", "rotate")
            .json(&json!({"purpose": "lease", "alg": "RS256"}))
            .send()
            .await
            .refused(422, "idempotency_key_reused");
    })
    .await;
}
