//! What was decided by the vendors' clocks and waits, for whatever reason: it is decided again when one of them is seen to
//! go otherwise, so that a run does what `explain` says.

use super::Draftsman;
use std::collections::BTreeSet;
use syncline_model::{AttributeName, operation::Case, plan::HeldReason};

impl Draftsman<'_> {
    /// Lets the clocks wake what is held of an attribute or relation that they decided. Out of scope is a record as a whole.
    pub(super) fn wake_by_clocks(&mut self) {
        let decided: BTreeSet<AttributeName> = self
            .plan
            .derivations
            .iter()
            .filter(|derivation| matches!(derivation.case, Some(Case::Newest | Case::Tie)))
            .map(|derivation| derivation.attribute.clone())
            .collect();
        if decided.is_empty() {
            return;
        }
        let clocks = self.sides.iter().map(|side| format!("clock:{}", side.record.connection));
        let clocks: Vec<String> = clocks.collect();
        for (held, wake) in &mut self.plan.held {
            let is_theirs = match &held.attribute {
                Some(attribute) => decided.contains(attribute),
                None => matches!(held.reason, HeldReason::OutOfScope),
            };
            if is_theirs {
                wake.extend(clocks.iter().cloned());
            }
        }
    }
}
