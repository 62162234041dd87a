//! Leases: what an activation may, until when.

mod claims;
#[cfg(test)]
mod tests;
mod times;

pub use claims::{Issuer, lease};
pub use times::Times;
