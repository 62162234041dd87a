/// The version of the package, and the commit that it was built from.
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("KACHING_BUILT_FROM"), ")");
