//! Slots of long polls and streams. Each holds a connection all that time, so their number is limited.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use kaching_authority::Bearer;
use kaching_base::{ActivationId, LicenseId};

use crate::limits::network;

/// The slots in use, by activation, license and address. An installation has one long poll or one stream at a time;
/// the others are those whose lost connection was not noticed yet.
pub(crate) struct LongPollSlots {
    most: usize,
    /// The most places that one license, or one address, may have.
    share: usize,
    waiting: Mutex<SlotsInUse>,
}

#[derive(Default)]
struct SlotsInUse {
    all: usize,
    by_activation: HashMap<ActivationId, usize>,
    by_license: HashMap<LicenseId, usize>,
    by_address: HashMap<IpAddr, usize>,
}

/// The most slots of one activation.
const EACH: usize = 3;

/// A slot, until it is dropped.
pub(crate) struct LongPollSlot {
    slots: Arc<LongPollSlots>,
    activation: ActivationId,
    license: LicenseId,
    address: Option<IpAddr>,
}

/// The owner of the places that are all taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Server,
    Activation,
    License,
    Address,
}

impl Full {
    /// Whether the caller's own share is used up, so that the server is not at fault.
    pub(crate) fn is_own(self) -> bool {
        self != Self::Server
    }
}

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Server => "all are taken (server.max_connections)",
            Self::Activation => return write!(f, "its installation has as many as one may have ({EACH})"),
            Self::License => "its license has as many as one may have (limits.places_percent)",
            Self::Address => "its address has as many as one may have (limits.places_percent)",
        })
    }
}

impl LongPollSlots {
    /// At most nine of ten connections wait, so that other calls find one. One license, and one address, may use this
    /// percentage of these places.
    pub(crate) fn new(connections: u32, places_percent: u32) -> Self {
        let most = u64::from(connections - connections / 10);
        let share = (most * u64::from(places_percent)).div_ceil(100);
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Self { most: count(most), share: count(share), waiting: Mutex::default() }
    }

    /// Takes a place for one more.
    ///
    /// # Errors
    /// If there is none: then the caller is answered without a wait.
    pub(crate) fn take(
        self: &Arc<Self>,
        bearer: &Bearer,
        address: Option<IpAddr>,
    ) -> Result<LongPollSlot, Full> {
        let Bearer { activation, license, .. } = *bearer;
        let address = address.map(network);
        let mut waiting = self.waiting.lock().expect("nothing panics while it is held");
        let of_address = address.map_or(0, |address| count(&waiting.by_address, &address));
        match () {
            () if count(&waiting.by_activation, &activation) >= EACH => return Err(Full::Activation),
            () if count(&waiting.by_license, &license) >= self.share => return Err(Full::License),
            () if of_address >= self.share => return Err(Full::Address),
            () if waiting.all >= self.most => return Err(Full::Server),
            () => {}
        }
        waiting.all += 1;
        *waiting.by_activation.entry(activation).or_default() += 1;
        *waiting.by_license.entry(license).or_default() += 1;
        if let Some(address) = address {
            *waiting.by_address.entry(address).or_default() += 1;
        }
        Ok(LongPollSlot { slots: Arc::clone(self), activation, license, address })
    }
}

fn count<K: Hash + Eq>(counts: &HashMap<K, usize>, key: &K) -> usize {
    counts.get(key).copied().unwrap_or(0)
}

fn leave<K: Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

impl Drop for LongPollSlot {
    fn drop(&mut self) {
        let mut waiting = self.slots.waiting.lock().expect("nothing panics while it is held");
        waiting.all -= 1;
        leave(&mut waiting.by_activation, &self.activation);
        leave(&mut waiting.by_license, &self.license);
        if let Some(address) = &self.address {
            leave(&mut waiting.by_address, address);
        }
    }
}

#[cfg(test)]
mod tests {
    use kaching_base::Timestamp;

    use super::*;

    fn bearer(license: u8, activation: u8) -> Bearer {
        Bearer {
            license: LicenseId::from_bytes([license; 16]),
            activation: ActivationId::from_bytes([activation; 16]),
            rev: 1,
            slots: None,
            until: Timestamp::from_seconds(0),
        }
    }

    fn full(taken: Result<LongPollSlot, Full>) -> Full {
        taken.err().expect("there is no place")
    }

    #[test]
    fn an_activation_has_three_places_and_gives_them_back() {
        let slots = Arc::new(LongPollSlots::new(100, 50));
        let address = Some("203.0.113.1".parse().unwrap());
        let take = |activation| slots.take(&bearer(1, activation), address);
        let mut places: Vec<_> = (0..3).map(|_| take(1).unwrap()).collect();
        assert_eq!(full(take(1)), Full::Activation);
        assert!(take(2).is_ok());
        places.pop();
        places.push(take(1).unwrap());
        assert_eq!(full(take(1)), Full::Activation);
        drop(places);
        let left = slots.waiting.lock().unwrap();
        let kept = (left.by_activation.len(), left.by_license.len(), left.by_address.len());
        assert_eq!((left.all, kept), (0, (0, 0, 0)), "nothing is kept of slots that were dropped");
    }

    #[test]
    fn nine_of_ten_connections_wait_and_one_license_or_address_has_half_of_them() {
        let slots = Arc::new(LongPollSlots::new(20, 50));
        let mut held: Vec<_> = (0..9).map(|n| slots.take(&bearer(1, n), None).unwrap()).collect();
        assert_eq!(full(slots.take(&bearer(1, 9), None)), Full::License);
        let home = Some("2001:db8::1".parse().unwrap());
        let next_door = Some("2001:db8::2".parse().unwrap());
        held.extend((0..9).map(|n| slots.take(&bearer(10 + n, 10 + n), home).unwrap()));
        assert_eq!(full(slots.take(&bearer(30, 30), next_door)), Full::Address, "it is the same /64");
        assert_eq!(full(slots.take(&bearer(30, 30), None)), Full::Server);
        held.clear();
        assert!(slots.take(&bearer(1, 9), home).is_ok());
    }
}
