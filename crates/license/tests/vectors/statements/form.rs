use kaching_base::Base64Url;
use kaching_license::{MAX_STATEMENT, Sign as _, encode};
use serde_json::json;

use super::{Case, LEASE, case, good, now, of_length};
use crate::{
    keys::{self, ed25519, rsa},
    world::{lease, signed},
};

pub(super) fn cases() -> Vec<Case> {
    let good = good();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let f = |name, text: String, outcome| case(name, LEASE, text, now(1), outcome);
    // In 512 characters of an RSA signature there is at least one that differs.
    let other_alphabet = encode(&lease(), &rsa()).unwrap().replace('-', "+").replace('_', "/");
    // The last of 86 characters holds four bits that must be zero: the next letter decodes to the same bytes.
    let loose = loosen(signature);
    vec![
        f("nothing", String::new(), "not_compact"),
        f("two parts", message.to_owned(), "not_compact"),
        f("four parts", format!("{good}.AAAA"), "not_compact"),
        f("JSON instead of base64url", serde_json::to_string(&lease()).unwrap(), "not_compact"),
        f("padding", format!("{message}.{signature}=="), "not_compact"),
        f("bits set past the end of the signature", format!("{message}.{loose}"), "not_compact"),
        f("the other base64 alphabet", other_alphabet, "not_compact"),
        f("a line break at the end", format!("{good}\n"), "not_compact"),
        f("white space inside", format!("{header}.{claims} .{signature}"), "not_compact"),
        f("a null byte at the end", format!("{good}\0"), "not_compact"),
        f("a dot at the end", format!("{good}."), "not_compact"),
        f("padding that is signed", spelled(|claims| claims + "="), "not_compact"),
        f("bits set past the end of the claims, signed", spelled(|claims| loosen(&claims)), "not_compact"),
        f(
            "a line break in the claims, signed",
            spelled(|claims| claims.replacen('I', "I\n", 1)),
            "not_compact",
        ),
        f("the other base64 alphabet, signed", spelled(|claims| claims.replace('_', "/")), "not_compact"),
        f("no signature", format!("{message}."), "signature"),
        f("a signature cut short", format!("{message}.{}", &signature[..84]), "signature"),
        f("a changed signature", format!("{message}.{}", other_start(signature)), "signature"),
        f("a changed payload", format!("{header}.{}.{signature}", other_start(claims)), "signature"),
        f("an empty header", format!(".{claims}.{signature}"), "header"),
        f("20 KiB", of_length(20 * 1024), "too_long"),
        f("one byte over 16 KiB", of_length(MAX_STATEMENT + 1), "too_long"),
        f("a header that is no JSON", format!("{}.{claims}.{signature}", other_start(header)), "header"),
    ]
}

/// Another spelling of a text whose last letter has unused bits.
fn loosen(text: &str) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (start, last) = text.split_at(text.len() - 1);
    let last = alphabet.find(last).unwrap();
    format!("{start}{}", alphabet.chars().nth(last + 1).unwrap())
}

/// The usual lease with its claims spelled otherwise, which the signature covers.
fn spelled(other: impl FnOnce(String) -> String) -> String {
    let key = ed25519(keys::LEASE);
    let header = json!({"alg": "EdDSA", "typ": LEASE, "kid": key.kid()}).to_string();
    // So long that the last letter has unused bits, and with a letter by which the alphabets differ.
    let mut claims = serde_json::to_value(lease()).unwrap();
    claims["padding"] = json!("???");
    let mut claims = claims.to_string();
    while claims.len() % 3 != 2 {
        claims.push(' ');
    }
    let claims = Base64Url(claims).to_string();
    assert!(claims.contains('_') && claims.contains('I'));
    let message = format!("{}.{}", Base64Url(header), other(claims));
    signed(message, |message| key.sign(message).unwrap())
}

fn other_start(part: &str) -> String {
    format!("{}{}", if part.starts_with('f') { 'g' } else { 'f' }, &part[1..])
}
