//! The keys over the years: a root that is away, rotation, RS256, a clock that cannot be trusted.

mod issuer;
mod rotation;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use kaching_authority::{
    Actor, Authority, Clock, Cx, DatabaseConfig, Digest, Issuer, MasterKey, NewCustomer, Options, RootStore,
    Sight, SystemClock, validate::Validate,
};
use kaching_base::{ErrorCode, LeaseAlgorithm, Seconds, Secret, TokenId};
use kaching_license::{Moment, TrustedKeyset};
use kaching_testkit::{FakeClock, SeededEntropy, engines};
use prometheus_client::registry::Registry;

fn operator() -> Cx {
    Cx::of(Actor::Token(TokenId::from_bytes([5; 16])))
}

fn options(database: &DatabaseConfig, directory: &Path, clock: Arc<dyn Clock>) -> Options {
    Options {
        database: database.clone(),
        directory: directory.to_owned(),
        master: Some(MasterKey::new([7; 32])),
        root_store: RootStore::Directory(directory.to_owned()),
        root_passphrase: Secret::new("horse".to_owned()),
        issuer: Issuer::Named("https://licenses.example.com".to_owned()),
        clock,
        entropy: Arc::new(SeededEntropy::default()),
    }
}

async fn open(options: Options) -> kaching_authority::Result<Authority> {
    Authority::open(options, &mut Registry::default()).await
}

/// Signs a validation, as every signing call does.
async fn sign(authority: &Authority) -> kaching_authority::Result<String> {
    let ask = Validate {
        key: None,
        product: None,
        fingerprint: None,
        kind: None,
        features: Vec::new(),
        nonce: Some("0123456789abcdef".parse().unwrap()),
        request: Digest([7; 32]),
    };
    authority.validate(ask).await.map(|validated| validated.statement.unwrap())
}

/// Whether what is signed now verifies with the keyset that is served now.
async fn verifies(authority: &Authority) -> bool {
    let statement = sign(authority).await.unwrap();
    let keys = authority.keys();
    let trusted = TrustedKeyset::verify(&keys.keysets[0], &keys.roots, None, Moment::Inspect).unwrap();
    let expected = kaching_license::Expected { req: Some(Digest([7; 32])), ..Default::default() };
    trusted.verify_validation(&statement, &expected, Moment::Answer).is_ok()
}

#[tokio::test]
async fn serves_while_the_keyset_is_valid_although_its_root_cannot_be_opened() {
    for scratch in engines() {
        let (directory, clock) = (scratch.folder.path(), Arc::new(FakeClock::default()));
        let with = |passphrase: &str, issuer: &str| Options {
            root_passphrase: Secret::new(passphrase.to_owned()),
            issuer: Issuer::Named(issuer.to_owned()),
            ..options(&scratch.config, directory, Arc::<FakeClock>::clone(&clock))
        };
        let ours = "https://licenses.example.com";
        open(with("horse", ours)).await.unwrap().close().await;
        clock.advance(Seconds::days(2));

        let authority = open(with("mule", ours)).await.expect("the keyset is due, but counts for 28 days");
        authority.ready().await.unwrap();
        assert!(verifies(&authority).await);
        for refused in [authority.renew_keyset().await, authority.check_root().await] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("passphrase"), "{error}");
        }
        authority.close().await;

        let error = open(with("mule", "https://moved.example.com")).await.err().unwrap().to_string();
        assert!(error.contains(ours) && error.contains("kaching key issuer"), "{error}");

        clock.advance(Seconds::days(30));
        let error = open(with("mule", ours)).await.err().unwrap().to_string();
        assert!(error.contains("passphrase"), "the keyset has ended: {error}");
    }
}

#[tokio::test]
async fn a_start_does_not_open_the_root_while_the_keyset_is_valid() {
    for scratch in engines() {
        let (directory, clock) = (scratch.folder.path(), Arc::new(FakeClock::default()));
        let options = || options(&scratch.config, directory, Arc::<FakeClock>::clone(&clock));
        let authority = open(options()).await.unwrap();
        let version = authority.keys().version;
        authority.check_root().await.unwrap();
        authority.close().await;

        clock.advance(Seconds::days(2));
        let authority = open(options()).await.unwrap();
        assert_eq!(authority.keys().version, version, "the start waits for nothing that is only due");
        authority.renew_keyset().await.unwrap();
        assert!(
            authority.keys().version > version && verifies(&authority).await,
            "the minute's work renews it"
        );
        std::fs::remove_file(directory.join("root.key")).unwrap();
        authority.check_root().await.expect("a root that is kept elsewhere is no fault");
        authority.close().await;
    }
}

#[tokio::test]
async fn a_key_that_no_root_has_signed_in_signs_nothing() {
    for scratch in engines() {
        let (directory, clock) = (scratch.folder.path(), Arc::new(FakeClock::default()));
        let options = || options(&scratch.config, directory, Arc::<FakeClock>::clone(&clock));
        open(options()).await.unwrap().close().await;
        std::fs::rename(directory.join("root.key"), directory.join("vault")).unwrap();

        let authority = open(options()).await.unwrap();
        let error = authority.rotate_signing_key(operator(), LeaseAlgorithm::EdDsa).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::WrongState, "{error}");
        assert!(verifies(&authority).await, "the old key signs on");
        let error = authority.ensure_signing_key(LeaseAlgorithm::Rs256).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::WrongState, "{error}");
        let listed = authority.keys().jwks.keys.len();
        authority.ensure_signing_key(LeaseAlgorithm::Rs256).await.unwrap_err();
        assert_eq!(authority.keys().jwks.keys.len(), listed, "asking again makes no second key");
        authority.close().await;

        let authority = open(options()).await.unwrap();
        assert!(verifies(&authority).await, "after a restart, too");
        std::fs::rename(directory.join("vault"), directory.join("root.key")).unwrap();
        authority.renew_keyset().await.unwrap();
        assert!(verifies(&authority).await);
        authority.ensure_signing_key(LeaseAlgorithm::Rs256).await.expect("the root signed it in");
        authority.close().await;
    }
}

#[tokio::test]
async fn a_root_of_another_authority_is_noticed_at_start() {
    for scratch in engines() {
        let (directory, clock) = (scratch.folder.path(), Arc::new(FakeClock::default()));
        let with = |config: &DatabaseConfig, directory: &Path, sequence| Options {
            entropy: Arc::new(SeededEntropy::new(sequence)),
            ..options(config, directory, Arc::<FakeClock>::clone(&clock))
        };
        let here = || with(&scratch.config, directory, 1);
        let ours = open(here()).await.unwrap();
        let root = ours.keys().roots[0].to_string();
        ours.close().await;
        let other = kaching_testkit::Scratch::new(kaching_testkit::Engine::Sqlite);
        let foreign = open(with(&other.config, other.folder.path(), 2)).await.unwrap();
        let theirs = foreign.keys().roots[0].to_string();
        foreign.close().await;

        let (ours, foreign) = (directory.join("root.key"), other.folder.path().join("root.key"));
        std::fs::copy(&ours, directory.join("vault")).unwrap();
        std::fs::copy(&foreign, &ours).unwrap();
        let error = open(here()).await.err().expect("it is not the root of this database").to_string();
        assert!(error.contains(&root) && error.contains(&theirs), "{error}");
        std::fs::remove_file(&ours).unwrap();
        open(here()).await.expect("without a root it serves until the keyset ends").close().await;
        std::fs::copy(directory.join("vault"), &ours).unwrap();
        open(here()).await.unwrap().close().await;
    }
}

#[tokio::test]
async fn a_withdrawn_key_is_no_longer_trusted_and_its_successor_signs() {
    for scratch in engines() {
        let (directory, clock) = (scratch.folder.path(), Arc::new(FakeClock::default()));
        let options = || options(&scratch.config, directory, Arc::<FakeClock>::clone(&clock));
        let authority = open(options()).await.unwrap();
        let listed = |authority: &Authority| {
            authority.keys().jwks.keys.iter().map(kaching_license::Jwk::kid).collect::<Vec<_>>()
        };
        let trusts = |authority: &Authority, statement: &str| {
            let keys = authority.keys();
            let trusted =
                TrustedKeyset::verify(&keys.keysets[0], &keys.roots, None, Moment::Inspect).unwrap();
            let expected = kaching_license::Expected { req: Some(Digest([7; 32])), ..Default::default() };
            trusted.verify_validation(statement, &expected, Moment::Answer).is_ok()
        };
        let (stolen, version) = (listed(&authority)[0].clone(), authority.keys().version);
        let signed = sign(&authority).await.unwrap();
        assert!(trusts(&authority, &signed));

        let withdrawn = authority.withdraw_signing_key(operator(), stolen.clone()).await.unwrap();
        let successor = withdrawn.successor.expect("it was the only one");
        assert_eq!(listed(&authority), std::slice::from_ref(&successor));
        assert!(authority.keys().version > version, "clients fetch it with the next lease");
        assert!(verifies(&authority).await && !trusts(&authority, &signed));
        let again = authority.withdraw_signing_key(operator(), stolen.clone()).await.unwrap_err();
        assert_eq!(again.code(), ErrorCode::NotFound);

        // Where another of its kind is left, it needs no successor, and a later renewal does not bring it back.
        clock.advance(Seconds(1));
        authority.rotate_signing_key(operator(), LeaseAlgorithm::EdDsa).await.unwrap();
        let withdrawn = authority.withdraw_signing_key(operator(), successor).await.unwrap();
        assert_eq!((withdrawn.successor, listed(&authority).len()), (None, 1));
        authority.ensure_signing_key(LeaseAlgorithm::Rs256).await.unwrap();
        let rsa = listed(&authority).pop().unwrap();
        let withdrawn = authority.withdraw_signing_key(operator(), rsa).await.unwrap();
        assert!(withdrawn.successor.is_some(), "the other key signs with another algorithm");
        authority.close().await;
        clock.advance(Seconds::days(2));
        let authority = open(options()).await.unwrap();
        authority.renew_keyset().await.unwrap();
        assert!(!listed(&authority).contains(&stolen) && verifies(&authority).await);

        let audit = kaching_authority::List {
            filter: kaching_authority::AuditFilter {
                action: Some("key.withdraw".to_owned()),
                ..Default::default()
            },
            ..Default::default()
        };
        assert_eq!(authority.audit_entries(&Sight::All, audit).await.unwrap().items.len(), 3);
        authority.close().await;
    }
}

#[tokio::test]
async fn a_key_is_withdrawn_with_the_next_keyset_or_not_at_all() {
    for scratch in engines() {
        let (directory, clock) = (scratch.folder.path(), Arc::new(FakeClock::default()));
        let authority =
            open(options(&scratch.config, directory, Arc::<FakeClock>::clone(&clock))).await.unwrap();
        let (kid, version) = (authority.keys().jwks.keys[0].kid(), authority.keys().version);
        std::fs::rename(directory.join("root.key"), directory.join("vault")).unwrap();
        let error = authority.withdraw_signing_key(operator(), kid.clone()).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::WrongState);
        assert!(error.to_string().contains("root.key"), "{error}");
        assert_eq!((authority.keys().jwks.keys[0].kid(), authority.keys().version), (kid.clone(), version));
        assert!(verifies(&authority).await);
        std::fs::rename(directory.join("vault"), directory.join("root.key")).unwrap();
        authority.withdraw_signing_key(operator(), kid).await.unwrap();
        authority.close().await;
    }
}

#[tokio::test]
async fn keys_are_replaced_before_they_end() {
    for scratch in engines() {
        let (directory, clock) = (scratch.folder.path(), Arc::new(FakeClock::default()));
        let authority =
            open(options(&scratch.config, directory, Arc::<FakeClock>::clone(&clock))).await.unwrap();
        clock.advance(Seconds::days(600));
        authority.store_time().await.unwrap();
        authority.renew_keyset().await.unwrap();
        authority.run_jobs().await.unwrap();
        assert_eq!(authority.keys().jwks.keys.len(), 1, "there is time");
        clock.advance(Seconds::days(100));
        authority.run_jobs().await.unwrap();
        authority.run_jobs().await.unwrap();
        assert_eq!(authority.keys().jwks.keys.len(), 2, "the next one is listed with it");
        clock.advance(Seconds::days(31));
        authority.renew_keyset().await.unwrap();
        assert!(verifies(&authority).await);
        authority.close().await;
    }
}

/// The machine's clock, so many seconds off.
struct Off(AtomicI64);

impl Clock for Off {
    fn now(&self) -> kaching_base::Timestamp {
        SystemClock.now() + Seconds(self.0.load(Ordering::SeqCst))
    }

    fn boot(&self) -> std::time::Duration {
        SystemClock.boot()
    }
}

#[tokio::test]
async fn a_clock_that_the_database_contradicts_signs_nothing() {
    for scratch in engines() {
        let (directory, clock) = (scratch.folder.path(), Arc::new(Off(AtomicI64::new(0))));
        let options = || options(&scratch.config, directory, Arc::<Off>::clone(&clock));
        let authority = open(options()).await.unwrap();
        for off in [3600, -60] {
            clock.0.store(off, Ordering::SeqCst);
            assert!(authority.store_time().await.is_err());
            let error = sign(&authority).await.unwrap_err().to_string();
            assert!(error.contains("clock"), "{error}");
            assert!(authority.ready().await.is_err());
        }
        clock.0.store(0, Ordering::SeqCst);
        authority.store_time().await.expect("a clock that ran ahead leaves no mark");
        sign(&authority).await.unwrap();
        authority.close().await;
        clock.0.store(3600, Ordering::SeqCst);
        assert!(open(options()).await.err().unwrap().to_string().contains("clock"));
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_signs_no_keyset() {
    for scratch in engines() {
        let (directory, clock) = (scratch.folder.path(), Arc::new(FakeClock::default()));
        let authority =
            open(options(&scratch.config, directory, Arc::<FakeClock>::clone(&clock))).await.unwrap();
        clock.advance(Seconds(60));
        authority.store_time().await.unwrap();
        clock.advance(Seconds(-30));
        let version = authority.keys().version;
        assert!(authority.rotate_signing_key(operator(), LeaseAlgorithm::EdDsa).await.is_err());
        assert_eq!(authority.keys().version, version);
        authority.close().await;
    }
}

#[tokio::test]
async fn two_servers_that_start_together_make_one_authority() {
    let scratch = kaching_testkit::Scratch::new(kaching_testkit::Engine::Postgres);
    let clock = Arc::new(FakeClock::default());
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |directory: &Path, sequence| Options {
        root_store: RootStore::Database,
        entropy: Arc::new(SeededEntropy::new(sequence)),
        ..options(&scratch.config, directory, Arc::<FakeClock>::clone(&clock))
    };
    let (one, two) = tokio::join!(open(at(here.path(), 1)), open(at(there.path(), 2)));
    let (one, two) = (one.unwrap(), two.unwrap());
    two.renew_keyset().await.unwrap();
    one.renew_keyset().await.unwrap();
    assert_eq!(one.keys().roots, two.keys().roots);
    assert!(verifies(&one).await && verifies(&two).await);
    let tokens = [&here, &there].map(|directory| directory.path().join("first-token").exists());
    assert_eq!(tokens.iter().filter(|made| **made).count(), 1, "one first token");
    one.close().await;
    two.close().await;
}

/// Two replicas whose clocks differ by less than what is allowed of each, but not from each other.
#[tokio::test]
async fn replicas_take_the_time_from_their_database() {
    let scratch = kaching_testkit::Scratch::new(kaching_testkit::Engine::Postgres);
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |directory: &Path, sequence, off| Options {
        root_store: RootStore::Database,
        entropy: Arc::new(SeededEntropy::new(sequence)),
        ..options(&scratch.config, directory, Arc::new(Off(AtomicI64::new(off))))
    };
    let ahead = open(at(here.path(), 1, 4)).await.unwrap();
    let behind = open(at(there.path(), 2, -4)).await.unwrap();
    for authority in [&ahead, &behind] {
        authority.store_time().await.unwrap();
        assert!(verifies(authority).await);
        let new = NewCustomer { name: "Acme".to_owned(), ..NewCustomer::default() };
        let made = authority.create_customer(operator(), new).await.unwrap();
        let off = SystemClock.now().since(made.created_at).0;
        assert!((-1..=1).contains(&off), "{off} seconds off the database");
        authority.close().await;
    }
}
