//! The first start, later starts, and starts with data that does not fit.

use std::sync::Arc;

use kaching_authority::{Authority, Issuer, MasterKey, Options, RootStore};
use kaching_base::{LeaseAlgorithm, Seconds, Secret};
use kaching_db::Config;
use kaching_license::{Moment, TrustedKeyset};
use kaching_testkit::{FakeClock, SeededEntropy, World};
use prometheus_client::registry::Registry;

fn options(directory: &std::path::Path) -> Options {
    Options {
        database: Config::sqlite(directory.join("kaching.db")),
        directory: directory.to_owned(),
        master: None,
        root_store: RootStore::Directory(directory.to_owned()),
        root_passphrase: Secret::new(String::new()),
        issuer: Issuer::Named("https://licenses.example.com".to_owned()),
        clock: Arc::new(FakeClock::default()),
        entropy: Arc::new(SeededEntropy::default()),
    }
}

async fn refusal(options: Options) -> String {
    match Authority::open(options, &mut Registry::default()).await {
        Ok(_) => panic!("it opened"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn keeps_its_root_and_raises_its_version() {
    World::each(|mut world| async move {
        let before = world.authority.keys();
        let now = kaching_authority::Clock::now(&*world.clock);
        let trusted = TrustedKeyset::verify(&before.keysets[0], &before.roots, None, Moment::Now(now))
            .expect("signed by the root");
        assert_eq!(trusted.keyset().version, before.version);

        world.restart().await;
        let after = world.authority.keys();
        assert_eq!((after.version, &after.roots), (before.version, &before.roots), "nothing was due");

        world.clock.advance(Seconds::days(1));
        world.authority.renew_keyset().await.unwrap();
        let renewed = world.authority.keys();
        assert!(renewed.version > before.version, "a keyset is signed again every day");
        assert_eq!(renewed.roots, before.roots);
    })
    .await;
}

#[tokio::test]
async fn a_rotated_key_joins_the_old_one_in_the_keyset() {
    World::each(|world| async move {
        world.clock.advance(Seconds(1));
        world.authority.ensure_signing_key(LeaseAlgorithm::Rs256).await.unwrap();
        let keys = world.authority.keys();
        let algorithms: Vec<_> = keys.jwks.keys.iter().map(|key| key.public.algorithm()).collect();
        assert_eq!(algorithms, [LeaseAlgorithm::EdDsa, LeaseAlgorithm::Rs256]);
        world.authority.ensure_signing_key(LeaseAlgorithm::Rs256).await.unwrap();
        assert_eq!(world.authority.keys().version, keys.version, "one is enough");
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_was_set_back_dates_nothing() {
    World::each(|world| async move {
        world.clock.advance(Seconds(60));
        world.authority.store_time().await.unwrap();
        world.authority.ready().await.unwrap();
        world.clock.advance(Seconds(-30));
        let error = world.authority.ready().await.unwrap_err().to_string();
        assert!(error.contains("set it right"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn another_master_key_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::open(options(directory.path()), &mut Registry::default()).await.unwrap();
    authority.close().await;

    let wrong = Options { master: Some(MasterKey::new([9; 32])), ..options(directory.path()) };
    assert!(refusal(wrong).await.contains("master key is not the one of this database"));

    std::fs::write(directory.path().join("master.key"), "nonsense").unwrap();
    assert!(refusal(options(directory.path())).await.contains("43 symbols"));

    std::fs::remove_file(directory.path().join("master.key")).unwrap();
    assert!(refusal(options(directory.path())).await.contains("master key is missing"));
    assert!(!directory.path().join("master.key").exists(), "none is made for a database that has one");
}

#[tokio::test]
async fn files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::open(options(directory.path()), &mut Registry::default()).await.unwrap();
    authority.close().await;
    for name in ["master.key", "root.key"] {
        let mode = std::fs::metadata(directory.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn reading_the_data_keeps_the_issuer() {
    let directory = tempfile::tempdir().unwrap();
    let present =
        |url: &str| Options { issuer: Issuer::Default(url.to_owned()), ..options(directory.path()) };
    let mut versions = Vec::new();
    for options in [options(directory.path()), present("http://127.0.0.1:7700")] {
        let authority = Authority::open(options, &mut Registry::default()).await.unwrap();
        versions.push(authority.keys().version);
        authority.close().await;
    }
    assert_eq!(versions[0], versions[1], "nothing was signed again");
}
