use kaching_license::{MAX_STATEMENT, encode};

use super::{Case, LEASE, case, good, now, of_length};
use crate::{keys::rsa, world::lease};

pub(super) fn cases() -> Vec<Case> {
    let good = good();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let f = |name, text: String, outcome| case(name, LEASE, text, now(1), outcome);
    // In 512 characters of an RSA signature there is at least one that differs.
    let other_alphabet = encode(&lease(), &rsa()).unwrap().replace('-', "+").replace('_', "/");
    // The last of 86 characters holds four bits that must be zero: the next letter decodes to the same bytes.
    let loose = {
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let last = alphabet.find(signature.chars().last().unwrap()).unwrap();
        format!("{}{}", &signature[..85], alphabet.chars().nth(last + 1).unwrap())
    };
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

fn other_start(part: &str) -> String {
    format!("{}{}", if part.starts_with('f') { 'g' } else { 'f' }, &part[1..])
}
