//! The rate at which clients are asked for heartbeats.

use std::sync::atomic::{AtomicU16, Ordering};

use kaching_domain::leases::Stretch;

use crate::Authority;

/// The stretch of the leases that are signed now. Set by the server, which counts the heartbeats.
pub(crate) struct Pace(AtomicU16);

impl Default for Pace {
    fn default() -> Self {
        Self(AtomicU16::new(Stretch::NONE.thousandths()))
    }
}

impl Pace {
    pub(crate) fn present(&self) -> Stretch {
        Stretch::of(self.0.load(Ordering::Relaxed).into())
    }
}

impl Authority {
    /// Has leases ask for fewer heartbeats from now on, where `pressure` thousandths of the planned number arrive. Returns
    /// how many times longer than usual clients wait between two, which is at most half of a lease's life.
    pub fn stretch_heartbeats(&self, pressure: u64) -> f64 {
        let stretch = Stretch::of(pressure).thousandths();
        self.pace.0.store(stretch, Ordering::Relaxed);
        f64::from(stretch) / 1000.0
    }
}
