//! License keys in URLs, which servers and proxies log: refused wherever a URL has room for one.

use kaching_testkit::World;
use serde_json::Value;

use crate::{
    hostile::{sound_body, static_method},
    test_server::{Answer, Call, TestServer, description},
};

/// A call to each operation of the description, as one who may.
fn call<'f>(server: &'f TestServer, method: &'static str, path: &str) -> Call<'f> {
    match path.strip_prefix("/v1/admin") {
        Some(path) => server.admin(method, path),
        None => server.call(method, path).header("authorization", "Bearer a.lease.perhaps"),
    }
}

fn refused(answer: Answer, key: &str, pointer: &str, what: &str) {
    let text = String::from_utf8(answer.bytes.clone()).unwrap();
    assert!(!text.contains(key), "{what} repeats the key: {text}");
    let problem = answer.refused(422, "invalid_request");
    assert_eq!(problem["errors"][0]["pointer"], pointer, "{what}");
    assert!(
        problem["detail"].as_str().unwrap().contains("POST /v1/admin/licenses/find"),
        "{what}: {problem}"
    );
}

#[tokio::test]
async fn no_path_and_no_parameter_takes_a_license_key() {
    World::each(|world| async {
        let server = TestServer::with(world, "[limits]\ntoken_per_second = 0");
        let license = server.seed().await;
        let key = license["key"].as_str().unwrap();
        let mistyped = format!("{}{}", &key[..key.len() - 1], if key.ends_with('0') { '1' } else { '0' });
        let foreign = "AGY-CUST-001-20261122-0123456789ABCDEFGHJK";
        let (mut paths, mut parameters) = (0, 0);
        for (template, item) in description()["paths"].as_object().unwrap() {
            for (name, operation) in item.as_object().unwrap() {
                let method = static_method(name);
                let what = format!("{method} {template}");
                if template.contains("{id}") {
                    for written in [key, &key.to_lowercase(), &mistyped, foreign, &key.replace('-', "%20")] {
                        let path = template.replace("{id}", written);
                        let answer = call(&server, method, &path).json(&sound_body(operation)).send().await;
                        refused(answer, written, "/id", &what);
                        paths += 1;
                    }
                }
                let named = operation["parameters"].as_array().into_iter().flatten();
                let named = named.filter(|parameter| parameter["in"] == "query");
                for parameter in named.map(|parameter: &Value| parameter["name"].as_str().unwrap()) {
                    let path = template.replace("{id}", "chorus");
                    for written in [key.to_owned(), format!("of+{key}"), mistyped.clone()] {
                        let query = format!("{path}?{parameter}={written}");
                        let answer = call(&server, method, &query).send().await;
                        refused(answer, key, &format!("/{parameter}"), &what);
                    }
                    let answer = call(&server, method, &format!("{path}?{key}=1")).send().await;
                    refused(answer, key, "", &what);
                    parameters += 1;
                }
            }
        }
        assert!(paths > 100 && parameters > 50, "only {paths} paths and {parameters} parameters");
        let found = server.admin("GET", &format!("/licenses/{}", license["id"].as_str().unwrap()));
        assert_eq!(found.send().await.expect(200)["status"], "active", "none of them has changed it");
    })
    .await;
}
