//! Searches find names in any spelling, stored by any version.

use std::collections::BTreeMap;

use kaching_authority::{
    CustomerFilter, FeatureFilter, LicenseFilter, List, NewCustomer, NewFeature, NewLicense, NewPlan,
    NewProduct, NewToken, PlanFilter, ProductFilter, Rights, Sight, TokenFilter,
    domain::{Scope, licenses::Draft},
};
use kaching_db::{Db, Metrics};
use kaching_testkit::World;

use super::setting::{customer, cx, feature, furnish, license, made, plan, product};

async fn customers(world: &World, q: &str) -> usize {
    let list = List { q: Some(q.to_owned()), ..List::<CustomerFilter>::default() };
    world.authority.customers(&Sight::All, list).await.unwrap().items.len()
}

async fn licenses(world: &World, q: &str, archived: bool) -> Vec<String> {
    let filter = LicenseFilter { archived, ..LicenseFilter::default() };
    let found = world
        .authority
        .licenses(&Sight::All, List { q: Some(q.to_owned()), filter, ..List::default() })
        .await;
    found.unwrap().items.iter().map(|details| details.license.id.to_string()).collect()
}

fn entries(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_name_is_found_in_any_spelling() {
    World::each(|world| async move {
        furnish(&world).await;
        for (reference, name) in [
            ("DE-1", "Müller Straßenbau"),
            ("TR-1", "İstanbul Lojistik"),
            ("JP-1", "東京電力ホールディングス"),
            ("KR-1", "삼성전자"),
        ] {
            world.authority.create_customer(cx(), customer(name, reference)).await.unwrap();
            let new = NewLicense { customer: reference.to_owned(), ..license("team") };
            world.authority.create_license(cx(), new).await.unwrap();
        }
        for q in
            ["mu\u{308}ller", "MÜLLER", "STRASSENBAU", "istanbul", "İSTANBUL", "京", "電力", "ﾎｰﾙ", "전자"]
        {
            assert_eq!(customers(&world, q).await, 1, "{q}");
            assert_eq!(licenses(&world, q, false).await.len(), 1, "{q}");
        }
        for q in ["mueller", "京東", "--", "***", "，"] {
            assert_eq!(customers(&world, q).await, 0, "{q}");
            assert!(licenses(&world, q, false).await.is_empty(), "{q}");
        }
        let plans = List { q: Some("--".to_owned()), ..List::<PlanFilter>::default() };
        assert!(world.authority.plans(&Sight::All, plans).await.unwrap().items.is_empty());
        let tokens = List { q: Some("*".to_owned()), ..List::<TokenFilter>::default() };
        assert!(world.authority.tokens(&Sight::All, tokens).await.unwrap().items.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_key_finds_its_license() {
    World::each(|world| async move {
        furnish(&world).await;
        let (one, other) = (made(&world, "team").await, made(&world, "team").await);
        let id = one.license.id.to_string();
        let key = one.key.unwrap().expose().to_owned();
        for q in [key.clone(), key.to_lowercase(), format!("“{}”", key.replace('-', "–"))] {
            assert_eq!(licenses(&world, &q, false).await, [id.as_str()]);
        }
        let replaced = world.authority.rekey_license(cx(), id.clone(), 0).await.unwrap().key.unwrap();
        assert!(licenses(&world, &key, false).await.is_empty(), "a key that has ended opens nothing");
        assert_eq!(licenses(&world, replaced.expose(), false).await, [id.as_str()]);

        world.authority.delete_license(cx(), id.clone()).await.unwrap();
        assert!(licenses(&world, replaced.expose(), false).await.is_empty());
        assert_eq!(licenses(&world, replaced.expose(), true).await, [id]);
        let other_key = other.key.unwrap();
        assert_eq!(licenses(&world, other_key.expose(), false).await, [other.license.id.to_string()]);
    })
    .await;
}

#[tokio::test]
async fn entries_of_metadata_filter_customers_and_licenses() {
    World::each(|world| async move {
        furnish(&world).await;
        let long = "ü".repeat(500);
        let metadata = entries(&[("region", "eu"), ("crm", "A=1"), ("note", &long)]);
        let new = NewCustomer { metadata: metadata.clone(), ..customer("Beta", "CUST-002") };
        world.authority.create_customer(cx(), new).await.unwrap();
        let draft = Draft { metadata, ..Draft::default() };
        world.authority.create_license(cx(), NewLicense { draft, ..license("team") }).await.unwrap();
        made(&world, "team").await;
        for (asked, count) in [
            (entries(&[("region", "eu")]), 1),
            (entries(&[("region", "eu"), ("crm", "A=1")]), 1),
            (entries(&[("note", &long)]), 1),
            (entries(&[("region", "e")]), 0),
            (entries(&[("region", "EU")]), 0),
            (entries(&[("crm=A", "1")]), 0),
            (entries(&[("region", "eu"), ("crm", "B")]), 0),
        ] {
            let filter = LicenseFilter { metadata: asked.clone(), ..LicenseFilter::default() };
            let found =
                world.authority.licenses(&Sight::All, List { filter, ..List::default() }).await.unwrap();
            assert_eq!(found.items.len(), count, "{asked:?}");
            let filter = CustomerFilter { metadata: asked.clone(), ..CustomerFilter::default() };
            let found =
                world.authority.customers(&Sight::All, List { filter, ..List::default() }).await.unwrap();
            assert_eq!(found.items.len(), count, "{asked:?}");
        }
    })
    .await;
}

/// More than one step of the start indexes.
const MANY: usize = 501;

#[tokio::test]
async fn rows_of_an_earlier_version_are_indexed_at_the_start() {
    World::each(|mut world| async move {
        furnish(&world).await;
        let draft = Draft { metadata: entries(&[("region", "eu")]), ..Draft::default() };
        world.authority.create_license(cx(), NewLicense { draft, ..license("team") }).await.unwrap();
        for _ in 0..MANY {
            let new = NewCustomer { name: "Straße".to_owned(), ..NewCustomer::default() };
            world.authority.create_customer(cx(), new).await.unwrap();
        }
        let named = NewProduct { name: "Straße".to_owned(), ..product("roads") };
        world.authority.create_product(cx(), named).await.unwrap();
        let titled = NewFeature { title: "Straße".to_owned(), ..feature("roads", "maps") };
        world.authority.create_feature(cx(), titled).await.unwrap();
        let named = NewPlan { name: "Straße".to_owned(), ..plan("roads", "solo", 1, 1, 1) };
        world.authority.create_plan(cx(), named).await.unwrap();
        let token = NewToken { name: "Straße".to_owned(), scopes: [Scope::Read].into(), expires_at: None };
        world.authority.create_token(cx(), token, &Rights::all()).await.unwrap();
        let db = Db::open(world.database.clone(), Metrics::register(&mut Default::default())).await.unwrap();
        db.write("test.store_as_before", |tx| {
            tx.execute("delete from search_words where noun = 'license_metadata'", &[])?;
            tx.execute("update search_words set word = 'straße' where word = 'strasse'", &[])?;
            tx.execute("delete from settings where name = 'search_index'", &[])
        })
        .await
        .unwrap();
        db.close().await;
        assert_eq!(customers(&world, "STRASSE").await, 0);
        for _ in 0..2 {
            world.restart().await;
            let list =
                List { q: Some("STRASSE".to_owned()), limit: Some(200), ..List::<CustomerFilter>::default() };
            let mut found = world.authority.customers(&Sight::All, list.clone()).await.unwrap();
            let mut count = found.items.len();
            while let Some(next) = found.next {
                found = world
                    .authority
                    .customers(&Sight::All, List { after: Some(next), ..list.clone() })
                    .await
                    .unwrap();
                count += found.items.len();
            }
            assert_eq!(count, MANY);
            let asked = || Some("STRASSE".to_owned());
            let products = List { q: asked(), ..List::<ProductFilter>::default() };
            assert_eq!(world.authority.products(&Sight::All, products).await.unwrap().items.len(), 1);
            let features = List { q: asked(), ..List::<FeatureFilter>::default() };
            assert_eq!(world.authority.features(&Sight::All, features).await.unwrap().items.len(), 1);
            let plans = List { q: asked(), ..List::<PlanFilter>::default() };
            assert_eq!(world.authority.plans(&Sight::All, plans).await.unwrap().items.len(), 1);
            let tokens = List { q: asked(), ..List::<TokenFilter>::default() };
            assert_eq!(world.authority.tokens(&Sight::All, tokens).await.unwrap().items.len(), 1);
            let filter = LicenseFilter { metadata: entries(&[("region", "eu")]), ..LicenseFilter::default() };
            assert_eq!(
                world
                    .authority
                    .licenses(&Sight::All, List { filter, ..List::default() })
                    .await
                    .unwrap()
                    .items
                    .len(),
                1
            );
            assert_eq!(licenses(&world, "acme", false).await.len(), 1, "what needs no other form stays");
        }
    })
    .await;
}
