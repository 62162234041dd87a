//! Names of hosts: what is written, the one form in which it is stored, hashed and compared, and what to use instead.

use kaching_license::{Digest, domain_name};
use proptest::prelude::*;
use serde_json::json;

use crate::file;

/// What is written, and its canonical form; or that it is refused, with the name to use where it contains one.
type Case = (&'static str, Result<&'static str, Option<&'static str>>);

fn cases() -> Vec<Case> {
    let same = |name| (name, Ok(name));
    let is = |text, name| (text, Ok(name));
    let use_ = |text, name| (text, Err(Some(name)));
    let none = |text| (text, Err(None));
    vec![
        same("app.example.com"),
        same("localhost"),
        same("a-b.under_score.example"),
        same("r3---sn-4g5e.example"),
        same("3com.example"),
        same("10.0.0.7"),
        same("xn--bcher-kva.example"),
        is("App.Example.COM", "app.example.com"),
        is("app.example.com.", "app.example.com"),
        is("bücher.example", "xn--bcher-kva.example"),
        is("BÜCHER.Example.", "xn--bcher-kva.example"),
        is("bu\u{308}cher.example", "xn--bcher-kva.example"),
        is("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        is("faß.example", "xn--fa-hia.example"),
        is("app。example。com", "app.example.com"),
        is("ａｐｐ.example.com", "app.example.com"),
        is("app\u{ad}.example.com", "app.example.com"),
        use_("https://App.example.com/login?x=1#top", "app.example.com"),
        use_("https://user:word@app.example.com:8443", "app.example.com"),
        use_("//app.example.com/", "app.example.com"),
        use_("app.example.com:443", "app.example.com"),
        use_("app.example.com/", "app.example.com"),
        use_(" app.example.com\n", "app.example.com"),
        use_("app.example.com..", "app.example.com"),
        use_("https://bücher.example", "xn--bcher-kva.example"),
        none(""),
        none("."),
        none(" "),
        none("app example.com"),
        none("*.example.com"),
        none("https://*.example.com"),
        none(".example.com"),
        none("a..b"),
        none("-a.example.com"),
        none("a-.example.com"),
        none("a%2e.example.com"),
        none("xn--a.example"),
        none("[::1]"),
        none("010.0.0.7"),
        none("10.7"),
        none("0x7f.1"),
        none("127.0.0.0x1"),
        none("a123456789012345678901234567890123456789012345678901234567890123.example"),
    ]
}

#[test]
fn every_domain_has_one_form() {
    let mut vectors = Vec::new();
    for (text, expected) in cases() {
        let found = domain_name(text);
        assert_eq!(found.as_ref().map(String::as_str).map_err(|error| error.usable()), expected, "{text:?}");
        let (canonical, usable) =
            (found.as_ref().ok(), found.as_ref().err().and_then(|error| error.usable()));
        let fpr = canonical.map(|name| Digest::of(name).to_string());
        vectors.push(json!({ "text": text, "canonical": canonical, "fpr": fpr, "use": usable }));
        if let Err(error) = &found {
            assert!(error.to_string().contains(usable.unwrap_or("app.example.com")), "{error}");
        }
    }
    file::agree("domains.json", &json!({ "cases": vectors }));
}

#[test]
fn a_name_is_as_long_as_the_domain_name_system_allows() {
    let label = "a".repeat(61);
    let longest = [label.as_str(); 4].join(".") + ".bcdef";
    assert_eq!(longest.len(), 253);
    assert!(domain_name(&longest).is_ok());
    assert!(domain_name(&format!("a{longest}")).is_err());
}

proptest! {
    #[test]
    fn a_canonical_name_stays_as_it_is(text in "\\PC{0,40}|[a-zA-Z0-9ßüÜ.。*:/@ -]{0,30}") {
        match domain_name(&text) {
            Ok(name) => prop_assert_eq!(domain_name(&name).unwrap(), name),
            Err(error) => {
                if let Some(name) = error.usable() {
                    prop_assert_eq!(domain_name(name).unwrap(), name);
                }
            }
        }
    }
}
