//! A collector of OpenTelemetry that receives the spans of the server.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
};

use serde_json::{Value, json};

use crate::{kaching::Kaching, serve::Server};

/// Receives requests, and returns their bodies.
fn collector() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, bodies) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            if sender.send(take(stream.unwrap())).is_err() {
                return;
            }
        }
    });
    (url, bodies)
}

fn take(mut stream: TcpStream) -> String {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    assert!(head.to_lowercase().contains("content-type: application/json\r\n"), "{head}");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}").unwrap();
    String::from_utf8(body).unwrap()
}

fn attribute<'s>(span: &'s Value, key: &str) -> &'s Value {
    let attributes = span["attributes"].as_array().unwrap();
    &attributes.iter().find(|attribute| attribute["key"] == key).expect(key)["value"]
}

#[test]
fn requests_and_transactions_are_spans_of_one_trace() {
    for variable in ["KACHING_LOG__OTLP", "OTEL_EXPORTER_OTLP_ENDPOINT"] {
        let (url, bodies) = collector();
        let kaching = Kaching::new();
        let mut command = kaching.command();
        command.env(variable, url);
        let server = Server::of(command, &[]);
        let license = kaching.with_license();
        let key = license["key"].as_str().unwrap();
        let ask = json!({"license_key": key, "product": "chorus", "fingerprint": "print-of-it", "kind": "cluster",
            "nonce": "0123456789abcdef-1"});
        assert!(server.post("/v1/activate", &ask)["lease"].is_string());
        // The remaining spans are sent before it ends.
        assert_eq!(server.stop(), 0);

        let bodies: Vec<String> = bodies.try_iter().collect();
        assert!(bodies.iter().all(|body| !body.contains(key) && !body.contains("print-of-it")));
        let bodies: Vec<Value> = bodies.iter().map(|body| serde_json::from_str(body).unwrap()).collect();
        let resource = &bodies[0]["resourceSpans"][0]["resource"];
        assert_eq!(attribute(resource, "service.name"), &json!({"stringValue": "kaching"}));
        let spans: Vec<&Value> = bodies
            .iter()
            .flat_map(|body| body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap())
            .collect();
        let named = |name: &str| *spans.iter().find(|span| span["name"] == name).expect(name);
        let (request, transaction) = (named("POST /v1/activate"), named("activations.activate"));
        assert_eq!(request["kind"], 2);
        assert!(request.get("parentSpanId").is_none());
        assert_eq!(request["traceId"].as_str().unwrap().len(), 32);
        assert_eq!(request["spanId"].as_str().unwrap().len(), 16);
        assert_eq!(attribute(request, "http.response.status_code"), &json!({"intValue": "201"}));
        assert_eq!(attribute(request, "http.route"), &json!({"stringValue": "/v1/activate"}));
        assert_eq!(transaction["traceId"], request["traceId"]);
        assert_eq!(transaction["parentSpanId"], request["spanId"]);
        assert_eq!(
            attribute(transaction, "db.operation.name"),
            &json!({"stringValue": "activations.activate"})
        );
        let time = |span: &Value, name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
        assert!(time(request, "startTimeUnixNano") <= time(transaction, "startTimeUnixNano"));
        assert!(time(transaction, "endTimeUnixNano") <= time(request, "endTimeUnixNano"));
    }
}

#[test]
fn a_missing_collector_delays_no_request() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let kaching = Kaching::new();
    let log = kaching.path().join("log");
    let mut command = kaching.command();
    command.env("KACHING_LOG__OTLP", format!("http://{gone}")).env("NO_COLOR", "1");
    command.stderr(std::fs::File::create(&log).unwrap());
    let server = Server::of(command, &[]);
    kaching.with_license();
    assert_eq!(server.stop(), 0);
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("traces are lost"), "{log}");
}
