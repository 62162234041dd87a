//! Explains errors of encrypted connections, with remedies.

use std::{error::Error as _, io, path::Path};

use rustls::{CertificateError, Error, OtherError};

/// `None` if the error has nothing to do with encryption.
pub(super) fn explain(error: &postgres::Error, roots: Option<&Path>) -> Option<String> {
    let source = error.source()?;
    if source.to_string() == "server does not support TLS" {
        return Some(
            "it offers no TLS: switch it on there (ssl = on), or set sslmode=disable if nobody else can reach \
             the network between the two"
                .to_owned(),
        );
    }
    let tls = source.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<Error>()?;
    Some(match tls {
        Error::InvalidCertificate(wrong) => certificate(wrong, roots),
        other => format!("no encrypted connection came about: {other}"),
    })
}

fn certificate(wrong: &CertificateError, roots: Option<&Path>) -> String {
    match wrong {
        // Another key under the name of one that is trusted is a stranger as well.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => match roots {
            Some(file) => format!(
                "no authority of {} signed its certificate: name the file of the one that did with sslrootcert",
                file.display()
            ),
            None => "no authority of the web signed its certificate: name the file of the one that did with \
                     sslrootcert"
                .to_owned(),
        },
        CertificateError::NotValidForName => name(&[]),
        CertificateError::NotValidForNameContext { presented, .. } => name(presented),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has ended: give it a new one".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate has not begun: see whether this machine's clock is right".to_owned()
        }
        CertificateError::Other(OtherError(why)) if why.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is that of an authority itself: give it one that the authority has signed"
                .to_owned()
        }
        other => format!("its certificate cannot be trusted: {other}"),
    }
}

fn name(presented: &[String]) -> String {
    let names = if presented.is_empty() {
        "names no host (its subjectAltName is empty)".to_owned()
    } else {
        // As in `DnsName("db.example")`.
        let bare = |name: &String| name.split('"').nth(1).unwrap_or(name).to_owned();
        format!("is for {}", presented.iter().map(bare).collect::<Vec<_>>().join(", "))
    };
    format!(
        "its certificate {names}: ask for it by the name that it has, or say sslmode=verify-ca where every server of \
         that authority is yours"
    )
}
