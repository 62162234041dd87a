//! How often an address may fail: guessing keys and credentials is slow from one place.

use std::net::{IpAddr, Ipv6Addr};

use kaching_base::Timestamp;

use super::{MOST, buckets::Buckets, headers::Budget, rate::Rate};
use crate::metrics::Kind;

/// Failures counted by address: as many as may come in a minute, each forgotten evenly over that minute.
pub(crate) struct Failures {
    rate: Rate,
    addresses: Buckets<IpAddr>,
}

impl Failures {
    pub(crate) fn new(a_minute: u32) -> Self {
        let a_minute = a_minute.max(1);
        let rate = Rate::per_minute(a_minute, a_minute.into()).expect("it is at least one");
        Self { rate, addresses: Buckets::new(MOST, Some(rate.full_after())) }
    }

    /// What is left, without a failure.
    pub(crate) fn budget(&self, address: IpAddr, now: Timestamp) -> Budget {
        let left = self.addresses.left(&network(address), self.rate, now.micros());
        Budget::of(Kind::Failures, self.rate, left)
    }

    /// Counts a failure, and says what is left. A full minute's worth is the most that is remembered.
    pub(crate) fn count(&self, address: IpAddr, now: Timestamp) -> Budget {
        let left = self.addresses.drain(network(address), self.rate, now.micros());
        Budget::of(Kind::Failures, self.rate, left)
    }

    pub(crate) fn sweep(&self, now: Timestamp) {
        self.addresses.sweep(now.micros());
    }
}

/// A household or a host usually has a whole /64 of IPv6: it counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    #[test]
    fn sixty_a_minute_then_one_a_second() {
        let failures = Failures::new(60);
        let address = "203.0.113.1".parse().unwrap();
        for i in 0..60 {
            assert_eq!(failures.budget(address, at(0)).remaining, 60 - i);
            failures.count(address, at(0));
        }
        let spent = failures.budget(address, at(0));
        assert_eq!((spent.remaining, spent.reset_s), (0, 1));
        assert_eq!(failures.budget(address, at(1)).remaining, 1);
        assert_eq!(failures.budget(address, at(60)).remaining, 60);
        assert_eq!(failures.budget("203.0.113.2".parse().unwrap(), at(0)).remaining, 60);
    }

    #[test]
    fn counting_on_does_not_lengthen_the_wait_beyond_a_minute() {
        let failures = Failures::new(60);
        let address = "2001:db8::1".parse().unwrap();
        for _ in 0..500 {
            failures.count(address, at(0));
        }
        assert_eq!(failures.budget("2001:db8::2".parse().unwrap(), at(0)).remaining, 0);
        assert_eq!(failures.budget(address, at(61)).remaining, 60);
    }
}
