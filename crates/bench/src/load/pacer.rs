//! The pacer of an open loop: it says when each request is due, and waits for no answer.

use std::{
    thread,
    time::{Duration, Instant},
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{LoadPattern, TimeWindow, now};

/// Starts a thread that sends each connection the times at which its requests are due. A closed loop has none.
pub(super) fn start(
    measure: LoadPattern,
    window: TimeWindow,
    connections: usize,
) -> Vec<UnboundedReceiver<Instant>> {
    let LoadPattern::Open { rate, .. } = measure else { return Vec::new() };
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..connections).map(|_| unbounded_channel()).unzip();
    // A thread of its own, since a runtime's window has ticks of a millisecond. Without one nothing is asked.
    let _ =
        thread::Builder::new().name("pacer".to_owned()).spawn(move || send_due_times(&senders, rate, window));
    receivers
}

fn send_due_times(connections: &[UnboundedSender<Instant>], rate: f64, window: TimeWindow) {
    for (given, connection) in (0_u32..).zip(connections.iter().cycle()) {
        let due = window.begin + Duration::from_secs_f64(f64::from(given) / rate);
        if due >= window.until {
            return;
        }
        let early = due.saturating_duration_since(now());
        if !early.is_zero() {
            thread::sleep(early);
        }
        // A broken connection takes no more requests, which lowers the measured rate.
        let _ = connection.send(due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_times_are_sent_in_turn_and_do_not_wait_for_receivers() {
        let span = Duration::from_millis(80);
        let measure = LoadPattern::Open { span, rate: 1000.0 };
        let window = TimeWindow::start(measure);
        let mut receivers = start(measure, window, 4);
        let mut due = Vec::new();
        for receiver in &mut receivers {
            while let Some(moment) = receiver.blocking_recv() {
                due.push(moment - window.begin);
            }
        }
        // A hundred milliseconds, with the quarter to warm up.
        assert_eq!(due.len(), 100);
        assert_eq!(due[..3], [0, 4, 8].map(Duration::from_millis));
        due.sort_unstable();
        assert_eq!(due[99], Duration::from_millis(99));
    }
}
