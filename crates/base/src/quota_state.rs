use crate::words;

words! {
    /// How near a quota is to its limit.
    QuotaState, "a state of a quota" {
        /// Below 80 %.
        Ok = "ok",
        /// From 80 %, where the maximum is more than one.
        Warn = "warn",
        /// Above the limit.
        Over = "over",
    }
}

impl QuotaState {
    /// The state of this use of this maximum. The only one of its kind is meant to be used: that warns of nothing.
    pub fn of(used: u64, max: Option<u64>) -> Self {
        match max.map(u128::from) {
            Some(max) if u128::from(used) > max => Self::Over,
            Some(max) if u128::from(used) * 10 >= max * 8 && max > 1 => Self::Warn,
            _ => Self::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warns_from_four_fifths_and_tells_what_is_over() {
        let cases = [(0, "ok"), (19, "ok"), (20, "warn"), (25, "warn"), (26, "over"), (u64::MAX, "over")];
        for (used, state) in cases {
            assert_eq!(QuotaState::of(used, Some(25)).as_str(), state, "{used}");
        }
        assert_eq!(QuotaState::of(0, Some(0)), QuotaState::Ok);
        assert_eq!(QuotaState::of(1, Some(0)), QuotaState::Over);
        assert_eq!(QuotaState::of(u64::MAX, None), QuotaState::Ok);
    }

    #[test]
    fn the_only_slot_may_be_used() {
        assert_eq!(QuotaState::of(1, Some(1)), QuotaState::Ok);
        assert_eq!(QuotaState::of(2, Some(1)), QuotaState::Over);
    }
}
