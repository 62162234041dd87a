/// The range of a chart in one direction, with its grid lines.
#[derive(Clone)]
pub(super) struct Axis {
    pub(super) label: &'static str,
    from: f64,
    to: f64,
    logarithmic: bool,
    pub(super) ticks: Vec<f64>,
}

impl Axis {
    /// Returns a linear axis in steps of 1, 2 or 5, to just beyond the highest value.
    pub(super) fn linear(label: &'static str, from: f64, highest: f64) -> Self {
        let rough = ((highest - from) / 5.0).max(f64::MIN_POSITIVE);
        let unit = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * unit >= rough).unwrap_or(10.0) * unit;
        let mut ticks = vec![from];
        let mut tick = from;
        while tick < highest {
            tick += step;
            ticks.push(tick);
        }
        Self { label, from, to: tick.max(from + step), logarithmic: false, ticks }
    }

    /// Returns a logarithmic axis of powers of ten around all values.
    pub(super) fn decades(label: &'static str, values: &[f64]) -> Self {
        let positive = || values.iter().copied().filter(|value| *value > 0.0);
        let lowest = positive().min_by(f64::total_cmp).unwrap_or(1.0).log10().floor();
        let highest = positive().max_by(f64::total_cmp).unwrap_or(1.0).log10().ceil().max(lowest + 1.0);
        let mut ticks = Vec::new();
        let mut power = lowest;
        while power <= highest {
            ticks.push(10_f64.powf(power));
            power += 1.0;
        }
        Self { label, from: lowest, to: highest, logarithmic: true, ticks }
    }

    /// Returns the position of a value, from 0 to 1.
    pub(super) fn position(&self, value: f64) -> f64 {
        let value = if self.logarithmic { value.max(f64::MIN_POSITIVE).log10() } else { value };
        ((value - self.from) / (self.to - self.from)).clamp(0.0, 1.0)
    }

    pub(super) fn contains(&self, value: f64) -> bool {
        let value = if self.logarithmic { value.max(f64::MIN_POSITIVE).log10() } else { value };
        (self.from..=self.to).contains(&value)
    }
}

/// Returns a number in its short form: 0.5, 20, 100 k, 10 M.
pub(super) fn short(value: f64) -> String {
    let (scaled, unit) = match value {
        1_000_000.0.. => (value / 1e6, " M"),
        1000.0.. => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let text = format!("{scaled:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{unit}")
}
