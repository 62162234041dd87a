//! Wrong usage, refusals and unreachable authorities: each has its exit code, and prints nothing on standard output.

use crate::kaching::{Kaching, Said};

#[test]
fn arguments_that_make_no_sense_are_wrong_usage() {
    let kaching = Kaching::new();
    kaching.with_license();
    for line in [
        "",
        "operator list",
        "product",
        "product create --code chorus",
        "product create --code Chorus --name x",
        "plan create --product chorus --code x --name x --limit nodes=-1",
        "plan create --product chorus --code x --name x --limit activations=1/day",
        "plan create --product chorus --code x --name x --days -1",
        "plan create --product chorus --code x --name x --price 12",
        "plan create --product chorus --code x --name x --lease soon",
        "plan edit chorus:team",
        "license create --customer CUST-001 --product chorus --plan team --expires tomorrow",
        "license create --customer CUST-001 --product chorus --plan team --days 1 --expires 2030-01-01",
        "license create --customer CUST-001 --product chorus --plan team --bind nothing",
        "license create --customer CUST-001 --product chorus --plan team --type free",
        "license list --rows 0",
        "license list --rows 201",
        "license show -",
        "token create --name x",
        "token create --name x --scope everything",
        "stats --server http://licenses.example.com --token x",
        "stats --server https://licenses.example.com",
        "stats --server nonsense --token x",
        "serve --listen nonsense",
        "serve --tls-cert x",
    ] {
        let said = kaching.run(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(said.code, 2, "{line}: {}", said.err);
        assert!(said.out.is_empty() && !said.err.is_empty(), "{line}");
    }
}

#[test]
fn a_refusal_of_the_authority_is_a_refusal_of_the_command() {
    let kaching = Kaching::new();
    let license = kaching.with_license();
    let id = license["id"].as_str().unwrap();
    for line in [
        "product create --code chorus --name again",
        "product show nope",
        "plan create --product chorus --code x --name x --lease 5m",
        "plan create --product nope --code x --name x",
        "plan show chorus",
        "customer create --name x --reference CUST-001",
        "license create --customer CUST-999 --product chorus --plan team",
        "license create --customer CUST-001 --product chorus --plan nope",
        "license create --customer CUST-001 --product chorus --plan team --days 0",
        "license create --customer CUST-001 --product chorus --plan team --expires 2020-01-01",
        "license show lic_nope",
        "license show CHORUS-AAAAA-AAAAA-AAAAA-AAAAA-AAAAA",
        "license show ../products",
        &format!("license reinstate {id}"),
        &format!("license upgrade {id} --plan nope"),
        &format!("license renew {id} --expires 2020-01-01"),
        &format!("license edit {id} --expires 2020-01-01"),
        "activation show act_nope",
        "activation release act_01m81jhz4sewe84nq6ffy7jzvt",
        "inspect CHORUS-AAAAA",
    ] {
        let said = kaching.run(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(said.code, 1, "{line}: {}", said.err);
        assert!(said.err.starts_with("error: "), "{line}: {}", said.err);
        assert!(!said.err.contains("(failure)"), "{line}: {}", said.err);
    }
    assert_eq!(
        kaching.json(&["license", "list"])["items"].as_array().unwrap().len(),
        1,
        "nothing was half done"
    );
}

#[test]
fn an_unreachable_authority_is_reported() {
    let kaching = Kaching::new();
    for line in
        ["stats", "license list", "license show lic_x", "stats --server https://127.0.0.1:1 --token x"]
    {
        let said = kaching.run(&line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(said.code, 3, "{line}: {}", said.err);
        assert!(said.out.is_empty(), "{line}");
    }
    assert!(!kaching.data().exists(), "looking makes nothing");
}

#[test]
fn without_a_terminal_nothing_is_prompted() {
    let kaching = Kaching::new();
    let license = kaching.with_license();
    let id = license["id"].as_str().unwrap();
    let said = kaching.run(&["license", "revoke", id]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("--yes"), "{}", said.err);
    assert_eq!(kaching.json(&["license", "show", id])["status"], "active");
}

#[test]
fn settings_that_would_fail_later_are_reported_by_the_check() {
    let kaching = Kaching::new();
    let with = |name: &str, value: &str, line: &[&str]| {
        Said::of(&kaching.command().env(name, value).args(line).output().unwrap())
    };
    let gone = kaching.data().join("no-such-directory");
    let checked = with("KACHING_BACKUP__DIRECTORY", gone.to_str().unwrap(), &["config", "check"]);
    assert!(checked.code == 1 && checked.err.contains("no-such-directory"), "{}", checked.err);
    for line in [&["config", "check"][..], &["serve"]] {
        let misspelt = with("KACHING_LOG__LEVEL", "inof", line);
        assert!(misspelt.code == 1 && misspelt.err.contains("'inof' is not a level"), "{}", misspelt.err);
    }
}

#[test]
fn a_certificate_that_no_client_accepts_is_reported_before_a_start() {
    let kaching = Kaching::new();
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/tests/tls");
    let with = |chain: &str, key: &str, line: &[&str]| {
        let mut command = kaching.command();
        command.env("KACHING_SERVER__TLS_CERT", format!("{ours}/chain-{chain}.pem"));
        command.env("KACHING_SERVER__TLS_KEY", format!("{ours}/key-{key}.pem"));
        Said::of(&command.args(line).output().unwrap())
    };
    let checked = with("expired", "expired", &["config", "check"]);
    assert!(checked.code == 0 && checked.out.contains("ended on 2021-01-01"), "{}", checked.out);
    assert!(with("1", "1", &["config", "check"]).out.contains("The settings make sense."));
    let encrypted = with("1", "encrypted", &["config", "check"]);
    assert!(encrypted.code == 1 && encrypted.err.contains("it is encrypted"), "{}", encrypted.err);
    let looked = with("expired", "expired", &["doctor", "--json"]);
    let checks: Vec<kaching_api::Check> = serde_json::from_str(&looked.out).unwrap();
    let found = checks.iter().find(|check| check.check == "tls certificate").unwrap();
    assert_eq!(found.status, kaching_api::CheckStatus::Fail);
    assert!(
        found.remedy.contains("ended on 2021-01-01") && found.remedy.contains("renew it"),
        "{}",
        found.remedy
    );
}
