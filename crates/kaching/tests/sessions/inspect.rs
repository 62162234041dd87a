//! Inspection of keys and statements.

use std::fs;

use serde_json::{Value, json};

use crate::{
    kaching::{Kaching, Said},
    serve::Server,
};

#[test]
fn a_key_is_looked_up_if_there_is_an_authority() {
    let kaching = Kaching::new();
    let license = kaching.with_license();
    let key = license["key"].as_str().unwrap();
    let found = kaching.json(&["inspect", key]);
    assert_eq!((&found["verified"], &found["says"]["license"]["id"]), (&json!(true), &license["id"]));

    let from_input = kaching.run_with(format!(" {}\n", key.to_lowercase()).as_bytes(), &["inspect", "-"]);
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

    // The same from a file with the answer, with a named root and keyset.
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

#[test]
fn a_key_is_read_in_every_form_that_people_paste() {
    let kaching = Kaching::new();
    let license = kaching.with_license();
    let key = license["key"].as_str().unwrap();
    let found = |said: Said| {
        assert_eq!(said.code, 0, "{}", said.err);
        let found: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(found["says"]["license"]["id"], license["id"]);
    };
    let dashes = key.replace('-', "–");
    for text in [
        format!("“{key}”"),
        format!("Bearer {key}"),
        format!("\u{feff}{}", key.replace('-', "\u{2011}")),
        format!("{}\n{}", &key[..20], &key[20..]),
        key.replace('-', "\u{200b}-\u{a0}"),
    ] {
        found(kaching.run(&["inspect", &text, "--json"]));
        assert_eq!(kaching.json(&["license", "show", &text])["id"], license["id"], "{text:?}");
    }
    let utf16: Vec<u8> = format!("\u{feff}{dashes}\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let file = kaching.path().join("key.txt");
    for bytes in [utf16.as_slice(), &utf16[2..], format!("\u{feff}\"{key}\"\r\n").as_bytes()] {
        fs::write(&file, bytes).unwrap();
        found(kaching.run(&["inspect", file.to_str().unwrap(), "--json"]));
        found(kaching.run_with(bytes, &["inspect", "-", "--json"]));
    }
    fs::write(&file, b"CHORUS-\xff").unwrap();
    let said = kaching.run(&["inspect", file.to_str().unwrap()]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("cannot be read: it is neither in UTF-8 nor in UTF-16."), "{}", said.err);
    let said = kaching.run_with(b"CHORUS-\xff", &["inspect", "-"]);
    assert!(said.err.contains("Standard input is not text"), "{}", said.err);
}

#[test]
fn a_statement_is_read_with_the_line_breaks_of_a_mail() {
    let kaching = Kaching::new();
    let license = kaching.with_license();
    let server = Server::start(&kaching, &[]);
    let validated = server.post(
        "/v1/validate",
        &json!({ "license_key": license["key"], "product": "chorus", "nonce": "0123456789abcdef" }),
    );
    let statement = validated["statement"].as_str().unwrap();
    let broken = statement.as_bytes().chunks(70).map(|line| str::from_utf8(line).unwrap());
    let broken = broken.collect::<Vec<_>>().join("\r\n");
    let root = kaching.json(&["key", "root"])["root"].as_str().unwrap().to_owned();
    let root = format!("\u{feff}“{}”", root.replace('-', "\u{2011}"));
    for text in [format!("\"{broken}\""), format!("Bearer {broken}\n"), statement.replace('.', ".\u{200b}")] {
        assert_eq!(kaching.json(&["inspect", &text])["verified"], true, "{text}");
        assert_eq!(kaching.json(&["inspect", &text, "--root", &root])["verified"], true, "{root}");
    }
    let answer = validated.to_string().encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
    let said = kaching.run_with(&answer, &["inspect", "-", "--json"]);
    assert_eq!(said.code, 0, "an answer of the API as Windows writes it: {}", said.err);
}

#[test]
fn a_token_is_read_in_every_form_that_people_paste() {
    let kaching = Kaching::new();
    kaching.with_license();
    let server = Server::start(&kaching, &[]);
    let token = fs::read_to_string(kaching.data().join("first-token")).unwrap();
    let pasted = format!("\"Bearer {}\u{200b}\"", token.trim());
    let file = kaching.path().join("token");
    fs::write(
        &file,
        format!("\u{feff}{pasted}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
    )
    .unwrap();
    let url = format!("http://{}", server.greeting["listen"].as_str().unwrap());
    for named in [["--token", &pasted], ["--token-file", file.to_str().unwrap()]] {
        let said = kaching.run(&[&["license", "list", "--server", &url], &named[..]].concat());
        assert_eq!(said.code, 0, "{}", said.err);
    }
}
