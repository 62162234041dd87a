//! A domain is one installation in any spelling, for clients of every version.

use kaching_authority::{
    Activation, Digest, Error, Fingerprint, List, Sight,
    activations::{Activate, Activated, ActivationFilter, Heartbeat, MoveTo},
    validate::Validate,
};
use kaching_base::{ErrorCode, FingerprintKind::Domain, Seconds};
use kaching_testkit::World;

use super::setting::{Installation, Site, counts, database, entries, operator, read_lease, refused, shown};

const NAME: &str = "app.example.com";

/// Activates an installation that calls itself by this domain.
async fn activate(world: &World, site: &Site, one: &mut Installation) -> Activated {
    let fingerprint = Fingerprint::new(Domain, one.fingerprint.clone()).unwrap();
    let request = Activate { fingerprint, kind: Domain, ..one.request(site) };
    let sent = request.request;
    let activated = one.send(world, request).await.unwrap();
    assert_eq!(read_lease(world, &activated.lease, sent).fpr, Digest::of(&one.fingerprint));
    activated
}

/// The heartbeat of an installation that hashes this name; its lease names it so.
async fn beat_as(world: &World, one: &mut Installation, name: &str) -> Result<(), ErrorCode> {
    let beat = Heartbeat { fpr: Digest::of(name), ..one.beat() };
    let request = beat.proof.request();
    let answer = one.send_heartbeat(world, beat).await;
    one.number += 1;
    let renewed = answer.map_err(|refusal| refusal.refused.code)?;
    assert_eq!(read_lease(world, &renewed.lease, request).fpr, Digest::of(name));
    Ok(())
}

/// Stores a domain as a version did that did not spell it in one form.
async fn store_as(world: &World, one: &Installation, name: &'static str) {
    let (id, db) = (one.id(), database(&world.database).await);
    db.write("test.spell", move |tx| {
        tx.execute("update activations set fingerprint = ?2 where id = ?1", kaching_db::params![id, name])?;
        tx.execute("delete from fingerprint_spellings", &[])?;
        tx.execute("delete from settings where name = 'domains_respelled'", &[])
    })
    .await
    .unwrap();
    db.close().await;
}

/// As after an update of the authority.
async fn restart(world: &mut World, all: &mut [&mut Installation]) {
    world.restart().await;
    all.iter_mut().for_each(|one| one.keys = Some(world.authority.keys()));
}

#[tokio::test]
async fn one_domain_in_any_spelling_holds_one_slot() {
    World::each(|world| async move {
        let site = Site::plain(&world, 2).await;
        let mut first = Installation::new(NAME);
        let id = activate(&world, &site, &mut first).await.activation.id;
        for spelling in ["App.Example.COM", "app.example.com.", "ａｐｐ.example.com", "APP.example.com"] {
            let mut one = Installation::new(spelling);
            let activated = activate(&world, &site, &mut one).await;
            assert_eq!((activated.activation.id, activated.created), (id, false), "{spelling}");
            assert_eq!(shown(&world, id).await.fingerprint.as_str(), NAME);
            beat_as(&world, &mut one, spelling).await.unwrap();
            beat_as(&world, &mut one, NAME).await.unwrap();
            assert_eq!(beat_as(&world, &mut one, "b.example.com").await, Err(ErrorCode::FingerprintMismatch));
        }
        let mut books = Installation::new("BÜCHER.example");
        let activated = activate(&world, &site, &mut books).await;
        assert_eq!(activated.activation.fingerprint.as_str(), "xn--bcher-kva.example");
        assert_eq!(counts(&world, &site).await, (2, 2));
        // The same request again is answered by the same name.
        let again = Activate {
            fingerprint: Fingerprint::new(Domain, "BÜCHER.example").unwrap(),
            kind: Domain,
            ..books.request(&site)
        };
        for _ in 0..2 {
            let activated = books.send(&world, again.clone()).await.unwrap();
            let lease = read_lease(&world, &activated.lease, again.request);
            assert_eq!(lease.fpr, Digest::of("BÜCHER.example"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_validation_of_a_domain_needs_no_kind_and_no_exact_spelling() {
    World::each(|world| async move {
        let site = Site::plain(&world, 2).await;
        activate(&world, &site, &mut Installation::new(NAME)).await;
        let mut cluster = Installation::new("c.example");
        cluster.activate(&world, &site).await.unwrap();
        let valid = async |text: &str, kind| {
            let fingerprint = match kind {
                Some(kind) => Fingerprint::new(kind, text),
                None => Fingerprint::stored(text),
            };
            let ask = Validate {
                key: Some(site.key.clone()),
                product: None,
                fingerprint: Some(fingerprint.unwrap()),
                kind,
                features: Vec::new(),
                nonce: None,
                request: Digest([7; 32]),
            };
            world.authority.validate(ask).await.unwrap().code.is_valid()
        };
        for (text, kind) in [(NAME, None), ("APP.example.com.", None), ("APP.example.com.", Some(Domain))] {
            assert!(valid(text, kind).await, "{text} {kind:?}");
        }
        assert!(valid("c.example", None).await);
        assert!(!valid("C.example", None).await, "other kinds are compared byte for byte");
    })
    .await;
}

#[tokio::test]
async fn an_operator_moves_to_a_domain_in_any_spelling() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut old = Installation::new("old.example");
        activate(&world, &site, &mut old).await;
        let to = |fingerprint: &str| MoveTo { fingerprint: fingerprint.to_owned(), kind: None, name: None };
        let wrong = world.authority.move_activation(operator(), old.id(), to("https://new.example/")).await;
        let Err(Error::Invalid { detail, pointer, .. }) = wrong else { panic!("it is no host name") };
        assert_eq!(pointer.as_deref(), Some("/fingerprint"));
        assert!(detail.ends_with("use new.example"), "{detail}");
        let moved = world.authority.move_activation(operator(), old.id(), to("NEW.example.")).await.unwrap();
        let moved = moved.activation;
        assert_eq!(moved.fingerprint.as_str(), "new.example");
        let activated = activate(&world, &site, &mut Installation::new("new.example")).await;
        assert_eq!(activated.activation.id, moved.id);
    })
    .await;
}

async fn named(world: &World, word: &str) -> Vec<Activation> {
    let list = List { q: Some(word.to_owned()), ..List::<ActivationFilter>::default() };
    let page = world.authority.activations(&Sight::All, list).await.unwrap();
    page.items.into_iter().map(|one| one.activation).collect()
}

#[tokio::test]
async fn stored_spellings_are_migrated_and_their_clients_go_on() {
    World::each(|mut world| async move {
        let site = Site::plain(&world, 3).await;
        let mut books = Installation::new("xn--bcher-kva.example");
        let mut url = Installation::new("url.example");
        let mut cluster = Installation::new("Cluster.Example");
        activate(&world, &site, &mut books).await;
        activate(&world, &site, &mut url).await;
        cluster.activate(&world, &site).await.unwrap();
        store_as(&world, &books, "bücher.example").await;
        store_as(&world, &url, "https://url.example").await;
        for _ in 0..2 {
            restart(&mut world, &mut [&mut books, &mut url, &mut cluster]).await;
            assert_eq!(shown(&world, books.id()).await.fingerprint.as_str(), "xn--bcher-kva.example");
            beat_as(&world, &mut books, "bücher.example").await.unwrap();
            beat_as(&world, &mut books, "xn--bcher-kva.example").await.unwrap();
            // What is no host name cannot be one of any: it runs on until it activates again.
            assert_eq!(shown(&world, url.id()).await.fingerprint.as_str(), "https://url.example");
            beat_as(&world, &mut url, "https://url.example").await.unwrap();
            assert_eq!(shown(&world, cluster.id()).await.fingerprint.as_str(), "Cluster.Example");
            cluster.heartbeat(&world).await.unwrap();
            let log = entries(&world, books.id()).await;
            let respelled = log.iter().filter(|(action, _)| action == "activation.respell");
            assert_eq!(respelled.count(), 1, "{log:?}");
        }
        let found: Vec<_> = named(&world, "bcher").await.iter().map(|one| one.id).collect();
        assert_eq!(found, [books.id()]);
        let mut again = Installation::new("Bücher.example");
        assert_eq!(activate(&world, &site, &mut again).await.activation.id, books.id());
        assert_eq!(counts(&world, &site).await, (3, 3));
    })
    .await;
}

#[tokio::test]
async fn neither_of_two_activations_that_become_one_domain_is_stopped() {
    World::each(|mut world| async move {
        let site = Site::plain(&world, 3).await;
        let (mut one, mut two) = (Installation::new(NAME), Installation::new("two.example"));
        activate(&world, &site, &mut one).await;
        activate(&world, &site, &mut two).await;
        store_as(&world, &two, "App.Example.com").await;
        restart(&mut world, &mut [&mut one, &mut two]).await;
        beat_as(&world, &mut one, NAME).await.unwrap();
        beat_as(&world, &mut two, "App.Example.com").await.unwrap();
        assert_eq!(counts(&world, &site).await, (2, 2));
        // Once it activates again, it is the one with that name, and its old slot is free when it lapses.
        two.fingerprint = "App.Example.com".to_owned();
        assert_eq!(activate(&world, &site, &mut two).await.activation.id, one.id());
        world.clock.advance(Seconds::days(2));
        beat_as(&world, &mut two, "App.Example.com").await.unwrap();
        world.clock.advance(Seconds::days(2));
        beat_as(&world, &mut two, "App.Example.com").await.unwrap();
        assert_eq!(counts(&world, &site).await.0, 1);
    })
    .await;
}

#[tokio::test]
async fn the_running_one_of_two_that_become_one_domain_gets_the_name() {
    World::each(|mut world| async move {
        let site = Site::plain(&world, 2).await;
        let (mut gone, mut runs) = (Installation::new(NAME), Installation::new("two.example"));
        activate(&world, &site, &mut gone).await;
        activate(&world, &site, &mut runs).await;
        gone.deactivate(&world).await.unwrap();
        store_as(&world, &runs, "APP.Example.com").await;
        restart(&mut world, &mut [&mut gone, &mut runs]).await;
        assert_eq!(shown(&world, runs.id()).await.fingerprint.as_str(), NAME);
        beat_as(&world, &mut runs, "APP.Example.com").await.unwrap();
        beat_as(&world, &mut runs, NAME).await.unwrap();
        assert_eq!(refused(gone.heartbeat(&world).await), ErrorCode::ActivationDeactivated);
        let mut again = Installation::new("app.example.com.");
        assert_eq!(activate(&world, &site, &mut again).await.activation.id, runs.id());
        assert_eq!(counts(&world, &site).await, (1, 1));
    })
    .await;
}
