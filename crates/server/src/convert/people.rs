use std::collections::BTreeSet;

use kaching_api as api;
use kaching_authority::{
    AcceptedClock, AuditRecord, ChangedIssuer, CreatedToken, Reminder, WithdrawnKey,
    domain::{Customer, EditList, Scope, Token},
    license::Jwks,
};
use kaching_base::Timestamp;

use crate::problem::{Rejected, Result};

/// Converts a customer; the mail address only if the caller may see personal data.
pub(crate) fn customer(customer: &Customer, personal: bool) -> api::Customer {
    let c = customer.clone();
    api::Customer {
        id: c.id,
        reference: c.reference,
        name: c.name,
        email: c.email.filter(|_| personal),
        company: c.company,
        tags: c.tags,
        notes: c.notes,
        metadata: c.metadata,
        created_at: c.created_at,
        updated_at: c.updated_at,
        archived_at: c.archived_at,
    }
}

pub(crate) fn token(token: &Token) -> api::Token {
    api::Token {
        id: token.id,
        name: token.name.clone(),
        scopes: token.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        expires_at: token.expires_at,
        last_used_at: token.last_used_at,
        created_at: token.created_at,
        updated_at: token.updated_at,
        archived_at: token.archived_at,
        secret: None,
    }
}

pub(crate) fn created_token(created: &CreatedToken) -> api::Token {
    api::Token { secret: Some(created.secret.clone().into()), ..token(&created.token) }
}

pub(crate) fn scopes_of(words: &BTreeSet<String>) -> Result<BTreeSet<Scope>> {
    let known = || Scope::ALL.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ");
    let unknown = |word: &str| {
        Rejected::invalid("/scopes", format!("there is no scope '{word}'; there are {}", known()))
    };
    words.iter().map(|word| Scope::from_word(word).ok_or_else(|| unknown(word))).collect()
}

pub(crate) fn scopes_edit(edit: api::ListEdit<String>) -> Result<EditList<Scope>> {
    let scopes = |words: Vec<String>| Ok(scopes_of(&words.into_iter().collect())?.into_iter().collect());
    match edit {
        api::ListEdit::All(words) => scopes(words).map(EditList::All),
        api::ListEdit::Change { add, remove } => {
            Ok(EditList::Change { add: scopes(add)?, remove: scopes(remove)? })
        }
    }
}

pub(crate) fn audit_entry(record: AuditRecord) -> Result<api::AuditEntry> {
    let mut entry: api::AuditEntry = serde_json::from_str(&record.body)
        .map_err(|error| Rejected::failure(format!("a stored audit entry cannot be read: {error}")))?;
    entry.personal = record.personal;
    Ok(entry)
}

/// Converts a reminder; the mail address only if the caller may see personal data.
pub(crate) fn reminder(reminder: &Reminder, personal: bool) -> api::Reminder {
    let r = reminder.clone();
    api::Reminder {
        license: r.license,
        customer: r.customer,
        customer_name: r.customer_name,
        email: r.email.filter(|_| personal),
        product: r.product,
        plan: r.plan,
        expires_at: r.expires_at,
        days_left: r.days_left,
        due: r.due,
    }
}

pub(crate) fn withdrawn_key(withdrawn: &WithdrawnKey) -> api::WithdrawnKey {
    let WithdrawnKey { kid, successor } = withdrawn.clone();
    api::WithdrawnKey { kid, successor }
}

pub(crate) fn changed_issuer(changed: &ChangedIssuer) -> api::ChangedIssuer {
    let ChangedIssuer { issuer, before, keys } = changed.clone();
    api::ChangedIssuer { issuer, before, keys }
}

pub(crate) fn accepted_clock(accepted: &AcceptedClock) -> api::AcceptedClock {
    let AcceptedClock { now, newest, epoch } = *accepted;
    api::AcceptedClock { now, newest, epoch }
}

/// The keys, oldest first, as the authority lists them: of each purpose and algorithm the newest signs.
pub(crate) fn keys(jwks: &Jwks, now: Timestamp) -> Vec<api::Key> {
    let newest = |of: &kaching_authority::license::Jwk| {
        let alike = |key: &&kaching_authority::license::Jwk| {
            key.purpose == of.purpose && key.public.algorithm() == of.public.algorithm() && key.signs_at(now)
        };
        jwks.keys.iter().rfind(alike)
    };
    let convert = |key: &kaching_authority::license::Jwk| api::Key {
        kid: key.public.kid(),
        alg: key.public.algorithm(),
        purpose: match key.purpose {
            kaching_authority::license::KeyPurpose::Lease => api::KeyPurpose::Lease,
            kaching_authority::license::KeyPurpose::File => api::KeyPurpose::File,
            kaching_authority::license::KeyPurpose::Key => api::KeyPurpose::Key,
            kaching_authority::license::KeyPurpose::Audit => api::KeyPurpose::Audit,
        },
        nbf: key.nbf,
        exp: key.exp,
        current: newest(key).is_some_and(|newest| newest.kid() == key.kid()),
    };
    jwks.keys.iter().map(convert).collect()
}
