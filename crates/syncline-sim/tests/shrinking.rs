//! A seed that shows a planted defect becomes a short script that shows the same; without the defect it shows nothing.
#![cfg(feature = "defects")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::{collections::BTreeSet, time::Instant};
use syncline_sim::{AfterViolation, Campaign, Script, Told, Violation, defects, play, shrink};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Of so many defects one is looked at, from different parts of the list.
const EVERY: usize = 10;
/// A seed has a hundred steps and more; what shows a defect fits on a screen.
const SHORT: usize = 20;

/// The first seed that shows this defect, and what it shows first.
fn first(defect: &str) -> (Script, Violation) {
    let campaign = Campaign {
        start: 0,
        seeds: 300,
        profile: None,
        things: None,
        defect: Some(defect.to_owned()),
        after_violation: AfterViolation::Stop,
        threads: 1,
    };
    let found = campaign.run(&()).unwrap().violations.into_iter().next().unwrap();
    (campaign.script(found.seed), found)
}

fn broken(script: &Script, defect: Option<&str>) -> BTreeSet<&'static str> {
    let _planted = defects::plant(defect);
    play(script, Told::No).unwrap().violations.into_iter().map(|found| found.invariant).collect()
}

fn shrinks(name: &str) {
    let (script, found) = first(name);
    let began = Instant::now();
    let (shorter, violation) = {
        let _planted = defects::plant(Some(name));
        shrink(&script).unwrap()
    };
    let (from, to) = (script.steps.len(), shorter.steps.len());
    let text = shorter.to_text().unwrap();
    println!("{name}: seed {} from {from} to {to} steps in {:.0?}\n{text}", found.seed, began.elapsed());
    assert!(to <= SHORT && from >= 100, "{name}: {from} steps became {to}");
    assert_eq!(violation.unwrap().invariant, found.invariant, "{name}");
    // What is kept is the text.
    let read = Script::read(&text).unwrap();
    assert!(broken(&read, Some(name)).contains(found.invariant), "{name}");
    assert_eq!(broken(&read, None), BTreeSet::new(), "{name}");
}

#[test]
fn a_seed_shrinks_to_a_short_script_that_breaks_the_same() {
    let names: Vec<&str> = defects::list().iter().map(|(name, _)| *name).step_by(EVERY).collect();
    assert!(names.len() >= 4);
    std::thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| shrinks(name));
        }
    });
}

#[test]
fn a_script_that_breaks_nothing_stays_as_it_is() {
    let script = Script::of_seed(0, None);
    let (same, violation) = shrink(&script).unwrap();
    assert_eq!((same, violation), (script, None));
}
