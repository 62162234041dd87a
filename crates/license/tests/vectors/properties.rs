//! What holds for any input.

use kaching_base::{Base64Url, Secret};
use kaching_license::{
    Authorization, Credential, Digest, LicenseKey, Moment, RootKey, TrustedKeyset, Unverified, encode,
};
use proptest::prelude::*;

use crate::{
    keys::{self, ed25519, rsa},
    world::{activation, at, code, expected, keyset_text, lease, trusted},
};

const BASE64URL: &str = "[A-Za-z0-9_.=-]";

/// The text with one character replaced, if that makes a difference.
fn replaced(text: &str, place: prop::sample::Index, by: &str) -> Option<String> {
    let at = place.index(text.len());
    let changed = format!("{}{by}{}", &text[..at], &text[at + 1..]);
    (changed != text).then_some(changed)
}

/// The same key as someone may type it.
fn typed(key: &str, prefix: usize, choices: &[u8]) -> String {
    let mut text = String::new();
    for (i, c) in key.chars().enumerate() {
        let choice = choices[i % choices.len()];
        let lower = choice & 1 == 1;
        match (c, choice >> 1) {
            ('-', 0) if i > prefix => {}
            ('-', 1) if i >= prefix => text.push(' '),
            ('-', 2) if i >= prefix => text.push_str("- "),
            ('0', 0) if i > prefix => text.push(if lower { 'o' } else { 'O' }),
            ('1', 0) if i > prefix => text.push(if lower { 'l' } else { 'L' }),
            ('1', 1) if i > prefix => text.push(if lower { 'i' } else { 'I' }),
            _ => text.push(if lower { c.to_ascii_lowercase() } else { c }),
        }
    }
    text
}

proptest! {
    #[test]
    fn a_key_survives_being_typed(
        prefix in "[A-Z0-9]([A-Z0-9-]{0,30}[A-Z0-9])?",
        random: [u8; 15],
        choices in prop::collection::vec(0u8..8, 40),
    ) {
        let key = LicenseKey::generate(&prefix, random).unwrap();
        let text = typed(key.expose(), prefix.len(), &choices);
        let parsed = LicenseKey::parse(&text);
        prop_assert_eq!(parsed.as_ref().map(LicenseKey::expose).ok(), Some(key.expose()), "{}", text);
    }

    #[test]
    fn a_mistyped_key_is_never_taken_for_the_right_one(
        random: [u8; 15],
        place: prop::sample::Index,
        by in "[0-9A-HJKMNP-TV-Z]",
    ) {
        let key = LicenseKey::generate("CHORUS", random).unwrap();
        // Behind the prefix, a hyphen that becomes a symbol is one too many.
        let tail = &key.expose()["CHORUS-".len()..];
        if let Some(wrong) = replaced(tail, place, &by) {
            let parsed = LicenseKey::parse(&format!("CHORUS-{wrong}"));
            prop_assert!(parsed.is_err() || parsed.unwrap().expose() != key.expose());
        }
    }

    #[test]
    fn a_credential_survives_text(key: [u8; 32], generation in 0..i64::MAX as u64, number in 0..i64::MAX as u64, body: Vec<u8>) {
        let made = Credential::derive(&Secret::new(key), activation(), generation);
        let held = Credential::parse(made.text().expose()).unwrap();
        let (header, request) = held.authorize(number, "POST", "/v1/heartbeat", &body);
        let received = Authorization::parse(&header).unwrap();
        prop_assert_eq!((received.generation, received.number), (generation, number));
        prop_assert!(received.verify(&made.secret, &received.request_hash("POST", "/v1/heartbeat", &body)));
        prop_assert_eq!(received.request_hash("POST", "/v1/heartbeat", &body), request);
    }

    #[test]
    fn a_changed_authorization_proves_nothing(place: prop::sample::Index, by in "[a-zA-Z0-9_. -]") {
        let held = Credential::derive(&Secret::new([7; 32]), activation(), 3);
        let (header, _) = held.authorize(41, "POST", "/v1/heartbeat", b"{}");
        let changed = replaced(&header, place, &by).map(|text| Authorization::parse(&text));
        if let Some(Ok(received)) = changed {
            let proven = received.verify(&held.secret, &received.request_hash("POST", "/v1/heartbeat", b"{}"));
            // The scheme is read in any case; nothing else may differ.
            prop_assert!(!proven || received == Authorization::parse(&header).unwrap());
        }
    }

    #[test]
    fn a_changed_lease_never_verifies(place: prop::sample::Index, by in BASE64URL, rs256: bool) {
        let text = if rs256 { encode(&lease(), &rsa()) } else { encode(&lease(), &ed25519(keys::LEASE)) }.unwrap();
        if let Some(changed) = replaced(&text, place, &by) {
            prop_assert!(trusted().verify_lease(&changed, &expected(), Moment::Now(at(1))).is_err());
        }
    }

    #[test]
    fn a_changed_keyset_never_verifies(place: prop::sample::Index, by in BASE64URL) {
        if let Some(changed) = replaced(&keyset_text(), place, &by) {
            prop_assert!(TrustedKeyset::verify(&changed, &[keys::root(keys::ROOT)], None, Moment::Answer).is_err());
        }
    }

    #[test]
    fn a_lease_says_what_was_signed(
        iss in "\\PC{0,40}", jti in ".{0,40}", aud in "[a-z0-9][a-z0-9_.-]{0,62}",
        iat in -86_400i64..86_400, life in 1i64..1800, offline in 0i64..1_000_000,
        rev: u64, epoch: u64, ks: u64, end in prop::option::of(0i64..1_000_000_000), fingerprint: Vec<u8>,
        features in prop::collection::btree_set("[a-z0-9][a-z0-9_.-]{0,62}", 0..20),
    ) {
        let mut signed = lease();
        (signed.jti, signed.aud, signed.rev, signed.epoch, signed.ks) = (jti, code(&aud), rev, epoch, ks);
        (signed.iat, signed.nbf, signed.exp) = (at(iat), at(iat - 60), at(iat + life));
        (signed.run_until, signed.lic_exp) = (at(iat + life + offline), end.map(at));
        signed.fpr = Digest::of(&fingerprint);
        signed.features = features.iter().map(|feature| code(feature)).collect();
        let mut keyset = trusted().keyset().clone();
        keyset.iss.clone_from(&iss);
        signed.iss = iss;
        let text = encode(&signed, &ed25519(keys::LEASE)).unwrap();
        let verified = TrustedKeyset::own(keyset).unwrap().verify_lease(&text, &Default::default(), Moment::Now(at(iat)));
        prop_assert_eq!(verified.unwrap(), signed);
    }

    #[test]
    fn nothing_that_is_read_panics(text in ".{0,200}", bytes: Vec<u8>, header in "\\PC{0,60}", claims in "\\PC{0,60}") {
        let _ = LicenseKey::parse(&text);
        let _ = Credential::parse(&text);
        let _ = Authorization::parse(&text);
        let _ = text.parse::<RootKey>();
        let statement = format!("{}.{}.{}", Base64Url(header), Base64Url(claims), Base64Url(bytes));
        prop_assert!(trusted().verify_lease(&statement, &expected(), Moment::Inspect).is_err());
        let _ = Unverified::read(&statement);
    }
}
