/// The factor, in thousandths, that stretches the usual time between heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch(u16);

impl Stretch {
    /// As usual: three heartbeats in the life of a lease.
    pub const NONE: Self = Self(1000);
    /// Two of them, so that one may still be lost.
    const MOST: u64 = 1500;

    /// Returns the pace for this pressure: the heartbeats that arrive, in thousandths of those that should. It is never
    /// faster than usual, and never slower than two heartbeats in a lease.
    pub fn of(pressure: u64) -> Self {
        Self(u16::try_from(pressure.clamp(1000, Self::MOST)).unwrap_or(1000))
    }

    /// In thousandths.
    pub fn thousandths(self) -> u16 {
        self.0
    }

    /// Returns the seconds between the heartbeats of a lease that lives for `lease_s` seconds.
    pub fn interval(self, lease_s: u64) -> u64 {
        // Rounded down first, as without a stretch: the half is never passed.
        (lease_s / 3).saturating_mul(self.0.into()) / 1000
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn between_a_third_and_the_half_of_the_lease(lease_s in 900..100_000_000u64, pressure: u64) {
            let interval = Stretch::of(pressure).interval(lease_s);
            prop_assert!((lease_s / 3..=lease_s / 2).contains(&interval));
            prop_assert_eq!(Stretch::NONE.interval(lease_s), lease_s / 3);
        }

        #[test]
        fn as_many_fewer_as_are_too_many(lease_s in 900..100_000u64, pressure in 1000..=1500u64) {
            let interval = Stretch::of(pressure).interval(lease_s);
            prop_assert_eq!(interval, lease_s / 3 * pressure / 1000);
        }
    }
}
