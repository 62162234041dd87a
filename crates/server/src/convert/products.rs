use kaching_api as api;
use kaching_authority::{
    EditContact, FeatureDetails, Page, PlanDetails,
    domain::{Contact, EditList, EditPolicy, Product},
    license::KeyFormat,
};

use kaching_base::Term;

use super::list_edit;
use crate::problem::{Rejected, Result};

/// Converts one page of a list.
pub(crate) fn page<T, A>(page: Page<T>, convert: impl Fn(&T) -> A) -> api::List<A> {
    api::List { items: page.items.iter().map(convert).collect(), next: page.next }
}

pub(crate) fn product(product: &Product) -> api::Product {
    let p = product.clone();
    api::Product {
        id: p.id,
        code: p.code,
        name: p.name,
        key_prefix: p.key_prefix.to_string(),
        contact: contact(p.contact),
        lease_alg: p.lease_alg,
        key_format: key_format(p.key_format),
        created_at: p.created_at,
        updated_at: p.updated_at,
        archived_at: p.archived_at,
    }
}

pub(crate) fn feature(details: &FeatureDetails) -> api::Feature {
    let FeatureDetails { feature, product } = details.clone();
    api::Feature { product, code: feature.code, title: feature.title, benefit: feature.benefit }
}

pub(crate) fn plan(details: &PlanDetails) -> api::Plan {
    let PlanDetails { plan, product } = details.clone();
    api::Plan {
        id: plan.id,
        product,
        code: plan.code,
        name: plan.name,
        rank: plan.rank,
        kind: plan.license_type,
        features: plan.terms.features,
        limits: plan.terms.limits,
        term: plan.terms.term,
        term_days: plan.terms.term.and_then(Term::days),
        lease_policy: plan.terms.policy,
        price: plan.price,
        created_at: plan.created_at,
        updated_at: plan.updated_at,
        archived_at: plan.archived_at,
    }
}

fn contact(contact: Contact) -> api::Contact {
    api::Contact { url: contact.url, email: contact.email }
}

pub(crate) fn contact_edit(contact: Option<Option<api::ContactEdit>>) -> EditContact {
    match contact {
        None => EditContact::default(),
        Some(None) => EditContact { url: Some(None), email: Some(None) },
        Some(Some(api::ContactEdit { url, email })) => EditContact { url, email },
    }
}

pub(crate) fn contact_of(contact: Option<api::Contact>) -> Contact {
    let api::Contact { url, email } = contact.unwrap_or_default();
    Contact { url, email }
}

fn key_format(format: KeyFormat) -> api::KeyFormat {
    match format {
        KeyFormat::Short => api::KeyFormat::Short,
        KeyFormat::CaioV1 => api::KeyFormat::CaioV1,
        KeyFormat::CaioV2 => api::KeyFormat::CaioV2,
        KeyFormat::Agency => api::KeyFormat::Agency,
    }
}

pub(crate) fn key_format_of(format: api::KeyFormat) -> KeyFormat {
    match format {
        api::KeyFormat::Short => KeyFormat::Short,
        api::KeyFormat::CaioV1 => KeyFormat::CaioV1,
        api::KeyFormat::CaioV2 => KeyFormat::CaioV2,
        api::KeyFormat::Agency => KeyFormat::Agency,
    }
}

/// A change of a list whose values have the same type on the wire.
pub(crate) fn same<T>(edit: api::ListEdit<T>) -> EditList<T> {
    list_edit(edit, |value| value)
}

/// A term, which may be said in days as a number, at this place of the request.
///
/// # Errors
/// If the days are not valid for a term, or both are given.
pub(crate) fn term_of(term: Option<Term>, days: Option<i64>, pointer: &str) -> Result<Option<Term>> {
    match (term, days) {
        (Some(_), Some(_)) => {
            Err(Rejected::invalid("/term", "give a term, or its days as a number, not both"))
        }
        (term, None) => Ok(term),
        (None, Some(days)) => {
            Term::of_days(days).map(Some).map_err(|error| Rejected::invalid(pointer, error.to_string()))
        }
    }
}

/// Converts an edit of a lease policy; absent members change nothing.
pub(crate) fn policy_of(edit: Option<api::PolicyEdit>) -> EditPolicy {
    let edit = edit.unwrap_or_default();
    EditPolicy {
        lease_s: edit.lease_s,
        offline_s: edit.offline_s,
        expiry_days: edit.expiry_days,
        mode: edit.mode,
        keep: edit.keep.map(same),
        move_grace_s: edit.move_grace_s,
        moves: edit.moves,
        copies: edit.copies,
        kinds: edit.kinds.map(same),
    }
}
