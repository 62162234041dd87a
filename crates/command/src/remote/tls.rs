//! The certificates that an HTTPS connection trusts.

use std::{path::Path, sync::Arc};

use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject as _};

use crate::failure::Failure;

/// Returns the configuration that trusts the public certificate authorities, and those of a file.
pub fn config(ca: Option<&Path>) -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca {
        let unreadable = |error: &dyn std::fmt::Display| {
            Failure::usage(format!("{} holds no certificates that can be read: {error}.", path.display()))
        };
        let mut found = 0;
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
            found += 1;
        }
        if found == 0 {
            return Err(unreadable(&"it has no BEGIN CERTIFICATE"));
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has the suites of both versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
