//! Lists of audit entries by time, actor, license and customer contain what a look at each entry finds.

use std::collections::BTreeSet;

use kaching_authority::{
    Actor, AuditFilter, AuditRecord, Cx, List, NewLicense, Sight, activations::ActivationFilter, fill::Fill,
};
use kaching_base::{AuditId, ErrorCode, LicenseId, TokenId};
use kaching_testkit::World;

use super::setting::{coded, customer, cx, furnish, license, made, refusal, tick};

fn local(uid: u32) -> Cx {
    Cx::of(Actor::Local(uid))
}

/// Every page of this length.
async fn pages(world: &World, sight: &Sight, limit: u32, filter: &AuditFilter) -> Vec<AuditRecord> {
    let mut list = List { limit: Some(limit), filter: filter.clone(), ..List::default() };
    let mut found = Vec::new();
    loop {
        let page = world.authority.audit_entries(sight, list.clone()).await.unwrap();
        assert!(page.items.len() <= limit as usize);
        found.extend(page.items);
        match page.next {
            Some(next) => list.after = Some(next),
            None => return found,
        }
    }
}

fn ids(entries: &[AuditRecord]) -> Vec<AuditId> {
    entries.iter().map(|entry| entry.id).collect()
}

/// The targets of a license's history.
async fn targets(world: &World, license: LicenseId) -> BTreeSet<String> {
    let filter = ActivationFilter { license: Some(license), ..ActivationFilter::default() };
    let mut list = List { limit: Some(200), filter, ..List::default() };
    let mut found = BTreeSet::from([license.to_string()]);
    loop {
        let page = world.authority.activations(&Sight::All, list.clone()).await.unwrap();
        found.extend(page.items.into_iter().map(|one| one.activation.id.to_string()));
        match page.next {
            Some(next) => list.after = Some(next),
            None => return found,
        }
    }
}

fn actor(text: &str) -> AuditFilter {
    AuditFilter { actor: Some(text.parse().unwrap()), ..AuditFilter::default() }
}

fn is_of(entry: &AuditRecord, kind: &str, id: Option<&str>) -> bool {
    let body: serde_json::Value = serde_json::from_str(&entry.body).unwrap();
    body["actor"]["kind"] == kind && id.is_none_or(|id| body["actor"]["id"] == id)
}

/// Two licenses of one customer and one of another, with installations and changes by several actors.
async fn three_licenses(world: &World) -> [LicenseId; 3] {
    furnish(world).await;
    let authority = &world.authority;
    authority.create_customer(local(0), customer("Beta", "CUST-002")).await.unwrap();
    let own = [made(world, "team").await.license.id, made(world, "team").await.license.id];
    let new = NewLicense { customer: "CUST-002".to_owned(), ..license("team") };
    let other = authority.create_license(local(1000), new).await.unwrap().license.id;
    for (at, (id, each)) in [(own[0], 3), (own[1], 12), (other, 2)].into_iter().enumerate() {
        tick(world);
        authority.fill(Fill { like: id, licenses: None, each, first: at as u64 + 1 }).await.unwrap();
    }
    for (at, id) in [own[0], other, own[1], own[0]].into_iter().enumerate() {
        let token = Cx::of(Actor::Token(TokenId::from_bytes([6; 16])));
        for by in [cx(), token, local(0), local(1000)] {
            tick(world);
            authority.suspend_license(by.clone(), id.to_string(), format!("{at}")).await.unwrap();
            authority.reinstate_license(by, id.to_string()).await.unwrap();
        }
    }
    [own[0], own[1], other]
}

#[tokio::test]
async fn each_filter_finds_its_entries_in_their_order() {
    World::each(|world| async move {
        let [first, second, other] = three_licenses(&world).await;
        let all = pages(&world, &Sight::All, 200, &AuditFilter::default()).await;
        let own = [targets(&world, first).await, targets(&world, second).await];
        let acme = world.authority.customer(&Sight::All, "CUST-001".to_owned()).await.unwrap().id;
        let of_acme: BTreeSet<String> = own.iter().flatten().cloned().chain([acme.to_string()]).collect();
        let is_in = |entry: &AuditRecord, targets: &BTreeSet<String>| {
            entry.target.as_ref().is_some_and(|target| targets.contains(target))
        };
        let (since, until) = (all[all.len() / 2].at, all[all.len() / 4].at);
        let token = format!("token:{}", TokenId::from_bytes([6; 16]));
        let none = AuditFilter::default;
        let of = |license| AuditFilter { license: Some(license), ..none() };
        let customer = |name: &str| AuditFilter { customer: Some(name.to_owned()), ..none() };
        let suspended = Some("license.suspend".to_owned());
        type Expected<'e> = Box<dyn Fn(&AuditRecord) -> bool + 'e>;
        let cases: Vec<(AuditFilter, Expected<'_>)> = vec![
            (of(first), Box::new(|one| is_in(one, &own[0]))),
            (of(second), Box::new(|one| is_in(one, &own[1]))),
            (customer("CUST-001"), Box::new(|one| is_in(one, &of_acme))),
            (customer(&acme.to_string()), Box::new(|one| is_in(one, &of_acme))),
            (
                AuditFilter { license: Some(first), ..customer("CUST-001") },
                Box::new(|one| is_in(one, &own[0])),
            ),
            (AuditFilter { license: Some(other), ..customer("CUST-001") }, Box::new(|_| false)),
            (AuditFilter { since: Some(since), ..none() }, Box::new(|one| one.at >= since)),
            (AuditFilter { until: Some(until), ..none() }, Box::new(|one| one.at < until)),
            (
                AuditFilter { since: Some(since), until: Some(until), ..of(first) },
                Box::new(|one| one.at >= since && one.at < until && is_in(one, &own[0])),
            ),
            (actor("local"), Box::new(|one| is_of(one, "local", None))),
            (actor("local:0"), Box::new(|one| is_of(one, "local", Some("0")))),
            (actor("local:1"), Box::new(|_| false)),
            (actor("client"), Box::new(|_| false)),
            (actor("system"), Box::new(|one| is_of(one, "system", None))),
            (actor("token"), Box::new(|one| is_of(one, "token", None))),
            (actor(&token), Box::new(|one| is_of(one, "token", token.strip_prefix("token:")))),
            (
                AuditFilter { license: Some(first), ..actor("local:0") },
                Box::new(|one| is_of(one, "local", Some("0")) && is_in(one, &own[0])),
            ),
            (
                AuditFilter {
                    customer: Some("CUST-001".to_owned()),
                    action: suspended.clone(),
                    ..actor("token")
                },
                Box::new(|one| {
                    is_of(one, "token", None) && one.action == "license.suspend" && is_in(one, &of_acme)
                }),
            ),
            (
                AuditFilter { target: Some(first.to_string()), action: suspended, ..actor("local") },
                Box::new(|one| {
                    is_of(one, "local", None)
                        && one.action == "license.suspend"
                        && one.target.as_deref() == Some(&first.to_string())
                }),
            ),
        ];
        for (filter, expected) in &cases {
            let expected: Vec<AuditRecord> = all.iter().filter(|one| expected(one)).cloned().collect();
            for limit in [1, 7, 200] {
                let found = pages(&world, &Sight::All, limit, filter).await;
                assert_eq!(ids(&found), ids(&expected), "{limit} {filter:?}");
            }
        }
        let found: Vec<usize> =
            cases.iter().map(|(_, is)| all.iter().filter(|one| is(one)).count()).collect();
        assert!(
            found[..5].iter().all(|count| *count > 10) && found[6..12].iter().filter(|n| **n > 3).count() > 4
        );
    })
    .await;
}

#[tokio::test]
async fn a_filter_by_what_is_out_of_sight_answers_like_one_by_nothing() {
    World::each(|world| async move {
        let [first, _, other] = three_licenses(&world).await;
        let acme = world.authority.customer(&Sight::All, "CUST-001".to_owned()).await.unwrap().id;
        let sight = Sight::Customer(acme);
        let own = AuditFilter { license: Some(first), ..AuditFilter::default() };
        let all = pages(&world, &Sight::All, 200, &own).await;
        assert_eq!(ids(&pages(&world, &sight, 7, &own).await), ids(&all));
        for filter in [
            AuditFilter { license: Some(other), ..AuditFilter::default() },
            AuditFilter { customer: Some("CUST-002".to_owned()), ..AuditFilter::default() },
            AuditFilter { license: Some(LicenseId::from_bytes([7; 16])), ..AuditFilter::default() },
        ] {
            let list = List { filter, ..List::default() };
            let found = world.authority.audit_entries(&sight, list).await;
            assert_eq!(refusal(found), coded(ErrorCode::NotFound));
        }
        let by_root = pages(&world, &sight, 7, &actor("local:1000")).await;
        assert!(!by_root.is_empty());
        let shown: BTreeSet<_> = by_root.iter().filter_map(|one| one.target.clone()).collect();
        assert!(!shown.contains(&other.to_string()), "{shown:?}");
    })
    .await;
}

#[tokio::test]
async fn the_history_of_a_license_with_many_installations_is_complete() {
    World::each(|world| async move {
        furnish(&world).await;
        let id = made(&world, "enterprise").await.license.id;
        // The first are looked up one by one; with the second, the log is walked.
        for (each, first) in [(1005, 1), (1005, 2)] {
            tick(&world);
            world.authority.fill(Fill { like: id, licenses: None, each, first }).await.unwrap();
            made(&world, "team").await;
            let own = targets(&world, id).await;
            let all = pages(&world, &Sight::All, 200, &AuditFilter::default()).await;
            let is_own = |one: &&AuditRecord| one.target.as_ref().is_some_and(|target| own.contains(target));
            assert!(all.iter().filter(is_own).count() > each as usize);
            for filter in [
                AuditFilter { license: Some(id), ..AuditFilter::default() },
                AuditFilter { license: Some(id), ..actor("system") },
            ] {
                let found = pages(&world, &Sight::All, 200, &filter).await;
                let by_anyone = filter.actor.is_none();
                let entries = all.iter().filter(is_own).filter(|one| by_anyone || is_of(one, "system", None));
                assert_eq!(ids(&found), entries.map(|one| one.id).collect::<Vec<_>>());
            }
        }
    })
    .await;
}
