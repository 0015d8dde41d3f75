//! Many seeds: in order, on all cores, with one report.

use crate::{
    coverage::Coverage,
    player::{Told, Violation, play},
    profile::Profile,
    script::Script,
    world::Broken,
};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
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
    /// How often each kind of operation was confirmed.
    pub coverage: BTreeMap<String, u64>,
    /// What did not hold.
    pub violations: Vec<Violation>,
}

/// One seed's part of a report.
struct Part {
    trace: [u8; 32],
    coverage: Coverage,
    violations: Vec<Violation>,
}

impl Campaign {
    /// Plays all seeds. `progress` is told after each how many are done.
    ///
    /// # Errors
    /// [`Broken`] with the seed, where the simulation itself cannot go on; an unknown defect.
    pub fn run(&self, progress: &(dyn Fn(u64) + Sync)) -> Result<Report, Broken> {
        crate::defects::known(self.defect.as_deref())?;
        let next = AtomicU64::new(0);
        // The lowest seed that ends the campaign.
        let last = AtomicU64::new(u64::MAX);
        let parts: Mutex<BTreeMap<u64, Result<Part, Broken>>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    let _planted = crate::defects::plant(self.defect.as_deref());
                    loop {
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
                        let mut parts = parts.lock().unwrap_or_else(PoisonError::into_inner);
                        parts.insert(at, part);
                        progress(parts.len() as u64);
                    }
                });
            }
        });
        let last = last.into_inner();
        let parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.report(parts.into_iter().filter(|(at, _)| *at <= last).map(|(_, part)| part))
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
        let told = |broken: Broken| Broken(format!("seed {seed}: {broken}"));
        let mut played = play(&script, Told::No).map_err(told)?;
        if seed.is_multiple_of(TWICE) {
            let again = play(&script, Told::No).map_err(told)?;
            if again.trace != played.trace {
                played.violations.push(Violation {
                    seed,
                    step: script.steps.len(),
                    invariant: "replay",
                    evidence: "the same seed played twice left two different event logs".to_owned(),
                });
            }
        }
        Ok(Part { trace: played.trace, coverage: played.coverage, violations: played.violations })
    }

    fn report(&self, parts: impl Iterator<Item = Result<Part, Broken>>) -> Result<Report, Broken> {
        let mut trace = Sha256::new();
        let mut coverage = Coverage::default();
        let mut violations = Vec::new();
        let mut seeds = 0;
        for part in parts {
            let part = part?;
            seeds += 1;
            trace.update(part.trace);
            coverage.add(&part.coverage);
            violations.extend(part.violations);
        }
        Ok(Report {
            seeds,
            start: self.start,
            things: self.things,
            defect: self.defect.clone(),
            trace: trace.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            steps: coverage.steps,
            rounds: coverage.rounds,
            faults: coverage.fault_names(),
            coverage: coverage.operation_names(),
            violations,
        })
    }
}
