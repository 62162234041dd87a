//! The keys of the authority: for signing, for sealing, and for finding license keys.

mod data;
mod epoch;
mod files;
mod issuer;
mod keyset;
mod master;
mod passphrase;
mod renew;
mod ring;
mod root;
mod root_access;
mod rotate;
mod seal;
mod signing;
mod stored;
mod tokens;
mod withdraw;

pub use issuer::ChangedIssuer;
pub use master::MasterKey;
pub use passphrase::Locked;
pub use root::{RootMemory, RootStore};
pub use rotate::PUBLISHED_BEFORE;
pub use withdraw::WithdrawnKey;

pub(crate) use data::DataKeys;
pub(crate) use epoch::{epoch, lock_keys, next_epoch, set_epoch};
pub use files::write_private;
pub(crate) use keyset::{StoredKeyset, sign as sign_keyset, sign_again};
pub(crate) use passphrase::Unopened;
pub(crate) use renew::follow;
pub use ring::KeyRing;
pub(crate) use root::{Root, RootKeeper};
pub(crate) use rotate::replace_ending_keys;
pub(crate) use seal::Sealer;
pub(crate) use signing::StoredKey;
pub(crate) use tokens::TokenKey;
