use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Bytes shown as base64url without padding, and read only in that one canonical form.
pub struct Base64Url<B>(pub B);

impl<B: AsRef<[u8]>> fmt::Display for Base64Url<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.as_ref()))
    }
}

impl<B: AsRef<[u8]>> Base64Url<B> {
    /// Appends the text to another one, without an allocation of its own.
    pub fn append_to(&self, text: &mut String) {
        URL_SAFE_NO_PAD.encode_string(self.0.as_ref(), text);
    }
}

impl Base64Url<Vec<u8>> {
    /// The bytes of a text, or nothing if it has padding, other symbols, or bits set past its end.
    pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(text).ok()
    }

    /// As [`decode`](Self::decode), for a known number of bytes.
    pub fn decode_exact<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
        Self::decode(text)?.try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_only_the_canonical_form() {
        assert_eq!(Base64Url(b"\xff\xfe".as_slice()).to_string(), "__4");
        assert_eq!(Base64Url::decode(b"__4").unwrap(), b"\xff\xfe");
        for text in [&b"__4="[..], b"//4", b"__5", b"_", b"__ 4", b"__4\n"] {
            assert!(Base64Url::decode(text).is_none(), "{text:?}");
        }
    }
}
