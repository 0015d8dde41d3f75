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
use std::{collections::BTreeSet, sync::Arc, time::Instant};
use wire::Phase;
use world::{Hit, Keys, Moment, World};

/// Things in one world; then it has grown enough.
const THINGS: usize = 250;
/// Requests, and writings of the journal, that a day's run is known to have at least.
const REQUESTS: u64 = 14;
const STEPS: usize = 10;
/// How often a moment that cannot be held is tried to be met.
const TRIES: usize = 8;

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

/// 30 moments, always the same.
fn sampled(place: Place, seed: u64) {
    let start = Instant::now();
    let mut dice = Dice::new(seed);
    let chosen = dice.some(moments(), 30);
    let mut world = World::new(place, seed, "");
    let hits = chosen.iter().filter(|moment| point(&mut world, **moment) != Hit::Ended).count();
    eprintln!("{hits} of {} moments hit in {:.1?}", chosen.len(), start.elapsed());
    assert!(hits >= 27, "only {hits} runs were still at work when they were to be killed");
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
    let creates = Dice::new(6).some(creates.into_iter().flatten().collect(), 12);
    let hits = creates.into_iter().filter(|moment| point(&mut world, *moment) != Hit::Ended).count();
    assert!(hits >= 11, "{hits}");
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

/// Every writing of the journal as the last one, until a run ends before it comes.
fn every_step(place: &dyn Fn() -> Place) -> usize {
    let mut world = World::new(place(), 20, "");
    let (mut hit, mut wanted, mut tries) = (BTreeSet::new(), 1, 0);
    while tries < TRIES {
        // It may come further before the signal arrives: that is a moment too, and this one is tried again.
        match point(&mut world, Moment::Journal(wanted)) {
            Hit::Killed { steps } => drop(hit.insert(steps)),
            Hit::Ended => {}
        }
        tries += 1;
        if hit.contains(&wanted) {
            (wanted, tries) = (wanted + 1, 0);
        }
        if world.log.things.len() > THINGS {
            world = World::new(place(), 20 + wanted as u64, "");
        }
    }
    eprintln!("writings of the journal that were the last: {hit:?}");
    assert!(wanted > STEPS, "writing {wanted} was never the last one");
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
