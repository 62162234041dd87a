use crate::{Invalid, PublicKey};

/// A public key made ready to verify.
#[derive(Clone)]
pub(super) enum VerifyingKey {
    Ed25519(ed25519_dalek::VerifyingKey),
    #[cfg(feature = "rs256")]
    Rsa(Box<[u8; 384]>),
    /// Listed, and of no use to a program that was built without RS256.
    #[cfg(not(feature = "rs256"))]
    Unsupported,
}

impl VerifyingKey {
    pub(super) fn of(public: &PublicKey) -> Result<Self, Invalid> {
        match public {
            PublicKey::Ed25519(bytes) => match ed25519_dalek::VerifyingKey::from_bytes(bytes) {
                Ok(key) if !key.is_weak() => Ok(Self::Ed25519(key)),
                _ => Err(Invalid::KeysetKey),
            },
            #[cfg(feature = "rs256")]
            PublicKey::Rsa3072(modulus) => Ok(Self::Rsa(modulus.clone())),
            #[cfg(not(feature = "rs256"))]
            PublicKey::Rsa3072(_) => Ok(Self::Unsupported),
        }
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Invalid> {
        match self {
            Self::Ed25519(key) => {
                let signature = signature.try_into().map_err(|_| Invalid::Signature)?;
                key.verify_strict(message, &signature).map_err(|_| Invalid::Signature)
            }
            #[cfg(feature = "rs256")]
            Self::Rsa(modulus) => {
                use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
                let key = RsaPublicKeyComponents { n: modulus.as_slice(), e: &[1u8, 0, 1][..] };
                let verified = key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature);
                verified.map_err(|_| Invalid::Signature)
            }
            #[cfg(not(feature = "rs256"))]
            Self::Unsupported => Err(Invalid::Unsupported),
        }
    }
}
