//! Errors have one form, and our own words.

use kaching_testkit::{Engine, World};
use serde_json::json;

use crate::test_server::TestServer;

#[tokio::test]
async fn a_problem_names_the_reason_and_the_place() {
    let server = TestServer::of(World::on(Engine::Sqlite).await);
    let body = json!({"code": "chorus", "name": "CHORUS", "colour": "blue"});
    let answer = server.admin("POST", "/products").json(&body).send().await;
    insta::assert_json_snapshot!(answer.body, @r#"
    {
      "type": "urn:kaching:problem:invalid_request",
      "title": "The request makes no sense",
      "status": 422,
      "detail": "unknown field `colour`, expected one of `code`, `name`, `key_prefix`, `contact`, `lease_alg`, `key_format`",
      "code": "invalid_request",
      "request_id": "req_01m808tx00ebvvb0epvry0da12",
      "errors": [
        {
          "pointer": "/colour",
          "detail": "unknown field `colour`, expected one of `code`, `name`, `key_prefix`, `contact`, `lease_alg`, `key_format`"
        }
      ]
    }
    "#);
    let answer = server.admin("GET", "/products/nothing").send().await;
    insta::assert_json_snapshot!(answer.body, @r#"
    {
      "type": "urn:kaching:problem:not_found",
      "title": "There is no such thing",
      "status": 404,
      "detail": "there is no product nothing",
      "code": "not_found",
      "request_id": "req_01m808tx00f8vr8m25c1hsxhkg"
    }
    "#);
    let answer = server.call("GET", "/v1/nothing").send().await;
    insta::assert_json_snapshot!(answer.body, @r#"
    {
      "type": "urn:kaching:problem:not_found",
      "title": "There is no such thing",
      "status": 404,
      "detail": "there is nothing at this path; /openapi.json lists what there is",
      "code": "not_found",
      "request_id": "req_01m808tx00fr5vemtfsx7h5b3m"
    }
    "#);
}

#[tokio::test]
async fn unreadable_input_is_malformed() {
    let server = TestServer::of(World::on(Engine::Sqlite).await);
    let call = || server.admin("POST", "/products");
    call().raw("{").header("content-type", "application/json").send().await.refused(400, "malformed_body");
    call().raw("{}").send().await.refused(415, "unsupported_media_type");
    call()
        .raw("a=b")
        .header("content-type", "application/x-www-form-urlencoded")
        .send()
        .await
        .refused(415, "unsupported_media_type");
    let packed = call().json(&json!({})).header("content-encoding", "gzip").send().await;
    packed.refused(415, "unsupported_media_type");
    let typed = call().raw("{}").header("content-type", "Application/JSON; charset=utf-8").send().await;
    typed.refused(422, "invalid_request");
    let long = json!({"code": "chorus", "name": "x".repeat(70_000)});
    call().json(&long).send().await.refused(413, "body_too_large");
    let wrong = server.call("PUT", "/v1/activate").send().await;
    assert_eq!(wrong.header("allow"), "POST");
    wrong.refused(405, "method_not_allowed");
    let long = format!("/products?q={}", "x".repeat(20_000));
    server.admin("GET", &long).send().await.refused(414, "uri_too_long");
    let nul = server.admin("GET", "/products?q=%00").send().await;
    nul.refused(422, "invalid_request");
    server.admin("GET", "/customers/%00").send().await.refused(404, "not_found");
    server.admin("GET", "/customers/%ff").send().await.refused(404, "not_found");
    server.admin("GET", "/licenses/lic_81h455vb4pex5vsknk084sn02q").send().await.refused(404, "not_found");
}

#[tokio::test]
async fn a_sane_request_id_is_kept() {
    let server = TestServer::of(World::on(Engine::Sqlite).await);
    let asked = async |id: &str| {
        let answer =
            server.admin("GET", "/products/nothing").header("x-request-id", id).send_unchecked().await;
        assert_eq!(answer.body["request_id"], answer.header("x-request-id"));
        answer.header("x-request-id").to_owned()
    };
    let longest = "x".repeat(128);
    for id in ["3f0c9d2e5b7a4c1d8e6f", "8c1f7a52-6f6e-4c52-9d0e-0b0c3f1a2b3c", "nginx-1:77/a+b=@_.", &longest]
    {
        assert_eq!(asked(id).await, id);
    }
    for id in ["", " ", "a b", "a\"b", "<script>", &"x".repeat(129)] {
        assert!(asked(id).await.starts_with("req_"), "{id}");
    }
}

#[tokio::test]
async fn stats_add_up() {
    World::each(|world| async {
        let server = TestServer::of(world);
        server.seed().await;
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(server.license("team").await["id"].as_str().unwrap().to_owned());
        }
        let verb = async |id: &str, verb: &str| {
            let body = if verb == "revoke" { json!({"confirm": id}) } else { json!({"reason": "x"}) };
            server.admin("POST", &format!("/licenses/{id}/{verb}")).json(&body).send().await.expect(200)
        };
        verb(&ids[0], "suspend").await;
        verb(&ids[1], "revoke").await;
        verb(&ids[2], "revoke").await;
        server.admin("DELETE", &format!("/licenses/{}", ids[2])).send().await;
        let edit = json!({"starts_at": "2099-01-01T00:00:00Z", "expires_at": "2100-01-01T00:00:00Z"});
        server.admin("PATCH", &format!("/licenses/{}", ids[3])).json(&edit).send().await.expect(200);
        let stats = server.admin("GET", "/stats").send().await.expect(200);
        let of = |name: &str| stats[name].as_u64().unwrap();
        let parts = ["active", "expired", "suspended", "revoked", "not_started"].map(of);
        assert_eq!(of("total"), parts.iter().sum::<u64>(), "{stats}");
        assert_eq!((of("suspended"), of("revoked"), of("not_started")), (1, 1, 1), "{stats}");
    })
    .await;
}

#[tokio::test]
async fn a_call_without_credential_says_how_it_looks() {
    let server = TestServer::of(World::on(Engine::Sqlite).await);
    let body = json!({"nonce": "0123456789abcdef", "fpr": "x"});
    for authorization in
        ["", "Kaching", "Kaching a.b.c", "Bearer x", "Kaching act_01h455vb4pex5vsknk084sn02q.1.01.AAAA"]
    {
        let answer = server
            .call("POST", "/v1/heartbeat")
            .header("authorization", authorization)
            .json(&body)
            .send()
            .await;
        assert_eq!(answer.header("www-authenticate"), "Kaching");
        answer.refused(401, "credential_invalid");
    }
    for path in ["/v1/status", "/v1/catalogue", "/v1/changes?rev=0"] {
        server.call("GET", path).send().await.refused(401, "unauthenticated");
        server
            .call("GET", path)
            .header("authorization", "Bearer a.b.c")
            .send()
            .await
            .refused(401, "unauthenticated");
    }
}

#[tokio::test]
async fn the_public_address_has_no_operator_api() {
    let server = TestServer::of(World::on(Engine::Sqlite).await);
    server.admin("GET", "/stats").public().send().await.refused(404, "not_found");
    server.call("GET", "/metrics").public().send().await.refused(404, "not_found");
}
