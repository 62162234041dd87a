//! API tokens: programs with rights on the authority.

use std::collections::BTreeSet;

use kaching_base::{Timestamp, TokenId};

use crate::word::word;

/// A program with rights on the authority; its secret is known to nobody but its holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub name: String,
    pub scopes: BTreeSet<Scope>,
    pub expires_at: Option<Timestamp>,
    /// Written at most once a minute.
    pub last_used_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Since when it no longer works.
    pub archived_at: Option<Timestamp>,
}

/// A right; every one includes [`Scope::Read`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Everything.
    Admin,
    /// Lists and shows, without license keys, without mail and network addresses, and without the personal part of
    /// audit entries.
    Read,
    /// Makes and changes products, features and plans.
    CatalogueWrite,
    /// Makes and changes customers.
    CustomersWrite,
    /// Makes and changes licenses, and frees or moves their activations.
    LicensesWrite,
    /// Sees license keys.
    LicensesKey,
    /// Sees personal data in what is listed and shown: customers' mail addresses, and the addresses from which
    /// installations call.
    PersonalRead,
    /// Sees the personal part of audit entries.
    AuditPersonal,
    /// Takes backups, which contain everything.
    Backup,
}

impl Scope {
    /// Every scope.
    pub const ALL: &'static [Self] = &[
        Self::Admin,
        Self::Read,
        Self::CatalogueWrite,
        Self::CustomersWrite,
        Self::LicensesWrite,
        Self::LicensesKey,
        Self::PersonalRead,
        Self::AuditPersonal,
        Self::Backup,
    ];
}

impl Token {
    /// Whether it works at this moment.
    pub fn works(&self, now: Timestamp) -> bool {
        self.archived_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

/// Whether these scopes include the one that is asked for.
pub fn may(scopes: &BTreeSet<Scope>, asked: Scope) -> bool {
    scopes.contains(&Scope::Admin) || scopes.contains(&asked) || (asked == Scope::Read && !scopes.is_empty())
}

word!(Scope {
    Admin = "admin",
    Read = "read",
    CatalogueWrite = "catalogue:write",
    CustomersWrite = "customers:write",
    LicensesWrite = "licenses:write",
    LicensesKey = "licenses:key",
    PersonalRead = "personal:read",
    AuditPersonal = "audit:personal",
    Backup = "backup"
});
