#![no_main]

use std::sync::LazyLock;

use kaching_fuzz::{Key, NOW, root, signed};
use kaching_license::{Moment, RootKey, StatementType, TrustedKeyset, encode};
use libfuzzer_sys::fuzz_target;

static KEY: LazyLock<Key> = LazyLock::new(Key::root);
static ROOT: LazyLock<RootKey> = LazyLock::new(root);

// The payload of a keyset under a good signature.
fuzz_target!(|payload: &[u8]| {
    let verify = |text: &str| TrustedKeyset::verify(text, &[*ROOT], Some(1), Moment::Inspect);
    let text = signed(StatementType::Keyset, payload, &KEY);
    let _ = TrustedKeyset::verify(&text, &[*ROOT], Some(7), Moment::Now(NOW));
    if let Ok(trusted) = verify(&text) {
        if let Ok(text) = encode(trusted.keyset(), &*KEY) {
            let again = verify(&text).expect("what verifies does so when it is signed again");
            assert_eq!(again.keyset(), trusted.keyset());
        }
    }
});
