//! A certificate chain with its key, as they are read from their files.

use std::{fmt::Display, fs, path::Path, sync::Arc};

use kaching_base::{Seconds, Timestamp};
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

use super::{super::BindError, provider, validity};

/// A chain and a key that fit together.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    /// When the server's own certificate begins to count, and when it ends.
    start: Timestamp,
    pub(super) end: Timestamp,
}

/// Looks at the files of a certificate as a start would. Gives what people should know of one that can be used.
///
/// # Errors
/// If it cannot be used.
pub fn check_certificate(chain: &Path, key: &Path, now: Timestamp) -> Result<CertificateState, BindError> {
    let pair = Pair::read(chain, key)?;
    let soon = now + SOON >= pair.end;
    Ok(match pair.fault(chain, now) {
        Some(fault) => CertificateState::Invalid(fault),
        None if soon => CertificateState::EndsSoon(format!(
            "The certificate in {} ends on {}: renew it.",
            chain.display(),
            pair.end
        )),
        None => CertificateState::Valid,
    })
}

/// Whether a certificate that can be read is valid now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateState {
    /// Clients accept it for a while to come.
    Valid,
    /// It has little time left: a sentence.
    EndsSoon(String),
    /// No client accepts it now: a sentence that says why.
    Invalid(String),
}

/// The time before the end at which a warning begins. Renewals by ACME come a month before the end.
const SOON: Seconds = Seconds::days(14);

impl Pair {
    pub(super) fn read(chain: &Path, key: &Path) -> Result<Self, BindError> {
        let certificates = CertificateDer::pem_file_iter(chain)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unusable(chain, &error))?;
        let first = certificates.first().ok_or_else(|| unusable(chain, &"it holds no certificate"))?;
        let (start, end) = validity::of(first).ok_or_else(|| unusable(chain, &"its dates cannot be read"))?;
        let certified = certified(certificates, chain, key)?;
        Ok(Self { certified: Arc::new(certified), start, end })
    }

    /// Why no client accepts it at this moment.
    pub(super) fn fault(&self, chain: &Path, now: Timestamp) -> Option<String> {
        let Self { start, end, .. } = self;
        let chain = chain.display();
        match () {
            () if now > *end => Some(format!(
                "The certificate in {chain} ended on {end}, and no client accepts it: renew it."
            )),
            () if now < *start => Some(format!(
                "The certificate in {chain} counts only from {start} on, and no client accepts it before: set the \
                 clock, or use one that counts already."
            )),
            () => None,
        }
    }
}

fn certified(
    certificates: Vec<CertificateDer<'static>>,
    chain: &Path,
    key: &Path,
) -> Result<CertifiedKey, BindError> {
    let text = fs::read_to_string(key).map_err(|error| unusable(key, &error))?;
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        let remedy = format!(
            "it is encrypted, and a server that starts alone has nobody to ask for the passphrase: decrypt it with \
             'openssl pkey -in {} -out FILE', and keep FILE readable by the server's user alone",
            key.display()
        );
        return Err(unusable(key, &remedy));
    }
    let private = || {
        PrivateKeyDer::from_pem_slice(text.as_bytes())
            .map_err(|_| unusable(key, &"it holds no private key in PEM"))
    };
    let fits = |certificates: Vec<CertificateDer<'static>>| {
        CertifiedKey::from_der(certificates, private()?, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                unusable(key, &format!("it is not the key of the first certificate in {}", chain.display()))
            }
            error => unusable(key, &error),
        })
    };
    match fits(certificates.clone()) {
        Err(_) if certificates.iter().skip(1).any(|other| fits(vec![other.clone()]).is_ok()) => {
            Err(unusable(
                chain,
                &"its certificates are in the wrong order: the server's own comes first, then the one that signed it",
            ))
        }
        fits => fits,
    }
}

fn unusable(path: &Path, why: &dyn Display) -> BindError {
    BindError(format!("the TLS file {} cannot be used: {why}", path.display()))
}
