//! From a long script that breaks an invariant to a short one that breaks the same.

use crate::{
    campaign::attempt,
    player::{Told, Violation},
    script::{Interruption, Script, Step},
    world::Broken,
};

/// At most so many plays: a script of 150 steps needs a few hundred.
const MOST_PLAYS: usize = 2_000;
/// So many points earlier a stop is tried when steps before it are left out.
const EARLIER: usize = 3;

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

    /// With fewer things a run sends fewer requests: where the last one was stopped, it is stopped a little earlier.
    fn try_earlier(&mut self, steps: &[Step]) -> Result<bool, Broken> {
        let Some((Step::Sync { stop: Some(stop) }, before)) = steps.split_last() else { return Ok(false) };
        for earlier in (1..=EARLIER).filter_map(|points| stop.earlier(points)) {
            let mut steps = before.to_vec();
            steps.push(Step::Sync { stop: Some(earlier) });
            if self.try_steps(steps)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn without_chunks(&mut self) -> Result<(), Broken> {
        let mut size = (self.script.steps.len() / 2).max(1);
        loop {
            let mut at = 0;
            while at < self.script.steps.len() {
                let mut steps = self.script.steps.clone();
                steps.drain(at..(at + size).min(steps.len()));
                if !self.try_steps(steps.clone())? && !self.try_earlier(&steps)? {
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

/// Without a stop, and the stop with fewer steps in it.
fn less(stop: &Option<Interruption>) -> Vec<Option<Interruption>> {
    let Some(stop) = stop else { return Vec::new() };
    std::iter::once(None).chain(stop.fewer().into_iter().map(Some)).collect()
}

/// The steps with each of them left out.
fn fewer(steps: &[Step]) -> Vec<Vec<Step>> {
    let without = |left_out| {
        let mut fewer = steps.to_vec();
        fewer.remove(left_out);
        fewer
    };
    (0..steps.len()).map(without).collect()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what holds no further steps cannot be simpler")]
fn simpler(step: &Step) -> Vec<Step> {
    match step {
        Step::Sync { stop } => less(stop).into_iter().map(|stop| Step::Sync { stop }).collect(),
        Step::Apply { stop } => less(stop).into_iter().map(|stop| Step::Apply { stop }).collect(),
        Step::Webhooks { how, stop } => {
            less(stop).into_iter().map(|stop| Step::Webhooks { how: *how, stop }).collect()
        }
        Step::Plan { between, planning, applying } => {
            let with =
                |between: Vec<Step>, planning: &Option<Interruption>, applying: &Option<Interruption>| {
                    Step::Plan { between, planning: planning.clone(), applying: applying.clone() }
                };
            let mut simpler = Vec::new();
            simpler.extend(less(planning).iter().map(|planning| with(between.clone(), planning, applying)));
            simpler.extend(less(applying).iter().map(|applying| with(between.clone(), planning, applying)));
            simpler.extend(fewer(between).into_iter().map(|between| with(between, planning, applying)));
            simpler
        }
        Step::Undo { acts, since, which, stop } => {
            let with = |acts: Vec<Step>, since: Vec<Step>, stop: &Option<Interruption>| Step::Undo {
                acts,
                since,
                which: *which,
                stop: stop.clone(),
            };
            let mut simpler = Vec::new();
            simpler.extend(less(stop).iter().map(|stop| with(acts.clone(), since.clone(), stop)));
            simpler.extend(fewer(since).into_iter().map(|since| with(acts.clone(), since, stop)));
            simpler.extend(fewer(acts).into_iter().map(|acts| with(acts, since.clone(), stop)));
            simpler
        }
        Step::Wait { seconds } if *seconds > 1 => vec![Step::Wait { seconds: seconds / 2 }],
        _ => Vec::new(),
    }
}
