//! The data keys: made once, sealed under the master key.

use kaching_base::Secret;
use kaching_db::{Tx, params};

use super::{MasterKey, Sealer, seal::place};
use crate::{Error, Result};

/// What seals values, what looks license keys up, what makes the secrets of credentials.
pub(crate) struct DataKeys {
    pub(crate) seal: Secret<[u8; 32]>,
    pub(crate) lookup: Secret<[u8; 32]>,
    pub(crate) credential: Secret<[u8; 32]>,
}

impl DataKeys {
    /// Whether a first start has made them.
    pub(crate) fn exist(tx: &mut Tx<'_>) -> Result<bool> {
        Ok(tx.query_opt("select 1 from data_keys limit 1", &[], |_| Ok(()))?.is_some())
    }

    /// Opens them with the master key, which the first one proves right or wrong.
    pub(crate) fn load(tx: &mut Tx<'_>, master: &MasterKey) -> Result<Self> {
        let sealer = Sealer::new(master.secret());
        let mut open = |name: &'static str| {
            let sealed = tx
                .query_opt("select sealed from data_keys where name = ?1", params![name], |row| {
                    row.get::<Vec<u8>>(0)
                })?
                .ok_or_else(|| {
                    Error::Failure(format!("the database lacks its {name} key: restore it from a backup"))
                })?;
            let bytes =
                sealer.unseal(&place("data_keys", "sealed", name.as_bytes()), &sealed).map_err(|_| {
                    Error::Failure(
                        "this master key is not the one of this database: put the right one back".to_owned(),
                    )
                })?;
            bytes
                .try_into()
                .map(Secret::new)
                .map_err(|_| Error::Failure(format!("the {name} key is damaged")))
        };
        Ok(Self { seal: open("seal")?, lookup: open("lookup")?, credential: open("credential")? })
    }

    /// Keeps new ones.
    pub(crate) fn store(&self, tx: &mut Tx<'_>, master: &MasterKey) -> Result<()> {
        let sealer = Sealer::new(master.secret());
        for (name, key) in [("seal", &self.seal), ("lookup", &self.lookup), ("credential", &self.credential)]
        {
            let sealed = sealer.seal(&place("data_keys", "sealed", name.as_bytes()), key.expose())?;
            tx.execute("insert into data_keys (name, sealed) values (?1, ?2)", params![name, sealed])?;
        }
        Ok(())
    }
}
