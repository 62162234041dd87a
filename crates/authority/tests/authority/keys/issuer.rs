//! The issuer on record: which servers start, and how it is changed.

use std::{path::Path, sync::Arc};

use kaching_authority::{Authority, Clock, Issuer, Options};
use kaching_base::{ErrorCode, LeaseAlgorithm};
use kaching_license::{Expected, Invalid, Moment, TrustedKeyset};
use kaching_testkit::{FakeClock, engines};

use super::{open, operator, options, sign, verifies};

const OURS: &str = "https://licenses.example.com";
const MOVED: &str = "https://moved.example.com";

fn issuer(authority: &Authority) -> String {
    let keys = authority.keys();
    let trusted = TrustedKeyset::verify(&keys.keysets[0], &keys.roots, None, Moment::Inspect).unwrap();
    assert_eq!(trusted.keyset().iss, authority.issuer());
    authority.issuer()
}

fn with<'a>(
    config: &'a kaching_authority::DatabaseConfig,
    directory: &'a Path,
    clock: &'a Arc<FakeClock>,
) -> impl Fn(Issuer) -> Options + 'a {
    let clock: Arc<dyn Clock> = Arc::<FakeClock>::clone(clock);
    move |issuer| Options { issuer, ..options(config, directory, Arc::clone(&clock)) }
}

fn named(url: &str) -> Issuer {
    Issuer::Named(url.to_owned())
}

#[tokio::test]
async fn a_server_with_another_issuer_does_not_start_and_disturbs_no_other() {
    for scratch in engines() {
        let (directory, clock) = (scratch.folder.path(), Arc::new(FakeClock::default()));
        let with = with(&scratch.config, directory, &clock);
        let first = open(with(named(OURS))).await.unwrap();
        let version = first.keys().version;
        let error = open(with(named(MOVED))).await.err().expect("it has another issuer").to_string();
        for part in [OURS, MOVED, "kaching key issuer"] {
            assert!(error.contains(part), "{error}");
        }
        first.renew_keyset().await.unwrap();
        first.ready().await.unwrap();
        assert_eq!((issuer(&first).as_str(), first.keys().version), (OURS, version));
        let default = open(with(Issuer::Default("http://127.0.0.1:7701".to_owned()))).await.unwrap();
        assert_eq!(issuer(&default), OURS, "a default gives way to what is on record");
        default.close().await;
        first.close().await;
    }
}

#[tokio::test]
async fn the_first_url_that_is_named_replaces_a_default_and_no_other_port_does() {
    for scratch in engines() {
        let (directory, clock) = (scratch.folder.path(), Arc::new(FakeClock::default()));
        let with = with(&scratch.config, directory, &clock);
        let default = |port: u16| Issuer::Default(format!("http://127.0.0.1:{port}"));
        let first = open(with(default(7700))).await.unwrap();
        let kid = first.keys().jwks.keys[0].kid();
        first.close().await;
        let second = open(with(default(7800))).await.unwrap();
        assert_eq!(issuer(&second), "http://127.0.0.1:7700");
        second.close().await;
        let third = open(with(named(OURS))).await.unwrap();
        assert_eq!(issuer(&third), OURS);
        assert!(third.keys().jwks.keys.iter().any(|key| key.kid() != kid), "new keys sign for it");
        assert!(verifies(&third).await);
        third.close().await;
        open(with(named(OURS))).await.unwrap().close().await;
    }
}

#[tokio::test]
async fn changing_it_rotates_the_keys_in_the_same_step() {
    for scratch in engines() {
        let (directory, clock) = (scratch.folder.path(), Arc::new(FakeClock::default()));
        let with = with(&scratch.config, directory, &clock);
        let authority = open(with(named(OURS))).await.unwrap();
        authority.ensure_signing_key(LeaseAlgorithm::Rs256).await.unwrap();
        let before = authority.keys();
        let changed = authority.change_issuer(operator(), MOVED.to_owned()).await.unwrap();
        assert_eq!((changed.before.as_str(), changed.keys.len()), (OURS, 2));
        assert_eq!(issuer(&authority), MOVED);
        assert!(verifies(&authority).await);
        // Today's clients fetch the keyset where they do not know the key, and find the issuer with it.
        let statement = sign(&authority).await.unwrap();
        let old = TrustedKeyset::verify(&before.keysets[0], &before.roots, None, Moment::Inspect).unwrap();
        let judged = old.verify_validation(&statement, &Expected::default(), Moment::Inspect);
        assert_eq!(judged.unwrap_err(), Invalid::UnknownKey);
        let again = authority.change_issuer(operator(), MOVED.to_owned()).await.unwrap_err();
        assert_eq!(again.code(), ErrorCode::WrongState, "{again}");

        std::fs::rename(directory.join("root.key"), directory.join("vault")).unwrap();
        let error = authority.change_issuer(operator(), OURS.to_owned()).await.unwrap_err();
        assert!(error.code() == ErrorCode::WrongState && error.to_string().contains("root.key"), "{error}");
        assert_eq!(issuer(&authority), MOVED);
        authority.close().await;
        assert!(open(with(named(OURS))).await.is_err());
        open(with(named(MOVED))).await.unwrap().close().await;
    }
}
