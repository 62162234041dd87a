//! TLS with a certificate that is loaded again when its files change.

mod pair;
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
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;

use self::pair::Pair;
pub use self::pair::{CertificateState, check_certificate};
use super::BindError;
use crate::{App, Shutdown};

/// The interval at which the files are checked.
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
    pair: Pair,
    stamp: Stamp,
}

/// The properties of a file that change when it is replaced.
type Stamp = [Option<(SystemTime, u64)>; 2];

impl Certificate {
    pub(super) fn load(chain: &Path, key: &Path) -> Result<Self, BindError> {
        let loaded = Loaded::read(chain, key)?;
        Ok(Self { chain: chain.to_owned(), key: key.to_owned(), current: ArcSwap::from_pointee(loaded) })
    }

    /// Takes the present content of the files, if it is new and can be used. Content that cannot be used is reported once:
    /// `failed` remembers it. One that clients do not accept at this moment is not taken over one that they do.
    fn reload(&self, failed: &mut Option<Stamp>, now: Timestamp) -> Result<(), BindError> {
        let found = stamp(&self.chain, &self.key);
        if found == self.current.load().stamp {
            *failed = None;
            return Ok(());
        }
        let read = Loaded::read(&self.chain, &self.key).and_then(|loaded| {
            match loaded.pair.fault(&self.chain, now) {
                Some(fault) if self.current.load().pair.fault(&self.chain, now).is_none() => {
                    Err(BindError(fault))
                }
                _ => Ok(loaded),
            }
        });
        match read {
            Ok(loaded) => {
                tracing::info!(end = %loaded.pair.end, "the TLS certificate was read again");
                self.current.store(Arc::new(loaded));
                *failed = None;
                Ok(())
            }
            // Both files are rarely replaced together: the next check finds them complete.
            Err(error) if failed.replace(found) != Some(found) => Err(error),
            Err(_) => Ok(()),
        }
    }
}

impl Loaded {
    fn read(chain: &Path, key: &Path) -> Result<Self, BindError> {
        let stamp = stamp(chain, key);
        Ok(Self { pair: Pair::read(chain, key)?, stamp })
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
        Some(Arc::clone(&self.current.load().pair.certified))
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

/// Checks the files until shutdown, and sets the metric of the certificate's end.
pub(super) async fn watch(certificate: Arc<Certificate>, app: App, mut shutdown: Shutdown) {
    let mut failed = None;
    if let Some(fault) = certificate.current.load().pair.fault(&certificate.chain, app.now()) {
        tracing::warn!("{fault}");
    }
    loop {
        app.metrics.tls_end.set(certificate.current.load().pair.end.seconds());
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = shutdown.requested() => return,
        }
        if let Err(error) = certificate.reload(&mut failed, app.now()) {
            tracing::error!(%error, "the new TLS certificate cannot be used; the old one stays until it ends");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment at which the first two certificates of the tests count.
    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    /// The files of a certificate in a directory, and how to put another pair there.
    fn files(directory: &Path) -> (PathBuf, PathBuf, impl Fn(&str, &str)) {
        let (chain, key) = (directory.join("chain.pem"), directory.join("key.pem"));
        let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tls");
        let to = (chain.clone(), key.clone());
        let put = move |chain: &str, key: &str| {
            fs::copy(format!("{ours}/key-{key}.pem"), &to.1).unwrap();
            fs::copy(format!("{ours}/chain-{chain}.pem"), &to.0).unwrap();
        };
        (chain, key, put)
    }

    #[test]
    fn unusable_files_are_logged_once() {
        let directory = tempfile::tempdir().unwrap();
        let (chain, key, put) = files(directory.path());
        put("1", "1");
        let certificate = Certificate::load(&chain, &key).unwrap();
        let mut failed = None;
        for text in ["no certificate", "no certificate either"] {
            fs::write(&chain, text).unwrap();
            assert!(certificate.reload(&mut failed, NOW).is_err());
            assert!(
                certificate.reload(&mut failed, NOW).is_ok() && certificate.reload(&mut failed, NOW).is_ok()
            );
        }
        let before = certificate.current.load_full();
        put("2", "2");
        certificate.reload(&mut failed, NOW).unwrap();
        assert!(failed.is_none() && !Arc::ptr_eq(&before, &certificate.current.load()));
    }

    #[test]
    fn an_expired_pair_is_not_taken_over_a_valid_one() {
        let directory = tempfile::tempdir().unwrap();
        let (chain, key, put) = files(directory.path());
        put("1", "1");
        let certificate = Certificate::load(&chain, &key).unwrap();
        let (before, mut failed) = (certificate.current.load_full(), None);
        put("expired", "expired");
        let message = certificate.reload(&mut failed, NOW).unwrap_err().to_string();
        assert!(
            message.contains("ended on 2021-01-01T00:00:00Z") && message.contains("renew it"),
            "{message}"
        );
        certificate.reload(&mut failed, NOW).unwrap();
        assert!(Arc::ptr_eq(&before, &certificate.current.load()), "the valid one stays");
        // Nothing is lost where the one in use has ended as well.
        let late = Timestamp::from_seconds(5_000_000_000);
        certificate.reload(&mut failed, late).unwrap();
        assert!(!Arc::ptr_eq(&before, &certificate.current.load()));
    }

    #[test]
    fn problems_of_a_certificate_and_its_key_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let (chain, key, put) = files(directory.path());
        let state = || check_certificate(&chain, &key, NOW);
        let error = || state().unwrap_err().to_string();
        put("1", "1");
        assert_eq!(state().unwrap(), CertificateState::Valid);
        put("1", "2");
        assert!(error().contains("it is not the key of the first certificate in"), "{}", error());
        let both = [fs::read(&chain).unwrap(), fs::read(&chain).unwrap()].concat();
        put("2", "1");
        let reversed = [fs::read(&chain).unwrap(), both].concat();
        fs::write(&chain, reversed).unwrap();
        assert!(error().contains("in the wrong order: the server's own comes first"), "{}", error());
        put("1", "encrypted");
        assert!(error().contains("it is encrypted") && error().contains("openssl pkey"), "{}", error());
        fs::write(&key, "nothing").unwrap();
        assert!(error().contains("it holds no private key in PEM"), "{}", error());
        put("expired", "expired");
        let expired = state().unwrap();
        assert!(
            matches!(&expired, CertificateState::Invalid(why) if why.contains("ended on")),
            "{expired:?}"
        );
        let soon = check_certificate(&chain, &key, Timestamp::from_seconds(1_609_400_000)).unwrap();
        assert!(matches!(&soon, CertificateState::EndsSoon(why) if why.contains("renew it")), "{soon:?}");
        let early = check_certificate(&chain, &key, Timestamp::from_seconds(1_500_000_000)).unwrap();
        assert!(
            matches!(&early, CertificateState::Invalid(why) if why.contains("counts only from")),
            "{early:?}"
        );
    }
}
