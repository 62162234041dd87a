#![no_main]

use kaching_license::LicenseKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(key) = LicenseKey::parse(text) {
        assert!(key.expose().len() <= 4096);
        let again = LicenseKey::parse(key.expose()).expect("a canonical key is a key");
        assert!(again.expose() == key.expose(), "the canonical form is its own canonical form");
        assert!(again.format() == key.format());
    }
});
