/// The host of an `http` or `https` URL, without its port and the brackets of IPv6; empty where there is none.
pub fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    port.map_or(authority, |(host, _)| host).trim_matches(['[', ']'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_host() {
        for (url, host) in [
            ("http://127.0.0.1:7700", "127.0.0.1"),
            ("https://licenses.example.com/at", "licenses.example.com"),
            ("http://[::1]:80/", "::1"),
            ("http://[::1]", "::1"),
            ("nonsense", ""),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }
}
