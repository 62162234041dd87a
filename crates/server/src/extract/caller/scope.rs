//! The scopes of the operator API as types, so that a handler names its scope in its signature.

use kaching_authority::domain::Scope;

/// A right that a caller must have.
pub(crate) trait Right: Send + Sync + 'static {
    const SCOPE: Scope;
}

macro_rules! rights {
    ($($right:ident),+) => {
        $(pub(crate) enum $right {}
        impl Right for $right {
            const SCOPE: Scope = Scope::$right;
        })+
    };
}

rights!(Admin, Read, CatalogueWrite, CustomersWrite, LicensesWrite, LicensesKey, Backup);
