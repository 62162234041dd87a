#![no_main]

use std::sync::LazyLock;

use kaching_fuzz::{Key, NOW, keyset, signed};
use kaching_license::{Expected, Lease, Moment, StatementType, TrustedKeyset, encode};
use libfuzzer_sys::fuzz_target;

static KEYSET: LazyLock<TrustedKeyset> = LazyLock::new(keyset);
static KEY: LazyLock<Key> = LazyLock::new(Key::lease);
static HELD: LazyLock<Option<Lease>> = LazyLock::new(|| {
    let seed = include_bytes!("../corpus/claims/seed-0");
    let text = signed(StatementType::Lease, &seed[1..], &KEY);
    KEYSET.verify_lease(&text, &Expected::default(), Moment::Inspect).ok()
});

/// What verifies says the same when it is written and signed again.
macro_rules! again {
    ($verify:ident, $typ:expr, $payload:expr) => {
        let text = signed($typ, $payload, &KEY);
        let _ = KEYSET.$verify(&text, &Expected::default(), Moment::Now(NOW));
        if let Ok(claims) = KEYSET.$verify(&text, &Expected::default(), Moment::Inspect) {
            if let Ok(text) = encode(&claims, &*KEY) {
                let again = KEYSET.$verify(&text, &Expected::default(), Moment::Inspect);
                assert_eq!(again.as_ref(), Ok(&claims));
            }
        }
    };
}

fuzz_target!(|data: &[u8]| {
    let Some((typ, payload)) = data.split_first() else { return };
    match typ % 3 {
        0 => {
            again!(verify_lease, StatementType::Lease, payload);
        }
        1 => {
            again!(verify_refusal, StatementType::Refusal, payload);
            let held = HELD.as_ref().expect("the seed is a lease");
            let _ = KEYSET.verify_pushed(&signed(StatementType::Refusal, payload, &KEY), held, NOW);
        }
        _ => {
            again!(verify_validation, StatementType::Validation, payload);
        }
    }
});
