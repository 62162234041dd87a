use std::{collections::BTreeSet, sync::Arc};

use kaching_authority::{
    AuditFilter, CustomerFilter, LicenseDetails, LicenseFilter, List, NewCustomer, NewLicense, Page, Sight,
    domain::{State, Status, licenses::Draft},
};
use kaching_base::{LicenseType, Seconds};
use kaching_testkit::World;

use super::setting::{coded, customer, cx, entries, furnish, invalid, license, made, plan, refusal, tick};

fn list(filter: LicenseFilter) -> List<LicenseFilter> {
    List { filter, ..List::default() }
}

/// Every page of a list, each of this length.
async fn all(world: &World, limit: u32, mut list: List<LicenseFilter>) -> Vec<LicenseDetails> {
    list.limit = Some(limit);
    let mut found = Vec::new();
    loop {
        let Page { items, next } = world.authority.licenses(&Sight::All, list.clone()).await.unwrap();
        assert!(items.len() <= limit as usize);
        found.extend(items);
        match next {
            Some(next) => list.after = Some(next),
            None => return found,
        }
    }
}

#[tokio::test]
async fn pages_list_everything_once_and_in_order() {
    World::each(|world| async move {
        furnish(&world).await;
        for i in 0..23_i64 {
            // Several end at the same moment, and some never.
            let draft = if i % 5 == 0 {
                Draft { license_type: Some(LicenseType::Perpetual), ..Draft::default() }
            } else {
                Draft { term: Some(kaching_base::Term::of_days(10 + i % 4).unwrap()), ..Draft::default() }
            };
            world.authority.create_license(cx(), NewLicense { draft, ..license("team") }).await.unwrap();
        }
        for sort in [None, Some("created_at"), Some("-created_at"), Some("expires_at"), Some("-expires_at")] {
            for limit in [1, 7, 23, 200] {
                let asked = List { sort: sort.map(str::to_owned), ..list(LicenseFilter::default()) };
                let found = all(&world, limit, asked).await;
                let ids: BTreeSet<_> = found.iter().map(|details| details.license.id).collect();
                assert_eq!((found.len(), ids.len()), (23, 23), "{sort:?} {limit}");
                let end = |d: &LicenseDetails| d.license.expires_at.map_or(i64::MAX, |at| at.micros());
                let ordered = match sort {
                    Some("expires_at") => found.is_sorted_by_key(end),
                    Some("-expires_at") => found.iter().rev().is_sorted_by_key(end),
                    Some("created_at") => found.is_sorted_by_key(|details| details.license.id),
                    _ => found.iter().rev().is_sorted_by_key(|details| details.license.id),
                };
                assert!(ordered, "{sort:?} {limit}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn filters_and_words_find_their_matches() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        authority.create_customer(cx(), customer("Beta Boats", "CUST-002")).await.unwrap();
        authority.create_plan(cx(), plan("chorus", "trial", 0, 1, 1)).await.unwrap();
        let tagged = Draft {
            tags: ["vip".to_owned()].into(),
            metadata: [("order".to_owned(), "PO-77123".to_owned())].into(),
            ..Draft::default()
        };
        let new = NewLicense { draft: tagged, ..license("team") };
        let acme = authority.create_license(cx(), new).await.unwrap().license;
        let new = NewLicense { customer: "CUST-002".to_owned(), ..license("enterprise") };
        let beta = authority.create_license(cx(), new).await.unwrap().license;
        authority.suspend_license(cx(), beta.id.to_string(), "unpaid".to_owned()).await.unwrap();
        let waiting = Draft { starts_at: Some(acme.created_at.plus_days(9)), ..Draft::default() };
        authority.create_license(cx(), NewLicense { draft: waiting, ..license("trial") }).await.unwrap();

        let text = |text: &str| Some(text.to_owned());
        let none = LicenseFilter::default;
        let entries = |entries: &[(&str, &str)]| -> std::collections::BTreeMap<_, _> {
            entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        for (filter, count) in [
            (none(), 3),
            (LicenseFilter { status: Some(Status::Suspended), ..none() }, 1),
            (LicenseFilter { state: Some(State::NotYetValid), ..none() }, 1),
            (LicenseFilter { state: Some(State::Active), ..none() }, 1),
            (LicenseFilter { state: Some(State::Expired), ..none() }, 0),
            (LicenseFilter { product: text("chorus"), ..none() }, 3),
            (LicenseFilter { plan: text("chorus:team"), ..none() }, 1),
            (LicenseFilter { customer: text("CUST-002"), ..none() }, 1),
            (LicenseFilter { tag: text("vip"), ..none() }, 1),
            (LicenseFilter { tag: text("vi"), ..none() }, 0),
            (LicenseFilter { metadata: entries(&[("order", "PO-77123")]), ..none() }, 1),
            (LicenseFilter { metadata: entries(&[("order", "PO-77123"), ("region", "eu")]), ..none() }, 0),
            (LicenseFilter { metadata: entries(&[("order", "po-77123")]), ..none() }, 0),
            (LicenseFilter { license_type: Some(LicenseType::Trial), ..none() }, 0),
            (LicenseFilter { expires_before: Some(acme.created_at.plus_days(366)), ..none() }, 2),
            (LicenseFilter { expires_after: Some(acme.created_at.plus_days(366)), ..none() }, 1),
        ] {
            let found = authority.licenses(&Sight::All, list(filter.clone())).await.unwrap();
            assert_eq!(found.items.len(), count, "{filter:?}");
        }
        for (q, count) in
            [("boats", 1), ("acme", 2), ("77123", 1), ("vip", 1), ("acme boats", 0), ("%", 0), (" ", 3)]
        {
            let asked = List { q: text(q), ..list(none()) };
            assert_eq!(authority.licenses(&Sight::All, asked).await.unwrap().items.len(), count, "{q}");
        }
        let by_id = List { q: Some(acme.id.to_string()), ..list(none()) };
        assert_eq!(authority.licenses(&Sight::All, by_id).await.unwrap().items[0].license.id, acme.id);
        let nowhere = LicenseFilter { product: text("nothing"), ..none() };
        let nowhere = authority.licenses(&Sight::All, list(nowhere)).await;
        assert_eq!(refusal(nowhere), coded(kaching_base::ErrorCode::NotFound));
    })
    .await;
}

#[tokio::test]
async fn lists_that_make_no_sense_are_refused() {
    World::each(|world| async move {
        furnish(&world).await;
        for _ in 0..3 {
            made(&world, "team").await;
        }
        let text = |text: &str| Some(text.to_owned());
        let base = || list(LicenseFilter::default());
        for (asked, place) in [
            (List { limit: Some(0), ..base() }, "/limit"),
            (List { limit: Some(201), ..base() }, "/limit"),
            (List { sort: text("name"), ..base() }, "/sort"),
            (List { sort: text("--created_at"), ..base() }, "/sort"),
            (List { after: text("nonsense"), ..base() }, "/after"),
            (List { after: text("e30"), ..base() }, "/after"),
        ] {
            assert_eq!(refusal(world.authority.licenses(&Sight::All, asked).await), invalid(place));
        }
        let page = world.authority.licenses(&Sight::All, List { limit: Some(1), ..base() }).await.unwrap();
        let other = List { after: page.next, sort: text("expires_at"), ..base() };
        assert_eq!(refusal(world.authority.licenses(&Sight::All, other).await), invalid("/after"));
    })
    .await;
}

#[tokio::test]
async fn statistics_and_reminders_follow_the_dates() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        for days in [1, 5, 40] {
            let draft = Draft { term: Some(kaching_base::Term::of_days(days).unwrap()), ..Draft::default() };
            authority.create_license(cx(), NewLicense { draft, ..license("team") }).await.unwrap();
        }
        let forever = Draft { license_type: Some(LicenseType::Perpetual), ..Draft::default() };
        authority.create_license(cx(), NewLicense { draft: forever, ..license("team") }).await.unwrap();
        let gone = made(&world, "team").await.license.id.to_string();
        authority.delete_license(cx(), gone).await.unwrap();

        let stats = authority.stats(&Sight::All).await.unwrap();
        assert_eq!((stats.total, stats.active, stats.expired, stats.expiring_soon), (4, 4, 0, 2));
        let due = |reminders: Page<kaching_authority::Reminder>| -> Vec<_> {
            reminders.items.iter().map(|reminder| (reminder.due, reminder.days_left)).collect()
        };
        assert_eq!(due(authority.reminders(&Sight::All, List::default()).await.unwrap()), [(1, 1), (7, 5)]);
        world.clock.advance(Seconds::days(12));
        assert_eq!(due(authority.reminders(&Sight::All, List::default()).await.unwrap()), [(30, 28)]);
        let expired = LicenseFilter { state: Some(State::Expired), ..LicenseFilter::default() };
        let grace = LicenseFilter { state: Some(State::InGrace), ..LicenseFilter::default() };
        assert_eq!(authority.licenses(&Sight::All, list(grace.clone())).await.unwrap().items.len(), 2);
        assert_eq!(authority.licenses(&Sight::All, list(expired.clone())).await.unwrap().items.len(), 0);
        world.clock.advance(Seconds::days(4));
        assert_eq!(authority.licenses(&Sight::All, list(grace)).await.unwrap().items.len(), 1);
        assert_eq!(authority.licenses(&Sight::All, list(expired)).await.unwrap().items.len(), 1);
        let stats = authority.stats(&Sight::All).await.unwrap();
        assert_eq!((stats.total, stats.active, stats.expired, stats.expiring_soon), (4, 3, 1, 1));
    })
    .await;
}

#[tokio::test]
async fn entries_are_listed_with_their_exact_bytes_and_without_private_data() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let id = made(&world, "team").await.license.id.to_string();
        tick(&world);
        authority.suspend_license(cx(), id.clone(), "unpaid bill".to_owned()).await.unwrap();
        let log = entries(authority, &id).await;
        assert_eq!(log[0].0.personal.as_ref().unwrap()["reason"]["to"], "unpaid bill");
        assert_eq!(log[0].1["change"]["status"]["to"], "suspended");
        let keys: Vec<_> = log[0].1.as_object().unwrap().keys().map(String::as_str).collect();
        let order = [
            "v", "id", "epoch", "at", "actor", "action", "target", "outcome", "code", "request", "change",
            "private",
        ];
        assert_eq!(keys, order);
        let filter = AuditFilter { action: Some("license.suspend".to_owned()), ..AuditFilter::default() };
        let found =
            authority.audit_entries(&Sight::All, List { filter, ..List::default() }).await.unwrap().items;
        assert_eq!((found.len(), &found[0].personal), (1, &None));
    })
    .await;
}

/// So many that the list is walked in its order, rather than found by an index and sorted.
const MANY: usize = 1005;

async fn make_many(world: &World) {
    let starts_at = Some(kaching_authority::Clock::now(&*world.clock).plus_days(1));
    let tags: BTreeSet<_> = ["bulk".to_owned()].into();
    let mut making = tokio::task::JoinSet::new();
    for i in 0..MANY {
        // A few at a time: a busy machine keeps its deadlines.
        if making.len() >= 16 {
            making.join_next().await.expect("some are being made").unwrap();
        }
        let authority = Arc::clone(&world.authority);
        let draft = Draft {
            starts_at,
            term: Some(kaching_base::Term::of_days(1).unwrap()),
            tags: tags.clone(),
            ..Draft::default()
        };
        let buyer = NewCustomer { tags: tags.clone(), ..customer("Bulk", &format!("BULK-{i}")) };
        making.spawn(async move {
            authority.create_customer(cx(), buyer).await.unwrap();
            authority.create_license(cx(), NewLicense { draft, ..license("team") }).await.unwrap();
        });
    }
    while let Some(made) = making.join_next().await {
        made.unwrap();
    }
}

#[tokio::test]
async fn many_matches_are_all_found() {
    World::each(|world| async move {
        furnish(&world).await;
        make_many(&world).await;
        let none = LicenseFilter::default;
        let count = async |asked: List<LicenseFilter>| {
            let by_expiry = List { sort: Some("expires_at".to_owned()), ..asked.clone() };
            assert_eq!(all(&world, 200, by_expiry).await.len(), MANY, "{asked:?}");
            assert_eq!(all(&world, 200, asked.clone()).await.len(), MANY, "{asked:?}");
        };
        let state = |state| list(LicenseFilter { state: Some(state), ..none() });
        let now = kaching_authority::Clock::now(&*world.clock);
        count(state(State::NotYetValid)).await;
        count(list(LicenseFilter { tag: Some("bulk".to_owned()), ..none() })).await;
        count(List { q: Some("bulk".to_owned()), ..list(none()) }).await;
        count(List { q: Some("acme".to_owned()), ..list(none()) }).await;
        let (after, before) = (Some(now), Some(now.plus_days(9)));
        count(list(LicenseFilter { expires_after: after, ..none() })).await;
        count(list(LicenseFilter { expires_after: after, expires_before: before, ..none() })).await;
        let tagged = CustomerFilter { tag: Some("bulk".to_owned()), ..CustomerFilter::default() };
        for list in [
            List { filter: tagged, ..List::default() },
            List { q: Some("bulk".to_owned()), ..List::default() },
        ] {
            let page = world.authority.customers(&Sight::All, list).await.unwrap();
            assert_eq!((page.items.len(), page.next.is_some()), (50, true));
        }
        world.clock.advance(Seconds::days(1));
        count(state(State::Active)).await;
        world.clock.advance(Seconds::days(1));
        count(state(State::InGrace)).await;
        world.clock.advance(Seconds::days(14));
        count(state(State::Expired)).await;
    })
    .await;
}
