//! The events of a run, as data: drawn from a seed, or written down as a case.

use crate::{
    attacker::Attack,
    random::{Purpose, Random},
};

/// The machines on which the product may run; the last one starts on a copy of another's state.
pub(crate) const MACHINES: usize = 4;
pub(crate) const COPY: usize = MACHINES - 1;

/// Machines are numbers, times are seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Time passes.
    Wait(u32),
    /// The next request of a machine on one thread meets this.
    Fault(usize, ClientThread, Fault),
    /// A machine is without network.
    CutOff(usize, u32),
    /// An earlier request of a machine, counted from the last, reaches the authority once more.
    Replay(usize, usize),

    /// Nothing answers for the authority.
    AuthorityDown(u32),
    RestartAuthority,
    /// The authority's jobs, its clock's mark and its keyset.
    Upkeep,
    RotateKey,

    Start(usize),
    /// The product starts again, and asks for the slot of another machine.
    TakeOver(usize, usize),
    /// The product ends in order.
    End(usize),
    Kill(usize),
    /// The next answer is handled, but the process dies before it is on disk.
    KillAtWrite(usize),
    DiskFails(usize, u32),
    /// The host gives the slot back.
    Deactivate(usize),
    /// The machine is off for a time, and its clock says something else afterwards.
    Reboot(usize, u32, i32),
    Sleep(usize, u32),
    /// Its wall clock is off by this from now on.
    SetWall(usize, i32),
    /// The last machine starts on a copy of a machine's state.
    Copy(usize),
    Record(usize, u32),
    Grow(usize, u32),

    Attack(Attack),

    Suspend,
    Reinstate,
    Revoke,
    /// Another plan, even while machines run.
    Plan(usize),
    /// The license ends so many seconds from now.
    EndsIn(u32),
    Release(usize),
    /// The operator moves the activation of one machine to another.
    Move(usize, usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientThread {
    Calls,
    Polls,
}

/// The network's treatment of one request and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It never arrives.
    DropRequest,
    /// It arrives, and its answer does not.
    DropAnswer,
    /// Nothing listens.
    Refuse,
    /// The answer takes so many milliseconds.
    SlowAnswer(u32),
    /// It arrives after so many seconds, when nobody waits for its answer any more.
    LateRequest(u32),
    /// It arrives a second time after so many milliseconds; whether the second answer is the one that comes back.
    Twice(u32, bool),
    /// An earlier answer to a request of the same kind comes in place of its own.
    OldAnswer,
    /// Something else than an authority answers, with this status.
    Stranger(u16),
}

/// The script of a seed.
pub(crate) fn draw(seed: u64) -> Vec<Op> {
    let mut random = Random::new(seed, Purpose::Script);
    let machines = random.between(2, 3);
    let copies = random.one_in(5);
    let mut script = vec![Op::Plan(random.below(3) as usize), Op::Start(0), Op::Wait(random.between(1, 40))];
    for _ in 0..random.between(30, 55) {
        let machine = random.below(machines + u32::from(copies)) as usize;
        let other = random.below(machines) as usize;
        if random.one_in(40) {
            script.extend([Op::Reinstate, Op::Start(0), Op::Wait(3)]);
            script.extend(held_back(&mut random, 0));
        }
        script.push(match random.below(100) {
            0..22 => Op::Wait(wait(&mut random)),
            22..40 => fault(&mut random, machine),
            40..58 => of_network(&mut random, machine, other),
            58..82 => of_machine(&mut random, machine, other, copies),
            _ => of_operator(&mut random, machine, other),
        });
    }
    let mut attacker = Random::new(seed, Purpose::Attacker);
    if attacker.one_in(3) {
        attacked(&mut script, &mut attacker, machines);
    }
    script
}

/// In between, somebody with the key tries what he can: drawn apart, so that what else happens stays the same.
fn attacked(script: &mut Vec<Op>, random: &mut Random, machines: u32) {
    for _ in 0..random.between(2, 6) {
        let at = random.between(3, u32::try_from(script.len()).expect("it is short")) as usize;
        let (machine, back) = (random.below(machines) as usize, random.below(3) as usize);
        let wait = Op::Wait(wait(random));
        let attacks = match random.below(6) {
            0 => vec![Attack::Copy(machine)],
            1 => vec![Attack::Copy(machine), Attack::GiveBack(0), Attack::Enter],
            2 => vec![Attack::Copy(machine), Attack::MoveOn(0)],
            3 => vec![Attack::TakeOver(machine), Attack::GiveBack(back)],
            4 => vec![Attack::Enter, Attack::Beat(back)],
            _ => vec![Attack::GiveBack(back), Attack::Copy(machine), Attack::Beat(0)],
        };
        let attacks = attacks.into_iter().map(Op::Attack).chain([wait]);
        script.splice(at..at, attacks);
    }
}

/// What takes several steps in a row: the answer to a heartbeat is held back, or waits for a machine that sleeps, and
/// comes when something else has happened.
fn held_back(random: &mut Random, machine: usize) -> Vec<Op> {
    let calls = |fault| Op::Fault(machine, ClientThread::Calls, fault);
    let nodes = random.between(1, 9);
    // A level that changes brings a heartbeat within 20 seconds.
    let beats = [Op::Grow(machine, nodes), Op::Wait(21)];
    let meanwhile = random.pick(&[Op::Suspend, Op::Reinstate, Op::Plan(0), Op::Plan(1), Op::EndsIn(90_000)]);
    match random.below(3) {
        0 => [&[calls(Fault::SlowAnswer(9_000))], &beats[..], &[Op::Sleep(machine, 5_000), Op::Wait(5_010)]]
            .concat(),
        1 => {
            let answers = [calls(Fault::DropAnswer), calls(Fault::OldAnswer)];
            [&answers, &beats[..], &[meanwhile, Op::Wait(30)]].concat()
        }
        _ => {
            let answers = [calls(Fault::DropAnswer), calls(Fault::DropAnswer), calls(Fault::OldAnswer)];
            [&answers, &beats[..], &[Op::Suspend, Op::Wait(2), Op::Reinstate, Op::Wait(30)]].concat()
        }
    }
}

fn wait(random: &mut Random) -> u32 {
    match random.below(20) {
        0..10 => random.between(1, 30),
        10..17 => random.between(30, 120),
        17..19 => random.between(120, 400),
        _ => random.between(400, 1_500),
    }
}

fn fault(random: &mut Random, machine: usize) -> Op {
    let thread = if random.one_in(4) { ClientThread::Polls } else { ClientThread::Calls };
    let fault = match random.below(10) {
        0 => Fault::DropRequest,
        1..4 => Fault::DropAnswer,
        4 => Fault::Refuse,
        5 => Fault::SlowAnswer(random.between(100, 9_500)),
        6 => Fault::LateRequest(random.between(1, 200)),
        7 => Fault::Twice(random.between(1, 3_000), random.one_in(2)),
        8 => Fault::OldAnswer,
        _ => Fault::Stranger(random.pick(&[200, 201, 204, 301, 403, 404, 429, 500, 503])),
    };
    Op::Fault(machine, thread, fault)
}

fn of_network(random: &mut Random, machine: usize, other: usize) -> Op {
    match random.below(18) {
        0..4 => Op::Record(other, random.between(1, 9)),
        4..6 => Op::Grow(other, random.between(0, 40)),
        6..9 => Op::CutOff(machine, random.pick(&[5, 40, 200, 1_000, 4_000])),
        9..12 => Op::Replay(machine, random.below(12) as usize),
        12 => Op::AuthorityDown(random.pick(&[3, 30, 200, 2_000])),
        13..15 => Op::RestartAuthority,
        15..17 => Op::Upkeep,
        // It takes the root's key, which is slow to open.
        _ if random.one_in(4) => Op::RotateKey,
        _ => Op::Record(other, 1),
    }
}

fn of_machine(random: &mut Random, machine: usize, other: usize, copies: bool) -> Op {
    let wall = |random: &mut Random| {
        random.pick(&[0, 0, 30, -30, 3_600, -3_600, 80_000, -90_000, 400_000, -400_000])
    };
    match random.below(26) {
        0..7 => Op::Start(other),
        7..9 => Op::TakeOver(other, (other + 1) % 2),
        9 => Op::End(machine),
        10..12 => Op::Kill(machine),
        12..14 => Op::KillAtWrite(machine),
        14..16 => Op::DiskFails(machine, random.pick(&[1, 20, 100, 600])),
        16 => Op::Deactivate(machine),
        17..20 => Op::Reboot(machine, random.pick(&[5, 60, 900, 5_000, 100_000]), wall(random)),
        20..22 => Op::Sleep(machine, random.pick(&[3, 50, 700, 5_000, 90_000])),
        22..24 => Op::SetWall(machine, wall(random)),
        _ if copies => Op::Copy(other),
        _ => Op::Start(other),
    }
}

fn of_operator(random: &mut Random, machine: usize, other: usize) -> Op {
    match random.below(18) {
        0..4 => Op::Suspend,
        4..8 => Op::Reinstate,
        8..11 => Op::Plan(random.below(3) as usize),
        11..13 => Op::EndsIn(random.pick(&[1, 60, 700, 4_000, 90_000, 3_000_000])),
        13..15 => Op::Release(machine),
        15..17 => Op::Move(machine, other),
        _ if random.one_in(4) => Op::Revoke,
        _ => Op::EndsIn(3_000_000),
    }
}
