use std::time::Duration;

/// How long things take and how often they happen. The defaults are those of the protocol; tests shorten them.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Timing {
    /// The bound of a start.
    pub start: Duration,
    /// The bound of one call.
    pub call: Duration,
    /// How long one question for changes waits at the authority, in whole seconds: less than the minute for which proxies
    /// wait for an answer.
    pub wait: Duration,
    /// How often changes are asked for where waiting does not work.
    pub poll: (Duration, Duration),
    /// How often a refused client asks again.
    pub refused: (Duration, Duration),
    /// The first and the longest wait after a failure.
    pub backoff: (Duration, Duration),
    /// The least time between two activations.
    pub reactivate: Duration,
    /// The least time between two fetches of the keyset for an unknown key, and of the catalogue.
    pub refetch: Duration,
    /// How often the time is marked on disk.
    pub mark: Duration,
    /// The shortest time between two questions for changes that bring nothing.
    pub pause: Duration,
    /// How long the head of a stream of changes may take, and then its first event.
    pub first: Duration,
    /// How long an open stream may be without an event: three pings.
    pub silence: Duration,
    /// How long a stream lives that is not thought to be cut.
    pub settled: Duration,
    /// How long streams are not tried after they have failed; each time twice as long, sixteen times at most.
    pub stream_again: Duration,
    /// How long one stream lives at most; the next is another chance for another replica.
    pub stream_life: Duration,
    /// How often a process or node that follows reads the holder's state.
    pub follow: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            start: seconds(10),
            call: seconds(10),
            wait: seconds(45),
            poll: (seconds(20), seconds(30)),
            refused: (seconds(30), seconds(60)),
            backoff: (seconds(1), seconds(300)),
            reactivate: seconds(60),
            refetch: seconds(60),
            mark: seconds(60),
            pause: seconds(1),
            first: seconds(10),
            silence: seconds(45),
            settled: seconds(60),
            stream_again: seconds(300),
            stream_life: seconds(3600),
            follow: Duration::from_millis(500),
        }
    }
}
