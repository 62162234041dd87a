#![no_main]

use std::sync::LazyLock;

use kaching_fuzz::{NOW, keyset, root};
use kaching_license::{Expected, Moment, TrustedKeyset, Unverified};
use libfuzzer_sys::fuzz_target;

static KEYSET: LazyLock<TrustedKeyset> = LazyLock::new(keyset);

// The whole compact form, which the fuzzer cannot sign: what verifies is what a key has signed before.
fuzz_target!(|text: &str| {
    let expected = Expected::default();
    let _ = Unverified::read(text);
    let _ = TrustedKeyset::verify(text, &[root()], None, Moment::Now(NOW));
    let verified = KEYSET.verify_lease(text, &expected, Moment::Now(NOW)).is_ok()
        || KEYSET.verify_refusal(text, &expected, Moment::Now(NOW)).is_ok()
        || KEYSET.verify_validation(text, &expected, Moment::Now(NOW)).is_ok();
    if verified {
        assert!(text.len() <= 16 * 1024);
        assert!(Unverified::read(text).is_ok());
    }
});
