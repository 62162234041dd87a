//! Headers that implementations read differently, and such as only a lenient one reads.

use jsonwebtoken::{Algorithm, EncodingKey};
use kaching_base::Base64Url;
use kaching_license::Sign as _;
use serde_json::{Value, json};

use super::{Case, LEASE, case, now};
use crate::{
    keys::{self, ed25519, rsa},
    world::{headed, lease, raw},
};

pub(super) fn cases() -> Vec<Case> {
    let kid = ed25519(keys::LEASE).kid().to_owned();
    let head = |alg: &str, typ: &str| json!({"alg": alg, "typ": typ, "kid": kid});
    let h = |name, header: Value, outcome| case(name, LEASE, headed(&header), now(1), outcome);
    let with = |member: &str, value: Value| {
        let mut header = head("EdDSA", LEASE);
        header[member] = value;
        header
    };
    let claims = serde_json::to_string(&lease()).unwrap();
    let text = head("EdDSA", LEASE).to_string();
    let written = |header: &[u8]| raw(header, &claims, |message| ed25519(keys::LEASE).sign(message).unwrap());
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let first = text.replacen('{', r#"{"alg":"none","#, 1);
    vec![
        case("a header that says alg twice", LEASE, written(first.as_bytes()), now(1), "header"),
        case("a header in UTF-16", LEASE, written(&utf16), now(1), "header"),
        case(
            "a header after a byte order mark",
            LEASE,
            written(format!("\u{feff}{text}").as_bytes()),
            now(1),
            "header",
        ),
        case(
            "something after the header",
            LEASE,
            written(format!("{text}{{}}").as_bytes()),
            now(1),
            "header",
        ),
        case(
            "a header that is an array",
            LEASE,
            written(json!(["EdDSA", LEASE, kid]).to_string().as_bytes()),
            now(1),
            "header",
        ),
        h("a header that names a URL of keys", with("jku", json!("https://keys.example.org")), "header"),
        h("a header that says b64", with("b64", json!(true)), "header"),
        h("a header with a nonce", with("nonce", json!("x")), "header"),
        h("kid is null", with("kid", Value::Null), "header"),
        h("an empty kid", with("kid", json!("")), "unknown_key"),
        h("kid goes on after a null byte", with("kid", json!(format!("{kid}\0"))), "unknown_key"),
        h("typ with the word before it", head("EdDSA", "application/lease+jwt"), "type"),
        h("alg in small letters", head("eddsa", LEASE), "algorithm"),
        h("an empty alg", head("", LEASE), "algorithm"),
        case("RS512 by the RSA key", LEASE, rs512(), now(1), "algorithm"),
    ]
}

fn rs512() -> String {
    let header = json!({"alg": "RS512", "typ": LEASE, "kid": rsa().kid()}).to_string();
    raw(header, serde_json::to_string(&lease()).unwrap(), |message| {
        // It takes PKCS #1, which PKCS #8 wraps in 26 bytes.
        let key = EncodingKey::from_rsa_der(&keys::rsa_pkcs8()[26..]);
        let signature = jsonwebtoken::crypto::sign(message, &key, Algorithm::RS512).unwrap();
        Base64Url::decode(signature.as_bytes()).unwrap()
    })
}
