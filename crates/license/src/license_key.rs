use kaching_base::{Secret, pasted};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// A license key in its canonical form. It opens a license, so it is a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct LicenseKey {
    text: Secret<String>,
    format: KeyFormat,
}

/// The format of a license key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyFormat {
    /// `<PREFIX>-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX`: ours.
    Short,
    /// `CAIO-v1-…`: looked up as it is.
    CaioV1,
    /// `CAIO-v2-…`: looked up as it is.
    CaioV2,
    /// `AGY-<reference>-<date>-<checksum>`: looked up as it is.
    Agency,
}

/// The text is not a license key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a license key: compare it with the one you were sent, a character is probably mistyped")]
pub struct KeyError;

/// No license key of any format is longer.
const MAX: usize = 4096;
const MAX_PREFIX: usize = 32;
const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl LicenseKey {
    /// The key of these 120 random bits. The prefix is the product's: `[A-Z0-9][A-Z0-9-]{0,31}`, not ending in a
    /// hyphen.
    ///
    /// # Errors
    /// If the prefix is not of that form.
    pub fn generate(prefix: &str, random: [u8; 15]) -> Result<Self, KeyError> {
        let prefix = canonical_prefix(prefix)?;
        let mut bytes = [0; 16];
        bytes[1..].copy_from_slice(&random);
        let bits = u128::from_be_bytes(bytes);
        let symbols = (0..24).rev().map(|i| SYMBOLS[((bits >> (5 * i)) & 31) as usize]);
        let symbols = Zeroizing::new(symbols.collect::<Vec<u8>>());
        Ok(Self::short(&prefix, &symbols))
    }

    /// Reads what a person typed or a program passed on, and brings it into canonical form. What people paste goes
    /// through [`pasted`](kaching_base::pasted) first.
    ///
    /// # Errors
    /// If it is no key of any known format; with `short`, 31 of 32 typing errors are found.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX {
            return Err(KeyError);
        }
        let text = text.trim();
        match foreign(text) {
            Some(format) => Ok(Self { text: Secret::new(text.to_owned()), format }),
            None => parse_short(text),
        }
    }

    /// Whether a text is written as a license key is, mistyped or not: what is kept out of URLs, which servers and
    /// proxies log. With blanks in place of hyphens only a key counts, not any words of five letters.
    pub fn is_shaped(text: &str) -> bool {
        let text = text.trim();
        let mut groups = text.rsplit(['-', ' ']);
        let symbols = |group: &str| group.len() == 5 && group.bytes().all(|byte| fold(byte).is_ok());
        let short = groups.by_ref().take(5).filter(|group| symbols(group)).count() == 5
            && groups.next().is_some_and(|prefix| !prefix.is_empty());
        foreign(text).is_some() || short && (!text.contains(' ') || Self::parse(text).is_ok())
    }

    /// Whether a text is, or holds between blanks, what is written as a license key, also as people have [`pasted`] it.
    pub fn is_within(text: &str) -> bool {
        let shaped = |part: &str| Self::is_shaped(part) || Self::is_shaped(&pasted(part));
        text.split_whitespace().chain([text]).any(shaped)
    }

    /// The canonical text: for the one who is given the key, and for the lookup hash.
    pub fn expose(&self) -> &str {
        self.text.expose()
    }

    /// The format of the key.
    pub fn format(&self) -> KeyFormat {
        self.format
    }

    /// The vendor's reference of the customer, in the formats that name it. It is as reliable as the key, of which
    /// it is a part.
    pub fn customer(&self) -> Option<&str> {
        let text = self.text.expose();
        // A reference may hold hyphens; the parts after it do not.
        let (rest, parts_after) = match self.format {
            KeyFormat::Short => return None,
            KeyFormat::CaioV1 => (text.strip_prefix("CAIO-v1-")?, 2),
            KeyFormat::CaioV2 => (text.strip_prefix("CAIO-v2-")?, 3),
            KeyFormat::Agency => (text.strip_prefix("AGY-")?, 2),
        };
        rest.rsplitn(parts_after + 1, '-').nth(parts_after).filter(|customer| !customer.is_empty())
    }

    fn short(prefix: &str, symbols: &[u8]) -> Self {
        let check = check_symbol(prefix, symbols);
        let mut text = String::with_capacity(prefix.len() + 30);
        text.push_str(prefix);
        for (i, symbol) in symbols.iter().chain([&check]).enumerate() {
            if i % 5 == 0 {
                text.push('-');
            }
            text.push(char::from(*symbol));
        }
        Self { text: Secret::new(text), format: KeyFormat::Short }
    }
}

/// The prefix may hold hyphens and symbols alike, so the 25 symbols are taken from the end.
fn parse_short(text: &str) -> Result<LicenseKey, KeyError> {
    if !text.is_ascii() || text.len() > 256 {
        return Err(KeyError);
    }
    let mut symbols = Zeroizing::new(Vec::with_capacity(25));
    let mut prefix_end = text.len();
    for (i, byte) in text.bytes().enumerate().rev() {
        if !matches!(byte, b' ' | b'-') {
            symbols.push(fold(byte)?);
        }
        if symbols.len() == 25 {
            prefix_end = i;
            break;
        }
    }
    symbols.reverse();
    let prefix = canonical_prefix(text[..prefix_end].trim_end_matches([' ', '-']))?;
    match symbols.split_last() {
        Some((check, rest)) if rest.len() == 24 && *check == check_symbol(&prefix, rest) => {
            Ok(LicenseKey::short(&prefix, rest))
        }
        _ => Err(KeyError),
    }
}

/// The low five bits of SHA-256 over `<PREFIX>-` and the 24 symbols.
fn check_symbol(prefix: &str, symbols: &[u8]) -> u8 {
    let hash = Sha256::new().chain_update(prefix).chain_update(b"-").chain_update(symbols).finalize();
    SYMBOLS[usize::from(hash[31] & 31)]
}

/// One symbol of Crockford's base32, whose look-alikes are read as what they look like.
fn fold(byte: u8) -> Result<u8, KeyError> {
    match byte.to_ascii_uppercase() {
        b'O' => Ok(b'0'),
        b'I' | b'L' => Ok(b'1'),
        upper if SYMBOLS.contains(&upper) => Ok(upper),
        _ => Err(KeyError),
    }
}

fn canonical_prefix(prefix: &str) -> Result<String, KeyError> {
    let prefix = prefix.to_ascii_uppercase();
    let letter = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    let well_formed = (1..=MAX_PREFIX).contains(&prefix.len())
        && prefix.bytes().all(|b| letter(b) || b == b'-')
        && !prefix.starts_with('-')
        && !prefix.ends_with('-');
    if well_formed { Ok(prefix) } else { Err(KeyError) }
}

/// Keys that other systems made are case-sensitive, so only their exact shape counts as theirs.
fn foreign(text: &str) -> Option<KeyFormat> {
    let printable = text.bytes().all(|b| b.is_ascii_graphic());
    let after = |start| text.strip_prefix(start).filter(|rest| printable && !rest.is_empty());
    if after("CAIO-v1-").is_some() {
        Some(KeyFormat::CaioV1)
    } else if after("CAIO-v2-").is_some() {
        Some(KeyFormat::CaioV2)
    } else {
        after("AGY-").filter(|rest| is_agency(rest)).map(|_| KeyFormat::Agency)
    }
}

/// `<reference>-<YYYYMMDD>-<20 symbols>`, from the end, since a reference may hold hyphens.
fn is_agency(rest: &str) -> bool {
    let mut parts = rest.rsplitn(3, '-');
    let (checksum, date, reference) = (parts.next(), parts.next(), parts.next());
    checksum.is_some_and(|c| c.len() == 20 && c.bytes().all(|b| SYMBOLS.contains(&b)))
        && date.is_some_and(|d| d.len() == 8 && d.bytes().all(|b| b.is_ascii_digit()))
        && reference.is_some_and(|r| !r.is_empty())
}
