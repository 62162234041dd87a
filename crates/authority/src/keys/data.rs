//! The data keys: made once, sealed under the master key.

use std::collections::BTreeMap;

use kaching_base::Secret;
use kaching_db::{Tx, params};

use super::{MasterKey, Sealer, seal::place};
use crate::{Error, Result};

/// The keys for sealing values, for finding license keys, for the secrets of credentials, and for API tokens.
pub(crate) struct DataKeys {
    pub(crate) seal: Secret<[u8; 32]>,
    pub(crate) lookup: Secret<[u8; 32]>,
    pub(crate) credential: Secret<[u8; 32]>,
    /// `None` until the first start after an upgrade from a release that had none.
    pub(crate) token: Option<Secret<[u8; 32]>>,
}

/// The name of the key that authenticates API tokens.
const TOKEN: &str = "token";

impl DataKeys {
    /// Returns whether a first start has made them.
    pub(crate) fn exist(tx: &mut Tx<'_>) -> Result<bool> {
        Ok(tx.query_opt("select 1 from data_keys limit 1", &[], |_| Ok(()))?.is_some())
    }

    /// Loads them with the master key, which the first one proves right or wrong.
    pub(crate) fn load(tx: &mut Tx<'_>, master: &MasterKey) -> Result<Self> {
        let rows = tx.query_all("select name, sealed from data_keys", &[], |row| {
            Ok((row.get::<String>(0)?, row.get::<Vec<u8>>(1)?))
        })?;
        Self::open(&rows.into_iter().collect(), master)
    }

    /// Opens sealed keys by their names, as the database or a backup holds them.
    pub(crate) fn open(sealed: &BTreeMap<String, Vec<u8>>, master: &MasterKey) -> Result<Self> {
        let sealer = Sealer::new(master.secret());
        let unseal = |name: &'static str, sealed: &[u8]| {
            let bytes =
                sealer.unseal(&place("data_keys", "sealed", name.as_bytes()), sealed).map_err(|_| {
                    Error::Failure(
                        "this master key is not the one of this database: put the right one back".to_owned(),
                    )
                })?;
            bytes
                .try_into()
                .map(Secret::new)
                .map_err(|_| Error::Failure(format!("the {name} key is damaged")))
        };
        let open = |name: &'static str| {
            let sealed = sealed.get(name).ok_or_else(|| {
                Error::Failure(format!("the database lacks its {name} key: restore it from a backup"))
            })?;
            unseal(name, sealed)
        };
        let token = sealed.get(TOKEN).map(|sealed| unseal(TOKEN, sealed)).transpose()?;
        Ok(Self { seal: open("seal")?, lookup: open("lookup")?, credential: open("credential")?, token })
    }

    /// Whether the database has the key that authenticates API tokens.
    pub(crate) fn has_token_key(tx: &mut Tx<'_>) -> Result<bool> {
        let sql = "select 1 from data_keys where name = 'token'";
        Ok(tx.query_opt(sql, &[], |_| Ok(()))?.is_some())
    }

    /// Stores the key that authenticates API tokens.
    pub(crate) fn store_token_key(tx: &mut Tx<'_>, master: &MasterKey, key: &Secret<[u8; 32]>) -> Result<()> {
        store(tx, &Sealer::new(master.secret()), TOKEN, key)
    }

    /// Stores new ones.
    pub(crate) fn store(&self, tx: &mut Tx<'_>, master: &MasterKey) -> Result<()> {
        let sealer = Sealer::new(master.secret());
        for (name, key) in [("seal", &self.seal), ("lookup", &self.lookup), ("credential", &self.credential)]
        {
            store(tx, &sealer, name, key)?;
        }
        self.token.as_ref().map_or(Ok(()), |key| store(tx, &sealer, TOKEN, key))
    }
}

fn store(tx: &mut Tx<'_>, sealer: &Sealer, name: &str, key: &Secret<[u8; 32]>) -> Result<()> {
    let sealed = sealer.seal(&place("data_keys", "sealed", name.as_bytes()), key.expose())?;
    tx.execute("insert into data_keys (name, sealed) values (?1, ?2)", params![name, sealed])?;
    Ok(())
}
