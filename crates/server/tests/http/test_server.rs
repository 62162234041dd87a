//! The router on a world, and answers that are checked as they come.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode},
    response::Response,
};
use http_body_util::BodyExt as _;
use jsonschema::Validator;
use kaching_server::{App, Peer, config::Config};
use kaching_testkit::{SeededEntropy, World};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// A world with its HTTP server.
pub(crate) struct TestServer {
    pub(crate) world: World,
    pub(crate) app: App,
    everything: Router,
    product: Router,
    /// The first operator's token.
    token: String,
}

/// One request on its way.
pub(crate) struct Call<'f> {
    server: &'f TestServer,
    method: &'static str,
    path: String,
    peer: Peer,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    public: bool,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) bytes: Vec<u8>,
}

const CLIENT: &str = "203.0.113.10:40000";

impl TestServer {
    pub(crate) fn of(world: World) -> Self {
        Self::with(world, "")
    }

    /// With these settings over the defaults.
    pub(crate) fn with(mut world: World, settings: &str) -> Self {
        let config = Config::read(settings, &std::collections::BTreeMap::new(), |_| unreachable!()).unwrap();
        let issuer = kaching_testkit::ISSUER.parse().unwrap();
        let registry = std::mem::take(&mut world.registry);
        let entropy = Arc::new(SeededEntropy::default());
        let clock = Arc::clone(&world.clock);
        let app = App::new(Arc::clone(&world.authority), &config, issuer, clock, entropy, registry);
        let token = std::fs::read_to_string(world.directory.path().join("first-token")).unwrap();
        Self {
            everything: kaching_server::full_router(&app),
            product: kaching_server::product_router(&app),
            app,
            token: token.trim().to_owned(),
            world,
        }
    }

    /// The same authority behind a restarted server, which remembers nothing.
    pub(crate) fn restarted(self, settings: &str) -> Self {
        Self::with(self.world, settings)
    }

    /// Runs a future while changes are distributed, as a server does in the background.
    pub(crate) async fn following<T>(&self, visit: impl Future<Output = T>) -> T {
        tokio::select! {
            visited = visit => visited,
            () = self.world.authority.follow_changes() => unreachable!("it runs until it is dropped"),
        }
    }

    /// A call of a product, from a machine somewhere.
    pub(crate) fn call(&self, method: &'static str, path: &str) -> Call<'_> {
        Call {
            server: self,
            method,
            path: path.to_owned(),
            peer: Peer::Network(CLIENT.parse::<SocketAddr>().unwrap()),
            headers: Vec::new(),
            body: Vec::new(),
            public: false,
        }
    }

    /// A call of the first operator.
    pub(crate) fn admin(&self, method: &'static str, path: &str) -> Call<'_> {
        self.call(method, &format!("/v1/admin{path}"))
            .header("authorization", &format!("Bearer {}", self.token))
    }

    /// Makes `chorus` with two plans and a feature, a customer and a license; gives the license.
    pub(crate) async fn seed(&self) -> Value {
        let made = [
            (
                "/products",
                json!({"code": "chorus", "name": "CHORUS", "contact": {"url": "https://example.com/buy"}}),
            ),
            (
                "/features",
                json!({"product": "chorus", "code": "federation", "title": "Federation", "benefit": "Link clusters"}),
            ),
            (
                "/plans",
                json!({"product": "chorus", "code": "team", "name": "Team", "rank": 2, "term_days": 365,
                "limits": {"activations": {"kind": "slots", "max": 1}, "nodes": {"kind": "level", "max": 25}}}),
            ),
            (
                "/plans",
                json!({"product": "chorus", "code": "enterprise", "name": "Enterprise", "rank": 3, "term_days": 365,
                "features": ["federation"], "limits": {"activations": {"kind": "slots", "max": 3}}}),
            ),
            ("/customers", json!({"reference": "CUST-001", "name": "Acme"})),
        ];
        for (path, body) in made {
            self.admin("POST", path).json(&body).send().await.expect(201);
        }
        self.license("team").await
    }

    pub(crate) async fn license(&self, plan: &str) -> Value {
        let body = json!({"customer": "CUST-001", "product": "chorus", "plan": plan});
        self.admin("POST", "/licenses").json(&body).send().await.expect(201)
    }
}

impl Call<'_> {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.raw(body.to_string().into_bytes()).header("content-type", "application/json")
    }

    pub(crate) fn raw(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn peer(mut self, peer: Peer) -> Self {
        self.peer = peer;
        self
    }

    /// To the public address, where that is another one.
    pub(crate) fn public(mut self) -> Self {
        self.public = true;
        self
    }

    /// With `Authorization: Kaching …` for this credential and number.
    pub(crate) fn signed(self, credential: &str, number: u64) -> Self {
        let credential = kaching_authority::license::Credential::parse(credential).unwrap();
        let (header, _) = credential.authorize(number, self.method, &self.path, &self.body);
        self.header("authorization", &header)
    }

    pub(crate) async fn send(self) -> Answer {
        let (method, path) = (self.method, self.path.clone());
        let answer = self.send_unchecked().await;
        check(method, path.split('?').next().unwrap(), &answer);
        answer
    }

    /// For many that are alike: what the description says of the answer is not looked at.
    pub(crate) async fn send_unchecked(self) -> Answer {
        let (parts, body) = self.begin().await.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            bytes,
        }
    }

    /// Sends it, and reads events as they come.
    pub(crate) async fn stream(self) -> Events {
        let (parts, body) = self.begin().await.into_parts();
        assert_eq!(parts.status, 200);
        Events { headers: parts.headers, body }
    }

    async fn begin(self) -> Response {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(self.body)).unwrap();
        request.extensions_mut().insert(self.peer);
        let router = if self.public { &self.server.product } else { &self.server.everything };
        router.clone().oneshot(request).await.unwrap()
    }
}

/// A stream that is open.
pub(crate) struct Events {
    pub(crate) headers: HeaderMap,
    body: Body,
}

impl Events {
    /// Returns the next event, its name and its data; `None` if the stream ended.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        let frame = self.body.frame().await?.unwrap().into_data().unwrap();
        let text = String::from_utf8(frame.to_vec()).unwrap();
        let event = text.strip_prefix("event: ").and_then(|text| text.strip_suffix("\n\n"));
        let (name, data) = event.and_then(|event| event.split_once("\ndata: ")).expect(&text);
        let data: Value = serde_json::from_str(data).unwrap();
        let described = match name {
            "ping" => "Ping",
            "end" => "StreamEnd",
            _ => "Changes",
        };
        let schema = json!({"$ref": format!("#/components/schemas/{described}")});
        let errors: Vec<_> = validator(&schema).iter_errors(&data).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "an event that is not described: {errors:?}\n{text}");
        Some((name.to_owned(), data))
    }
}

impl Answer {
    /// The body, where the status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }

    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{:#}", self.body);
        self.body
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Every answer has an id and is one that the description allows; members that it does not name are errors.
fn check(method: &str, path: &str, answer: &Answer) {
    assert!(answer.header("x-request-id").starts_with("req_"), "{method} {path} has no request id");
    if answer.status >= 400 {
        assert_eq!(answer.header("content-type"), "application/problem+json", "{method} {path}");
        assert_eq!(answer.body["status"], answer.status, "{method} {path}");
        assert_eq!(answer.body["request_id"], answer.header("x-request-id"), "{method} {path}");
    }
    let problem = json!({"$ref": "#/components/schemas/Problem"});
    let schema = match operation(method, path) {
        // A path or method that nobody described is refused by a problem.
        None if answer.status >= 400 => problem,
        None if path == "/openapi.json" => return,
        None => panic!("{method} {path} answered {} and is not in the description", answer.status),
        Some(operation) => {
            let described = &operation["responses"][StatusCode::from_u16(answer.status).unwrap().as_str()];
            let described = resolved(described);
            for name in described["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
                // Those of all answers; the others depend on the call.
                assert!(
                    name != "X-Request-Id" || !answer.header(name).is_empty(),
                    "{method} {path} has no {name}"
                );
            }
            let content = match described.get("content") {
                Some(content) => content,
                None if described.is_object() => {
                    assert!(answer.bytes.is_empty(), "{method} {path} has a body that is not described");
                    return;
                }
                None if answer.status >= 400 => &resolved(&operation["responses"]["default"])["content"],
                None => panic!("{method} {path} answered {}, which is not described", answer.status),
            };
            let mut media = content.as_object().unwrap().iter();
            let found = media.find(|(name, _)| answer.header("content-type").starts_with(*name));
            let (name, media) = found.expect("an answer has a content type that is described");
            // Lines of JSON are no document.
            if !name.ends_with("/json") && !name.ends_with("+json") {
                return;
            }
            media["schema"].clone()
        }
    };
    let errors: Vec<_> = validator(&schema)
        .iter_errors(&answer.body)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{method} {path} answered what is not described: {errors:#?}\n{:#}",
        answer.body
    );
}

pub(crate) fn description() -> &'static Value {
    static DESCRIPTION: OnceLock<Value> = OnceLock::new();
    DESCRIPTION.get_or_init(|| serde_json::from_str(kaching_server::openapi()).unwrap())
}

/// Returns what a part of the description refers to.
pub(crate) fn resolved(part: &'static Value) -> &'static Value {
    match part["$ref"].as_str() {
        Some(at) => description().pointer(at.strip_prefix('#').unwrap()).unwrap(),
        None => part,
    }
}

fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let matches = |template: &str| {
        let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        template.len() == path.len() && template.iter().zip(&path).all(|(t, p)| t.starts_with('{') || t == p)
    };
    let paths = description()["paths"].as_object().unwrap();
    let item = paths.iter().find(|(template, _)| matches(template))?.1;
    item.get(method.to_lowercase())
}

fn validator(schema: &Value) -> Arc<Validator> {
    static VALIDATORS: OnceLock<Mutex<HashMap<String, Arc<Validator>>>> = OnceLock::new();
    let mut validators = VALIDATORS.get_or_init(Mutex::default).lock().unwrap();
    let made = validators.entry(schema.to_string()).or_insert_with(|| {
        let mut components = description()["components"].clone();
        components["schemas"].as_object_mut().unwrap().values_mut().for_each(close);
        let document = json!({"allOf": [schema], "components": components});
        Arc::new(jsonschema::draft202012::new(&document).unwrap())
    });
    Arc::clone(made)
}

/// Closes a schema: members and words that the description does not name are refused.
fn close(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut() {
        if let Some(words) = object.remove("x-extensible-enum") {
            object.insert("enum".to_owned(), words);
        }
        if object.contains_key("properties") && !object.contains_key("additionalProperties") {
            object.insert("additionalProperties".to_owned(), json!(false));
        }
        object.values_mut().for_each(close);
    } else if let Some(array) = schema.as_array_mut() {
        array.iter_mut().for_each(close);
    }
}

/// Returns an answer for a snapshot, without what is random in it: ids are numbered in their order, and keys, credentials,
/// statements and cursors are replaced by their kind.
pub(crate) fn stable(answer: &Value) -> Value {
    fn replace(value: &mut Value, ids: &mut Vec<String>) {
        match value {
            Value::Object(members) => members.values_mut().for_each(|member| replace(member, ids)),
            Value::Array(items) => items.iter_mut().for_each(|item| replace(item, ids)),
            Value::String(text) => *text = stable_text(text, ids),
            _ => {}
        }
    }
    let mut answer = answer.clone();
    replace(&mut answer, &mut Vec::new());
    answer
}

fn stable_text(text: &str, ids: &mut Vec<String>) -> String {
    let (kind, rest) = text.split_once('_').unwrap_or((text, ""));
    if rest.len() == 26 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let known = ids.iter().position(|id| id == text);
        let number = known.unwrap_or_else(|| {
            ids.push(text.to_owned());
            ids.len() - 1
        });
        return format!("{kind}_{number}");
    }
    match text {
        jws if jws.starts_with("eyJ") => "<statement>".to_owned(),
        key if key.starts_with("CHORUS-") => "<key>".to_owned(),
        credential if credential.starts_with("act_") => "<credential>".to_owned(),
        digest if digest.len() == 43 && !digest.contains(' ') => "<digest>".to_owned(),
        other => other.to_owned(),
    }
}
