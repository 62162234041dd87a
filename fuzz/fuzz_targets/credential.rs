#![no_main]

use kaching_license::Credential;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(credential) = Credential::parse(text) {
        assert!(credential.text().expose() == text, "there is one form only");
    }
});
