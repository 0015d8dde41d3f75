//! A fixed corpus of seeds: nothing is violated in them, and nothing that a simulation can exercise is left out.
//! Run in the `sim` profile (`make test` does); unoptimised it takes minutes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

use std::ops::RangeInclusive;
use syncline_sim::{AfterViolation, Campaign, Profile, Script, Size, Step, Told, play};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seeds of the corpus, from 0.
const SEEDS: u64 = 200;
/// Companies, people and deals of one seed, as `docs/simulation.md` says.
const THINGS_MADE: RangeInclusive<u64> = 20..=60;
/// Seeds of which only some of the first things are kept, and how many of these.
const FEWER: u64 = 100;
const THINGS: usize = 10;

fn campaign(seeds: u64, profile: Option<Profile>) -> Campaign {
    Campaign {
        start: 0,
        seeds,
        profile,
        things: None,
        defect: None,
        after_violation: AfterViolation::GoOn,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    }
}

#[test]
fn the_corpus_shows_no_violation_and_exercises_everything() {
    let began = std::time::Instant::now();
    let report = campaign(SEEDS, None).run(&()).unwrap();
    println!("{} seeds, {} steps, {:.1} s", report.seeds, report.steps, began.elapsed().as_secs_f64());
    let violations: Vec<String> = report
        .violations
        .iter()
        .map(|found| {
            format!("seed {} step {}: {}: {}", found.seed, found.step, found.invariant, found.evidence)
        })
        .collect();
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    assert_eq!(report.seeds, SEEDS);
    let range = |what: fn(&Size) -> u64| {
        let counts = report.sizes.iter().map(what);
        (counts.clone().min().unwrap(), counts.max().unwrap())
    };
    let (things, steps, rounds) =
        (range(|size| size.things), range(|size| size.steps), range(|size| size.rounds));
    println!("things {things:?}, steps {steps:?}, runs {rounds:?} a seed");
    assert!(steps.0 >= 100 && rounds.0 >= 10);
    assert!(THINGS_MADE.contains(&things.0) && THINGS_MADE.contains(&things.1), "{things:?}");
    println!("judged {:?}", report.judged);
    // What is left out must not become the rule.
    let judged = |name: &str| report.judged.get(name).copied().unwrap_or_default();
    assert!(judged("things") > 2 * judged("things_murky"), "{:?}", report.judged);
    assert!(judged("values") > judged("values_never_agreed"), "{:?}", report.judged);
    assert!(judged("waiting") > judged("waiting_unread"), "{:?}", report.judged);
    let missing: Vec<&String> = report
        .faults
        .iter()
        .chain(&report.cuts)
        .chain(&report.coverage)
        .filter(|(_, count)| **count == 0)
        .map(|(name, _)| name)
        .collect();
    assert!(missing.is_empty(), "never exercised: {missing:?}");
}

#[test]
fn a_story_tells_how_a_record_stands_and_is_the_same_seed() {
    let script = campaign(1, Some(Profile::Leads)).script(3);
    let untold = play(&script, Told::No).unwrap();
    let seen = play(&script, Told::With(Vec::new())).unwrap();
    assert!(!seen.story.iter().any(|line| line.contains(" Active by ")));
    let told = play(&script, Told::With(vec!["hubspot/companies/1001".parse().unwrap()])).unwrap();
    let of: Vec<&String> =
        told.story.iter().filter(|line| line.starts_with("    hubspot/companies/1001: ")).collect();
    assert!(of.len() > 5, "after each run: {of:?}");
    assert!(told.story.iter().any(|line| line.contains("hubspot/companies/1001 Active by")));
    assert_eq!((told.trace, told.trace), (untold.trace, seen.trace), "however it is told");
}

#[test]
fn equal_campaigns_come_to_equal_reports_whatever_the_threads() {
    let one = Campaign { threads: 1, ..campaign(12, Some(Profile::Leads)) }.run(&()).unwrap();
    let two = Campaign { threads: 2, ..campaign(12, Some(Profile::Leads)) }.run(&()).unwrap();
    assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&two).unwrap());
    let other = Campaign { start: 1, ..campaign(12, Some(Profile::Leads)) }.run(&()).unwrap();
    assert_ne!(one.trace, other.trace);
}

#[test]
fn fewer_things_to_which_more_happens_show_no_violation() {
    let campaign = Campaign { things: Some(THINGS), ..campaign(FEWER, None) };
    for seed in 0..FEWER {
        let (all, kept) = (Script::of_seed(seed, None), campaign.script(seed));
        assert!(all.steps.ends_with(&kept.steps), "seed {seed}");
        let contact = kept.steps.iter().position(|step| matches!(step, Step::Plan { .. }));
        assert!(contact.is_some_and(|before| before <= THINGS), "seed {seed}: {contact:?}");
    }
    let report = campaign.run(&()).unwrap();
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
}

/// Scripts that broke something once, shrunk; each stays in the corpus for good.
#[test]
fn what_was_broken_once_stays_mended() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut played = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let script = Script::read(&std::fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let violations = play(&script, Told::No).unwrap().violations;
        assert!(violations.is_empty(), "{}: {violations:?}", path.display());
        played += 1;
    }
    assert!(played > 0);
}
