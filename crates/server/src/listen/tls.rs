//! TLS with a certificate that is read again when its files change.

mod validity;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use kaching_base::Timestamp;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;

use super::BindError;
use crate::{App, Shutdown};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The certificate in use, and where it comes from.
#[derive(Debug)]
pub(super) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    /// Replaced as a whole, by `watch` alone.
    current: ArcSwap<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    certified: Arc<CertifiedKey>,
    end: Timestamp,
    stamp: Stamp,
}

/// What changes when a file is replaced.
type Stamp = [Option<(SystemTime, u64)>; 2];

impl Certificate {
    pub(super) fn load(chain: &Path, key: &Path) -> Result<Self, BindError> {
        let loaded = Loaded::read(chain, key)?;
        Ok(Self { chain: chain.to_owned(), key: key.to_owned(), current: ArcSwap::from_pointee(loaded) })
    }

    /// Takes what stands in the files now, if that is something else and can be used. What cannot is told once:
    /// `failed` remembers it.
    fn reload(&self, failed: &mut Option<Stamp>) -> Result<(), BindError> {
        let found = stamp(&self.chain, &self.key);
        if found == self.current.load().stamp {
            *failed = None;
            return Ok(());
        }
        match Loaded::read(&self.chain, &self.key) {
            Ok(loaded) => {
                tracing::info!(end = %loaded.end, "the TLS certificate was read again");
                self.current.store(Arc::new(loaded));
                *failed = None;
                Ok(())
            }
            // Both files are rarely replaced at once: the next look finds them whole.
            Err(error) if failed.replace(found) != Some(found) => Err(error),
            Err(_) => Ok(()),
        }
    }
}

impl Loaded {
    fn read(chain: &Path, key: &Path) -> Result<Self, BindError> {
        let cannot = |path: &Path, error: &dyn std::fmt::Display| {
            BindError(format!("the TLS file {} cannot be used: {error}", path.display()))
        };
        let stamp = stamp(chain, key);
        let certificates = CertificateDer::pem_file_iter(chain)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|e| cannot(chain, &e))?;
        let first = certificates.first().ok_or_else(|| cannot(chain, &"it holds no certificate"))?;
        let end = validity::end(first).ok_or_else(|| cannot(chain, &"its end date cannot be read"))?;
        let private = PrivateKeyDer::from_pem_file(key).map_err(|e| cannot(key, &e))?;
        let certified =
            CertifiedKey::from_der(certificates, private, &provider()).map_err(|e| cannot(key, &e))?;
        Ok(Self { certified: Arc::new(certified), end, stamp })
    }
}

fn stamp(chain: &Path, key: &Path) -> Stamp {
    [chain, key].map(|path| {
        let found = fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    })
}

fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().certified))
    }
}

pub(super) fn acceptor(certificate: &Arc<Certificate>) -> TlsAcceptor {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::clone(certificate) as Arc<dyn ResolvesServerCert>);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Looks at the files until it is time to stop, and tells the metrics when the certificate ends.
pub(super) async fn watch(certificate: Arc<Certificate>, app: App, mut shutdown: Shutdown) {
    let mut failed = None;
    loop {
        app.metrics.tls_end.set(certificate.current.load().end.seconds());
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = shutdown.asked() => return,
        }
        if let Err(error) = certificate.reload(&mut failed) {
            tracing::error!(%error, "the new TLS certificate cannot be used; the old one stays until it ends");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_cannot_be_used_are_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let (chain, key) = (directory.path().join("chain.pem"), directory.path().join("key.pem"));
        let put = |n: u8| {
            let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls");
            fs::copy(format!("{ours}/key-{n}.pem"), &key).unwrap();
            fs::copy(format!("{ours}/chain-{n}.pem"), &chain).unwrap();
        };
        put(1);
        let certificate = Certificate::load(&chain, &key).unwrap();
        let mut failed = None;
        for text in ["no certificate", "no certificate either"] {
            fs::write(&chain, text).unwrap();
            assert!(certificate.reload(&mut failed).is_err());
            assert!(certificate.reload(&mut failed).is_ok() && certificate.reload(&mut failed).is_ok());
        }
        let before = certificate.current.load_full();
        put(2);
        certificate.reload(&mut failed).unwrap();
        assert!(failed.is_none() && !Arc::ptr_eq(&before, &certificate.current.load()));
    }
}
