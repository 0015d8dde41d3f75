//! What stops the jobs of a script that is written: plans, their application, the runs of webhooks; and how far the cuts of
//! runs and undos reach.

use super::{Interruption, Step, author::Author};
use crate::power::When;

/// Of 256 plans, applications and webhooks so many are stopped.
const OFTEN: u8 = 56;
/// Of 256 cuts of runs and undos so many reach further than they did.
const FURTHER: u8 = 96;

/// Up to where jobs are cut: of a hundred that are not, three make more journal writes or send more requests.
#[derive(Debug, Clone, Copy)]
struct Reach {
    writes: usize,
    requests: usize,
}

/// Runs, plans and their application.
const RUN: Reach = Reach { writes: 24, requests: 46 };
/// An undo reads everything by its id before it writes.
const UNDO: Reach = Reach { writes: 17, requests: 60 };

impl Author {
    /// Puts stops to what has none as it is written, and sets the cuts of others further back.
    pub(super) fn stops(&mut self) {
        let mut is_first = true;
        for mut step in std::mem::take(&mut self.steps) {
            let then = self.stopped(&mut step, &mut is_first);
            self.steps.push(step);
            self.steps.extend(then);
        }
    }

    /// Stops a step. What somebody does whose command was cut short comes after it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is a job of the process")]
    fn stopped(&mut self, step: &mut Step, is_first: &mut bool) -> Vec<Step> {
        match step {
            Step::Sync { stop: Some(stop) } => self.further(stop, RUN),
            Step::Undo { stop: Some(stop), .. } => self.further(stop, UNDO),
            Step::Webhooks { stop, .. } => *stop = self.stop(),
            Step::Plan { planning, applying, .. } => {
                (*planning, *applying) = (self.stop(), self.stop());
                let is_first = std::mem::take(is_first);
                return self.after_plan(is_first, planning.is_some(), applying.is_some());
            }
            _ => {}
        }
        Vec::new()
    }

    fn stop(&mut self) -> Option<Interruption> {
        if self.rng.u8(..) >= OFTEN {
            return None;
        }
        let when = if self.rng.bool() { When::Before } else { When::After };
        let mut stop = match self.rng.u8(0..12) {
            0..=3 => Interruption::CutAtJournal { after: self.rng.usize(0..10), when },
            4..=7 => Interruption::CutAtRequest { after: self.rng.usize(0..16), when },
            8..=10 => Interruption::People { after: self.rng.usize(0..16), steps: self.few() },
            _ => Interruption::OldLease { after: self.rng.usize(2..16), steps: self.few() },
        };
        self.further(&mut stop, RUN);
        Some(stop)
    }

    fn further(&mut self, stop: &mut Interruption, reach: Reach) {
        if self.rng.u8(..) >= FURTHER {
            return;
        }
        match stop {
            Interruption::CutAtJournal { after, .. } => *after = self.rng.usize(*after..reach.writes),
            Interruption::CutAtRequest { after, .. } => *after = self.rng.usize(*after..reach.requests),
            Interruption::People { .. } | Interruption::OldLease { .. } => {}
        }
    }

    /// Whose plan was cut short applies it again, makes another one, or leaves it to the runs that follow. A first contact has
    /// to come about: no run begins it.
    fn after_plan(&mut self, is_first: bool, planning: bool, applying: bool) -> Vec<Step> {
        let mut then = Vec::new();
        if applying && self.rng.bool() {
            then.push(Step::Apply { stop: self.stop() });
        }
        if is_first && (planning || applying) {
            then.extend(self.few());
            then.push(Step::Plan { between: Vec::new(), planning: None, applying: self.stop() });
            then.push(Step::Apply { stop: None });
        }
        then
    }
}
