use std::fmt;

/// The text is not the name of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainError {
    usable: Option<String>,
}

impl DomainError {
    /// The name to use instead, where the text contains one: the host of a URL, for example.
    pub fn usable(&self) -> Option<&str> {
        self.usable.as_deref()
    }
}

impl fmt::Display for DomainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a domain is the name of one host, without scheme, port, path, wildcard or blank: use ")?;
        match &self.usable {
            Some(name) => f.write_str(name),
            None => f.write_str("one such as app.example.com"),
        }
    }
}

impl std::error::Error for DomainError {}

/// The longest name and the longest label of one, in bytes (RFC 1035, section 2.3.4).
const LONGEST: usize = 253;
const LONGEST_LABEL: usize = 63;

/// Returns the canonical form of a host's name, in which domains are stored, hashed and compared: Unicode mapped and
/// encoded as Punycode (UTS 46, non-transitional), in lower case, without the dot of the root. An IPv4 address is accepted
/// in its dotted form, which has one spelling.
///
/// # Errors
/// If the text is not the name of one host; the error names the host that a URL or the like is about.
pub fn domain_name(text: &str) -> Result<String, DomainError> {
    canonical(text).ok_or_else(|| DomainError { usable: host_of(text) })
}

fn canonical(text: &str) -> Option<String> {
    let mut name = idna::domain_to_ascii(text).ok()?;
    if name.ends_with('.') {
        name.pop();
    }
    let fits = name.len() <= LONGEST && name.split('.').all(is_label);
    (fits && (!ends_in_number(&name) || is_ipv4(&name))).then_some(name)
}

/// Four numbers up to 255, without leading zeros: the one spelling of an address.
fn is_ipv4(name: &str) -> bool {
    let number = |part: &str| part.parse::<u8>().is_ok_and(|number| number.to_string() == part);
    name.split('.').count() == 4 && name.split('.').all(number)
}

fn is_label(label: &str) -> bool {
    (1..=LONGEST_LABEL).contains(&label.len())
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Whether browsers and resolvers read the name as an IPv4 address, which has many spellings (WHATWG URL, "ends in a
/// number checker").
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal =
        last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    hexadecimal || last.bytes().all(|b| b.is_ascii_digit())
}

/// The host that a URL, an address with a port or a name between blanks is about.
fn host_of(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.split_once("://").map_or(text, |(_, rest)| rest).trim_start_matches('/');
    let text = text.split(['/', '\\', '?', '#']).next()?;
    let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let text = text.split(':').next()?;
    canonical(text.trim_end_matches('.'))
}
