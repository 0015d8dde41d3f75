//! The proof that the real binary may be killed at any time: people work in both sandboxes while `syncline sync` is ended
//! by signal 9 and the vendors misbehave, on both stores. Judged is from the sandboxes' dumps and the people's own memory
//! alone: nothing twice, no edit lost, no orphan, and a last round that writes nothing (HUB-8, HUB-9, HUB-11).
//!
//! `docs/crash-safety.md` says what is done where.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may end where it fails, and tells figures"
)]
#![allow(unreachable_pub, reason = "nothing is reached from outside a test")]

#[path = "../../../syncline-store/tests/conformance/cluster.rs"]
mod cluster;
mod dice;
mod faults;
mod journal;
mod oracle;
mod people;
#[path = "../town/mod.rs"]
#[allow(dead_code, reason = "worlds here are made otherwise")]
mod town;
mod wire;
mod workers;
mod world;

use cluster::Cluster;
use dice::Dice;
use faults::{ACCESS, Fault, KINDS, SIDES};
use journal::Place;
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};
use wire::Phase;
use world::{Hit, Keys, Moment, World};

/// Things in one world; then it has grown enough.
const THINGS: usize = 250;
/// Requests, and writings of the journal, that a day's run is known to have at least.
const REQUESTS: u64 = 14;
const STEPS: usize = 10;
/// How often a moment that cannot be held is tried to be met.
const TRIES: usize = 8;
/// Moments that `make test` kills at on each store, and how many are drawn for that.
const POINTS: usize = 30;
const DRAWN: usize = 40;
/// What they may take on each store, where the machine has nothing else to do.
const AT_MOST: Duration = Duration::from_secs(90);

const PHASES: [Phase; 3] = [Phase::Arrived, Phase::Done, Phase::Told];
/// A claim so short that a call may take three seconds: a vendor's silence costs no more.
const SERVER: &str = "[server]\nlease = \"12s\"\n";

fn places() -> [Place; 2] {
    [Place::Sqlite, Place::postgres(&Arc::new(Cluster::start()))]
}

/// One day's work, a kill, and all that follows.
fn point(world: &mut World, moment: Moment) -> Hit {
    world.a_day();
    let hit = world.killed(moment, World::meanwhile);
    world.no_faults();
    // Half of the time the next run does not get through undisturbed either.
    match world.dice.below(4) {
        0 => {
            let kind = *world.dice.one(&KINDS);
            let fault = Fault::any(kind, &mut world.dice, 4);
            world.fault(fault);
        }
        1 => {
            let again = Moment::Request(world.dice.next() % 16 + 1, Phase::Done);
            world.killed(again, |_| {});
        }
        _ => {}
    }
    world.comes_to_rest(&format!("{moment:?} {hit:?}"));
    hit
}

fn moments() -> Vec<Moment> {
    let requests = (1..=REQUESTS).flat_map(|number| PHASES.map(|phase| Moment::Request(number, phase)));
    requests.chain((1..=STEPS).map(Moment::Journal)).collect()
}

/// So many moments at which a vendor has got something wrong, each kind in its turn: the run is killed there, or at one of
/// its next requests.
fn wrongs(dice: &mut Dice, count: usize) -> Vec<Moment> {
    let kinds = KINDS.into_iter().cycle().take(count);
    let wrongs = kinds.map(|kind| {
        let (fault, phase) = (Fault::any(kind, dice, 2), *dice.one(&PHASES));
        let after = dice.below(4) as u64;
        Moment::Wrong(fault, (after > 0).then_some((after, phase)))
    });
    wrongs.collect()
}

/// By turns of one and of the other.
fn by_turns(some: Vec<Moment>, others: Vec<Moment>) -> Vec<Moment> {
    some.into_iter().zip(others).flat_map(|(one, other)| [one, other]).collect()
}

/// Kills at moments of this list until so many were hit. One that a run was past before the signal came goes to the end of
/// the list; as often as a third of those wanted may be missed.
fn until_hit(world: &mut World, wanted: usize, drawn: Vec<Moment>) -> String {
    let (start, mut drawn) = (Instant::now(), VecDeque::from(drawn));
    let (mut hits, mut missed) = (0, Vec::new());
    while hits < wanted {
        let moment = drawn.pop_front().unwrap();
        match point(world, moment) {
            Hit::Killed { .. } => hits += 1,
            Hit::Ended => {
                missed.push(moment);
                drawn.push_back(moment);
            }
        }
        assert!(missed.len() <= wanted / 3, "runs were over before they were to be killed: {missed:?}");
    }
    let met = &world.met;
    let told = format!("{hits} moments hit, in {:.1?}, missed {missed:?}; {met:?}", start.elapsed());
    eprintln!("{told}");
    told
}

/// 30 moments, drawn in an order that is always the same; by turns in a run at sound vendors, and in one where a vendor has
/// got something wrong.
fn sampled(place: Place, seed: u64) {
    let start = Instant::now();
    let mut dice = Dice::new(seed);
    let (sound, wrong) = (dice.some(moments(), DRAWN / 2), wrongs(&mut dice, DRAWN / 2));
    let mut world = World::new(place, seed, SERVER);
    let told = until_hit(&mut world, POINTS, by_turns(sound, wrong));
    let met = &world.met;
    assert!(met.count() >= POINTS as u64 / 3 && met.writes() >= POINTS as u64 / 6, "{told}");
    // Of one kind the moment may always be over too soon.
    assert!(met.kinds() >= KINDS.len() - 1, "{told}");
    assert!(start.elapsed() <= AT_MOST.mul_f64(crowd()), "{told}");
}

/// How many processes want each processor; at least one.
fn crowd() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(1.0);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (load / processors as f64).max(1.0)
}

#[test]
fn thirty_moments_on_sqlite() {
    sampled(Place::Sqlite, 1);
}

#[test]
fn thirty_moments_on_postgres() {
    sampled(Place::postgres(&Arc::new(Cluster::start())), 2);
}

/// Without keys a create whose outcome nobody knows waits for a person: it may be missing, and never be there twice.
#[test]
fn without_keys_nothing_is_made_twice() {
    let mut world = World::with(Place::Sqlite, 6, SERVER, Keys::None);
    let creates =
        [Phase::Arrived, Phase::Done].map(|phase| (9..=20).map(move |at| Moment::Request(at, phase)));
    let mut dice = Dice::new(6);
    let (creates, wrongs) = (dice.some(creates.into_iter().flatten().collect(), 12), wrongs(&mut dice, 12));
    until_hit(&mut world, 18, by_turns(creates, wrongs));
}

/// Every request in every phase, until a run ends before it comes.
fn every_request(place: &dyn Fn() -> Place) -> usize {
    let mut hits = 0;
    for phase in PHASES {
        let mut world = World::new(place(), phase as u64 + 10, SERVER);
        for number in 1.. {
            if world.log.things.len() > THINGS {
                world = World::new(place(), number, SERVER);
            }
            match point(&mut world, Moment::Request(number, phase)) {
                Hit::Killed { .. } => hits += 1,
                // The last answer of all may be told in time, or not.
                Hit::Ended => {
                    assert!(number > REQUESTS, "{phase:?}: the run had only {number} requests");
                    break;
                }
            }
        }
    }
    hits
}

/// Every writing of the journal as the last one: as many as the run of a day has that nobody disturbs.
fn every_step(place: &dyn Fn() -> Place) -> usize {
    let mut world = World::new(place(), 20, SERVER);
    let steps = world.steps_of_a_day();
    assert!(steps > STEPS, "{steps}");
    let mut hit = BTreeSet::new();
    for wanted in 1..=steps {
        for _ in 0..TRIES {
            if hit.contains(&wanted) {
                break;
            }
            // It may come further before the signal arrives: that is a moment too, and this one is tried again.
            if let Hit::Killed { steps } = point(&mut world, Moment::Journal(wanted)) {
                hit.insert(steps);
            }
            if world.log.things.len() > THINGS {
                world = World::new(place(), 20 + wanted as u64, SERVER);
            }
        }
    }
    eprintln!("of {steps} writings of the journal these were the last: {hit:?}");
    let never: Vec<usize> = (1..=steps).filter(|step| !hit.contains(step)).collect();
    assert!(never.is_empty(), "of {steps} writings these were never the last one: {never:?}");
    hit.len()
}

#[test]
#[ignore = "takes minutes: make proof"]
fn every_request_and_every_step_of_the_journal() {
    for place in places() {
        let start = Instant::now();
        let next = || place.fresh();
        let (requests, steps) = (every_request(&next), every_step(&next));
        eprintln!("{requests} requests and {steps} steps in {:.1?}", start.elapsed());
    }
}

/// Every kind of fault of a read and of a write on each side, and a kill right after it and at the requests that follow.
fn every_fault(place: &Place) -> usize {
    let afters = [None, Some((1, Phase::Arrived)), Some((1, Phase::Done)), Some((2, Phase::Done))];
    let of = |kind| SIDES.map(|side| ACCESS.map(|access| Fault::new(side, access, 1, kind)));
    let mut faults: Vec<Fault> = KINDS.into_iter().flat_map(of).flatten().collect();
    faults.dedup();
    let mut hits = 0;
    for fault in faults {
        let mut world = World::new(place.fresh(), hits as u64, SERVER);
        let hit = afters.map(|after| point(&mut world, Moment::Wrong(fault, after)));
        let killed = hit.iter().filter(|hit| matches!(hit, Hit::Killed { .. })).count();
        assert!(killed > 0, "no run was killed after {fault:?}");
        hits += killed;
    }
    hits
}

#[test]
#[ignore = "takes minutes: make proof"]
fn every_fault_of_a_vendor_and_a_kill_after_it() {
    for place in places() {
        let start = Instant::now();
        let hits = every_fault(&place);
        eprintln!("{hits} kills after a fault in {:.1?}", start.elapsed());
    }
}
