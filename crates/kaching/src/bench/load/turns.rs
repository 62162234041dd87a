//! The open loop's clockwork: it says when each request is due, and waits for no answer.

use std::{
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Clock, Measure, now};

/// The turns of so many connections, one after the other; none where they take them by themselves.
pub(super) fn given(measure: Measure, clock: Clock, connections: usize) -> Vec<UnboundedReceiver<Instant>> {
    let Measure::Open { rate, .. } = measure else { return Vec::new() };
    let (givers, takers): (Vec<_>, Vec<_>) = (0..connections).map(|_| unbounded_channel()).unzip();
    // On a thread of its own, since a runtime's clock has ticks of a millisecond. Without one nothing is asked.
    let _ = thread::Builder::new().name("turns".to_owned()).spawn(move || give(&givers, rate, clock));
    takers
}

fn give(connections: &[UnboundedSender<Instant>], rate: f64, clock: Clock) {
    for (given, connection) in (0_u32..).zip(connections.iter().cycle()) {
        let due = clock.begin + Duration::from_secs_f64(f64::from(given) / rate);
        if due >= clock.until {
            return;
        }
        let early = due.saturating_duration_since(now());
        if !early.is_zero() {
            thread::sleep(early);
        }
        // A connection that broke takes no more; what it would have asked is seen in the rate.
        let _ = connection.send(due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_in_order_to_each_and_whether_or_not_they_are_taken() {
        let span = Duration::from_millis(80);
        let measure = Measure::Open { span, rate: 1000.0 };
        let clock = Clock::start(measure);
        let mut takers = given(measure, clock, 4);
        let mut due = Vec::new();
        for taker in &mut takers {
            while let Some(moment) = taker.blocking_recv() {
                due.push(moment - clock.begin);
            }
        }
        // A hundred milliseconds with the quarter to run warm.
        assert_eq!(due.len(), 100);
        assert_eq!(due[..3], [0, 4, 8].map(Duration::from_millis));
        due.sort_unstable();
        assert_eq!(due[99], Duration::from_millis(99));
    }
}
