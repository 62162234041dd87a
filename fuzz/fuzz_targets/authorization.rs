#![no_main]

use kaching_base::Secret;
use kaching_license::{Authorization, Credential};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(received) = Authorization::parse(text) {
        let request = received.request_hash("POST", "/v1/heartbeat", b"{}");
        assert!(!received.verify(&Secret::new([42; 32]), &request), "the fuzzer does not know this secret");
        let (activation, generation) = (received.activation, received.generation);
        let held = Credential { activation, generation, secret: Secret::new([7; 32]) };
        let (header, _) = held.authorize(received.number, "POST", "/v1/heartbeat", b"{}");
        let (own, other) = (header.rsplit_once('.'), text.rsplit_once('.'));
        let same = own.zip(other).is_some_and(|((own, _), (other, _))| own.eq_ignore_ascii_case(other));
        assert!(same, "there is one form only");
    }
});
