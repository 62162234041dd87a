//! How often an address may fail: guessing keys and credentials is slow from one place.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::Mutex,
};

use kaching_base::Timestamp;

/// Failures counted by address: as many as may come in a minute, each forgotten evenly over that minute.
pub(crate) struct Failures {
    a_minute: i64,
    /// For each address the moment at which all its failures are forgotten. Locked for the time of one look-up.
    forgotten_at: Mutex<HashMap<IpAddr, i64>>,
}

const MINUTE: i64 = 60_000_000;
/// Beyond this many addresses those that have nothing left to forget are dropped.
const SWEEP: usize = 10_000;

/// What is left to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) limit: i64,
    pub(crate) remaining: i64,
    /// Seconds until there is one more.
    pub(crate) reset_s: u64,
}

impl Failures {
    pub(crate) fn new(a_minute: u32) -> Self {
        Self { a_minute: i64::from(a_minute.max(1)), forgotten_at: Mutex::default() }
    }

    /// What is left, without a failure.
    pub(crate) fn budget(&self, address: IpAddr, now: Timestamp) -> Budget {
        let at = self
            .forgotten_at
            .lock()
            .expect("nothing panics while it is held")
            .get(&network(address))
            .copied();
        self.left(at.unwrap_or(0), now.micros())
    }

    /// Counts a failure, and says what is left.
    pub(crate) fn count(&self, address: IpAddr, now: Timestamp) -> Budget {
        let (now, cost) = (now.micros(), MINUTE / self.a_minute);
        let mut forgotten_at = self.forgotten_at.lock().expect("nothing panics while it is held");
        if forgotten_at.len() >= SWEEP {
            forgotten_at.retain(|_, at| *at > now);
        }
        let at = forgotten_at.entry(network(address)).or_insert(now);
        // A full minute's worth is the most that is remembered.
        *at = ((*at).max(now) + cost).min(now + MINUTE);
        self.left(*at, now)
    }

    fn left(&self, forgotten_at: i64, now: i64) -> Budget {
        let cost = MINUTE / self.a_minute;
        let owed = (forgotten_at - now).clamp(0, MINUTE);
        let remaining = (MINUTE - owed) / cost;
        let wait = if remaining > 0 { 0 } else { cost - (MINUTE - owed) };
        Budget { limit: self.a_minute, remaining, reset_s: seconds_up(wait) }
    }
}

fn seconds_up(micros: i64) -> u64 {
    u64::try_from((micros + 999_999) / 1_000_000).unwrap_or(0)
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
