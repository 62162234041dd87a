//! Leases: what an activation may, until when.

mod claims;
mod times;

pub use claims::{Issuer, lease};
pub use times::Times;
