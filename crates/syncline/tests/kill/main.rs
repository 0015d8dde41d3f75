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
use journal::Place;
use people::Side;
use serde_json::json;
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

fn places() -> [Place; 2] {
    [Place::Sqlite, Place::postgres(&Arc::new(Cluster::start()))]
}

/// What goes wrong at the vendors in the run that follows a kill.
fn misbehave(world: &mut World) {
    let kinds =
        ["server_error", "commit_then_reset", "truncated_body", "html_error", "token_expired", "row_lock"];
    let side = if world.dice.below(2) == 0 { Side::HubSpot } else { Side::Salesforce };
    let (kind, access) = (*world.dice.one(&kinds), *world.dice.one(&["read", "write", "write"]));
    let nth = world.dice.below(4) + 1;
    world.faults(side, &json!([{"match": access, "nth": nth, "times": 1, "do": kind}]));
}

/// One day's work, a kill, and all that follows.
fn point(world: &mut World, moment: Moment) -> Hit {
    world.a_day();
    let hit = world.killed(moment, World::meanwhile);
    // Half of the time the next run does not get through undisturbed either.
    match world.dice.below(4) {
        0 => misbehave(world),
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
    let phases = [Phase::Arrived, Phase::Done, Phase::Told];
    let requests = (1..=REQUESTS).flat_map(|number| phases.map(|phase| Moment::Request(number, phase)));
    requests.chain((1..=STEPS).map(Moment::Journal)).collect()
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
    let told = format!("{hits} moments hit, in {:.1?}, missed {missed:?}", start.elapsed());
    eprintln!("{told}");
    told
}

/// 30 moments, drawn in an order that is always the same.
fn sampled(place: Place, seed: u64) {
    let start = Instant::now();
    let drawn = Dice::new(seed).some(moments(), DRAWN);
    let told = until_hit(&mut World::new(place, seed, ""), POINTS, drawn);
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
    let mut world = World::with(Place::Sqlite, 6, "", Keys::None);
    let creates =
        [Phase::Arrived, Phase::Done].map(|phase| (9..=20).map(move |at| Moment::Request(at, phase)));
    let creates = Dice::new(6).some(creates.into_iter().flatten().collect(), 16);
    until_hit(&mut world, 12, creates);
}

/// Every request in every phase, until a run ends before it comes.
fn every_request(place: &dyn Fn() -> Place) -> usize {
    let mut hits = 0;
    for phase in [Phase::Arrived, Phase::Done, Phase::Told] {
        let mut world = World::new(place(), phase as u64 + 10, "");
        for number in 1.. {
            if world.log.things.len() > THINGS {
                world = World::new(place(), number, "");
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
    let mut world = World::new(place(), 20, "");
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
                world = World::new(place(), 20 + wanted as u64, "");
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
        let next = || match &place {
            Place::Sqlite => Place::Sqlite,
            Place::Postgres { cluster, .. } => Place::postgres(cluster),
        };
        let (requests, steps) = (every_request(&next), every_step(&next));
        eprintln!("{requests} requests and {steps} steps in {:.1?}", start.elapsed());
    }
}
