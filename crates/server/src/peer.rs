//! Who is at the other end, and whether a proxy in between may speak for them.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use axum::http::HeaderMap;
use kaching_base::ParseError;
use serde::{Deserialize, Serialize};

/// The other end of a connection; every request carries one as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A machine.
    Network(SocketAddr),
    /// A user of this machine, by user id: over the local socket, or within the process.
    Local(u32),
}

/// A range of addresses: `10.0.0.0/8`, `2001:db8::/32`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u32,
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let shift = 32 - self.bits;
                (first.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let shift = 128 - self.bits;
                (first.to_bits() ^ address.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let malformed =
            || ParseError::new(format!("'{text}' is not an address, nor a network like 10.0.0.0/8"));
        let (address, bits) = text.split_once('/').map_or((text, None), |(a, bits)| (a, Some(bits)));
        let first: IpAddr = address.parse().map_err(|_| malformed())?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| malformed())?;
        if bits > most { Err(malformed()) } else { Ok(Self { first, bits }) }
    }
}

impl Serialize for Network {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("{}/{}", self.first, self.bits))
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Peer {
    /// Where the request comes from. A trusted proxy's `X-Forwarded-For` is read from its end: the last
    /// address that is not itself a trusted proxy's is the one that cannot be made up by the sender.
    pub(crate) fn address(&self, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
        let Self::Network(peer) = self else { return None };
        let mut address = peer.ip().to_canonical();
        let is_trusted = |address| trusted.iter().any(|network| network.holds(address));
        let forwarded = headers.get_all("x-forwarded-for").iter().rev();
        for hop in forwarded.flat_map(|value| value.to_str().unwrap_or("?").rsplit(',')) {
            if !is_trusted(address) {
                break;
            }
            let Some(earlier) = hop_address(hop.trim()) else { break };
            address = earlier;
        }
        Some(address)
    }
}

/// Proxies write `203.0.113.9`, `203.0.113.9:4711`, `2001:db8::1` or `[2001:db8::1]:4711`.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let address = hop.parse::<IpAddr>().or_else(|_| hop.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn believes_only_trusted_proxies() {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()];
        let cases = [
            ("203.0.113.9:1", "198.51.100.1", "203.0.113.9"),
            ("10.1.2.3:1", "198.51.100.1", "198.51.100.1"),
            ("10.1.2.3:1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
            ("10.1.2.3:1", "1.1.1.1, 198.51.100.1:99, 10.9.9.9", "198.51.100.1"),
            ("[::ffff:10.1.2.3]:1", "[2001:db8::1]:4", "2001:db8::1"),
            ("10.1.2.3:1", "nonsense", "10.1.2.3"),
            ("10.1.2.3:1", "", "10.1.2.3"),
            ("[::1]:1", "10.0.0.1", "10.0.0.1"),
        ];
        for (peer, forwarded, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            let address = Peer::Network(peer.parse().unwrap()).address(&headers, &trusted);
            assert_eq!(address.unwrap().to_string(), expected, "{peer} {forwarded}");
        }
    }

    #[test]
    fn refuses_what_is_no_network() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "example.com", "::/129", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
        assert!("0.0.0.0/0".parse::<Network>().unwrap().holds("203.0.113.1".parse().unwrap()));
    }
}
