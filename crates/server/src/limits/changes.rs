//! Limits of long polls and of opened streams: by activation, license and address.

use std::net::IpAddr;

use kaching_authority::Bearer;
use kaching_base::{ActivationId, LicenseId, Timestamp};

use super::{RateLimit, buckets::Buckets, headers::Budget, limited, network, rate::Rate};
use crate::{App, config::LimitSettings, metrics::LimitKind, problem::Result};

pub(super) struct ChangeLimits {
    by_activation: RateLimit<ActivationId>,
    by_address: RateLimit<IpAddr>,
    by_license: Buckets<LicenseId>,
    per_second: u32,
    burst: u32,
    /// The slots that a license without a limit counts as.
    unlimited: u64,
}

/// The most remembered licenses.
const MOST: usize = 65_536;

/// The slots for each allowed poll a second. An installation without a stream polls every 20 to 30 seconds, so this
/// leaves some to spare.
const SLOTS_PER_QUESTION: u64 = 10;

impl ChangeLimits {
    pub(super) fn new(settings: &LimitSettings) -> Self {
        let LimitSettings { changes_per_second: per_second, changes_burst: burst, .. } = *settings;
        let address = (settings.address_changes_per_second, settings.address_changes_burst);
        Self {
            by_activation: RateLimit::new(LimitKind::Changes, Rate::per_second(per_second, burst.into())),
            by_address: RateLimit::new(LimitKind::Changes, Rate::per_second(address.0, address.1.into())),
            by_license: Buckets::new(MOST, None),
            per_second,
            burst,
            unlimited: settings.unlimited_slots.into(),
        }
    }

    /// The budget of all installations of a license together: one stream each, and the questions of all of them.
    fn of_license(&self, slots: Option<u64>) -> Option<Rate> {
        if self.per_second == 0 {
            return None;
        }
        let slots = slots.unwrap_or(self.unlimited);
        let more = u32::try_from(slots / SLOTS_PER_QUESTION).unwrap_or(u32::MAX);
        let burst = slots.saturating_mul(2).saturating_add(self.burst.into());
        Rate::per_second(self.per_second.saturating_add(more), burst)
    }

    pub(super) fn sweep(&self, now: Timestamp) {
        self.by_activation.buckets.sweep(now.micros());
        self.by_address.buckets.sweep(now.micros());
    }
}

impl App {
    /// Counts a long poll or a stream with a verified lease.
    pub(crate) fn limit_changes(&self, bearer: &Bearer, address: Option<IpAddr>) -> Result<()> {
        let (limits, now, metrics) = (&self.limits.changes, self.now(), &self.metrics);
        let detail = "this installation asks for changes too often; wait as long as Retry-After says";
        limits.by_activation.pace(bearer.activation, now, metrics, detail)?;
        if let Some(rate) = limits.of_license(bearer.slots)
            && let Err(left) = limits.by_license.take(bearer.license, rate, now.micros())
        {
            let spent = Budget::of(LimitKind::Changes, rate, left);
            let detail = "the installations of this license ask for changes too often; wait as long as Retry-After says";
            return Err(limited(metrics, spent, detail));
        }
        let Some(address) = address else { return Ok(()) };
        let detail = "this address asks for changes too often; wait as long as Retry-After says";
        limits.by_address.pace(network(address), now, metrics, detail)
    }
}
