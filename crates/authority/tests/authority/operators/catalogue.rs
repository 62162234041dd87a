use kaching_authority::{
    EditContact, EditFeature, EditPlan, EditProduct, FeatureFilter, List, NewPlan, PlanFilter, ProductFilter,
    Sight, domain::EditPolicy,
};
use kaching_base::{ErrorCode, LicenseType, Limit};
use kaching_testkit::World;

use super::setting::{code, coded, cx, entries, feature, furnish, invalid, plan, product, refusal, tick};

#[tokio::test]
async fn products_are_created_shown_edited_and_archived() {
    World::each(|world| async move {
        let authority = &world.authority;
        let made = authority.create_product(cx(), product("chorus_x")).await.unwrap();
        assert_eq!(made.key_prefix.as_str(), "CHORUS-X");
        assert_eq!(
            refusal(authority.create_product(cx(), product("chorus_x")).await),
            coded(ErrorCode::AlreadyExists)
        );
        tick(&world);
        let contact = EditContact {
            url: Some(Some("https://example.com/buy".to_owned())),
            email: Some(Some("sales@example.com".to_owned())),
        };
        let edit = EditProduct { name: Some("Chorus".to_owned()), contact, ..EditProduct::default() };
        let edited = authority.edit_product(cx(), "chorus_x".to_owned(), edit.clone()).await.unwrap();
        assert_eq!(authority.product(&Sight::All, "chorus_x".to_owned()).await.unwrap(), edited);
        // The same again changes nothing and leaves no entry.
        assert_eq!(authority.edit_product(cx(), "chorus_x".to_owned(), edit).await.unwrap(), edited);
        tick(&world);
        let archived = authority.archive_product(cx(), "chorus_x".to_owned(), false).await.unwrap();
        assert!(archived.archived_at.is_some());
        assert!(
            authority.products(&Sight::All, List::<ProductFilter>::default()).await.unwrap().items.is_empty()
        );
        assert_eq!(
            refusal(authority.create_plan(cx(), plan("chorus_x", "team", 1, 1, 1)).await),
            coded(ErrorCode::WrongState)
        );
        let log = entries(authority, &made.id.to_string()).await;
        let actions: Vec<_> = log.iter().map(|(record, _)| record.action.as_str()).collect();
        assert_eq!(actions, ["product.archive", "product.edit", "product.create"]);
        assert_eq!(log[1].1["change"]["name"]["to"], "Chorus");
        assert!(!log[1].0.body.contains("sales@example.com"), "mail is personal");
        assert_eq!(log[1].0.personal.as_ref().unwrap()["contact_email"]["to"], "sales@example.com");
    })
    .await;
}

#[tokio::test]
async fn invalid_input_is_refused_with_its_pointer() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let edit = |edit: EditProduct| async move {
            refusal(authority.edit_product(cx(), "chorus".to_owned(), edit).await)
        };
        let named = |name: &str| EditProduct { name: Some(name.to_owned()), ..EditProduct::default() };
        for name in ["", " x", "a\nb", "a\0b", &"x".repeat(201)] {
            assert_eq!(edit(named(name)).await, invalid("/name"), "{name:?}");
        }
        let prefix = EditProduct { key_prefix: Some("low-".to_owned()), ..EditProduct::default() };
        assert_eq!(edit(prefix).await, invalid("/key_prefix"));
        let contact = EditContact { url: Some(Some("ftp://x".to_owned())), email: None };
        let contact = EditProduct { contact, ..EditProduct::default() };
        assert_eq!(edit(contact).await, invalid("/contact/url"));

        let base = || plan("chorus", "new", 4, 1, 1);
        let perpetual = Some(LicenseType::Perpetual);
        let cases = [
            (NewPlan { features: [code("unknown")].into(), ..base() }, "/features"),
            (NewPlan { rank: -1, ..base() }, "/rank"),
            (NewPlan { license_type: perpetual, ..base() }, "/term_days"),
            (NewPlan { license_type: Some(LicenseType::Trial), term: None, ..base() }, "/term_days"),
            (
                NewPlan { limits: [(code("nodes"), Limit::Slots { max: None })].into(), ..base() },
                "/limits/nodes",
            ),
            (
                NewPlan { policy: EditPolicy { lease_s: Some(10), ..EditPolicy::default() }, ..base() },
                "/lease_policy",
            ),
            (NewPlan { price: Some("eur:1/year".parse().unwrap_or(bad_price())), ..base() }, "/price"),
        ];
        for (new, place) in cases {
            assert_eq!(refusal(authority.create_plan(cx(), new).await), invalid(place));
        }
        let nowhere = plan("nothing", "team", 1, 1, 1);
        assert_eq!(refusal(authority.create_plan(cx(), nowhere).await), coded(ErrorCode::NotFound));
        for address in ["", "chorus", "chorus:", "chorus:none", "a\0:b", "chorus:team:x"] {
            assert_eq!(
                refusal(authority.plan(&Sight::All, address.to_owned()).await),
                coded(ErrorCode::NotFound),
                "{address:?}"
            );
            let found = authority.feature(&Sight::All, address.to_owned()).await;
            assert_eq!(refusal(found), coded(ErrorCode::NotFound), "{address:?}");
        }
        assert_eq!(
            refusal(authority.product(&Sight::All, "a\0".to_owned()).await),
            coded(ErrorCode::NotFound)
        );
    })
    .await;
}

fn bad_price() -> kaching_base::Price {
    kaching_base::Price { currency: "eur".to_owned(), amount: 1, interval: kaching_base::Interval::Year }
}

#[tokio::test]
async fn features_and_plans_are_addressed_by_product_and_code() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        authority.create_product(cx(), product("other")).await.unwrap();
        // The same code in another product is another thing.
        authority.create_feature(cx(), feature("other", "federation")).await.unwrap();
        let again = authority.create_feature(cx(), feature("chorus", "federation")).await;
        assert_eq!(refusal(again), coded(ErrorCode::AlreadyExists));
        let edit = EditFeature { title: Some("Federated".to_owned()), benefit: None };
        authority.edit_feature(cx(), "chorus:federation".to_owned(), edit).await.unwrap();
        assert_eq!(
            authority.feature(&Sight::All, "other:federation".to_owned()).await.unwrap().feature.title,
            "federation"
        );
        assert_eq!(
            authority.feature(&Sight::All, "chorus:federation".to_owned()).await.unwrap().feature.title,
            "Federated"
        );
        authority.archive_feature(cx(), "chorus:federation".to_owned(), false).await.unwrap();
        let filter = FeatureFilter { product: Some("chorus".to_owned()), archived: false };
        let left = authority.features(&Sight::All, List { filter, ..List::default() }).await.unwrap();
        assert_eq!(left.items.len(), 1);

        let edit = EditPlan {
            features: Some([code("audit_export")].into()),
            limits: [(code("nodes"), None), (code("jobs"), Some("100/day".parse().unwrap()))].into(),
            price: Some(Some("EUR:490000/year".parse().unwrap())),
            ..EditPlan::default()
        };
        let edited = authority.edit_plan(cx(), "chorus:team".to_owned(), edit).await.unwrap();
        let names: Vec<_> = edited.plan.terms.limits.keys().map(|name| name.as_str()).collect();
        assert_eq!(names, ["activations", "jobs"]);
        assert_eq!(authority.plan(&Sight::All, "chorus:team".to_owned()).await.unwrap(), edited);
        let sort = Some("rank".to_owned());
        let plans =
            authority.plans(&Sight::All, List::<PlanFilter> { sort, ..List::default() }).await.unwrap();
        let codes: Vec<_> = plans.items.iter().map(|details| details.plan.code.as_str()).collect();
        assert_eq!(codes, ["community", "team", "enterprise"]);
    })
    .await;
}
