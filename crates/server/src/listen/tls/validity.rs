//! The two dates of a certificate: RFC 5280, section 4.1.

use kaching_base::Timestamp;

/// `notBefore` and `notAfter` of a certificate in DER.
pub(super) fn of(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (_, certificate, _) = element(certificate)?;
    let (_, mut rest, _) = element(certificate)?;
    // The version is optional and has a tag of its own; then come serial number, signature and issuer.
    if rest.first() == Some(&0xa0) {
        rest = element(rest)?.2;
    }
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (tag, time, after) = element(validity)?;
    let start = moment(tag, time)?;
    let (tag, time, _) = element(after)?;
    Some((start, moment(tag, time)?))
}

fn moment(tag: u8, time: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(time).ok()?.strip_suffix('Z')?;
    let text = match (tag, text.len()) {
        // UTCTime: years from 50 on are of the last century.
        (0x17, 12) if text.as_bytes()[0] >= b'5' => format!("19{text}"),
        (0x17, 12) => format!("20{text}"),
        (0x18, 14) => text.to_owned(),
        _ => return None,
    };
    let part = |at: std::ops::Range<usize>| text.get(at);
    let (date, clock) = (format!("{}-{}-{}", part(0..4)?, part(4..6)?, part(6..8)?), part(8..14)?);
    format!("{date}T{}:{}:{}Z", clock.get(0..2)?, clock.get(2..4)?, clock.get(4..6)?).parse().ok()
}

/// Returns the tag and the content of the first element, and the rest.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}
