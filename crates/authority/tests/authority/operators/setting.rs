//! A small catalogue and helpers for all tests.

use kaching_authority::{
    Actor, AuditFilter, AuditRecord, Authority, Cx, Error, LicenseDetails, List, NewCustomer, NewFeature,
    NewLicense, NewPlan, NewProduct, Sight,
    domain::{Contact, licenses::Draft},
};
use kaching_base::{Code, ErrorCode, Limit, Seconds, TokenId};
use kaching_testkit::World;
use serde_json::Value;

pub fn cx() -> Cx {
    Cx::of(Actor::Token(TokenId::from_bytes([5; 16])))
}

pub fn code(text: &str) -> Code {
    text.parse().unwrap()
}

pub fn product(name: &str) -> NewProduct {
    NewProduct {
        code: code(name),
        name: name.to_owned(),
        key_prefix: None,
        contact: Contact::default(),
        lease_alg: None,
        key_format: None,
    }
}

pub fn feature(product: &str, name: &str) -> NewFeature {
    let benefit = format!("{name} for all");
    NewFeature { product: product.to_owned(), code: code(name), title: name.to_owned(), benefit }
}

/// A plan of this rank with so many slots and nodes, for a year.
pub fn plan(product: &str, name: &str, rank: i64, slots: u64, nodes: u64) -> NewPlan {
    let limits = [
        (code("activations"), Limit::Slots { max: Some(slots) }),
        (code("nodes"), Limit::Level { max: Some(nodes) }),
    ];
    NewPlan {
        product: product.to_owned(),
        code: code(name),
        name: name.to_owned(),
        rank,
        license_type: None,
        features: [].into(),
        limits: limits.into(),
        term: Some(kaching_base::Term::of_days(365).unwrap()),
        policy: Default::default(),
        price: None,
    }
}

pub fn customer(name: &str, reference: &str) -> NewCustomer {
    NewCustomer {
        name: name.to_owned(),
        reference: Some(reference.parse().unwrap()),
        email: Some(format!("{}@example.com", reference.to_lowercase())),
        ..NewCustomer::default()
    }
}

pub fn license(plan: &str) -> NewLicense {
    NewLicense {
        customer: "CUST-001".to_owned(),
        product: "chorus".to_owned(),
        plan: plan.to_owned(),
        key_format: None,
        draft: Draft::default(),
    }
}

/// The product chorus with three plans, and one customer.
pub async fn furnish(world: &World) {
    let authority = &world.authority;
    authority.create_product(cx(), product("chorus")).await.unwrap();
    for name in ["federation", "audit_export"] {
        authority.create_feature(cx(), feature("chorus", name)).await.unwrap();
    }
    for (name, rank, slots, nodes) in [("community", 1, 1, 3), ("team", 2, 3, 25), ("enterprise", 3, 9, 1000)]
    {
        authority.create_plan(cx(), plan("chorus", name, rank, slots, nodes)).await.unwrap();
    }
    authority.create_customer(cx(), customer("Acme", "CUST-001")).await.unwrap();
}

/// A second goes by: ids are ordered by their millisecond, and so are entries.
pub fn tick(world: &World) {
    world.clock.advance(Seconds(1));
}

/// A license of this plan, made without a word more.
pub async fn made(world: &World, plan: &str) -> LicenseDetails {
    world.authority.create_license(cx(), license(plan)).await.unwrap()
}

/// The code of a refusal or a request that makes no sense, and the place where.
pub fn refusal<T>(result: Result<T, Error>) -> (ErrorCode, Option<String>) {
    match result {
        Err(Error::Refused(refused)) => (refused.code, None),
        Err(Error::Invalid { code, pointer, .. }) => (code, pointer),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was allowed"),
    }
}

pub fn invalid(pointer: &str) -> (ErrorCode, Option<String>) {
    (ErrorCode::InvalidRequest, Some(pointer.to_owned()))
}

pub fn coded(code: ErrorCode) -> (ErrorCode, Option<String>) {
    (code, None)
}

/// The entries of a target, the newest first, as JSON.
pub async fn entries(authority: &Authority, target: &str) -> Vec<(AuditRecord, Value)> {
    let filter = AuditFilter { target: Some(target.to_owned()), personal: true, ..AuditFilter::default() };
    let list = List { limit: Some(200), filter, ..List::default() };
    let found = authority.audit_entries(&Sight::All, list).await.unwrap();
    found
        .items
        .into_iter()
        .map(|record| (record.clone(), serde_json::from_str(&record.body).unwrap()))
        .collect()
}
