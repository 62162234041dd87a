use kaching_authority::{Apply, ApplyPlan, EditLicense, EditPlan, Renewal, Sight, domain::EditPolicy};
use kaching_base::{ErrorCode, LicenseId, Limit};
use kaching_testkit::World;

use super::setting::{code, coded, cx, entries, furnish, invalid, made, refusal, tick};

async fn raise_nodes(world: &World) {
    let edit = EditPlan {
        limits: [(code("nodes"), Some(Limit::Level { max: Some(99) }))].into(),
        policy: EditPolicy { moves: Some(9), ..EditPolicy::default() },
        ..EditPlan::default()
    };
    world.authority.edit_plan(cx(), "chorus:team".to_owned(), edit).await.unwrap();
}

fn apply(to: Apply) -> ApplyPlan {
    ApplyPlan { to, force: false }
}

async fn nodes(world: &World, id: LicenseId) -> (Option<u64>, i64) {
    let license = world.authority.license(&Sight::All, id.to_string()).await.unwrap().license;
    (license.terms().level("nodes"), license.revision)
}

#[tokio::test]
async fn a_plan_is_applied_to_all_in_steps_and_keeps_overrides() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let mut ids = Vec::new();
        for _ in 0..120 {
            ids.push(made(&world, "team").await.license.id);
        }
        let other = made(&world, "community").await.license.id;
        let edit = EditLicense {
            limits: [(code("nodes"), Some(Limit::Level { max: Some(7) }))].into(),
            ..EditLicense::default()
        };
        authority.edit_license(cx(), ids[5].to_string(), edit).await.unwrap();
        raise_nodes(&world).await;
        assert_eq!(nodes(&world, ids[0]).await, (Some(25), 1), "editing a plan changes new licenses only");

        tick(&world);
        let applied = authority.apply_plan(cx(), "chorus:team".to_owned(), apply(Apply::All)).await.unwrap();
        assert_eq!(applied.licenses, 120);
        assert_eq!(nodes(&world, ids[0]).await, (Some(25), 1), "a job does it");
        assert_eq!(authority.run_jobs().await.unwrap(), 3);
        for (i, id) in ids.iter().enumerate() {
            let expected = if i == 5 { (Some(7), 3) } else { (Some(99), 2) };
            assert_eq!(nodes(&world, *id).await, expected, "license {i}");
        }
        assert_eq!(nodes(&world, other).await, (Some(3), 1));
        let log = entries(authority, &ids[0].to_string()).await;
        assert_eq!(log[0].0.action, "license.apply_plan");
        assert_eq!(authority.run_jobs().await.unwrap(), 0);
        // Once more: nothing differs any longer.
        authority.apply_plan(cx(), "chorus:team".to_owned(), apply(Apply::All)).await.unwrap();
        authority.run_jobs().await.unwrap();
        assert_eq!(nodes(&world, ids[0]).await, (Some(99), 2));
    })
    .await;
}

#[tokio::test]
async fn a_plan_is_applied_to_named_licenses() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let (one, two) = (made(&world, "team").await.license.id, made(&world, "team").await.license.id);
        let other = made(&world, "community").await.license.id;
        raise_nodes(&world).await;
        let apply = |to| authority.apply_plan(cx(), "chorus:team".to_owned(), apply(to));
        assert_eq!(refusal(apply(Apply::Licenses(vec![])).await), invalid("/to"));
        assert_eq!(refusal(apply(Apply::Licenses(vec![one, other])).await), invalid("/to/1"));
        let nobody = LicenseId::from_bytes([3; 16]);
        assert_eq!(refusal(apply(Apply::Licenses(vec![nobody])).await), coded(ErrorCode::NotFound));
        apply(Apply::Licenses(vec![one])).await.unwrap();
        authority.run_jobs().await.unwrap();
        assert_eq!(nodes(&world, one).await, (Some(99), 2));
        assert_eq!(nodes(&world, two).await, (Some(25), 1));
        // At the next renewal, which copies the terms.
        apply(Apply::Renewing).await.unwrap();
        authority.run_jobs().await.unwrap();
        assert_eq!(nodes(&world, two).await, (Some(25), 1));
        authority.renew_license(cx(), two.to_string(), Renewal::default()).await.unwrap();
        assert_eq!(nodes(&world, two).await, (Some(99), 2));
    })
    .await;
}
