use std::time::Duration;

/// How long things take and how often they happen. The defaults are those of the protocol; tests shorten them.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Timing {
    /// The bound of a start.
    pub start_timeout: Duration,
    /// The bound of one call.
    pub call_timeout: Duration,
    /// How long one long poll waits at the authority, in whole seconds: less than the minute for which proxies wait for an
    /// answer.
    pub poll_wait: Duration,
    /// How often changes are polled where long polls do not work.
    pub poll_interval: (Duration, Duration),
    /// How often a refused client asks again.
    pub refused_interval: (Duration, Duration),
    /// The first and the longest wait after a failure.
    pub backoff: (Duration, Duration),
    /// The least time between two activations.
    pub reactivate_interval: Duration,
    /// The least time between two fetches of the keyset for an unknown key, and of the catalogue.
    pub refetch_interval: Duration,
    /// How often the time is marked on disk.
    pub mark_interval: Duration,
    /// The shortest time between two polls that bring no change.
    pub poll_pause: Duration,
    /// How long the head of a stream of changes may take, and then its first event.
    pub first_event_timeout: Duration,
    /// How long an open stream may be without an event: three pings.
    pub silence_timeout: Duration,
    /// How long a stream lives that is not thought to be cut.
    pub stream_settled: Duration,
    /// How long streams are not tried after they have failed; each time twice as long, sixteen times at most.
    pub stream_retry: Duration,
    /// How long one stream lives at most; the next is another chance for another replica.
    pub stream_lifetime: Duration,
    /// How often a process or node that follows reads the holder's state.
    pub follow_interval: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            start_timeout: seconds(10),
            call_timeout: seconds(10),
            poll_wait: seconds(45),
            poll_interval: (seconds(20), seconds(30)),
            refused_interval: (seconds(30), seconds(60)),
            backoff: (seconds(1), seconds(300)),
            reactivate_interval: seconds(60),
            refetch_interval: seconds(60),
            mark_interval: seconds(60),
            poll_pause: seconds(1),
            first_event_timeout: seconds(10),
            silence_timeout: seconds(45),
            stream_settled: seconds(60),
            stream_retry: seconds(300),
            stream_lifetime: seconds(3600),
            follow_interval: Duration::from_millis(500),
        }
    }
}
