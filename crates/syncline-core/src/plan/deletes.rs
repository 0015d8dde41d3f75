//! What a delete on one side means for the others (CRM-12).

use super::{Draftsman, preconditions};
use crate::mapping::OnDelete;
use syncline_model::{
    Action, Evidence, Link, LinkState, Reason, RecordRef, operation::Case, plan::HeldReason, review::Question,
};

impl Draftsman<'_> {
    /// What a delete on one side means for the others (CRM-12). The deleted side itself is never written again.
    pub(super) fn deleted(&mut self) {
        let Some(tombstone) = self.tombstone().map(|link| link.record.clone()) else { return };
        // Whoever takes a record out of the bin does not want it archived again because its counterpart is still there.
        let outlived = self.hood.outlived.contains(&tombstone);
        let referred_by = self.sides.iter().find_map(|side| self.hood.referred.get(side.record)).cloned();
        match self.model.on_delete {
            OnDelete::Archive if !outlived && referred_by.is_none() && !self.came_of_merge(&tombstone) => {
                self.archive_with(&tombstone);
            }
            OnDelete::Review | OnDelete::Archive => {
                self.plan
                    .questions
                    .push(Question::Deleted { entity: self.hood.entity, record: tombstone.clone() });
                let connection = tombstone.connection.clone();
                let wake = referred_by.iter().map(|child| format!("record:{child}")).collect();
                let reason = HeldReason::DeletedElsewhere { record: tombstone, referred_by };
                self.hold(None, &connection, reason, wake);
            }
            OnDelete::Unlink => {}
        }
    }

    /// Whether what is left of the entity waits for a decision on a delete, or goes with it: nothing new is made of it.
    pub(super) fn awaits_delete(&self) -> bool {
        self.model.on_delete != OnDelete::Unlink && self.tombstone().is_some()
    }

    /// A record of this entity that was deleted and has no successor on its connection.
    fn tombstone(&self) -> Option<&Link> {
        self.hood
            .links
            .iter()
            .filter(|link| self.is_own(link) && link.state == LinkState::Deleted)
            .filter(|link| !self.sides.iter().any(|side| side.record.connection == link.record.connection))
            .min_by(|left, right| left.record.cmp(&right.record))
    }

    /// Whether a record that is still there (or what it was before it went on) has taken in another one, or the one that went
    /// had: more than what was deleted would go with it. HubSpot takes an archive of what was merged a moment before for one of the survivor.
    fn came_of_merge(&self, tombstone: &RecordRef) -> bool {
        self.hood.links.iter().any(|link| {
            let went_on = matches!(link.state, LinkState::ConvertedTo(_) | LinkState::MergedInto(_));
            let stays = matches!(link.evidence, Evidence::Merge(_))
                && self.sides.iter().any(|side| {
                    *side.record == link.record || went_on && side.record.connection == link.record.connection
                });
            let went = link.state == LinkState::MergedInto(tombstone.id.clone())
                && link.record.connection == tombstone.connection
                && link.record.object == tombstone.object;
            stays || went
        })
    }

    fn archive_with(&mut self, tombstone: &RecordRef) {
        self.changes.clear();
        self.relations.clear();
        let reason = Reason {
            rule: "on_delete".into(),
            case: Case::OneChanged,
            from: Some(tombstone.connection.clone()),
        };
        // Only while the one is gone and the other is there: whoever restores the first keeps both.
        let gone = self.hood.snapshots.iter().flatten().find(|snapshot| snapshot.record == *tombstone);
        let gone = gone.map(|snapshot| preconditions::of(snapshot, Vec::new()));
        for position in 0..self.sides.len() {
            let side = &self.sides[position];
            let there = preconditions::of(side.snapshot, Vec::new());
            let record = side.record.clone();
            let connection = record.connection.clone();
            let conditions = std::iter::once(there).chain(gone.clone()).collect();
            self.push(connection, Action::Archive { record, reason: reason.clone() }, conditions);
        }
    }
}
