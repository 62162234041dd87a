use std::collections::BTreeSet;

use kaching_authority::{
    CreatedBatch, Cx, Error, LicenseDetails, LicenseFilter, LicenseKey, List, NewLicense, Once, Sight,
    domain::licenses::Draft,
};
use kaching_base::{ErrorCode, LicenseId};
use kaching_testkit::World;

use super::setting::{code, coded, cx, entries, furnish, invalid, license, refusal};

/// A batch under an idempotency key.
fn under<T: 'static>(key: &str, answer: fn(&T) -> Vec<u8>) -> Cx {
    Cx { once: Some(Once::new(key.to_owned(), "token:a POST /batch".to_owned(), [1; 32], answer)), ..cx() }
}

fn tagged(tag: &str) -> NewLicense {
    let draft = Draft { tags: [tag.to_owned()].into(), ..Draft::default() };
    NewLicense { draft, ..license("team") }
}

async fn with_tag(world: &World, tag: &str) -> Vec<LicenseDetails> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let filter = LicenseFilter { tag: Some(tag.to_owned()), ..LicenseFilter::default() };
        let list = List { limit: Some(200), after, filter, ..List::default() };
        let page = world.authority.licenses(&Sight::All, list).await.unwrap();
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn a_batch_is_found_by_its_tag_and_each_license_by_its_key() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        // More than two statements' worth, and a rest.
        let created = authority.create_licenses(cx(), license("team"), 123).await.unwrap();
        let tag = created.tags.first().unwrap();
        assert!(created.tags.len() == 1 && tag.starts_with("batch-2"), "{tag}");
        let found = with_tag(&world, tag).await;
        let ids: BTreeSet<LicenseId> = found.iter().map(|one| one.license.id).collect();
        let made: BTreeSet<LicenseId> = created.keys.iter().map(|one| one.license).collect();
        assert_eq!((ids.len(), &ids), (123, &made));
        let keys: BTreeSet<&str> = created.keys.iter().map(|one| one.key.expose()).collect();
        assert_eq!(keys.len(), 123);
        for one in [&created.keys[0], &created.keys[49], &created.keys[50], &created.keys[122]] {
            let key = LicenseKey::parse(one.key.expose()).unwrap();
            let by_key = authority.find_license(&Sight::All, key).await.unwrap();
            assert_eq!(by_key.license.id, one.license);
            let by_id = authority.license(&Sight::All, one.license.to_string()).await.unwrap();
            assert_eq!(by_id.license, by_key.license);
            assert_eq!((by_id.plan.as_str(), by_id.license.revision), ("team", 1));
            let log = entries(authority, &one.license.to_string()).await;
            assert_eq!(log.len(), 1, "one entry for each license");
            assert_eq!(log[0].0.action, "license.create");
            assert!(!log[0].0.body.contains(one.key.expose()));
        }
        let single = authority.create_license(cx(), license("team")).await.unwrap().license;
        let first = &found[0].license;
        assert_eq!((&first.granted, first.expires_at), (&single.granted, single.expires_at));
        assert_eq!(authority.stats(&Sight::All).await.unwrap().total, 124);

        let other = authority.create_licenses(cx(), license("team"), 1).await.unwrap();
        assert_ne!(other.tags, created.tags, "each batch has a tag of its own");
        let named = authority.create_licenses(cx(), tagged("fair"), 2).await.unwrap();
        assert_eq!(named.tags, ["fair".to_owned()].into(), "a given tag is the only one");
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_is_refused_leaves_none() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        for count in [0, 10_001, u32::MAX] {
            let refused = authority.create_licenses(cx(), license("team"), count).await;
            assert_eq!(refusal(refused), invalid("/count"), "{count}");
        }
        let metadata = (0..50).map(|at| (format!("key{at}"), format!("a{at} b{at} c{at} d{at}"))).collect();
        let many = NewLicense { draft: Draft { metadata, ..Draft::default() }, ..license("team") };
        let refused = authority.create_licenses(cx(), many, 10_000).await;
        assert_eq!(refusal(refused), invalid("/count"), "more words than a transaction should write");
        let unknown = NewLicense { customer: "CUST-404".to_owned(), ..license("team") };
        assert_eq!(refusal(authority.create_licenses(cx(), unknown, 3).await), coded(ErrorCode::NotFound));
        let features = Draft { features: [code("nothing")].into(), ..Draft::default() };
        let wrong = NewLicense { draft: features, ..license("team") };
        assert_eq!(refusal(authority.create_licenses(cx(), wrong, 3).await), invalid("/features"));
        // The answer cannot be kept, which is found out when everything is written.
        let failing = under("k", |_: &LicenseDetails| Vec::new());
        let failed = authority.create_licenses(failing, tagged("fair"), 60).await;
        assert!(matches!(failed, Err(Error::Failure(_))));
        assert!(with_tag(&world, "fair").await.is_empty());
        assert_eq!(authority.stats(&Sight::All).await.unwrap().total, 0);
    })
    .await;
}

#[tokio::test]
async fn a_repeated_batch_is_made_once_and_answered_twice() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let keys = |created: &CreatedBatch| {
            let keys: Vec<&str> = created.keys.iter().map(|one| one.key.expose()).collect();
            keys.join("\n").into_bytes()
        };
        let once = || under("k", keys);
        let created = authority.create_licenses(once(), tagged("fair"), 2_000).await.unwrap();
        let again = authority.create_licenses(once(), tagged("fair"), 2_000).await;
        match again {
            Err(Error::Replayed(answer)) => assert_eq!(answer.0, keys(&created), "all keys are remembered"),
            other => panic!("it was done again: {:?}", other.err()),
        }
        assert_eq!(with_tag(&world, "fair").await.len(), 2_000);
    })
    .await;
}
