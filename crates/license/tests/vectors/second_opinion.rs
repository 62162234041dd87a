//! What another implementation makes of our statements, and we of its.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, jwk::JwkSet};
use kaching_base::Base64Url;
use kaching_license::{Jwks, Lease, Moment, Sign, encode};

use crate::{
    keys::{self, ed25519, rsa},
    world::{at, expected, keyset, lease, trusted},
};

/// Times are fixed in these statements, so the clock is kept out of it.
fn strict(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.set_audience(&["chorus"]);
    validation.set_issuer(&["https://licenses.example.com"]);
    validation
}

#[test]
fn it_verifies_our_lease_with_our_key_set() {
    let published = serde_json::to_string(&Jwks { keys: keyset().keys }).unwrap();
    let published: JwkSet = serde_json::from_str(&published).unwrap();
    for (signer, algorithm) in
        [(&ed25519(keys::LEASE) as &dyn Sign, Algorithm::EdDSA), (&rsa(), Algorithm::RS256)]
    {
        let text = encode(&lease(), signer).unwrap();
        let header = jsonwebtoken::decode_header(&text).unwrap();
        let key = DecodingKey::from_jwk(published.find(&header.kid.unwrap()).unwrap()).unwrap();
        let decoded = jsonwebtoken::decode::<Lease>(&text, &key, &strict(algorithm)).unwrap();
        assert_eq!(decoded.claims, lease());

        let forged = text.replacen(".ey", ".fy", 1);
        assert!(jsonwebtoken::decode::<Lease>(&forged, &key, &strict(algorithm)).is_err());
    }
}

#[test]
fn we_verify_its_lease() {
    // It takes PKCS #1, which PKCS #8 wraps in 26 bytes.
    let key = EncodingKey::from_rsa_der(&keys::rsa_pkcs8()[26..]);
    let mut header = Header::new(Algorithm::RS256);
    header.typ = Some("lease+jwt".to_owned());
    header.kid = Some(rsa().kid().to_owned());
    let text = jsonwebtoken::encode(&header, &lease(), &key).unwrap();
    let verified = trusted().verify_lease(&text, &expected(), Moment::Now(at(1))).unwrap();
    assert_eq!(verified, lease());
    // This signature is deterministic, so both must come to the same bytes.
    let (message, signature) = text.rsplit_once('.').unwrap();
    assert_eq!(Base64Url(rsa().sign(message.as_bytes()).unwrap()).to_string(), signature);
}
