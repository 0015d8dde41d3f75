//! Many seeds: in order, on all cores, with one report.

use crate::{
    coverage::Coverage,
    judged::Judged,
    player::{Played, Told, Violation, play},
    profile::Profile,
    script::Script,
    world::Broken,
};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Every so many seeds one is played twice, to see that it plays the same.
const TWICE: u64 = 16;

/// What to play.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The first seed.
    pub start: u64,
    /// How many.
    pub seeds: u64,
    /// One set-up for all; `None`: each seed has its own.
    pub profile: Option<Profile>,
    /// How many steps before the first contact are kept ([`Script::with_things`]); `None`: all.
    pub things: Option<usize>,
    /// A planted defect by name, where the program was built with them.
    pub defect: Option<String>,
    /// Whether to go on after a violation.
    pub after_violation: AfterViolation,
    /// How many threads.
    pub threads: usize,
}

/// What follows a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterViolation {
    /// The other seeds are played too.
    GoOn,
    /// The campaign ends with the first seed that shows one.
    Stop,
}

/// Who looks on while seeds are played, from several threads.
pub trait Watch: Sync {
    /// A violation was seen just now.
    fn violated(&self, _violation: &Violation) {}
    /// So many seeds are played, and all before `next` are.
    fn played(&self, _seeds: u64, _next: u64) {}
    /// Whether no further seed is to be begun.
    fn is_over(&self) -> bool {
        false
    }
}

/// Nobody looks on.
impl Watch for () {}

/// What a campaign came to. Equal campaigns on equal programs come to equal reports.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    /// Seeds played.
    pub seeds: u64,
    /// The first of them.
    pub start: u64,
    /// How many steps before the first contact were kept, if not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub things: Option<usize>,
    /// The planted defect, if one was.
    pub defect: Option<String>,
    /// SHA-256 over the seeds' event logs.
    pub trace: String,
    /// Steps of all scripts.
    pub steps: u64,
    /// Runs of the engine.
    pub rounds: u64,
    /// How often each kind of fault happened.
    pub faults: BTreeMap<String, u64>,
    /// How often the power went in each kind of job.
    pub cuts: BTreeMap<String, u64>,
    /// What was judged at rest, and what was left out for which reason.
    pub judged: BTreeMap<String, u64>,
    /// How often each kind of operation was confirmed.
    pub coverage: BTreeMap<String, u64>,
    /// What did not hold.
    pub violations: Vec<Violation>,
    /// What each seed had, in their order.
    #[serde(skip)]
    pub sizes: Vec<Size>,
}

/// How much happened in a seed.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Which.
    pub seed: u64,
    /// Companies, people and deals that somebody made.
    pub things: u64,
    /// Steps of its script.
    pub steps: u64,
    /// Runs of the engine.
    pub rounds: u64,
}

/// One seed's part of a report.
struct Part {
    seed: u64,
    trace: [u8; 32],
    coverage: Coverage,
    violations: Vec<Violation>,
}

impl Campaign {
    /// Plays all seeds, or as many as there are before nobody wants more.
    ///
    /// # Errors
    /// [`Broken`] with the seed, where the simulation itself cannot go on; an unknown defect.
    pub fn run(&self, watch: &dyn Watch) -> Result<Report, Broken> {
        crate::defects::known(self.defect.as_deref())?;
        let next = AtomicU64::new(0);
        // The lowest seed that ends the campaign.
        let last = AtomicU64::new(u64::MAX);
        let parts: Mutex<Parts> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    let _planted = crate::defects::plant(self.defect.as_deref());
                    while !watch.is_over() {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        if at >= self.seeds || at > last.load(Ordering::Relaxed) {
                            break;
                        }
                        let part = self.seed(self.start.wrapping_add(at));
                        let ends = match &part {
                            Ok(part) => {
                                !part.violations.is_empty() && self.after_violation == AfterViolation::Stop
                            }
                            Err(_) => true,
                        };
                        if ends {
                            last.fetch_min(at, Ordering::Relaxed);
                        }
                        for violation in part.iter().flat_map(|part| &part.violations) {
                            watch.violated(violation);
                        }
                        let (seeds, before) =
                            parts.lock().unwrap_or_else(PoisonError::into_inner).take(at, part);
                        watch.played(seeds, self.start.wrapping_add(before));
                    }
                });
            }
        });
        let last = last.into_inner();
        let parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.report(parts.all.into_iter().filter(|(at, _)| *at <= last).map(|(_, part)| part))
    }

    /// What is played for a seed.
    pub fn script(&self, seed: u64) -> Script {
        let script = Script::of_seed(seed, self.profile);
        match self.things {
            Some(things) => script.with_things(things),
            None => script,
        }
    }

    fn seed(&self, seed: u64) -> Result<Part, Broken> {
        let script = self.script(seed);
        let mut played = attempt(&script, Told::No)?;
        if seed.is_multiple_of(TWICE) {
            let again = attempt(&script, Told::No)?;
            if again.trace != played.trace {
                played.violations.push(Violation {
                    seed,
                    step: script.steps.len(),
                    invariant: "replay",
                    evidence: "the same seed played twice left two different event logs".to_owned(),
                });
            }
        }
        Ok(Part { seed, trace: played.trace, coverage: played.coverage, violations: played.violations })
    }

    fn report(&self, parts: impl Iterator<Item = Result<Part, Broken>>) -> Result<Report, Broken> {
        let mut trace = Sha256::new();
        let mut coverage = Coverage::default();
        let mut violations = Vec::new();
        let mut sizes = Vec::new();
        for part in parts {
            let part = part?;
            let Coverage { things, steps, rounds, .. } = part.coverage;
            sizes.push(Size { seed: part.seed, things, steps, rounds });
            trace.update(part.trace);
            coverage.add(&part.coverage);
            violations.extend(part.violations);
        }
        Ok(Report {
            seeds: sizes.len() as u64,
            start: self.start,
            things: self.things,
            defect: self.defect.clone(),
            trace: trace.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            steps: coverage.steps,
            rounds: coverage.rounds,
            faults: coverage.fault_names(),
            cuts: coverage.cut_names(),
            judged: Judged::names(&coverage.judged),
            coverage: coverage.operation_names(),
            violations,
            sizes,
        })
    }
}

/// What was played, by place.
#[derive(Default)]
struct Parts {
    all: BTreeMap<u64, Result<Part, Broken>>,
    /// All before this place are there.
    before: u64,
}

impl Parts {
    /// Takes one in: how many there are now, and up to where none is missing.
    fn take(&mut self, at: u64, part: Result<Part, Broken>) -> (u64, u64) {
        self.all.insert(at, part);
        while self.all.contains_key(&self.before) {
            self.before += 1;
        }
        (self.all.len() as u64, self.before)
    }
}

/// Plays a script. Where the program fails on it, it is told of which seed; a panic is that of its seed, and of no other.
///
/// # Errors
/// [`Broken`] with the seed.
pub fn attempt(script: &Script, told: Told) -> Result<Played, Broken> {
    of_seed(script.seed, || play(script, told))
}

fn of_seed<T>(seed: u64, act: impl FnOnce() -> Result<T, Broken>) -> Result<T, Broken> {
    let came = catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Broken(format!("it panics: {}", said.unwrap_or("without a word"))))
    });
    came.map_err(|broken| Broken(format!("seed {seed}: {broken}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_seed_and_ends_nothing_else() {
        let told = |act: fn() -> Result<(), Broken>| of_seed(7, act).unwrap_err().to_string();
        assert_eq!(told(|| panic!("no {}", "way")), "seed 7: it panics: no way");
        assert_eq!(told(|| panic!("no way")), "seed 7: it panics: no way");
        assert_eq!(told(|| Err(Broken("no way".to_owned()))), "seed 7: no way");
        assert!(of_seed(7, || Ok(())).is_ok());
    }

    #[test]
    fn a_campaign_goes_on_from_before_the_first_seed_that_is_missing() {
        let (mut parts, broken) = (Parts::default(), || Err(Broken(String::new())));
        assert_eq!(parts.take(1, broken()), (1, 0));
        assert_eq!(parts.take(0, broken()), (2, 2));
        assert_eq!(parts.take(3, broken()), (3, 2));
    }
}
