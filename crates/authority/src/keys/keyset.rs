//! The keyset: the public keys, signed by the root, of a version that only grows.

use kaching_base::{Seconds, Timestamp};
use kaching_db::{Tx, params};
use kaching_license::{Jwk, Keyset, RootKey, encode};

use super::{Root, StoredKey, epoch};
use crate::{Error, Result};

/// While the root is on the authority, a keyset lives 30 days and is signed again every day.
const LIFE: Seconds = Seconds::days(30);
const RENEWED_EVERY: Seconds = Seconds::days(1);

/// The newest keyset as one root signed it.
pub(crate) struct StoredKeyset {
    pub(crate) root: RootKey,
    pub(crate) version: u64,
    pub(crate) issuer: String,
    /// The names of the keys that it lists, with a space between.
    pub(crate) kids: String,
    pub(crate) statement: String,
    pub(crate) signed_at: Timestamp,
}

impl StoredKeyset {
    pub(crate) fn load(tx: &mut Tx<'_>) -> Result<Vec<Self>> {
        let rows = tx.query_all(
            "select k.root, k.version, k.issuer, k.kids, k.statement, k.signed_at
             from keysets k join roots r on r.public = k.root order by r.created_at, r.public",
            &[],
            |row| {
                Ok((
                    row.get::<[u8; 32]>(0)?,
                    row.get::<i64>(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                    row.get(5)?,
                ))
            },
        )?;
        rows.into_iter()
            .map(|(root, version, issuer, kids, statement, signed_at)| {
                let root = RootKey::from_bytes(root).map_err(|error| Error::stored("root", error))?;
                Ok(Self { root, version: version.unsigned_abs(), issuer, kids, statement, signed_at })
            })
            .collect()
    }

    pub(crate) fn ends_at(&self) -> Timestamp {
        self.signed_at + LIFE
    }

    /// Returns the issuer of the newest keyset.
    pub(crate) fn issuer(tx: &mut Tx<'_>) -> Result<Option<String>> {
        let newest = "select issuer from keysets order by version desc limit 1";
        Ok(tx.query_opt(newest, &[], |row| row.get(0))?)
    }

    /// Returns the version of the newest keyset; 0 if there is none.
    pub(crate) fn newest(tx: &mut Tx<'_>) -> Result<u64> {
        let newest =
            tx.query_one("select coalesce(max(version), 0) from keysets", &[], |row| row.get::<i64>(0))?;
        Ok(newest.unsigned_abs())
    }

    /// Returns whether it lists this key.
    pub(crate) fn lists(&self, kid: &str) -> bool {
        self.kids.split(' ').any(|listed| listed == kid)
    }

    /// Returns whether it lists other keys than these, or is a day old.
    pub(crate) fn due(&self, keys: &[StoredKey], now: Timestamp) -> bool {
        self.kids != kids(keys) || now.since(self.signed_at) >= RENEWED_EVERY
    }
}

fn kids(keys: &[StoredKey]) -> String {
    keys.iter().map(|key| key.signer.kid()).collect::<Vec<_>>().join(" ")
}

/// Signs the keys for the issuer that is on record.
pub(crate) fn sign_again(tx: &mut Tx<'_>, root: &Root, keys: &[StoredKey], now: Timestamp) -> Result<()> {
    let issuer = StoredKeyset::issuer(tx)?.ok_or_else(|| Error::stored("issuer", "there is no keyset"))?;
    sign(tx, root, &issuer, keys, now)
}

/// Signs the keys under the next version and stores the statement.
pub(crate) fn sign(
    tx: &mut Tx<'_>,
    root: &Root,
    issuer: &str,
    keys: &[StoredKey],
    now: Timestamp,
) -> Result<()> {
    let epoch = epoch(tx)?;
    let newest =
        tx.query_opt("select max(version) from keysets", &[], |row| row.get::<Option<i64>>(0))?.flatten();
    let version = newest.map_or(0, |newest| newest + 1).max(now.seconds());
    let claims = Keyset {
        iss: issuer.to_owned(),
        version: version.unsigned_abs(),
        epoch,
        iat: now,
        exp: now + LIFE,
        keys: keys.iter().map(|key| key.jwk.clone()).collect::<Vec<Jwk>>(),
    };
    let statement = encode(&claims, &root.signer)
        .map_err(|error| Error::Failure(format!("the keyset cannot be signed: {error}")))?;
    tx.execute(
        "insert into keysets (root, version, issuer, kids, statement, signed_at) values (?1, ?2, ?3, ?4, ?5, ?6)
         on conflict (root) do update set version = excluded.version, issuer = excluded.issuer,
           kids = excluded.kids, statement = excluded.statement, signed_at = excluded.signed_at",
        params![root.public.as_bytes(), version, issuer, kids(keys), statement, now],
    )?;
    Ok(())
}
