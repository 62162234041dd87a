use kaching_authority::{CustomerFilter, EditCustomer, LicenseFilter, List, NewCustomer, NewLicense, Sight};
use kaching_base::ErrorCode;
use kaching_testkit::World;

use super::setting::{coded, customer, cx, entries, furnish, invalid, license, refusal, tick};

#[tokio::test]
async fn customers_are_found_by_id_reference_and_words() {
    World::each(|world| async move {
        let authority = &world.authority;
        let acme = authority.create_customer(cx(), customer("Acme Rockets", "CUST-001")).await.unwrap();
        authority.create_customer(cx(), customer("Beta Boats", "CUST-002")).await.unwrap();
        assert_eq!(authority.customer(&Sight::All, "CUST-001".to_owned()).await.unwrap(), acme);
        assert_eq!(authority.customer(&Sight::All, acme.id.to_string()).await.unwrap(), acme);
        for (q, found) in
            [("rock", 1), ("ACME", 1), ("cust 001", 1), ("example", 2), ("acme boats", 0), ("", 2)]
        {
            let filter = CustomerFilter { personal: true, ..CustomerFilter::default() };
            let list = List { q: Some(q.to_owned()), filter, ..List::default() };
            assert_eq!(authority.customers(&Sight::All, list).await.unwrap().items.len(), found, "{q}");
        }
        let edit = EditCustomer {
            name: Some("Ajax".to_owned()),
            reference: Some(Some("AJAX".parse().unwrap())),
            tags: Some(["vip".to_owned()].into()),
            ..EditCustomer::default()
        };
        authority.edit_customer(cx(), "CUST-001".to_owned(), edit).await.unwrap();
        let search = |q: &str| List::<CustomerFilter> { q: Some(q.to_owned()), ..List::default() };
        assert!(authority.customers(&Sight::All, search("acme")).await.unwrap().items.is_empty());
        assert_eq!(authority.customers(&Sight::All, search("ajax")).await.unwrap().items.len(), 1);
        let filter = CustomerFilter { tag: Some("vip".to_owned()), ..CustomerFilter::default() };
        assert_eq!(
            authority.customers(&Sight::All, List { filter, ..List::default() }).await.unwrap().items.len(),
            1
        );
        assert_eq!(
            refusal(authority.customer(&Sight::All, "CUST-001".to_owned()).await),
            coded(ErrorCode::NotFound)
        );
    })
    .await;
}

#[tokio::test]
async fn references_are_unique_and_free_of_ids() {
    World::each(|world| async move {
        let authority = &world.authority;
        let acme = authority.create_customer(cx(), customer("Acme", "CUST-001")).await.unwrap();
        authority.create_customer(cx(), customer("Beta", "CUST-002")).await.unwrap();
        let again = authority.create_customer(cx(), customer("Copy", "CUST-001")).await;
        assert_eq!(refusal(again), coded(ErrorCode::AlreadyExists));
        let edit =
            EditCustomer { reference: Some(Some("CUST-001".parse().unwrap())), ..EditCustomer::default() };
        let taken = authority.edit_customer(cx(), "CUST-002".to_owned(), edit).await;
        assert_eq!(refusal(taken), coded(ErrorCode::AlreadyExists));
        let like_an_id = authority.create_customer(cx(), customer("Id", &acme.id.to_string())).await;
        assert_eq!(refusal(like_an_id), invalid("/reference"));
        // Several have none.
        for name in ["One", "Two"] {
            let new = NewCustomer { name: name.to_owned(), ..NewCustomer::default() };
            authority.create_customer(cx(), new).await.unwrap();
        }
        let mail = NewCustomer {
            name: "Mail".to_owned(),
            email: Some("nobody".to_owned()),
            ..NewCustomer::default()
        };
        assert_eq!(refusal(authority.create_customer(cx(), mail).await), invalid("/email"));
    })
    .await;
}

#[tokio::test]
async fn mail_addresses_are_found_only_with_the_right_to_see_them() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        let mail = Some("jo.doe@mailhost.example".to_owned());
        let new = NewCustomer { email: mail, ..customer("Boats Ltd", "CUST-007") };
        let boats = authority.create_customer(cx(), new).await.unwrap();
        let new = NewLicense { customer: "CUST-007".to_owned(), ..license("team") };
        authority.create_license(cx(), new).await.unwrap();
        for (q, personal, found) in [
            ("boats", false, 1),
            ("mailhost", false, 0),
            ("mailhost", true, 1),
            ("boats jo mailh", true, 1),
            ("boats mailhost", false, 0),
            ("boats", true, 1),
        ] {
            let of = |filter| List { q: Some(q.to_owned()), filter, ..List::default() };
            let filter = CustomerFilter { personal, ..CustomerFilter::default() };
            let customers = authority.customers(&Sight::All, of(filter)).await.unwrap().items;
            let filter = LicenseFilter { personal, ..LicenseFilter::default() };
            let list = List { q: Some(q.to_owned()), filter, ..List::default() };
            let licenses = authority.licenses(&Sight::All, list).await.unwrap().items;
            assert_eq!((customers.len(), licenses.len()), (found, found), "{q} {personal}");
        }
        let edit = EditCustomer { email: Some(None), ..EditCustomer::default() };
        authority.edit_customer(cx(), boats.id.to_string(), edit).await.unwrap();
        let filter = CustomerFilter { personal: true, ..CustomerFilter::default() };
        let gone = List { q: Some("mailhost".to_owned()), filter, ..List::default() };
        assert!(authority.customers(&Sight::All, gone).await.unwrap().items.is_empty());
    })
    .await;
}

#[tokio::test]
async fn audit_entries_have_no_personal_data() {
    World::each(|world| async move {
        furnish(&world).await;
        let authority = &world.authority;
        tick(&world);
        let edit = EditCustomer {
            notes: Some("likes tea".to_owned()),
            company: Some(Some("Acme Ltd".to_owned())),
            ..EditCustomer::default()
        };
        let acme = authority.edit_customer(cx(), "CUST-001".to_owned(), edit).await.unwrap();
        let log = entries(authority, &acme.id.to_string()).await;
        for (record, _) in &log {
            for personal in ["Acme", "tea", "@example.com"] {
                assert!(!record.body.contains(personal), "{}", record.body);
            }
        }
        assert_eq!(log[0].0.personal.as_ref().unwrap()["notes"]["to"], "likes tea");
        let archived = authority.archive_customer(cx(), "CUST-001".to_owned(), false).await.unwrap();
        // Lists do not show who has the reference, so the refusal does.
        let again =
            authority.create_customer(cx(), customer("Other", "CUST-001")).await.unwrap_err().to_string();
        assert!(again.contains("archived") && again.contains(&archived.id.to_string()), "{again}");
        let new = authority.create_license(cx(), license("team")).await;
        assert_eq!(refusal(new), coded(ErrorCode::WrongState));
    })
    .await;
}
