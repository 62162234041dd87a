use kaching_license::{KeyError, KeyFormat, LicenseKey};
use serde_json::{Value, json};

use crate::file;

const RANDOM: [u8; 15] = [0, 68, 50, 20, 199, 66, 84, 182, 53, 207, 132, 101, 58, 86, 215];

fn made(prefix: &str, random: [u8; 15]) -> String {
    LicenseKey::generate(prefix, random).unwrap().expose().to_owned()
}

/// What is typed, and the canonical form of it, or nothing if it is `key_malformed`.
fn cases() -> Vec<(&'static str, String, Option<String>)> {
    let key = made("CHORUS", RANDOM);
    let hyphens = made("MY-APP-2", RANDOM);
    let like = |text: String| (text, Some(key.clone()));
    let symbols = key["CHORUS-".len()..].replace('-', "");
    let named = |name, (text, canonical)| (name, text, canonical);
    let wrong = |name, text: String| (name, text, None);
    let other_symbol = |i: usize| {
        let mut bytes = key.clone().into_bytes();
        bytes[i] = if bytes[i] == b'7' { b'8' } else { b'7' };
        String::from_utf8(bytes).unwrap()
    };
    vec![
        named("as it was made", like(key.clone())),
        named("in lower case", like(key.to_lowercase())),
        named("O for 0", like(format!("CHORUS-{}", key["CHORUS-".len()..].replace('0', "O")))),
        named("o for 0", like(format!("CHORUS-{}", key["CHORUS-".len()..].replace('0', "o")))),
        named("I for 1", like(format!("CHORUS-{}", key["CHORUS-".len()..].replace('1', "I")))),
        named("l for 1", like(format!("CHORUS-{}", key["CHORUS-".len()..].replace('1', "l")))),
        named("without hyphens in the symbols", like(format!("CHORUS-{symbols}"))),
        named("without any hyphen", like(format!("CHORUS{symbols}"))),
        named("spaces for hyphens", like(key.replace('-', " "))),
        named("grouped otherwise", like(format!("chorus - {} {}", &symbols[..13], &symbols[13..]))),
        named("white space around", like(format!(" \t{key}\r\n"))),
        ("a prefix with hyphens and digits", hyphens.to_lowercase(), Some(hyphens.clone())),
        ("O in the prefix stays", made("OIL", RANDOM).to_lowercase(), Some(made("OIL", RANDOM))),
        ("all zeros", made("A", [0; 15]), Some(made("A", [0; 15]))),
        ("all ones", made("A", [255; 15]), Some(made("A", [255; 15]))),
        ("a product named like a foreign format", made("AGY", RANDOM), Some(made("AGY", RANDOM))),
        (
            "CAIO v1 is looked up as it is",
            "CAIO-v1-CUST-1-e30=-00ff".to_owned(),
            Some("CAIO-v1-CUST-1-e30=-00ff".to_owned()),
        ),
        (
            "CAIO v2 is looked up as it is",
            "CAIO-v2-CUST-1-e30=-perpetual-00ff".to_owned(),
            Some("CAIO-v2-CUST-1-e30=-perpetual-00ff".to_owned()),
        ),
        (
            "an agency key is looked up as it is",
            "AGY-a-b-20260101-0123456789ABCDEFGHJK".to_owned(),
            Some("AGY-a-b-20260101-0123456789ABCDEFGHJK".to_owned()),
        ),
        wrong("nothing", String::new()),
        wrong("a word", "CHORUS".to_owned()),
        wrong("no prefix", key["CHORUS-".len()..].to_owned()),
        wrong("another prefix", key.replace("CHORUS", "CHORUZ")),
        wrong("a symbol mistyped", other_symbol(9)),
        wrong("the last symbol mistyped", other_symbol(key.len() - 1)),
        wrong("two symbols swapped", swapped(&key)),
        wrong("a symbol too many", format!("{key}7")),
        wrong("a symbol left out", key[..key.len() - 1].to_owned()),
        wrong("U is no symbol", format!("{}U", &key[..key.len() - 1])),
        wrong("a tab inside", key.replacen('-', "\t", 2)),
        wrong("a letter that only looks like ours", key.replacen('C', "С", 1)),
        wrong("a prefix that starts with a hyphen", format!("-{key}")),
        wrong("a prefix with a space", format!("MY {key}")),
        wrong("a prefix that is too long", format!("{}-{key}", "X".repeat(40))),
        wrong("spaces without end", format!("{key}{}-", " ".repeat(300))),
        wrong("5 KiB", "CAIO-v1-".to_owned() + &"A".repeat(5 * 1024)),
        wrong("a CAIO key with nothing after its version", "CAIO-v1-".to_owned()),
        wrong("a CAIO key with white space inside", "CAIO-v1-CUST 1-e30=-00ff".to_owned()),
        wrong("an agency key of another date", "AGY-a-2026-01-01-0123456789ABCDEFGHJK".to_owned()),
        wrong("an agency key in lower case", "agy-a-20260101-0123456789abcdefghjk".to_owned()),
    ]
}

fn swapped(key: &str) -> String {
    let mut bytes = key.to_owned().into_bytes();
    let at = (8..11).find(|i| bytes[*i] != bytes[i + 1]).unwrap();
    bytes.swap(at, at + 1);
    String::from_utf8(bytes).unwrap()
}

fn vectors() -> Value {
    let made: Vec<_> = [("CHORUS", RANDOM), ("MY-APP-2", RANDOM), ("A", [0; 15]), ("A", [255; 15])]
        .into_iter()
        .map(|(prefix, random)| json!({"prefix": prefix, "random": random, "key": made(prefix, random)}))
        .collect();
    let typed: Vec<_> = cases()
        .into_iter()
        .map(|(name, text, canonical)| json!({"name": name, "text": text, "canonical": canonical}))
        .collect();
    json!({
        "format": [
            "`made`: a short key of a prefix and 15 random bytes, most significant bits first.",
            "`typed`: what a person or program passes on, and its canonical form; null: key_malformed."
        ],
        "made": made,
        "typed": typed,
    })
}

#[test]
fn every_key_has_its_canonical_form() {
    file::agree("license-keys.json", &vectors());
    for case in file::read("license-keys.json")["typed"].as_array().unwrap() {
        let parsed = LicenseKey::parse(case["text"].as_str().unwrap());
        assert_eq!(
            parsed.as_ref().map(LicenseKey::expose).ok(),
            case["canonical"].as_str(),
            "{}",
            case["name"]
        );
    }
}

#[test]
fn a_key_says_how_it_is_written() {
    let format = |text: &str| LicenseKey::parse(text).map(|key| key.format());
    assert_eq!(format(&made("CHORUS", RANDOM)), Ok(KeyFormat::Short));
    assert_eq!(format("CAIO-v1-a-e30=-00"), Ok(KeyFormat::CaioV1));
    assert_eq!(format("CAIO-v2-a-e30=-1-00"), Ok(KeyFormat::CaioV2));
    assert_eq!(format("AGY-a-20260101-0123456789ABCDEFGHJK"), Ok(KeyFormat::Agency));
    assert_eq!(format("nonsense"), Err(KeyError));
}

#[test]
fn a_text_is_recognised_as_a_key_or_not() {
    let key = made("CHORUS", RANDOM);
    let mistyped = format!("{}{}", &key[..key.len() - 1], if key.ends_with('0') { '1' } else { '0' });
    for text in [&key, &key.to_lowercase(), &mistyped, &key.replace('-', " "), &format!(" {key}\n")] {
        assert!(LicenseKey::is_shaped(text), "{text}");
    }
    for text in ["CAIO-v1-a-e30=-00", "AGY-a-20260101-0123456789ABCDEFGHJK"] {
        assert!(LicenseKey::is_shaped(text), "{text}");
    }
    for text in [
        "",
        "CUST-001",
        "lic_01h455vb4pex5vsknk084sn02q",
        "550e8400-e29b-41d4-a716-446655440000",
        "01h455vb4pex5vsknk084sn02q",
        "acme green apple boxes tests three",
        "-AAAAA-AAAAA-AAAAA-AAAAA-AAAAA",
    ] {
        assert!(!LicenseKey::is_shaped(text), "{text}");
    }
}

#[test]
fn a_key_of_other_systems_names_the_customer() {
    let customer = |text: &str| LicenseKey::parse(text).unwrap().customer().map(str::to_owned);
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(customer(&made("CHORUS", RANDOM)), None);
    assert_eq!(customer("CAIO-v1-CUST123-e30=-00ff"), named("CUST123"));
    assert_eq!(customer("CAIO-v1-CUST-001-e30=-00ff"), named("CUST-001"));
    assert_eq!(customer("CAIO-v2-CUST-001-e30=-perpetual-00ff"), named("CUST-001"));
    assert_eq!(customer("AGY-a-b-20260101-0123456789ABCDEFGHJK"), named("a-b"));
    assert_eq!(customer("CAIO-v1-e30=-00ff"), None, "too few parts");
    assert_eq!(customer("CAIO-v1--e30=-00ff"), None, "an empty one");
}

#[test]
fn a_prefix_that_could_not_be_read_back_makes_no_key() {
    for prefix in ["", "-", "A-", "-A", "Ä", "A B", "A_B", &"A".repeat(33)] {
        assert!(LicenseKey::generate(prefix, RANDOM).is_err(), "{prefix}");
    }
    assert!(made("chorus", RANDOM).starts_with("CHORUS-"));
}
