//! Every planted defect is caught: within 300 seeds from any start an invariant is seen broken in a seed that is clean
//! without the defect. The starts differ by defect and by release of this test, not by what is known to work.
#![cfg(feature = "defects")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    sync::atomic::{AtomicUsize, Ordering},
};
use syncline_sim::{AfterViolation, Campaign, Violation, defects};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seeds within which a defect has to show.
const WITHIN: u64 = 300;

fn first(start: u64, seeds: u64, defect: Option<&str>) -> Option<Violation> {
    let campaign = Campaign {
        start,
        seeds,
        profile: None,
        things: None,
        defect: defect.map(str::to_owned),
        after_violation: AfterViolation::Stop,
        threads: 1,
    };
    campaign.run(&()).unwrap().violations.into_iter().next()
}

/// The first seed from `start` that shows the defect and is clean without it.
fn caught(start: u64, name: &str, dirty: &Mutex<BTreeSet<u64>>) -> Option<Violation> {
    let mut from = start;
    while from < start + WITHIN {
        let found = first(from, start + WITHIN - from, Some(name))?;
        from = found.seed + 1;
        if first(found.seed, 1, None).is_none() {
            return Some(found);
        }
        dirty.lock().unwrap().insert(found.seed);
    }
    None
}

#[test]
fn every_planted_defect_is_caught() {
    let all = defects::list();
    assert!(all.len() >= 25, "{}", all.len());
    let next = AtomicUsize::new(0);
    let dirty = Mutex::new(BTreeSet::new());
    let results: Mutex<BTreeMap<&str, Option<Violation>>> = Mutex::default();
    let start: u64 = std::env::var("SYNCLINE_MUSEUM_START").map_or(0, |start| start.parse().unwrap());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((name, _)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = caught(start, name, &dirty);
                    results.lock().unwrap().insert(name, result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    for (name, result) in &results {
        match result {
            Some(found) => println!("{name} | {} | {} | {}", found.seed, found.invariant, found.evidence),
            None => println!("{name} | - | not caught"),
        }
    }
    let dirty = dirty.into_inner().unwrap();
    let missed: Vec<&&str> =
        results.iter().filter(|(_, result)| result.is_none()).map(|(name, _)| name).collect();
    assert!(missed.is_empty(), "not caught: {missed:?}");
    assert!(dirty.is_empty(), "these seeds show violations without any defect: {dirty:?}");
}
