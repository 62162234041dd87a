//! The peer of a connection, and the client behind a trusted proxy.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::Mutex,
};

use axum::http::HeaderMap;
use kaching_base::ParseError;
use serde::{Deserialize, Serialize};

/// The header in which proxies name their client.
const FORWARDED: &str = "x-forwarded-for";

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
    /// Returns the address of the caller. A trusted proxy's `X-Forwarded-For` is read from its end: the last
    /// address that is not itself a trusted proxy's is the one that cannot be made up by the sender.
    pub(crate) fn address(&self, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
        let Self::Network(peer) = self else { return None };
        let mut address = peer.ip().to_canonical();
        let is_trusted = |address| trusted.iter().any(|network| network.holds(address));
        let forwarded = headers.get_all(FORWARDED).iter().rev();
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

/// Proxies write `203.0.113.9`, `203.0.113.9:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse::<IpAddr>().or_else(|_| hop.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// The last peer that spoke for others without being trusted: mostly a proxy that the settings do not name, whose
/// clients then all count as one address.
#[derive(Default)]
pub(crate) struct UntrustedForwarder(Mutex<Option<IpAddr>>);

impl UntrustedForwarder {
    /// Remembers the peer of a request with `X-Forwarded-For` that is not trusted. The first one is logged.
    pub(crate) fn notice(&self, peer: &Peer, headers: &HeaderMap, trusted: &[Network]) {
        let Peer::Network(peer) = peer else { return };
        if !headers.contains_key(FORWARDED) || trusted.iter().any(|network| network.holds(peer.ip())) {
            return;
        }
        let address = peer.ip().to_canonical();
        let before = self.lock().replace(address);
        if before.is_none() {
            tracing::warn!(
                %address,
                "X-Forwarded-For comes from an address that is not among server.trusted_proxies, so all that comes \
                 through it counts as one address: if it is your proxy, add it there"
            );
        }
    }

    /// Returns the remedy, if there was such a peer.
    pub(crate) fn remedy(&self) -> Option<String> {
        let address = (*self.lock())?;
        Some(format!(
            "{address} sends X-Forwarded-For and is not among server.trusted_proxies, so all that comes through it counts \
             as one address: if it is your proxy, add it there"
        ))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<IpAddr>> {
        self.0.lock().expect("nothing panics while it is held")
    }
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
            ("10.1.2.3:1", "[2001:db8::1]", "2001:db8::1"),
            ("10.1.2.3:1", "1.1.1.1, [2001:db8::2] , 10.9.9.9", "2001:db8::2"),
            ("10.1.2.3:1", "[::ffff:198.51.100.1]", "198.51.100.1"),
            ("10.1.2.3:1", "[198.51.100.1", "10.1.2.3"),
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
    fn refuses_text_that_is_no_network() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "example.com", "::/129", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
        assert!("0.0.0.0/0".parse::<Network>().unwrap().holds("203.0.113.1".parse().unwrap()));
    }
}
