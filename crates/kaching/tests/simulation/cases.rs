//! Scripts that once failed, each reduced to the least that still failed.

use crate::{
    attacker::Attack::{Copy, Enter, GiveBack},
    script::{
        ClientThread::Calls,
        Fault::{DropAnswer, OldAnswer, SlowAnswer},
        Op::{self, Attack, Fault, Grow, KillAtWrite, Reboot, Reinstate, Sleep, Start, Suspend, Wait},
    },
    search,
};

/// A name that says what must hold, the seed of its random numbers, and the script.
const CASES: &[(&str, u64, &[Op])] = &[
    (
        "whose slot the key's holder gave away stops after the move grace",
        5,
        &[
            Start(0),
            Wait(11),
            Attack(Copy(0)),
            Attack(GiveBack(0)),
            Attack(Enter),
            Wait(120),
            Attack(Enter),
            Wait(400),
        ],
    ),
    (
        "an answer from before a stop does not count after it",
        3,
        &[
            Start(0),
            Wait(11),
            Fault(0, Calls, DropAnswer),
            Fault(0, Calls, OldAnswer),
            Grow(0, 5),
            Wait(22),
            Suspend,
            Wait(2),
            Reinstate,
            Wait(60),
        ],
    ),
    (
        "time goes on while the process is down and the clock was set back",
        47,
        &[Start(0), Wait(12), KillAtWrite(0), Reboot(0, 5, -3600), Wait(51)],
    ),
    (
        "an answer that was held back sets no time back",
        354,
        &[Start(0), Wait(7), Fault(0, Calls, DropAnswer), Fault(0, Calls, OldAnswer), Wait(86), Wait(206)],
    ),
    (
        "an answer that waited for a sleeping machine sets no time back",
        1,
        &[
            Start(0),
            Wait(5),
            Fault(0, Calls, SlowAnswer(9_000)),
            Grow(0, 5),
            Wait(23),
            Sleep(0, 5_000),
            Wait(5_010),
        ],
    ),
];

#[test]
fn what_once_failed_holds() {
    search::cases(CASES);
}
