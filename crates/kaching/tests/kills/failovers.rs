//! PostgreSQL's primary under load, lost again and again: the synchronous standby takes its place.

use std::time::{Duration, Instant};

use kaching_testkit::{Scratch, pair};

use crate::{
    load::Load,
    random::Random,
    rounds::{fresh, under_load},
    server::Server,
    verify,
};

/// Answers after a promotion, before which nobody calls it survived.
const GOES_ON: u64 = 100;

/// Loses the primary of two servers so many times under load, and compares after each what the standby has with what was
/// acknowledged.
pub(crate) fn fail_over(times: usize) -> String {
    let began = Instant::now();
    let pair = pair();
    let mut server = Server::on(Scratch::at(pair.url()));
    let replica = server.replica();
    let (acknowledged, mut probe) = fresh(&server);
    let (load, mut random, token) = (Load::default(), Random::new(3), server.token.clone());
    let mut longest = Duration::ZERO;
    let both = [server.address.into(), replica.address.into()];
    under_load(&both, &both[1..], &token, &acknowledged, &load, || {
        for _ in 0..times {
            load.work(100 + random.below(300), Duration::from_micros(random.below(3000)));
            let lost = Instant::now();
            pair.fail_over().unwrap();
            // All servers go on without a restart and without an operator.
            load.work(GOES_ON, Duration::ZERO);
            longest = longest.max(lost.elapsed());
            load.until_parked();
            // One server is asked for the state, and the probe goes to the other: they share a database.
            verify::standing(
                &server,
                &acknowledged,
                &mut probe,
                &mut load.client(replica.address),
                &mut random,
            );
            pair.mend().unwrap();
        }
    });
    let writes = verify::everything(&mut server, &acknowledged, &probe);
    let (answers, repeated) = load.counts();
    format!(
        "two kaching serve on a primary and its standby: {times} failovers, {writes} acknowledged writes, 0 lost, \
         {answers} answers, {} outcomes unknown, {repeated} attempts without an answer, at most {longest:.0?} from the \
         loss to {GOES_ON} more answers, {:.0?} in all",
        load.unknown(),
        began.elapsed()
    )
}
