//! The outer form: three parts, a header of exactly three members.

use kaching_base::Base64Url;
use serde::Deserialize;

use crate::{Invalid, json};

/// No statement is longer, in bytes of its compact form.
pub const MAX_STATEMENT: usize = 16 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) alg: String,
    pub(crate) typ: String,
    pub(crate) kid: String,
}

/// A statement taken apart, of which nothing is proven.
pub(crate) struct Compact<'a> {
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
    /// The signed bytes.
    pub(crate) message: &'a str,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Self, Invalid> {
        if text.len() > MAX_STATEMENT {
            return Err(Invalid::TooLong);
        }
        let parts = || {
            let (message, signature) = text.rsplit_once('.')?;
            let (header, payload) = message.split_once('.')?;
            let decode = |part: &str| Base64Url::decode(part.as_bytes());
            Some((message, decode(header)?, decode(payload)?, decode(signature)?))
        };
        let (message, header, payload, signature) = parts().ok_or(Invalid::NotCompact)?;
        if !json::is_object(&header) {
            return Err(Invalid::Header);
        }
        let header = serde_json::from_slice(&header).map_err(|_| Invalid::Header)?;
        Ok(Self { header, payload, message, signature })
    }
}
