//! API tokens: programs with rights on the authority.

use std::collections::BTreeSet;

use kaching_base::{Timestamp, TokenId};

use crate::word::word;

/// A program with rights on the authority; only its holder knows its secret.
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

/// The one table of scopes: the name in Rust, the word on the wire, and what it allows. The enum, the API's description and
/// the documents have it from here.
macro_rules! scopes {
    ($($scope:ident = $word:literal, $allows:literal;)+) => {
        /// A right of a principal; every one includes [`Scope::Read`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope {
            $(#[doc = $allows] $scope),+
        }

        impl Scope {
            /// Every scope.
            pub const ALL: &'static [Self] = &[$(Self::$scope),+];

            /// Returns what the scope allows, as sentences.
            pub fn allows(self) -> &'static str {
                match self { $(Self::$scope => $allows),+ }
            }
        }

        word!(Scope { $($scope = $word),+ });
    };
}

scopes! {
    Admin = "admin", "Everything.";
    Read = "read", "Lists and shows, without license keys and personal data. Every other scope includes it.";
    CatalogueWrite = "catalogue:write", "Creates and changes products, features and plans.";
    CustomersWrite = "customers:write", "Creates and changes customers.";
    LicensesWrite = "licenses:write", "Creates and changes licenses, and releases or moves their activations.";
    LicensesKey = "licenses:key", "Shows license keys, and with `licenses:write` replaces them.";
    PersonalRead = "personal:read", "Shows personal data, which is null without it: customers' mail addresses, and the addresses from which installations call.";
    AuditPersonal = "audit:personal", "Shows the personal part of audit entries.";
    Backup = "backup", "Takes backups, which contain everything.";
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
