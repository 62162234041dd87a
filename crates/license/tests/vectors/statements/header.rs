use hmac::{Hmac, KeyInit as _, Mac as _};
use kaching_license::{PublicKey, Sign as _, encode};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Case, LEASE, REFUSAL, VALIDATION, case, good, now};
use crate::{
    keys::{self, Impostor, ed25519, rsa},
    world::{headed, keyset, keyset_text, lease, raw, refusal, validation},
};

pub(super) fn cases() -> Vec<Case> {
    let kid = ed25519(keys::LEASE).kid().to_owned();
    let head = |alg: &str, typ: &str| json!({"alg": alg, "typ": typ, "kid": kid});
    let hmac = |secret: Vec<u8>| {
        let header = json!({"alg": "HS256", "typ": LEASE, "kid": kid}).to_string();
        raw(&header, serde_json::to_string(&lease()).unwrap(), |message| {
            let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        })
    };
    let public = serde_json::to_string(&keyset().keys[0]).unwrap().into_bytes();
    let none = raw(head("none", LEASE).to_string(), serde_json::to_string(&lease()).unwrap(), |_| Vec::new());
    let mut crit = head("EdDSA", LEASE);
    crit["crit"] = json!(["exp"]);
    let twice = format!(r#"{{"alg":"EdDSA","typ":"lease+jwt","kid":"{kid}","kid":"{kid}"}}"#);
    let claims = serde_json::to_string(&lease()).unwrap();
    let twice = raw(&twice, &claims, |message| ed25519(keys::LEASE).sign(message).unwrap());
    let stranger = encode(&lease(), &ed25519(keys::STRANGER)).unwrap();
    let forged = encode(&lease(), &Impostor(&ed25519(keys::STRANGER), kid.clone())).unwrap();
    let rsa_kid = rsa().kid().to_owned();
    let h = |name, header: Value, outcome| case(name, LEASE, headed(&header), now(1), outcome);
    vec![
        h("typ JWT", head("EdDSA", "JWT"), "type"),
        h("typ in capitals", head("EdDSA", "LEASE+JWT"), "type"),
        h("no typ", json!({"alg": "EdDSA", "kid": kid}), "header"),
        h("no kid", json!({"alg": "EdDSA", "typ": LEASE}), "header"),
        h("kid is a number", json!({"alg": "EdDSA", "typ": LEASE, "kid": 1}), "header"),
        h("extra crit", crit, "header"),
        h("a key in the header", json!({"alg": "EdDSA", "typ": LEASE, "kid": kid, "jwk": {}}), "header"),
        h("compression", json!({"alg": "EdDSA", "typ": LEASE, "kid": kid, "zip": "DEF"}), "header"),
        h("alg Ed25519 instead of EdDSA", head("Ed25519", LEASE), "algorithm"),
        h("RS256 named for an Ed25519 key", head("RS256", LEASE), "algorithm"),
        h("EdDSA named for an RSA key", json!({"alg": "EdDSA", "typ": LEASE, "kid": rsa_kid}), "algorithm"),
        case("alg none", LEASE, none, now(1), "algorithm"),
        case("HS256 with the public key's bytes as secret", LEASE, hmac(public_bytes()), now(1), "algorithm"),
        case("HS256 with the public JWK as secret", LEASE, hmac(public), now(1), "algorithm"),
        case("a header that says kid twice", LEASE, twice, now(1), "header"),
        case("unknown kid", LEASE, stranger, now(1), "unknown_key"),
        case("a stranger's signature under our kid", LEASE, forged, now(1), "signature"),
        case(
            "signed by the root itself",
            LEASE,
            encode(&lease(), &ed25519(keys::ROOT)).unwrap(),
            now(1),
            "unknown_key",
        ),
        case(
            "a key of purpose file",
            LEASE,
            encode(&lease(), &ed25519(keys::FILE)).unwrap(),
            now(1),
            "purpose",
        ),
        case(
            "a key of purpose audit",
            LEASE,
            encode(&lease(), &ed25519(keys::AUDIT)).unwrap(),
            now(1),
            "purpose",
        ),
        case(
            "signed after its key's end",
            LEASE,
            encode(&lease(), &ed25519(keys::RETIRED)).unwrap(),
            now(1),
            "key_time",
        ),
        case("a lease offered as a validation", VALIDATION, good(), json!("answer"), "type"),
        case("a lease offered as a refusal", REFUSAL, good(), json!("answer"), "type"),
        case(
            "a validation offered as a lease",
            LEASE,
            encode(&validation(), &ed25519(keys::LEASE)).unwrap(),
            now(1),
            "type",
        ),
        case(
            "a refusal offered as a lease",
            LEASE,
            encode(&refusal(), &ed25519(keys::LEASE)).unwrap(),
            now(1),
            "type",
        ),
        case("a keyset offered as a lease", LEASE, keyset_text(), now(1), "type"),
    ]
}

fn public_bytes() -> Vec<u8> {
    match ed25519(keys::LEASE).public_key() {
        PublicKey::Ed25519(bytes) => bytes.to_vec(),
        PublicKey::Rsa3072(modulus) => modulus.to_vec(),
    }
}
