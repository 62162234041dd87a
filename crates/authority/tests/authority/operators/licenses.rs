use kaching_authority::{
    At, AuditFilter, EditLicense, LicenseDetails, LicenseKey, List, NewLicense, Renewal, Sight, Upgrade,
    domain::{Binding, State, Status, licenses::Draft},
};
use kaching_base::{ErrorCode, FingerprintKind, LicenseId, LicenseType, Limit, Seconds};
use kaching_testkit::World;

use super::setting::{code, coded, customer, cx, entries, furnish, invalid, license, made, refusal, tick};

fn upgrade(plan: &str, at: At) -> Upgrade {
    Upgrade { plan: plan.to_owned(), at, force: false }
}

fn address(details: &LicenseDetails) -> String {
    details.license.id.to_string()
}

#[tokio::test]
async fn a_new_license_is_found_by_its_key() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let made = made(&world, "team").await;
        let key = made.key.as_ref().unwrap();
        assert!(key.expose().starts_with("CHORUS-") && key.expose().len() == 7 + 29);
        let typed = key.expose().to_lowercase().replacen('-', " ", 3);
        let found = authority.find_license(&Sight::All, LicenseKey::parse(&typed).unwrap()).await.unwrap();
        assert_eq!(found.license, made.license);
        assert!(found.key.is_none(), "only what makes a key shows it");
        assert_eq!((found.product.as_str(), found.plan.as_str()), ("chorus", "team"));
        tick(&world);
        let revealed = authority.reveal_key(cx(), address(&made)).await.unwrap();
        assert_eq!(revealed.key.expose(), key.expose());
        let log = entries(authority, &address(&made)).await;
        assert_eq!(log[0].0.action, "license.reveal_key");
        for (record, _) in log {
            assert!(!record.body.contains(key.expose()));
        }
        for unknown in ["", "lic_", "lic_01jd6w9q2hf4rb8s0zv3k5m7n9", "CHORUS-AAAAA", "\0", key.expose()] {
            let refused = authority.license(&Sight::All, unknown.to_owned()).await.err().unwrap();
            assert_eq!(refused.to_string(), "there is no license with this id", "{unknown}");
            let changed = authority.reinstate_license(cx(), unknown.to_owned()).await;
            assert_eq!(refusal(changed), coded(ErrorCode::NotFound));
        }
        let nobodys = LicenseKey::generate("CHORUS", [7; 15]).unwrap();
        assert_eq!(refusal(authority.find_license(&Sight::All, nobodys).await), coded(ErrorCode::NotFound));
    })
    .await;
}

#[tokio::test]
async fn the_keys_of_several_licenses_leave_one_entry() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let (one, two) = (made(&world, "team").await, made(&world, "team").await);
        let nobodys = LicenseId::from_bytes([7; 16]);
        let rekeyed = authority.rekey_license(cx(), address(&two), 3600).await.unwrap();
        tick(&world);
        let asked = vec![two.license.id, nobodys, one.license.id, two.license.id];
        let shown = authority.reveal_keys(cx(), asked).await.unwrap();
        let shown: Vec<_> = shown.iter().map(|shown| (shown.license, shown.key.expose())).collect();
        let key = |made: &LicenseDetails| made.key.as_ref().unwrap().expose().to_owned();
        let (first, second) = (key(&one), key(&rekeyed));
        let mut expected = [(one.license.id, first.as_str()), (two.license.id, second.as_str())];
        expected.sort_unstable();
        assert_eq!(shown, expected);
        let filter = AuditFilter { action: Some("license.reveal_keys".to_owned()), ..Default::default() };
        let log = authority.audit_entries(&Sight::All, List { filter, ..Default::default() }).await.unwrap();
        let [entry] = log.items.as_slice() else { panic!("{} entries", log.items.len()) };
        let body: serde_json::Value = serde_json::from_str(&entry.body).unwrap();
        let ids = expected.map(|(id, _)| id.to_string());
        assert_eq!(body["change"], serde_json::json!({"keys": 2, "licenses": ids}));
        assert!(!entry.body.contains(&first) && !entry.body.contains(&second));
        for many in [0, 201] {
            let ids = (0..many).map(|number| LicenseId::from_bytes([number; 16])).collect();
            let refused = authority.reveal_keys(cx(), ids).await.err().unwrap();
            assert_eq!(refused.to_string(), format!("name 1 to 200 licenses, not {many}"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_license_needs_valid_and_existing_parts() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let base = || license("team");
        let text = |text: &str| text.to_owned();
        for new in [
            NewLicense { customer: text("CUST-404"), ..base() },
            NewLicense { customer: text("a\0b"), ..base() },
            NewLicense { product: text("nothing"), ..base() },
            NewLicense { plan: text("nothing"), ..base() },
            NewLicense { plan: text("chorus:team"), ..base() },
        ] {
            assert_eq!(refusal(authority.create_license(cx(), new).await), coded(ErrorCode::NotFound));
        }
        let past = Some("2020-01-01".parse().unwrap());
        let bound = Binding { kind: FingerprintKind::Domain, value: text("not a domain") };
        for (draft, place) in [
            (Draft { expires_at: past, ..Draft::default() }, "/expires_at"),
            (
                Draft {
                    license_type: Some(LicenseType::Perpetual),
                    term: Some(kaching_base::Term::of_days(9).unwrap()),
                    ..Draft::default()
                },
                "/days",
            ),
            (Draft { features: [code("nothing")].into(), ..Draft::default() }, "/features"),
            (Draft { bindings: vec![bound], ..Draft::default() }, "/bindings/0"),
            (Draft { tags: [text("")].into(), ..Draft::default() }, "/tags"),
        ] {
            let new = NewLicense { draft, ..base() };
            assert_eq!(refusal(authority.create_license(cx(), new).await), invalid(place));
        }
        authority.archive_plan(cx(), text("chorus:team"), false).await.unwrap();
        assert_eq!(refusal(authority.create_license(cx(), base()).await), coded(ErrorCode::WrongState));
        assert_eq!(authority.stats(&Sight::All).await.unwrap().total, 0, "nothing half done");
    })
    .await;
}

#[tokio::test]
async fn refusals_leave_an_entry_and_change_nothing() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let made = made(&world, "team").await;
        let id = address(&made);
        // Entries of one millisecond have no order.
        world.clock.advance(Seconds(1));
        assert_eq!(
            refusal(authority.reinstate_license(cx(), id.clone()).await),
            coded(ErrorCode::WrongState)
        );
        assert_eq!(
            refusal(authority.revoke_license(cx(), id.clone(), "yes".to_owned()).await),
            invalid("/confirm")
        );
        assert_eq!(
            refusal(authority.suspend_license(cx(), id.clone(), " ".to_owned()).await),
            invalid("/reason")
        );
        assert_eq!(authority.license(&Sight::All, id.clone()).await.unwrap().license, made.license);
        let log = entries(authority, &id).await;
        assert_eq!(log.len(), 2, "what makes no sense leaves none");
        assert_eq!(log[0].1["outcome"], "refused");
        assert_eq!(log[0].1["code"], "wrong_state");
        assert_eq!(log[0].1["action"], "license.reinstate");
    })
    .await;
}

#[tokio::test]
async fn a_scheduled_change_takes_effect_by_the_job() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let made = made(&world, "team").await;
        let id = address(&made);
        let waiting =
            authority.upgrade_license(cx(), id.clone(), upgrade("community", At::PeriodEnd)).await.unwrap();
        assert_eq!(waiting.license.revision, 1);
        assert_eq!(waiting.scheduled_plan.as_ref().unwrap().as_str(), "community");
        authority.renew_license(cx(), id.clone(), Renewal::default()).await.unwrap();
        world.clock.set(made.license.expires_at.unwrap());
        authority.run_jobs().await.unwrap();
        let changed = authority.license(&Sight::All, id.clone()).await.unwrap();
        assert_eq!((changed.plan.as_str(), changed.license.revision), ("community", 3));
        assert_eq!(changed.license.terms().slots(), Some(1));
        let log = entries(authority, &id).await;
        assert_eq!(log[0].1["action"], "license.change_plan");
        assert_eq!(log[0].1["actor"]["kind"], "system");
        authority.run_jobs().await.unwrap();
        assert_eq!(authority.license(&Sight::All, id).await.unwrap().license, changed.license);
    })
    .await;
}

#[tokio::test]
async fn a_scheduled_change_takes_effect_at_the_first_call() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let made = made(&world, "team").await;
        let id = address(&made);
        authority.upgrade_license(cx(), id.clone(), upgrade("enterprise", At::PeriodEnd)).await.unwrap();
        world.clock.set(made.license.expires_at.unwrap() + Seconds(5));
        let suspended = authority.suspend_license(cx(), id.clone(), "unpaid".to_owned()).await.unwrap();
        assert_eq!((suspended.plan.as_str(), suspended.license.revision), ("enterprise", 3));
        let log = entries(authority, &id).await;
        let actions: Vec<_> = log.iter().map(|(record, _)| record.action.as_str()).collect();
        assert!(actions.contains(&"license.change_plan") && actions.contains(&"license.suspend"));
    })
    .await;
}

#[tokio::test]
async fn a_new_key_ends_the_old_one_after_its_time() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let made = made(&world, "team").await;
        let (id, old) = (address(&made), made.key.clone().unwrap());
        for seconds in [-1, 366 * 86_400] {
            let rekeyed = authority.rekey_license(cx(), id.clone(), seconds).await;
            assert_eq!(refusal(rekeyed), invalid("/old_ends_in_s"));
        }
        let rekeyed = authority.rekey_license(cx(), id.clone(), 3600).await.unwrap();
        let new = rekeyed.key.unwrap();
        assert_ne!(new.expose(), old.expose());
        assert_eq!(rekeyed.license.revision, 1, "a lease reflects no key");
        assert_eq!(
            authority.find_license(&Sight::All, old.clone()).await.unwrap().license.id,
            made.license.id
        );
        world.clock.advance(Seconds(3600));
        assert_eq!(refusal(authority.find_license(&Sight::All, old).await), coded(ErrorCode::NotFound));
        assert_eq!(
            authority.find_license(&Sight::All, new.clone()).await.unwrap().license.id,
            made.license.id
        );
        assert_eq!(authority.reveal_key(cx(), id).await.unwrap().key.expose(), new.expose());
    })
    .await;
}

#[tokio::test]
async fn labels_and_customer_raise_no_revision() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        authority.create_customer(cx(), customer("Beta", "CUST-002")).await.unwrap();
        let id = address(&made(&world, "team").await);
        let edit = EditLicense { notes: Some("calls on Mondays".to_owned()), ..EditLicense::default() };
        authority.edit_license(cx(), id.clone(), edit).await.unwrap();
        let given = authority.transfer_license(cx(), id.clone(), "CUST-002".to_owned()).await.unwrap();
        assert_eq!(given.license.revision, 1);
        let again = authority.transfer_license(cx(), id.clone(), "CUST-002".to_owned()).await;
        assert_eq!(refusal(again), coded(ErrorCode::WrongState));
        let nobody = authority.transfer_license(cx(), id.clone(), "CUST-003".to_owned()).await;
        assert_eq!(refusal(nobody), coded(ErrorCode::NotFound));
        let edit = EditLicense {
            limits: [(code("nodes"), Some(Limit::Level { max: Some(40) }))].into(),
            ..EditLicense::default()
        };
        tick(&world);
        let edited = authority.edit_license(cx(), id.clone(), edit).await.unwrap();
        assert_eq!((edited.license.revision, edited.license.terms().level("nodes")), (2, Some(40)));
        let log = entries(authority, &id).await;
        assert!(log.iter().all(|(record, _)| !record.body.contains("Mondays")));
        assert_eq!(log[0].1["change"]["revision"]["to"], 2);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_license_is_revoked_and_hidden() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let id = address(&made(&world, "team").await);
        let deleted = authority.delete_license(cx(), id.clone()).await.unwrap();
        assert_eq!(
            (deleted.license.status, deleted.license.state(deleted.now)),
            (Status::Revoked, State::Revoked)
        );
        assert!(authority.licenses(&Sight::All, Default::default()).await.unwrap().items.is_empty());
        assert_eq!(authority.license(&Sight::All, id.clone()).await.unwrap().license, deleted.license);
        let again = authority.delete_license(cx(), id.clone()).await.unwrap();
        assert_eq!(again.license, deleted.license);
        assert_eq!(entries(authority, &id).await.len(), 2);
    })
    .await;
}
