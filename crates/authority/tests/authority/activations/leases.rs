//! The content of statements.

use std::time::Duration;

use kaching_authority::{
    Clock, Digest, EditFeature, EditLicense, EditProduct, Fingerprint, Sight, Upgrade,
    domain::{
        Binding,
        licenses::{At, Draft},
    },
    status::Asker,
    validate::{Validate, ValidityCode},
};
use kaching_base::{ErrorCode, FingerprintKind, LeaseAlgorithm, Seconds, Timestamp};
use kaching_license::{Expected, Moment, Unverified};
use kaching_testkit::{ISSUER, World};

use super::setting::{Installation, Site, code, operator, read_lease, trusted};

#[tokio::test]
async fn a_lease_has_the_terms_of_its_license() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        let request = one.request(&site);
        let hash = request.request;
        let activated = one.send(&world, request).await.unwrap();
        let lease = read_lease(&world, &activated.lease, hash);
        assert_eq!(lease.iss, ISSUER);
        assert_eq!((lease.aud.as_str(), lease.plan.as_str()), ("chorus", "team"));
        assert_eq!((lease.sub, lease.act), (site.license, one.id()));
        assert_eq!(lease.fpr, Digest::of("c1"));
        assert_eq!((lease.exp.since(lease.iat).0, lease.hb), (900, 300));
        assert_eq!(lease.run_until, lease.exp + Seconds(259_200));
        assert_eq!(activated.activation.run_until, lease.run_until, "the authority stores the same");
        assert!(lease.features.contains("federation") && !lease.features.contains("audit_export"));
        let license = world.authority.license(&Sight::All, site.license.to_string()).await.unwrap().license;
        assert_eq!((lease.rev, lease.lic_exp), (license.revision.unsigned_abs(), license.expires_at));
    })
    .await;
}

#[tokio::test]
async fn no_lease_outlives_the_license() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        one.activate(&world, &site).await.unwrap();
        let license = world.authority.license(&Sight::All, site.license.to_string()).await.unwrap().license;
        let end = license.end().unwrap();
        world.clock.set(end - Seconds(100));
        world.authority.renew_keyset().await.unwrap();
        one.activate(&world, &site).await.unwrap();
        let beat = one.beat();
        let request = beat.proof.request();
        let lease = read_lease(&world, &one.send_heartbeat(&world, beat).await.unwrap().lease, request);
        assert_eq!((lease.exp, lease.run_until), (end, end));
    })
    .await;
}

#[tokio::test]
async fn leases_name_the_hash_of_the_catalogue() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        let request = one.request(&site);
        let hash = request.request;
        let lease = read_lease(&world, &one.send(&world, request).await.unwrap().lease, hash);
        let asker = Asker::Key(site.key.clone());
        let catalogue = world.authority.catalogue(asker.clone()).await.unwrap();
        assert_eq!(lease.cat, catalogue.etag);
        assert_eq!(Digest::of(&catalogue.body), catalogue.etag);
        let edit = EditFeature { title: Some("Federation 2".to_owned()), benefit: None };
        world.authority.edit_feature(operator(), "chorus:federation".to_owned(), edit).await.unwrap();
        let beat = one.beat();
        let hash = beat.proof.request();
        let lease = read_lease(&world, &one.send_heartbeat(&world, beat).await.unwrap().lease, hash);
        let changed = world.authority.catalogue(asker).await.unwrap();
        assert_ne!(changed.etag, catalogue.etag);
        assert_eq!(lease.cat, changed.etag);
        assert!(changed.body.contains("Federation 2"));
    })
    .await;
}

#[tokio::test]
async fn a_validation_gives_the_first_reason() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let ask = Validate {
            key: Some(site.key.clone()),
            product: Some(code("chorus")),
            fingerprint: None,
            kind: None,
            features: Vec::new(),
            nonce: Some("0123456789abcdef".parse().unwrap()),
            request: Digest([7; 32]),
        };
        let on = |fingerprint: &str| Some(Fingerprint::stored(fingerprint).unwrap());
        let mut one = Installation::new("c1");
        one.activate(&world, &site).await.unwrap();
        let cluster = Some(FingerprintKind::Cluster);
        let cases = [
            (ask.clone(), ValidityCode::Valid),
            (Validate { key: None, ..ask.clone() }, ValidityCode::Refused(ErrorCode::KeyMalformed)),
            (
                Validate { product: Some(code("caio")), ..ask.clone() },
                ValidityCode::Refused(ErrorCode::ProductMismatch),
            ),
            (Validate { fingerprint: on("c1"), kind: cluster, ..ask.clone() }, ValidityCode::Valid),
            (
                Validate { fingerprint: on("c2"), kind: cluster, ..ask.clone() },
                ValidityCode::Refused(ErrorCode::ActivationNotFound),
            ),
            (
                Validate { features: vec![code("audit_export")], ..ask.clone() },
                ValidityCode::Refused(ErrorCode::FeatureNotLicensed),
            ),
        ];
        for (ask, code) in cases {
            let asks = ask.product.as_ref().map(|product| product.to_string());
            let expected =
                Expected { req: Some(Digest([7; 32])), aud: asks.as_deref(), ..Expected::default() };
            let validated = world.authority.validate(ask).await.unwrap();
            assert_eq!(validated.code, code, "{}", validated.detail);
            let statement = validated.statement.expect("a nonce came");
            let said =
                trusted(&world.authority).verify_validation(&statement, &expected, Moment::Answer).unwrap();
            assert_eq!((said.valid, said.code.as_str()), (code.is_valid(), code.as_str()));
        }
    })
    .await;
}

#[tokio::test]
async fn a_change_of_any_replica_is_in_the_next_validation() {
    World::each(|world| async move {
        let site = Site::plain(&world, 3).await;
        let (replica, license) = (world.replica(7).await, || site.license.to_string());
        let validate = async || {
            let ask = Validate {
                key: Some(site.key.clone()),
                product: None,
                fingerprint: None,
                kind: None,
                features: vec![code("audit_export")],
                nonce: None,
                request: Digest([7; 32]),
            };
            let validated = world.authority.validate(ask).await.unwrap();
            let slots = validated.quotas.iter().find(|quota| quota.name == code("activations")).unwrap();
            (validated.code, validated.license.unwrap(), slots.used)
        };
        let refused = ValidityCode::Refused;
        let (verdict, before, used) = validate().await;
        assert_eq!((verdict, used), (refused(ErrorCode::FeatureNotLicensed), 0));

        Installation::new("c1").activate(&world, &site).await.unwrap();
        assert_eq!(validate().await.2, 1, "slots are counted again, although the license is the same");

        let features = Some([code("federation"), code("audit_export")].into());
        let grant = EditLicense { features, ..EditLicense::default() };
        replica.edit_license(operator(), license(), grant).await.unwrap();
        let (verdict, granted, _) = validate().await;
        assert_eq!((verdict, granted.license.revision), (ValidityCode::Valid, before.license.revision + 1));
        assert!(granted.terms.features.contains("audit_export"));

        let upgrade = Upgrade { plan: "enterprise".to_owned(), at: At::Now, force: false };
        replica.upgrade_license(operator(), license(), upgrade).await.unwrap();
        assert_eq!((before.plan.as_str(), validate().await.1.plan.as_str()), ("team", "enterprise"));

        replica.suspend_license(operator(), license(), "unpaid".to_owned()).await.unwrap();
        assert_eq!(validate().await.0, refused(ErrorCode::LicenseSuspended));
        replica.reinstate_license(operator(), license()).await.unwrap();
        assert_eq!(validate().await.0, ValidityCode::Valid);
        world.clock.set(before.license.end().unwrap() + Seconds(1));
        assert_eq!(
            validate().await.0,
            refused(ErrorCode::LicenseExpired),
            "time passes for what is kept, too"
        );
        replica.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_bound_license_is_not_valid_elsewhere_for_any_kind() {
    World::each(|world| async move {
        let bindings = vec![Binding { kind: FingerprintKind::Cluster, value: "c1".to_owned() }];
        let site = Site::new(&world, 1, Draft { bindings, ..Draft::default() }).await;
        let ask = |fingerprint: &str, kind| Validate {
            key: Some(site.key.clone()),
            product: None,
            fingerprint: Some(Fingerprint::stored(fingerprint).unwrap()),
            kind,
            features: Vec::new(),
            nonce: None,
            request: Digest([7; 32]),
        };
        let cases = [
            (ask("c2", None), ErrorCode::BindingMismatch),
            (ask("c2", Some(FingerprintKind::Cluster)), ErrorCode::BindingMismatch),
            (ask("c1", Some(FingerprintKind::Device)), ErrorCode::BindingMismatch),
            (ask("c1", None), ErrorCode::ActivationNotFound),
        ];
        for (ask, code) in cases {
            assert_eq!(world.authority.validate(ask).await.unwrap().code, ValidityCode::Refused(code));
        }
    })
    .await;
}

#[tokio::test]
async fn a_product_with_rs256_gets_all_statements_in_it() {
    World::each(|world| async move {
        // Keys are made within a second, statements dated at its beginning.
        world.clock.set(Timestamp::from_micros(Clock::now(&*world.clock).micros() + 700_000));
        let site = Site::plain(&world, 1).await;
        let rs256 = EditProduct { lease_alg: Some(LeaseAlgorithm::Rs256), ..EditProduct::default() };
        world.authority.edit_product(operator(), "chorus".to_owned(), rs256).await.unwrap();
        let is_rs256 = |statement: &str| Unverified::read(statement).unwrap().alg == "RS256";
        let mut one = Installation::new("c1");
        let request = one.request(&site);
        let hash = request.request;
        let activated = one.send(&world, request).await.unwrap();
        assert!(is_rs256(&activated.lease));
        let lease = read_lease(&world, &activated.lease, hash);
        assert!(world.authority.bearer(&activated.lease).await.is_ok(), "it is valid immediately");
        let mut two = Installation::new("c2");
        let refusal = two.activate(&world, &site).await.err().unwrap();
        assert!(is_rs256(&refusal.statement.unwrap()));
        world.clock.advance(Seconds(2));
        world
            .authority
            .suspend_license(operator(), site.license.to_string(), "unpaid".to_owned())
            .await
            .unwrap();
        let bearer = world.authority.bearer(&activated.lease).await.unwrap();
        let change = world.authority.wait_for_change(bearer, bearer.rev, Duration::ZERO).await.unwrap();
        let pushed = change.refusal.unwrap();
        assert!(is_rs256(&pushed));
        trusted(&world.authority).verify_pushed(&pushed, &lease, Clock::now(&*world.clock)).unwrap();
        let beat = one.beat();
        let expected = Expected { req: Some(beat.proof.request()), ..Expected::default() };
        let refused = one.send_heartbeat(&world, beat).await.err().unwrap().statement.unwrap();
        assert!(is_rs256(&refused));
        trusted(&world.authority).verify_refusal(&refused, &expected, Moment::Answer).unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_status_names_the_next_event() {
    World::each(|world| async move {
        let site = Site::plain(&world, 2).await;
        let (mut one, mut two) = (Installation::new("c1"), Installation::new("c2"));
        let lease = one.activate(&world, &site).await.unwrap().lease;
        two.activate(&world, &site).await.unwrap();
        let all = world.authority.status(Asker::Key(site.key.clone())).await.unwrap();
        assert_eq!((all.active, all.activations.len(), all.days_left), (2, 2, Some(365)));
        assert_eq!(all.next, "Expires on 2027-11-21 UTC; runs on until 2027-12-05 UTC.");
        assert_eq!(all.upgrade.unwrap().plan.as_str(), "enterprise");
        let bearer = world.authority.bearer(&lease).await.unwrap();
        let own = world.authority.status(Asker::Lease(bearer)).await.unwrap();
        assert_eq!((own.active, own.activations.len()), (2, 1));
        assert_eq!(own.activations[0].id, one.id());
    })
    .await;
}
