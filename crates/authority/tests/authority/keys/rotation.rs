//! A key is published before it signs, so that a cached list of keys never lacks a key that signs.

use std::sync::Arc;

use kaching_authority::{Authority, PUBLISHED_BEFORE};
use kaching_base::{LeaseAlgorithm, Seconds};
use kaching_license::{Expected, Moment, TrustedKeyset};
use kaching_testkit::{FakeClock, engines};

use super::{open, operator, options, sign};

/// Whether what is signed now verifies with an earlier keyset.
async fn is_listed(authority: &Authority, keyset: &str) -> bool {
    let roots = &authority.keys().roots;
    let trusted = TrustedKeyset::verify(keyset, roots, None, Moment::Inspect).unwrap();
    let statement = sign(authority).await.unwrap();
    trusted.verify_validation(&statement, &Expected::default(), Moment::Inspect).is_ok()
}

#[tokio::test]
async fn a_rotated_key_is_published_before_it_signs() {
    for scratch in engines() {
        let (directory, clock) = (scratch.folder.path(), Arc::new(FakeClock::default()));
        let authority =
            open(options(&scratch.config, directory, Arc::<FakeClock>::clone(&clock))).await.unwrap();
        let before = authority.keys().keysets[0].clone();
        authority.rotate_signing_key(operator(), LeaseAlgorithm::EdDsa).await.unwrap();
        let published = authority.keys().keysets[0].clone();
        assert_eq!(authority.keys().jwks.keys.len(), 2, "it is in the keyset and the list immediately");
        clock.advance(Seconds(PUBLISHED_BEFORE.0 - 1));
        authority.renew_keyset().await.unwrap();
        assert!(is_listed(&authority, &before).await, "the old one signs on");
        clock.advance(Seconds(1));
        authority.renew_keyset().await.unwrap();
        assert!(!is_listed(&authority, &before).await, "now the new one signs");
        assert!(is_listed(&authority, &published).await);

        // One that takes the place of a withdrawn key cannot wait.
        authority.rotate_signing_key(operator(), LeaseAlgorithm::EdDsa).await.unwrap();
        let kids: Vec<_> = authority.keys().jwks.keys.iter().map(kaching_license::Jwk::kid).collect();
        for kid in &kids[..2] {
            authority.withdraw_signing_key(operator(), kid.clone()).await.unwrap();
        }
        let newest = authority.keys().keysets[0].clone();
        assert!(is_listed(&authority, &newest).await);
        // The first of its algorithm cannot, either.
        authority.ensure_signing_key(LeaseAlgorithm::Rs256).await.unwrap();
        authority.close().await;
    }
}
