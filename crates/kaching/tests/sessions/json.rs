//! With `--json`, standard output is one document in the shape of the API, or nothing.

use serde_json::Value;

use crate::kaching::Kaching;

#[test]
fn every_answer_is_one_document() {
    let kaching = Kaching::new();
    let license = kaching.with_license();
    let id = license["id"].as_str().unwrap();
    for line in [
        "product list",
        "product show chorus",
        "product edit chorus --name Chorus",
        "plan list",
        "plan show chorus:team",
        "feature create --product chorus --code federation --title Federation",
        "feature list",
        "customer list",
        "customer show CUST-001",
        "customer edit CUST-001 --tag x",
        "license list",
        &format!("license show {id}"),
        &format!("license key {id}"),
        &format!("license suspend {id} --reason x"),
        &format!("license reinstate {id}"),
        &format!("license rekey {id}"),
        "activation list",
        "token create --name x --scope read",
        "token list",
        "key list",
        "key root",
        "job list",
        "audit list",
        "stats",
        "reminders",
        "config show",
        "config check",
        "doctor",
        "feature archive chorus:federation",
        &format!("license revoke {id} --yes"),
        &format!("license delete {id} --yes"),
    ] {
        let said = kaching.run(&[&line.split_whitespace().collect::<Vec<_>>()[..], &["--json"]].concat());
        assert_eq!(said.code, 0, "{line}: {}", said.err);
        assert!(said.err.is_empty(), "{line}: {}", said.err);
        if !said.out.is_empty() {
            serde_json::from_str::<Value>(&said.out).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}

#[test]
fn an_error_leaves_standard_output_empty() {
    let kaching = Kaching::new();
    kaching.with_license();
    for line in ["license show lic_x", "product create --code chorus --name x", "license suspend"] {
        let said = kaching.run(&[&["--json"], &line.split_whitespace().collect::<Vec<_>>()[..]].concat());
        assert_ne!(said.code, 0, "{line}");
        assert!(said.out.is_empty() && !said.err.is_empty(), "{line}: {}", said.out);
    }
}

#[test]
fn an_error_is_a_problem_document_on_standard_error() {
    let kaching = Kaching::new();
    kaching.with_license();
    for (line, exit, code) in [
        ("license show lic_01m81jhz4sewe84nq6ffy7jzvt", 1, "not_found"),
        ("product create --code chorus --name x", 1, "already_exists"),
        ("license suspend", 2, "invalid_request"),
        ("license list --rows many", 2, "invalid_request"),
        ("serve --listen nowhere", 2, "invalid_request"),
        ("stats --server http://127.0.0.1:9 --token x", 3, "unreached"),
        ("restore no-such-file", 1, "failed"),
    ] {
        let said = kaching.run(&[&line.split_whitespace().collect::<Vec<_>>()[..], &["--json"]].concat());
        let problem: kaching_api::Problem =
            serde_json::from_str(&said.err).unwrap_or_else(|error| panic!("{line}: {error}\n{}", said.err));
        assert_eq!((said.code, problem.code.as_str()), (exit, code), "{line}: {}", said.err);
        assert_eq!(problem.kind, format!("urn:kaching:problem:{code}"));
        assert!(!problem.detail.is_empty() && !problem.detail.starts_with("error:"), "{line}: {}", said.err);
        assert!(said.out.is_empty(), "{line}");
    }
}

#[test]
fn answers_have_the_schemas_of_the_api() {
    let kaching = Kaching::new();
    let license = kaching.with_license();
    let read: kaching_api::License = serde_json::from_value(license.clone()).unwrap();
    assert_eq!(read.plan.as_str(), "team");
    assert!(read.key.is_some(), "the answer that makes it shows the key");
    let shown = kaching.json(&["license", "show", license["id"].as_str().unwrap()]);
    assert_eq!(shown["revision"], 1);
    let checks: Vec<kaching_api::Check> = serde_json::from_value(kaching.json(&["doctor"])).unwrap();
    assert!(checks.iter().any(|check| check.check == "first token"));
}

#[test]
fn all_prints_every_row() {
    let kaching = Kaching::new();
    kaching.with_license();
    for number in 0..4 {
        kaching.json(&["customer", "create", "--name", &format!("Customer {number}")]);
    }
    let page = kaching.json(&["customer", "list", "--rows", "2"]);
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let after = kaching.json(&["customer", "list", "--rows", "2", "--after", page["next"].as_str().unwrap()]);
    assert_ne!(page["items"][0]["id"], after["items"][0]["id"]);
    let all = kaching.json(&["customer", "list", "--all"]);
    assert_eq!((all["items"].as_array().unwrap().len(), &all["next"]), (5, &Value::Null));
}
