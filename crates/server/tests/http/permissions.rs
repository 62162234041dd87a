//! Permissions of the operator API: every route of the description, with a token of each scope and with none.

use std::{collections::BTreeMap, fmt::Write as _};

use kaching_authority::domain::{Scope, tokens::may};
use kaching_testkit::{Engine, World};
use serde_json::json;

use crate::test_server::{TestServer, description};

/// No call is turned away for its number, and none waits.
const SETTINGS: &str = "[limits]\ntoken_per_second = 0\n";

/// Returns each operation of the operator API: its method, the template of its path, and the scope that it is described with.
fn operations() -> Vec<(&'static str, String, Scope)> {
    let methods = ["get", "post", "patch", "put", "delete"];
    let mut found = Vec::new();
    for (path, item) in description()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(method) = methods.iter().find(|known| *known == method) else { continue };
            if path.starts_with("/v1/admin/") {
                let scope = operation["security"][0]["token"][0].as_str().expect(path);
                found.push((*method, path.clone(), Scope::from_word(scope).expect(scope)));
            }
        }
    }
    found
}

#[tokio::test]
async fn each_route_answers_each_scope() {
    let server = TestServer::with(World::on(Engine::Sqlite).await, SETTINGS);
    let mut callers = vec![(None, None)];
    for scope in Scope::ALL {
        let body = json!({"name": scope.as_str(), "scopes": [scope.as_str()]});
        let token = server.admin("POST", "/tokens").json(&body).send().await.expect(201);
        callers.push((Some(*scope), Some(format!("Bearer {}", token["secret"].as_str().unwrap()))));
    }
    let mut table = String::new();
    for (method, path, scope) in operations() {
        let mut answers: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (caller, authorization) in &callers {
            let method = method.to_uppercase().leak();
            let mut call = server.call(method, &path.replace("{id}", "unknown"));
            if let Some(authorization) = authorization {
                call = call.header("authorization", authorization);
            }
            if method != "GET" {
                call = call.json(&json!({}));
            }
            let answer = call.send().await;
            let (status, code) = (answer.status, answer.body["code"].as_str().unwrap_or("").to_owned());
            match caller {
                None => assert_eq!((status, code.as_str()), (401, "unauthenticated"), "{method} {path}"),
                Some(caller) if !may(&[*caller].into(), scope) => {
                    assert_eq!((status, code.as_str()), (403, "forbidden"), "{method} {path} {caller:?}");
                }
                Some(_) => assert_ne!(status, 401, "{method} {path} {caller:?}"),
            }
            let answer = format!("{status} {code}").trim_end().to_owned();
            answers.entry(answer).or_default().push((*caller).map_or("no token", Scope::as_str));
        }
        writeln!(table, "{} {path}", method.to_uppercase()).unwrap();
        for (answer, callers) in answers {
            writeln!(table, "  {answer}: {}", callers.join(", ")).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_documents_have_the_table_of_scopes() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/integrate.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, table) = text.split_once("| scope | allows |\n|---|---|\n").expect("a table of scopes");
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    let expected: Vec<String> =
        Scope::ALL.iter().map(|scope| format!("| `{}` | {} |", scope.as_str(), scope.allows())).collect();
    assert_eq!(rows, expected);
}
