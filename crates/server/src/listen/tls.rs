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

    /// Takes what stands in the files now, if that is something else and can be used.
    fn reload(&self) {
        let held = self.current.load().stamp;
        if stamp(&self.chain, &self.key) == held {
            return;
        }
        match Loaded::read(&self.chain, &self.key) {
            Ok(loaded) => {
                tracing::info!(end = %loaded.end, "the TLS certificate was read again");
                self.current.store(Arc::new(loaded));
            }
            // Both files are rarely replaced at once: the next look finds them whole.
            Err(error) => tracing::warn!("the old TLS certificate stays in use: {error}"),
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
    loop {
        app.metrics.tls_end.set(certificate.current.load().end.seconds());
        tokio::select! {
            () = tokio::time::sleep(LOOK) => certificate.reload(),
            () = shutdown.asked() => return,
        }
    }
}
