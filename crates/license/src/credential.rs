use hmac::{Hmac, KeyInit as _, Mac as _};
use kaching_base::{ActivationId, Base64Url, ParseError, Secret};
use sha2::Sha256;
use zeroize::Zeroize as _;

use crate::{
    Digest,
    request::{bytes32, decimal, identity, request_hash},
};

/// The credential with which an installation proves its activation: `<activation id>.<generation>.<secret>`.
#[derive(Clone)]
pub struct Credential {
    /// The activation.
    pub activation: ActivationId,
    /// Which one of the activation's credentials; only the highest counts.
    pub generation: u64,
    /// The key of every mac; sent once, in the answer to `activate`, and never again.
    pub secret: Secret<[u8; 32]>,
}

impl Credential {
    /// The credential that the authority hands out, and computes again instead of storing it.
    pub fn derive(credential_key: &Secret<[u8; 32]>, activation: ActivationId, generation: u64) -> Self {
        let message = format!("{activation}.{generation}");
        let secret = Secret::new(mac(credential_key, message.as_bytes()).finalize().into_bytes().into());
        Self { activation, generation, secret }
    }

    /// Reads what `activate` answered.
    ///
    /// # Errors
    /// If the text is not in the one form that [`text`](Self::text) writes.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let read = || {
            let mut parts = text.split('.');
            let activation = parts.next()?.parse().ok()?;
            let generation = decimal(parts.next()?)?;
            let secret = Secret::new(bytes32(parts.next()?)?);
            parts.next().is_none().then_some(Self { activation, generation, secret })
        };
        read().ok_or_else(|| ParseError::new("a credential looks like act_….<generation>.<secret>"))
    }

    /// The text that `activate` answers.
    pub fn text(&self) -> Secret<String> {
        let mut secret = Base64Url(self.secret.expose()).to_string();
        let text = Secret::new(format!("{}.{}.{secret}", self.activation, self.generation));
        secret.zeroize();
        text
    }

    /// The `Authorization` header for one request, and the hash that its answer must carry in `req`.
    pub fn authorize(
        &self,
        number: u64,
        method: &str,
        path_with_query: &str,
        body: &[u8],
    ) -> (String, Digest) {
        let identity = identity(self.activation, self.generation, number);
        let request = request_hash(method, path_with_query, &identity, body);
        let mac = mac(&self.secret, &request.0).finalize().into_bytes();
        (format!("Kaching {identity}.{}", Base64Url(mac)), request)
    }
}

/// A request's `Authorization: Kaching <activation id>.<generation>.<number>.<mac>`, not yet proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The activation that the sender says it is.
    pub activation: ActivationId,
    /// The credential's generation.
    pub generation: u64,
    /// The request's number.
    pub number: u64,
    mac: [u8; 32],
}

impl Authorization {
    /// Reads the header's value.
    ///
    /// # Errors
    /// If it is anything but the form that [`Credential::authorize`] writes.
    pub fn parse(header: &str) -> Result<Self, ParseError> {
        let read = || {
            let (scheme, rest) = header.split_once(' ')?;
            let mut parts = rest.split('.');
            let activation = parts.next()?.parse().ok()?;
            let generation = decimal(parts.next()?)?;
            let number = decimal(parts.next()?)?;
            let mac = bytes32(parts.next()?)?;
            let whole = parts.next().is_none() && scheme.eq_ignore_ascii_case("Kaching");
            whole.then_some(Self { activation, generation, number, mac })
        };
        read().ok_or_else(|| {
            ParseError::new("the header looks like 'Kaching act_….<generation>.<number>.<mac>'")
        })
    }

    /// The hash of the request that this header came with.
    pub fn request_hash(&self, method: &str, path_with_query: &str, body: &[u8]) -> Digest {
        let identity = identity(self.activation, self.generation, self.number);
        request_hash(method, path_with_query, &identity, body)
    }

    /// Whether the sender holds this credential's secret; compares in constant time.
    pub fn verify(&self, secret: &Secret<[u8; 32]>, request: &Digest) -> bool {
        mac(secret, &request.0).verify_slice(&self.mac).is_ok()
    }
}

fn mac(key: &Secret<[u8; 32]>, message: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes keys of any length");
    mac.update(message);
    mac
}
