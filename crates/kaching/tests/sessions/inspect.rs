//! What keys and statements say.

use std::fs;

use serde_json::json;

use crate::{kaching::Kaching, serve::Server};

#[test]
fn a_key_is_looked_up_where_there_is_an_authority() {
    let kaching = Kaching::new();
    let license = kaching.with_license();
    let key = license["key"].as_str().unwrap();
    let found = kaching.json(&["inspect", key]);
    assert_eq!((&found["verified"], &found["says"]["license"]["id"]), (&json!(true), &license["id"]));

    let from_input = kaching.run_with(&format!(" {}\n", key.to_lowercase()), &["inspect", "-"]);
    assert_eq!(from_input.code, 0, "{}", from_input.err);

    let elsewhere = Kaching::new().run(&["inspect", key]);
    assert_eq!(elsewhere.code, 3, "well formed, but nobody is there to ask: {}", elsewhere.err);
}

#[test]
fn a_lease_is_verified_up_to_the_root() {
    let kaching = Kaching::new();
    let license = kaching.with_license();
    let server = Server::start(&kaching, &[]);
    let activated = server.post(
        "/v1/activate",
        &json!({
            "license_key": license["key"], "product": "chorus", "fingerprint": "c1", "kind": "cluster",
            "nonce": "0123456789abcdef",
        }),
    );
    let lease = activated["lease"].as_str().unwrap();
    let found = kaching.json(&["inspect", lease]);
    assert_eq!((&found["verified"], &found["says"]["plan"]), (&json!(true), &json!("team")));

    // The same from a file with the whole answer, with a root and a keyset named.
    let (file, keyset) = (kaching.path().join("answer.json"), kaching.path().join("keyset"));
    fs::write(&file, activated.to_string()).unwrap();
    fs::write(&keyset, activated["keyset"].as_str().unwrap()).unwrap();
    let root = kaching.json(&["key", "root"])["root"].as_str().unwrap().to_owned();
    server.stop();
    // The answer has the keyset, too.
    for keyset in [&keyset, &file].map(|path| path.to_str().unwrap()) {
        let named = ["inspect", file.to_str().unwrap(), "--root", &root, "--keyset", keyset];
        let elsewhere = Kaching::new();
        assert_eq!(elsewhere.json(&named)["verified"], true, "{keyset}");
    }

    let mut forged = lease.to_owned();
    forged.replace_range(forged.len() - 8..forged.len() - 4, "AAAA");
    let said = kaching.run(&["inspect", &forged]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.err.contains("does not verify"), "{}", said.err);
}
