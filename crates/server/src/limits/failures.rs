//! The limit on failures of an address, which slows down guesses of keys, tokens and credentials.
//!
//! An address that failed too often may belong to many callers, so secrets that are known to be valid are still admitted.

use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard},
};

use kaching_base::Timestamp;

use super::{MOST, buckets::Buckets, headers::Budget, network, rate::Rate, recent::Recent};
use crate::metrics::LimitKind;

/// Failures counted by address: as many as may come in a minute, each forgotten evenly over that minute.
pub(crate) struct Failures {
    rate: Rate,
    addresses: Buckets<IpAddr>,
    /// Hashes of the API tokens that worked lately. Those of license keys are with their licenses.
    tokens: Mutex<Recent<SecretHash, ()>>,
    /// Hashes of unknown keys and tokens that were looked up lately.
    unknown: Mutex<Recent<SecretHash, ()>>,
    /// The one bucket of all look-ups for addresses that failed too often.
    lookups: Buckets<()>,
}

/// The hash that finds a license key or a token: the secret itself is not kept.
pub(crate) type SecretHash = [u8; 32];

/// Hashes that are remembered of each kind.
const HASHES: usize = 65_536;
/// The time in microseconds for which an unknown key is not looked up again for an address that failed too often.
const UNKNOWN: i64 = 60_000_000;
/// The look-ups a second, and in a burst, for all addresses together that failed too often: few for a database, and
/// enough for installations with valid keys that this process has not seen yet.
const LOOKUPS: u32 = 50;

impl Failures {
    pub(crate) fn new(a_minute: u32) -> Self {
        let a_minute = a_minute.max(1);
        let rate = Rate::per_minute(a_minute, a_minute.into()).expect("it is at least one");
        Self {
            rate,
            addresses: Buckets::new(MOST, Some(rate.full_after())),
            tokens: Mutex::new(Recent::new(HASHES, None)),
            unknown: Mutex::new(Recent::new(HASHES, Some(UNKNOWN))),
            lookups: Buckets::new(2, None),
        }
    }

    /// Returns the rest of the allowance without counting a failure.
    pub(crate) fn budget(&self, address: IpAddr, now: Timestamp) -> Budget {
        let left = self.addresses.left(&network(address), self.rate, now.micros());
        Budget::of(LimitKind::Failures, self.rate, left)
    }

    /// Counts a failure, and returns the rest of the allowance. A full minute's worth is the most that is remembered.
    pub(crate) fn count(&self, address: IpAddr, now: Timestamp) -> Budget {
        let left = self.addresses.drain(network(address), self.rate, now.micros());
        Budget::of(LimitKind::Failures, self.rate, left)
    }

    /// Whether a secret that is not known to be good may be looked up for an address that failed too often.
    pub(crate) fn may_look_up(&self, hash: &SecretHash, now: Timestamp) -> bool {
        let rate = Rate::per_second(LOOKUPS, LOOKUPS.into()).expect("it is at least one");
        lock(&self.unknown).get(hash).is_none() && self.lookups.take((), rate, now.micros()).is_ok()
    }

    /// Records that a looked-up secret is unknown.
    pub(crate) fn learn_unknown(&self, hash: SecretHash, now: Timestamp) {
        lock(&self.tokens).remove(&hash);
        lock(&self.unknown).put(hash, (), now.micros());
    }

    /// Records that a looked-up token is valid.
    pub(crate) fn learn_token(&self, hash: SecretHash, now: Timestamp) {
        lock(&self.tokens).put(hash, (), now.micros());
    }

    pub(crate) fn is_known_token(&self, hash: &SecretHash) -> bool {
        lock(&self.tokens).get(hash).is_some()
    }

    pub(crate) fn sweep(&self, now: Timestamp) {
        self.addresses.sweep(now.micros());
        lock(&self.unknown).turn(now.micros());
    }
}

fn lock(hashes: &Mutex<Recent<SecretHash, ()>>) -> MutexGuard<'_, Recent<SecretHash, ()>> {
    hashes.lock().expect("nothing panics while it is held")
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

    #[test]
    fn addresses_that_failed_too_often_get_few_look_ups_and_none_twice() {
        let failures = Failures::new(60);
        assert!(failures.may_look_up(&[1; 32], at(0)));
        failures.learn_unknown([1; 32], at(0));
        assert!(!failures.may_look_up(&[1; 32], at(1)), "nobody has it");
        let more = (0..200u8).filter(|n| failures.may_look_up(&[*n; 32], at(1))).count();
        assert_eq!(more, 50);
        assert!(failures.may_look_up(&[1; 32], at(200)) || failures.may_look_up(&[2; 32], at(2)));
    }
}
