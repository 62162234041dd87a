//! Leases: what an activation may, until when.

mod claims;
mod pace;
#[cfg(test)]
mod tests;
mod times;

pub use claims::{Issuer, lease};
pub use pace::Stretch;
pub use times::Times;
