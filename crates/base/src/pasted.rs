//! Keys, statements and tokens as people have them: copied out of a mail, a document or a terminal, or saved by an editor.

use crate::is_invisible;

/// Straight quotes, and those that word processors make of them.
const QUOTES: [char; 11] = ['"', '\'', '`', '“', '”', '„', '‘', '’', '‚', '«', '»'];

/// Returns a key, statement or token without what programs add where people copy it: white space and line breaks, also
/// inside, invisible characters such as a byte order mark, quotes around it, and the scheme `Bearer` before it. Dashes
/// become hyphens. None of these is part of what we or others sign or issue, so nothing is guessed.
pub fn pasted(text: &str) -> String {
    let around = |c: char| c.is_whitespace() || is_invisible(c) || QUOTES.contains(&c);
    let text = text.trim_matches(around);
    let text = match text.split_once(char::is_whitespace) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("Bearer") => rest.trim_matches(around),
        _ => text,
    };
    // Room for all of it, so that no part of a secret is left where the text grew.
    let mut plain = String::with_capacity(text.len());
    let visible = text.chars().filter(|c| !c.is_whitespace() && !is_invisible(*c));
    plain.extend(visible.map(|c| if is_dash(c) { '-' } else { c }));
    plain
}

/// Returns the text of a file or of standard input: in UTF-8, or in UTF-16 as Windows writes it, with or without a byte
/// order mark. `None` if it is neither.
pub fn decode_text(bytes: &[u8]) -> Option<String> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        // No text of ours has a NUL, which every other byte of ASCII is in UTF-16.
        [1..=255, 0, ..] => utf16(bytes, u16::from_le_bytes),
        [0, 1..=255, ..] => utf16(bytes, u16::from_be_bytes),
        _ => utf8(bytes),
    }
}

/// Hyphens, dashes and minus signs.
fn is_dash(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

fn utf8(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, []) = bytes.as_chunks::<2>() else { return None };
    // Up to three bytes of UTF-8 for one unit: the text does not grow, and leaves no part of a secret behind.
    let mut text = String::with_capacity(pairs.len() * 3);
    for c in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        text.push(c.ok()?);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "CHORUS-01234-56789";

    #[test]
    fn a_key_is_read_as_people_have_it() {
        for text in [
            "\u{feff}CHORUS-01234-56789\r\n",
            "\"CHORUS-01234-56789\"",
            "“CHORUS-01234-56789”",
            " ‚CHORUS-01234-56789‘ ",
            "'\u{200b}CHORUS-01234-56789\u{200b}'",
            "CHORUS–01234–56789",
            "CHORUS\u{2011}01234\u{2011}56789",
            "CHORUS−01234—56789",
            "CHORUS-01234\r\n-56789",
            "CHORUS-0\u{ad}1234-\u{200b}56789\u{202c}",
            "CHORUS-01234\u{a0}-\u{2009}56789",
            "Bearer CHORUS-01234-56789",
            "\"bearer\u{a0} 'CHORUS-01234-56789'\"",
        ] {
            assert_eq!(pasted(text), KEY, "{text:?}");
        }
        for kept in
            ["-", "", "lic_01h455vb4pex5vsknk084sn02q", "CAIO-v1-CUST-1-e30=-00ff", "Bearer", "a.b_c.d"]
        {
            assert_eq!(pasted(kept), kept);
        }
    }

    #[test]
    fn a_file_is_read_as_the_editor_saved_it() {
        let units: Vec<u16> = "Schlüssel 🔑\r\n".encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let marked = |mark: &[u8], text: &[u8]| [mark, text].concat();
        for bytes in [
            "Schlüssel 🔑\r\n".as_bytes().to_vec(),
            marked(&[0xef, 0xbb, 0xbf], "Schlüssel 🔑\r\n".as_bytes()),
            marked(&[0xff, 0xfe], &little),
            marked(&[0xfe, 0xff], &big),
            little.clone(),
            big.clone(),
        ] {
            assert_eq!(decode_text(&bytes).as_deref(), Some("Schlüssel 🔑\r\n"), "{bytes:?}");
        }
        assert_eq!(decode_text(b""), Some(String::new()));
        let unread: [&[u8]; 4] =
            [b"\xff", b"Schl\xfcssel", &marked(&[0xff, 0xfe], b"odd"), b"\xff\xfe\x00\xd8"];
        for bytes in unread {
            assert_eq!(decode_text(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn what_was_read_reads_the_same(text in any::<String>()) {
            let plain = pasted(&text);
            prop_assert_eq!(pasted(&plain), plain);
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in any::<Vec<u8>>()) {
            let _ = decode_text(&bytes);
        }
    }
}
