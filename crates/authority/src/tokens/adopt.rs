//! Tokens that an earlier release has stored, by the SHA-256 of their secrets alone, are taken over once.

use kaching_base::Secret;
use kaching_db::{Db, Tx};

use super::sql;
use crate::{
    Entropy, Error, MasterKey, Result,
    keys::{DataKeys, TokenKey},
};

/// Makes the key that authenticates tokens, and puts what is stored of them under it, in one transaction. Of several
/// servers that start on a database, one does.
///
/// Tokens that an earlier release writes afterwards are not adopted: anybody with write access to the database could
/// write the same.
pub(crate) async fn adopt(db: &Db, master: &MasterKey, entropy: &dyn Entropy) -> Result<()> {
    if db.read("tokens.adopted", DataKeys::has_token_key).await? {
        return Ok(());
    }
    let (key, master) = (Secret::new(entropy.seed()), master.clone());
    let adopted = db.write("tokens.adopt", move |tx| put_under(tx, &key, &master)).await?;
    if let Some(tokens) = adopted {
        tracing::info!(tokens, "the API tokens of the release before were taken over");
    }
    Ok(())
}

/// Puts the tokens under the key. Returns their number; `None` if another server was faster.
fn put_under(tx: &mut Tx<'_>, key: &Secret<[u8; 32]>, master: &MasterKey) -> Result<Option<usize>> {
    sql::wait_for_others(tx)?;
    if DataKeys::has_token_key(tx)? {
        return Ok(None);
    }
    // A wrong master key is refused before it seals anything.
    DataKeys::load(tx, master)?;
    DataKeys::store_token_key(tx, master, key)?;
    let (key, tokens) = (TokenKey::new(key), sql::lock_all(tx)?);
    for token in &tokens {
        let (sha256, rights) = sql::codes(tx, token.id)?;
        if !rights.is_empty() {
            return Err(Error::Failure(
                "the database lacks its token key: restore it from a backup".to_owned(),
            ));
        }
        let lookup = key.lookup_of(&sha256);
        sql::set_codes(tx, token.id, &lookup, &key.rights(token, &lookup))?;
    }
    Ok(Some(tokens.len()))
}
