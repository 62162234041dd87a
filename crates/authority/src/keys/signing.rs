//! The signing keys: sealed in the database, listed in the keyset.

use std::sync::Arc;

use kaching_base::{LeaseAlgorithm, Seconds, Secret, Timestamp};
use kaching_db::{Tx, params};
use kaching_license::{Ed25519Signer, Jwk, KeyPurpose, RsaSigner, Sign};

use super::{Sealer, seal::place};
use crate::{Error, Result, blocking::run_blocking};

/// A signing key serves for two years unless it is rotated before.
pub(crate) const LIFE: Seconds = Seconds::days(730);

/// A private key as it is stored: an Ed25519 seed, or the PKCS #8 of an RSA key.
pub(crate) struct StoredKey {
    pub(crate) jwk: Jwk,
    pub(crate) created_at: Timestamp,
    pub(crate) signer: Arc<dyn Sign>,
    private: Secret<Vec<u8>>,
}

impl StoredKey {
    /// A new Ed25519 key of these random bytes.
    pub(crate) fn ed25519(seed: [u8; 32], purpose: KeyPurpose, now: Timestamp) -> Result<Self> {
        let nbf = first_nbf(now);
        Self::of(LeaseAlgorithm::EdDsa, purpose, Secret::new(seed.to_vec()), now, nbf, nbf + LIFE)
    }

    /// A new RSA key; takes about a second to find.
    pub(crate) fn rsa(purpose: KeyPurpose, now: Timestamp) -> Result<Self> {
        let nbf = first_nbf(now);
        let private = RsaSigner::generate_pkcs8().map_err(unusable)?;
        Self::of(LeaseAlgorithm::Rs256, purpose, private, now, nbf, nbf + LIFE)
    }

    fn of(
        algorithm: LeaseAlgorithm,
        purpose: KeyPurpose,
        private: Secret<Vec<u8>>,
        created_at: Timestamp,
        nbf: Timestamp,
        exp: Timestamp,
    ) -> Result<Self> {
        let (public, signer): (_, Arc<dyn Sign>) = match algorithm {
            LeaseAlgorithm::EdDsa => {
                let seed =
                    private.expose().as_slice().try_into().map_err(|_| unusable("it has another length"))?;
                let signer = Ed25519Signer::from_seed(&Secret::new(seed)).map_err(unusable)?;
                (signer.public_key().clone(), Arc::new(signer))
            }
            LeaseAlgorithm::Rs256 => {
                let signer = RsaSigner::from_pkcs8(private.expose()).map_err(unusable)?;
                (signer.public_key().clone(), Arc::new(signer))
            }
        };
        let jwk = Jwk { public, purpose, nbf, exp };
        Ok(Self { jwk, created_at, signer, private })
    }

    /// Stores it, sealed.
    pub(crate) fn store(&self, tx: &mut Tx<'_>, sealer: &Sealer) -> Result<()> {
        let kid = self.signer.kid();
        let sealed = sealer.seal(&place("signing_keys", "private", kid.as_bytes()), self.private.expose())?;
        tx.execute(
            "insert into signing_keys (kid, algorithm, purpose, private, nbf, exp, created_at)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                kid,
                self.signer.algorithm().as_str(),
                self.jwk.purpose.as_str(),
                sealed,
                self.jwk.nbf,
                self.jwk.exp,
                self.created_at
            ],
        )?;
        Ok(())
    }

    /// Ends a key now, and forgets its private half. It ends a little earlier than now, since replicas do not agree to the
    /// microsecond; what signs for the present is what the keyset lists.
    pub(crate) fn end(tx: &mut Tx<'_>, kid: &str, now: Timestamp) -> Result<()> {
        let sql = "update signing_keys set exp = ?2, private = ?3 where kid = ?1";
        tx.execute(sql, params![kid, now - Seconds(5), &[][..]])?;
        Ok(())
    }

    /// Lets a key sign from now on that was to begin later.
    pub(crate) fn begin(tx: &mut Tx<'_>, kid: &str, now: Timestamp) -> Result<()> {
        let sql = "update signing_keys set nbf = ?2 where kid = ?1 and nbf > ?2";
        tx.execute(sql, params![kid, first_nbf(now)])?;
        Ok(())
    }

    /// Lets every key sign from now on that a clock that ran ahead has dated later.
    pub(crate) fn bring_back(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
        let sql = "update signing_keys set nbf = ?1, created_at = ?2 where created_at > ?2";
        tx.execute(sql, params![first_nbf(now), now])?;
        Ok(())
    }

    /// Every key that has not ended, oldest first.
    pub(crate) fn load(tx: &mut Tx<'_>, sealer: &Sealer, now: Timestamp) -> Result<Vec<Self>> {
        let rows = tx.query_all(
            "select kid, algorithm, purpose, private, nbf, exp, created_at from signing_keys
             where exp > ?1 order by created_at, kid",
            params![now],
            |row| {
                Ok((
                    row.get::<String>(0)?,
                    row.get::<LeaseAlgorithm>(1)?,
                    row.get::<String>(2)?,
                    row.get::<Vec<u8>>(3)?,
                    row.get::<Timestamp>(4)?,
                    row.get::<Timestamp>(5)?,
                    row.get::<Timestamp>(6)?,
                ))
            },
        )?;
        rows.into_iter()
            .map(|(kid, algorithm, purpose, sealed, nbf, exp, created_at)| {
                let purpose = purpose.parse().map_err(|error| Error::stored("signing key", error))?;
                let private = sealer.unseal(&place("signing_keys", "private", kid.as_bytes()), &sealed)?;
                Self::of(algorithm, purpose, Secret::new(private), created_at, nbf, exp)
            })
            .collect()
    }
}

/// Generates a signing key, which takes about a second for RSA.
pub(super) async fn generate(
    algorithm: LeaseAlgorithm,
    purpose: KeyPurpose,
    seed: [u8; 32],
    now: Timestamp,
) -> Result<StoredKey> {
    let generate = move || match algorithm {
        LeaseAlgorithm::EdDsa => StoredKey::ed25519(seed, purpose, now),
        LeaseAlgorithm::Rs256 => StoredKey::rsa(purpose, now),
    };
    run_blocking(generate).await
}

/// The first moment that a new key may date, with the same leeway as a statement's `nbf`: those are dated in whole
/// seconds, and replicas do not agree to the microsecond.
fn first_nbf(now: Timestamp) -> Timestamp {
    Timestamp::from_seconds(now.seconds() - 60)
}

fn unusable(error: impl std::fmt::Display) -> Error {
    Error::Failure(format!("a signing key cannot be used: {error}"))
}
