//! PostgreSQL's primary under load, lost again and again: the synchronous standby takes its place.

use std::time::{Duration, Instant};

use kaching_testkit::{Scratch, pair};

use crate::{
    dice::Dice,
    rounds::{fresh, under_load},
    server::Server,
    stage::Stage,
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
    let beside = server.beside();
    let (ledger, mut probe) = fresh(&server);
    let (stage, mut dice, token) = (Stage::default(), Dice::new(3), server.token.clone());
    let mut longest = Duration::ZERO;
    let both = [server.address.into(), beside.address.into()];
    under_load(&both, &both[1..], &token, &ledger, &stage, || {
        for _ in 0..times {
            stage.work(100 + dice.below(300), Duration::from_micros(dice.below(3000)));
            let lost = Instant::now();
            pair.fail_over().unwrap();
            // All go on by themselves, without a start or a word from anybody.
            stage.work(GOES_ON, Duration::ZERO);
            longest = longest.max(lost.elapsed());
            stage.until_parked();
            // Asked of the one, and by way of the other: they share what they know.
            verify::standing(&server, &ledger, &mut probe, &mut stage.way(beside.address), &mut dice);
            pair.mend().unwrap();
        }
    });
    let writes = verify::everything(&mut server, &ledger, &probe);
    let (answers, repeated) = stage.counts();
    format!(
        "two kaching serve on a primary and its standby: {times} failovers, {writes} acknowledged writes, 0 lost, \
         {answers} answers, {} outcomes unknown, {repeated} attempts without an answer, at most {longest:.0?} from the \
         loss to {GOES_ON} more answers, {:.0?} in all",
        stage.unknown(),
        began.elapsed()
    )
}
