#![doc = include_str!("../README.md")]

mod audit;
mod changes;
mod clock;
mod cx;
mod error;
mod health;
mod idempotency;
mod keys;
mod migrations;
mod op;
mod open;

use std::sync::Arc;

use arc_swap::ArcSwap;
use kaching_db::Db;

pub use clock::{Clock, Entropy, SystemClock, SystemEntropy};
pub use cx::{Actor, Cx, Once};
pub use error::{Error, Result};
pub use keys::{KeyRing, MasterKey, RootStore};
pub(crate) use op::Op;
pub use open::Options;

/// The license authority: every operation of the product, one transaction each.
pub struct Authority {
    pub(crate) db: Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// What statements name as their issuer.
    pub(crate) issuer: String,
    pub(crate) changes: changes::Changes,
    pub(crate) mark: health::ClockMark,
    /// Replaced as a whole, by `renew_keyset` alone.
    ring: ArcSwap<KeyRing>,
    data: keys::DataKeys,
    root: Arc<keys::RootKeeper>,
}
