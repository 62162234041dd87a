//! The life of activations, from the first to the last.

use kaching_authority::{
    Actor, Cx, EditLicense, Sight,
    activations::{Health, Heartbeat, Proof, Usage},
    domain::{ActivationStatus, licenses::Draft},
    validate::Validate,
};
use kaching_base::{ErrorCode, Seconds};
use kaching_testkit::World;

use super::setting::{Installation, Site, counts, entries, operator, refused, shown};

#[tokio::test]
async fn the_same_installation_is_the_same_activation() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        let first = one.activate(&world, &site).await.unwrap();
        assert!(first.created);
        let request = one.request(&site);
        let second = one.send(&world, request.clone()).await.unwrap();
        assert!(!second.created);
        assert_eq!(first.activation.id, second.activation.id);
        assert_ne!(first.credential.expose(), second.credential.expose());
        // The same request again, as after a lost answer.
        let third = one.send(&world, request.clone()).await.unwrap();
        assert_eq!(second.credential.expose(), third.credential.expose());
        assert_eq!(counts(&world, &site).await, (1, 1));
        one.heartbeat(&world).await.unwrap();
        // Late, as a proxy duplicates it: it displaces nobody.
        assert_eq!(refused(one.clone().send(&world, request).await), ErrorCode::CredentialInvalid);
        one.heartbeat(&world).await.unwrap();
        let actions = entries(&world, one.id()).await;
        assert_eq!(actions.len(), 2, "two activations, and heartbeats leave none: {actions:?}");
    })
    .await;
}

#[tokio::test]
async fn an_answered_request_activates_nothing_for_a_day() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        let (first, second) = (one.request(&site), one.request(&site));
        one.send(&world, first.clone()).await.unwrap();
        one.send(&world, second.clone()).await.unwrap();
        assert_eq!(refused(one.clone().send(&world, first.clone()).await), ErrorCode::CredentialInvalid);
        one.deactivate(&world).await.unwrap();
        for late in [&first, &second] {
            assert_eq!(refused(one.clone().send(&world, late.clone()).await), ErrorCode::CredentialInvalid);
        }
        world.clock.advance(Seconds(24 * 60 * 60 + 1));
        one.send(&world, second).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_full_license_names_its_holders_and_the_larger_plan() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        one.activate(&world, &site).await.unwrap();
        let mut two = Installation::new("c2");
        let refusal = two.activate(&world, &site).await.err().unwrap();
        assert_eq!(refusal.refused.code, ErrorCode::ActivationLimitReached);
        assert_eq!(refusal.refused.holders.len(), 1);
        assert_eq!(refusal.refused.holders[0].id, one.id());
        assert_eq!(refusal.refused.upgrade.as_ref().unwrap().plan.as_str(), "enterprise");
        assert!(refusal.refused.contact.as_ref().unwrap().url.is_some());
        assert!(refusal.statement.is_some(), "the refusal is signed");
        for _ in 0..3 {
            assert_eq!(refused(two.activate(&world, &site).await), ErrorCode::ActivationLimitReached);
        }
        let written = entries(&world, site.license).await;
        let codes = written.iter().filter(|(action, _)| action == "activation.activate").count();
        assert_eq!(codes, 1, "a repeat leaves no second entry: {written:?}");
        // The repeats are recorded once, when their minute has passed.
        world.clock.advance(Seconds(60));
        assert!(world.authority.run_jobs().await.unwrap() >= 1);
    })
    .await;
}

#[tokio::test]
async fn a_suspension_refuses_until_it_is_lifted() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        one.activate(&world, &site).await.unwrap();
        let license = site.license.to_string();
        let reason = "the invoice is open".to_owned();
        world.authority.suspend_license(operator(), license.clone(), reason).await.unwrap();
        for _ in 0..3 {
            let refusal = one.heartbeat(&world).await.err().unwrap();
            assert_eq!(refusal.refused.code, ErrorCode::LicenseSuspended);
            assert!(refusal.statement.is_some());
        }
        assert_eq!(entries(&world, one.id()).await.len(), 2, "one activation, one refusal");
        assert_eq!(refused(one.activate(&world, &site).await), ErrorCode::LicenseSuspended);
        world.authority.reinstate_license(operator(), license).await.unwrap();
        one.heartbeat(&world).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_deactivated_slot_is_free() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        one.activate(&world, &site).await.unwrap();
        let id = one.id();
        one.deactivate(&world).await.unwrap();
        one.deactivate(&world).await.expect("it says yes also when it already was");
        assert_eq!(counts(&world, &site).await, (0, 0));
        assert_eq!(refused(one.heartbeat(&world).await), ErrorCode::ActivationDeactivated);
        let mut two = Installation::new("c2");
        two.activate(&world, &site).await.unwrap();
        two.deactivate(&world).await.unwrap();
        let again = one.activate(&world, &site).await.unwrap();
        assert_eq!(again.activation.id, id, "the same activation in its next generation");
        assert!(again.created);
    })
    .await;
}

#[tokio::test]
async fn a_slot_is_free_when_its_time_has_passed() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let (mut one, mut two) = (Installation::new("c1"), Installation::new("c2"));
        let lapses_at = one.activate(&world, &site).await.unwrap().activation.lapses_at().unwrap();
        world.clock.set(lapses_at - Seconds(1));
        assert_eq!(refused(two.activate(&world, &site).await), ErrorCode::ActivationLimitReached);
        world.clock.set(lapses_at);
        assert_eq!(counts(&world, &site).await.0, 0, "free before anybody writes it down");
        two.activate(&world, &site).await.unwrap();
        assert_eq!(shown(&world, one.id()).await.status, ActivationStatus::Lapsed);
        assert_eq!(counts(&world, &site).await, (1, 1));
        let refusal = one.heartbeat(&world).await.err().unwrap();
        assert_eq!(refusal.refused.code, ErrorCode::ActivationLimitReached);
        assert_eq!(refusal.refused.holders[0].id, two.id());
        two.deactivate(&world).await.unwrap();
        one.heartbeat(&world).await.expect("a slot is free again");
        assert_eq!(shown(&world, one.id()).await.status, ActivationStatus::Active);
        assert_eq!(counts(&world, &site).await, (1, 1));
    })
    .await;
}

#[tokio::test]
async fn the_job_records_lapses_and_leaves_active_ones() {
    World::each(|world| async move {
        let site = Site::plain(&world, 5).await;
        let (mut one, mut two) = (Installation::new("c1"), Installation::new("c2"));
        let lapses_at = one.activate(&world, &site).await.unwrap().activation.lapses_at().unwrap();
        two.activate(&world, &site).await.unwrap();
        world.clock.advance(Seconds(600));
        two.heartbeat(&world).await.unwrap();
        world.clock.set(lapses_at);
        world.authority.run_jobs().await.unwrap();
        assert_eq!(counts(&world, &site).await, (1, 1));
        assert_eq!(entries(&world, one.id()).await[0].0, "activation.lapse");
        let later = shown(&world, two.id()).await.lapses_at().unwrap();
        world.clock.set(later);
        world.authority.run_jobs().await.unwrap();
        assert_eq!(counts(&world, &site).await, (0, 0));
    })
    .await;
}

#[tokio::test]
async fn the_job_checks_active_ones_once_in_a_lease() {
    World::each(|world| async move {
        let site = Site::plain(&world, 400).await;
        let mut homes: Vec<_> = (0..300).map(|n| Installation::new(&format!("c{n}"))).collect();
        let mut lapses_at = None;
        for home in &mut homes {
            lapses_at = home.activate(&world, &site).await.unwrap().activation.lapses_at();
        }
        world.clock.advance(Seconds(600));
        for home in &mut homes[1..] {
            home.heartbeat(&world).await.unwrap();
        }
        world.clock.set(lapses_at.unwrap());
        world.authority.run_jobs().await.unwrap();
        assert_eq!(counts(&world, &site).await, (299, 299));
        assert_eq!(world.authority.run_jobs().await.unwrap(), 0, "nothing is left to look at");
        homes[1].deactivate(&world).await.unwrap();
        world.clock.advance(Seconds(600));
        world.authority.run_jobs().await.unwrap();
        assert_eq!(counts(&world, &site).await, (0, 0));
    })
    .await;
}

#[tokio::test]
async fn an_operator_releases() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        one.activate(&world, &site).await.unwrap();
        world.authority.release_activation(operator(), one.id(), Some("lost".to_owned())).await.unwrap();
        assert_eq!(counts(&world, &site).await, (0, 0));
        let refusal = one.heartbeat(&world).await.err().unwrap();
        assert_eq!(refusal.refused.code, ErrorCode::ActivationReleased);
        let again = world.authority.release_activation(operator(), one.id(), None).await;
        assert_eq!(again.err().unwrap().code(), ErrorCode::WrongState);
        one.activate(&world, &site).await.expect("the host started it again");
    })
    .await;
}

#[tokio::test]
async fn reports_of_a_product_are_stored_and_never_refused() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        one.activate(&world, &site).await.unwrap();
        // Entries of one millisecond have no order.
        world.clock.advance(Seconds(1));
        let mut beat = one.beat();
        beat.levels = Some([("nodes".to_owned(), 7), ("unknown".to_owned(), 1)].into());
        beat.health = Some(Health { status: "ok".to_owned(), detail: None });
        let at = kaching_base::Timestamp::from_seconds(1_795_305_600);
        let used = Usage { meter: "jobs".to_owned(), amount: 5, seq: 1, at };
        beat.usage =
            vec![used.clone(), used, Usage { meter: "Not A Code".to_owned(), amount: 1, seq: 2, at }];
        let renewed = one.send_heartbeat(&world, beat.clone()).await.unwrap();
        let nodes = renewed.quotas.iter().find(|quota| quota.name.as_str() == "nodes").unwrap();
        assert_eq!((nodes.used, nodes.max, nodes.state.as_str()), (7, Some(3), "over"));
        assert_eq!(renewed.warnings.len(), 2, "{:?}", renewed.warnings);
        one.send_heartbeat(&world, beat).await.expect("a repeat is answered");
        one.number += 1;
        one.heartbeat(&world).await.unwrap();
        assert_eq!(shown(&world, one.id()).await.levels[&super::setting::code("nodes")], 7);
        let actions: Vec<_> = entries(&world, one.id()).await.into_iter().map(|(action, _)| action).collect();
        assert_eq!(actions, ["activation.report", "activation.activate"]);
    })
    .await;
}

#[tokio::test]
async fn a_refused_heartbeat_changes_nothing_and_leaves_one_entry() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        one.activate(&world, &site).await.unwrap();
        let address = site.license.to_string();
        world.authority.suspend_license(operator(), address.clone(), "unpaid".to_owned()).await.unwrap();
        for nodes in 1..4 {
            world.clock.advance(Seconds(30));
            let reporting = Heartbeat { levels: Some([("nodes".to_owned(), nodes)].into()), ..one.beat() };
            assert_eq!(refused(one.send_heartbeat(&world, reporting).await), ErrorCode::LicenseSuspended);
            one.number += 1;
        }
        assert!(shown(&world, one.id()).await.levels.is_empty(), "no change without an entry");
        assert_eq!(entries(&world, one.id()).await.len(), 2, "the activation and one refusal");
        world.authority.reinstate_license(operator(), address).await.unwrap();
        world.clock.set(shown(&world, one.id()).await.lapses_at().unwrap());
        let reporting = Heartbeat { levels: Some([("nodes".to_owned(), 3)].into()), ..one.beat() };
        one.send_heartbeat(&world, reporting).await.unwrap();
        let log = entries(&world, one.id()).await;
        assert_eq!((log.len(), log[0].0.as_str()), (3, "activation.resume"), "one entry for the return");
    })
    .await;
}

#[tokio::test]
async fn the_first_activation_starts_the_term() {
    World::each(|world| async move {
        let draft = Draft { starts_at_first_activation: true, ..Draft::default() };
        let site = Site::new(&world, 1, draft).await;
        world.clock.advance(Seconds::days(100));
        let mut one = Installation::new("c1");
        one.activate(&world, &site).await.unwrap();
        let license = world.authority.license(&Sight::All, site.license.to_string()).await.unwrap().license;
        let starts_at = license.starts_at.unwrap();
        assert_eq!(license.expires_at, Some(starts_at.plus_days(365)));
        world.clock.set(starts_at.plus_days(365 + 14));
        assert_eq!(refused(one.heartbeat(&world).await), ErrorCode::LicenseExpired);
    })
    .await;
}

#[tokio::test]
async fn the_start_of_a_term_loses_no_edit_of_the_same_moment() {
    World::each(|world| async move {
        let draft = Draft { starts_at_first_activation: true, ..Draft::default() };
        let site = Site::new(&world, 1, draft).await;
        let ask = Validate {
            key: Some(site.key.clone()),
            product: None,
            fingerprint: None,
            kind: None,
            features: Vec::new(),
            nonce: None,
            request: kaching_authority::Digest([7; 32]),
        };
        // From here on the license is kept in memory, and the clock does not move.
        world.authority.validate(ask).await.unwrap();
        let edit = EditLicense { notes: Some("pays late".to_owned()), ..EditLicense::default() };
        world.authority.edit_license(operator(), site.license.to_string(), edit).await.unwrap();
        Installation::new("c1").activate(&world, &site).await.unwrap();
        let license = world.authority.license(&Sight::All, site.license.to_string()).await.unwrap().license;
        assert_eq!((license.notes.as_str(), license.starts_at.is_some()), ("pays late", true));
    })
    .await;
}

#[tokio::test]
async fn wrong_keys_and_wrong_proofs_are_refused() {
    World::each(|world| async move {
        let site = Site::plain(&world, 1).await;
        let mut one = Installation::new("c1");
        let mut request = one.request(&site);
        request.key = "CHORUS-00000-00000-00000-00000-00000".parse_key();
        assert_eq!(refused(one.send(&world, request).await), ErrorCode::LicenseNotFound);
        let mut request = one.request(&site);
        request.product = super::setting::code("caio");
        assert_eq!(refused(one.send(&world, request).await), ErrorCode::ProductMismatch);
        one.activate(&world, &site).await.unwrap();
        let signed = one.beat().proof;
        let other = kaching_authority::Digest([0; 32]);
        let forged = Proof::check(&world.authority.keys(), signed.authorization().clone(), other);
        assert_eq!(forged.unwrap_err().code(), ErrorCode::CredentialInvalid);
        let mut elsewhere = one.beat();
        elsewhere.fpr = kaching_authority::Digest::of("c2");
        assert_eq!(refused(one.send_heartbeat(&world, elsewhere).await), ErrorCode::FingerprintMismatch);
    })
    .await;
}

trait ParseKey {
    fn parse_key(&self) -> kaching_authority::LicenseKey;
}

impl ParseKey for str {
    /// With the check symbol that fits.
    fn parse_key(&self) -> kaching_authority::LicenseKey {
        let start = &self[..self.len() - 1];
        let symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars();
        let mut keys =
            symbols.filter_map(|c| kaching_authority::LicenseKey::parse(&format!("{start}{c}")).ok());
        keys.next().unwrap()
    }
}

#[tokio::test]
async fn a_wrong_clock_is_refused_before_anything_is_written() {
    World::each(|world| async move {
        let site = Site::plain(&world, 2).await;
        let mut one = Installation::new("c1");
        one.activate(&world, &site).await.unwrap();
        world.clock.advance(Seconds(3600));
        world.authority.store_time().await.unwrap();
        world.clock.jump(Seconds(-1800));
        let before = (shown(&world, one.id()).await, entries(&world, one.id()).await);

        let client = || Cx::of(Actor::Client);
        let beat = one.beat();
        let again = one.request(&site);
        let new = Installation::new("c2").request(&site);
        let nonce = one.draw();
        let back = one.give_back(&nonce);
        let (license, reason) = (site.license.to_string(), "unpaid".to_owned());
        for refused in [
            world.authority.heartbeat(client(), beat.clone()).await.err(),
            world.authority.activate(client(), again.clone()).await.err(),
            world.authority.activate(client(), new.clone()).await.err(),
            world.authority.deactivate(client(), back).await.err(),
            world.authority.suspend_license(operator(), license.clone(), reason).await.err(),
        ] {
            let error = refused.expect("it is refused").to_string();
            assert!(error.contains("set it right"), "{error}");
        }
        let after = (shown(&world, one.id()).await, entries(&world, one.id()).await);
        assert_eq!(before, after, "nothing was written");
        assert_eq!(world.authority.license(&Sight::All, license).await.unwrap().license.active, 1);

        // Once it is right again the same requests are the first ones.
        world.clock.jump(Seconds(1800));
        one.send_heartbeat(&world, beat).await.expect("the number was not used up");
        Installation::new("c2").send(&world, new).await.expect("it holds no slot yet");
        one.send(&world, again).await.expect("its nonce was not used up");
    })
    .await;
}
