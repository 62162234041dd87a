//! The data that binds a password's proof to its connection, so that a man in the middle cannot relay it:
//! `tls-server-end-point` of RFC 5929, section 4.

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// The hash of a server's certificate by the hash function of its signature, or `None` if that is not defined:
/// Ed25519 names none.
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    // The object identifiers of RFC 5758 and RFC 8017, without their tag and length.
    const RSA: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    const ECDSA: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
    let algorithm = algorithm(certificate)?;
    match (algorithm.strip_prefix(&RSA), algorithm.strip_prefix(&ECDSA)) {
        // MD5 and SHA-1 are too weak: SHA-256 takes their place.
        (Some([4 | 5 | 11]), _) | (_, Some([2])) => Some(Sha256::digest(certificate).to_vec()),
        (Some([12]), _) | (_, Some([3])) => Some(Sha384::digest(certificate).to_vec()),
        (Some([13]), _) | (_, Some([4])) => Some(Sha512::digest(certificate).to_vec()),
        _ => None,
    }
}

/// The object identifier of `signatureAlgorithm`: RFC 5280, section 4.1.
fn algorithm(certificate: &[u8]) -> Option<&[u8]> {
    let (parts, _) = element(certificate)?;
    let (_, behind_what_is_signed) = element(parts)?;
    let (algorithm, _) = element(behind_what_is_signed)?;
    element(algorithm).map(|(identifier, _)| identifier)
}

/// Returns the content of the first element of some DER, and the rest.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.get(1..)?.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}
