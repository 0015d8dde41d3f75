//! Every planted defect is caught: within 300 seeds of a start an invariant is seen broken in a seed that is clean without
//! the defect. It is looked for from two starts: from seed 0, where the figures of `docs/museum.md` can be had again, and
//! from one that follows from its name and the program's version, which nobody chose and which every release moves.
#![cfg(feature = "defects")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    sync::Mutex,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
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

/// A start of its own for each defect in each release: nothing that is known to work.
fn own_start(name: &str) -> u64 {
    let digest = Sha256::digest(format!("{name} {}", env!("CARGO_PKG_VERSION")));
    let [a, b, c, d, ..] = <[u8; 32]>::from(digest);
    u64::from(u32::from_be_bytes([a, b, c, d]))
}

#[test]
fn every_planted_defect_is_caught_from_two_starts() {
    let all = defects::list();
    assert!(all.len() >= 25, "{}", all.len());
    let began = Instant::now();
    let common: u64 = std::env::var("SYNCLINE_MUSEUM_START").map_or(0, |start| start.parse().unwrap());
    let wanted: Vec<(&str, u64)> =
        all.iter().flat_map(|(name, _)| [(*name, common), (*name, own_start(name))]).collect();
    let next = AtomicUsize::new(0);
    let dirty = Mutex::new(BTreeSet::new());
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((name, start)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Some(found) = caught(*start, name, &dirty) else {
                        println!("{name} | from {start} | not caught");
                        missed.lock().unwrap().push((*name, *start));
                        continue;
                    };
                    let seeds = found.seed - start + 1;
                    println!("{name} | from {start} | {seeds} | {} | {}", found.invariant, found.evidence);
                }
            });
        }
    });
    println!("{} defects from two starts in {:.0} s", all.len(), began.elapsed().as_secs_f64());
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "not caught within {WITHIN} seeds of these starts: {missed:?}");
    let dirty = dirty.into_inner().unwrap();
    assert!(dirty.is_empty(), "these seeds show violations without any defect: {dirty:?}");
}
