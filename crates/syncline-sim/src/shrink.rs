//! From a long script that breaks an invariant to a short one that breaks the same.

use crate::{
    campaign::attempt,
    player::{Told, Violation},
    script::{Interruption, Script, Step},
    world::Broken,
};

/// At most so many plays: a script of 150 steps needs a few hundred.
const MOST_PLAYS: usize = 2_000;

/// Takes steps out as long as the script still breaks the invariant that it broke at first.
///
/// # Errors
/// [`Broken`]; a script that breaks nothing is returned as it is.
pub fn shrink(script: &Script) -> Result<(Script, Option<Violation>), Broken> {
    let Some(first) = attempt(script, Told::No)?.violations.into_iter().next() else {
        return Ok((script.clone(), None));
    };
    let mut shrunk = Shrunk { script: script.clone(), violation: first, plays: 0 };
    shrunk.script.steps.truncate(shrunk.violation.step + 1);
    loop {
        let before = shrunk.script.steps.clone();
        shrunk.without_chunks()?;
        shrunk.simpler_steps()?;
        if shrunk.script.steps == before || shrunk.plays >= MOST_PLAYS {
            break;
        }
    }
    Ok((shrunk.script, Some(shrunk.violation)))
}

struct Shrunk {
    script: Script,
    violation: Violation,
    plays: usize,
}

impl Shrunk {
    /// Takes over these steps if they break the same invariant.
    fn try_steps(&mut self, steps: Vec<Step>) -> Result<bool, Broken> {
        if self.plays >= MOST_PLAYS {
            return Ok(false);
        }
        self.plays += 1;
        let script = Script { steps, ..self.script.clone() };
        // A script in pieces may ask for what cannot be; then it is not the one that is looked for.
        let Ok(played) = attempt(&script, Told::No) else { return Ok(false) };
        let same = played.violations.into_iter().find(|found| found.invariant == self.violation.invariant);
        let Some(violation) = same else { return Ok(false) };
        self.script = script;
        self.script.steps.truncate(violation.step + 1);
        self.violation = violation;
        Ok(true)
    }

    fn without_chunks(&mut self) -> Result<(), Broken> {
        let mut size = (self.script.steps.len() / 2).max(1);
        loop {
            let mut at = 0;
            while at < self.script.steps.len() {
                let mut steps = self.script.steps.clone();
                steps.drain(at..(at + size).min(steps.len()));
                if !self.try_steps(steps)? {
                    at += size;
                }
            }
            if size == 1 {
                return Ok(());
            }
            size /= 2;
        }
    }

    /// Interruptions without what happens in them, plans with nothing between.
    fn simpler_steps(&mut self) -> Result<(), Broken> {
        for at in 0..self.script.steps.len() {
            let Some(step) = self.script.steps.get(at) else { break };
            for simpler in simpler(step) {
                let mut steps = self.script.steps.clone();
                if let Some(place) = steps.get_mut(at) {
                    *place = simpler;
                }
                if self.try_steps(steps)? {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Makes an interruption of one sort again, with other steps.
type Make = fn(usize, Vec<Step>) -> Interruption;

#[expect(clippy::wildcard_enum_match_arm, reason = "what holds no further steps cannot be simpler")]
fn simpler(step: &Step) -> Vec<Step> {
    match step {
        Step::Sync { stop: Some(stop) } => {
            let mut simpler = vec![Step::Sync { stop: None }];
            let (steps, make): (&Vec<Step>, Make) = match stop {
                Interruption::People { steps, .. } => {
                    (steps, |after, steps| Interruption::People { after, steps })
                }
                Interruption::OldLease { steps, .. } => {
                    (steps, |after, steps| Interruption::OldLease { after, steps })
                }
                Interruption::CutAtJournal { .. } | Interruption::CutAtRequest { .. } => return simpler,
            };
            let (Interruption::People { after, .. } | Interruption::OldLease { after, .. }) = stop else {
                return simpler;
            };
            for left_out in 0..steps.len() {
                let mut fewer = steps.clone();
                fewer.remove(left_out);
                simpler.push(Step::Sync { stop: Some(make(*after, fewer)) });
            }
            simpler
        }
        Step::Plan { between } => {
            let fewer = |left_out| {
                let mut fewer = between.clone();
                fewer.remove(left_out);
                Step::Plan { between: fewer }
            };
            (0..between.len()).map(fewer).collect()
        }
        Step::Undo { acts, since, which, stop } => {
            let fewer = |steps: &[Step]| -> Vec<Vec<Step>> {
                let without = |left_out| {
                    let mut fewer = steps.to_vec();
                    fewer.remove(left_out);
                    fewer
                };
                (0..steps.len()).map(without).collect()
            };
            let with = |acts: Vec<Step>, since: Vec<Step>, stop: &Option<Interruption>| Step::Undo {
                acts,
                since,
                which: *which,
                stop: stop.clone(),
            };
            let mut simpler = Vec::new();
            if stop.is_some() {
                simpler.push(with(acts.clone(), since.clone(), &None));
            }
            simpler.extend(fewer(since).into_iter().map(|since| with(acts.clone(), since, stop)));
            simpler.extend(fewer(acts).into_iter().map(|acts| with(acts, since.clone(), stop)));
            simpler
        }
        Step::Wait { seconds } if *seconds > 1 => vec![Step::Wait { seconds: seconds / 2 }],
        _ => Vec::new(),
    }
}
