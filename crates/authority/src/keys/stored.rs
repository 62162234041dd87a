//! Keys and keysets as the database holds them.

use kaching_db::Tx;

use super::{Sealer, StoredKey, epoch::epoch, keyset::StoredKeyset};
use crate::{Authority, Result};

/// All of them, read in one transaction.
pub(crate) struct StoredKeys {
    pub(super) epoch: u64,
    pub(super) keys: Vec<StoredKey>,
    pub(super) keysets: Vec<StoredKeyset>,
    pub(super) root_in_database: Option<String>,
}

impl Authority {
    pub(crate) async fn stored_keys(&self) -> Result<StoredKeys> {
        let sealing = self.data.seal.clone();
        self.read("keys.stored", move |tx, now| {
            Ok(StoredKeys {
                epoch: epoch(tx)?,
                keys: StoredKey::load(tx, &Sealer::new(&sealing), now)?,
                keysets: StoredKeyset::load(tx)?,
                root_in_database: root_in_database(tx)?,
            })
        })
        .await
    }
}

fn root_in_database(tx: &mut Tx<'_>) -> Result<Option<String>> {
    let sealed = "select sealed from roots where sealed is not null order by created_at limit 1";
    Ok(tx.query_opt(sealed, &[], |row| row.get::<String>(0))?)
}
