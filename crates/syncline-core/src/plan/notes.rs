//! What there is to say of an entity as it stands, whether or not anything is to be written.

use super::{ActiveSide, Draftsman, settle};
use syncline_model::{
    Action, AttributeName, ConnectionName, Link, LinkState, RecordRef, RunId,
    plan::{FindingKind, Held, HeldReason},
};

impl Draftsman<'_> {
    /// A record that waits for a person's word on what it is.
    pub(super) fn hold_pending(&mut self) {
        let Some(review) = self.hood.review else { return };
        for link in self
            .hood
            .links
            .iter()
            .filter(|link| link.state == LinkState::Pending && link.facet == self.hood.kind)
        {
            let held = Held {
                entity: self.hood.entity,
                kind: self.hood.kind,
                record: link.record.clone(),
                attribute: None,
                connection: link.record.connection.clone(),
                reason: HeldReason::Ambiguous { review },
                until: None,
            };
            self.plan.held.push((held, vec![format!("review:{review}")]));
        }
    }

    /// Records that we had made and a person took back.
    pub(super) fn hold_undone(&mut self) {
        let undone: Vec<(ConnectionName, RunId)> = self
            .hood
            .links
            .iter()
            .filter(|link| self.is_own(link))
            .filter_map(|link| {
                let LinkState::Undone(run) = link.state else { return None };
                Some((link.record.connection.clone(), run))
            })
            .collect();
        for (connection, run) in undone {
            if !self.sides.iter().any(|side| side.record.connection == connection) {
                self.hold(None, &connection, HeldReason::Undone { run }, Vec::new());
            }
        }
    }

    /// Sides on which all that this entity had became records of others: nothing is made there, and nothing travels.
    pub(super) fn hold_merged(&mut self) {
        let connections: Vec<ConnectionName> = self.model.objects.keys().cloned().collect();
        for connection in connections {
            let own: Vec<&Link> = self
                .hood
                .links
                .iter()
                .filter(|link| self.is_own(link) && link.record.connection == connection)
                .collect();
            // A second record that is still there would have come into force.
            let stood = own.iter().filter(|link| !matches!(link.state, LinkState::DuplicateOf(_)));
            let became: Option<Vec<(RecordRef, RecordRef)>> = stood
                .map(|link| Some((link.record.clone(), settle::went_on(self.context.mapping, link)?)))
                .collect();
            let stray =
                became.into_iter().flatten().find(|(_, into)| own.iter().all(|it| it.record != *into));
            if let Some((record, into)) = stray {
                let wake = vec![format!("record:{into}")];
                self.hold(None, &connection, HeldReason::MergedElsewhere { record, into }, wake);
            }
        }
    }

    /// Lists relations that are missing in the source itself, where the record is written all the same (invariant 6).
    pub(super) fn note_orphans(&mut self) {
        let creates = self.plan.operations.iter().any(|draft| matches!(draft.action, Action::Create { .. }));
        let orphans: Vec<AttributeName> =
            self.parents.iter().filter(|(_, parent)| parent.orphan).map(|(name, _)| name.clone()).collect();
        for edge in orphans {
            if self.sides.len() > 1 || creates {
                let record = self.sides[0].record.clone();
                self.find(&record, FindingKind::NoParent { edge });
            }
        }
    }

    /// Lists leads that a contact of the same person was taken before (decisions §2).
    pub(super) fn note_beaten_leads(&mut self) {
        let beaten: Vec<(RecordRef, RecordRef)> = self
            .hood
            .links
            .iter()
            .filter(|link| self.is_own(link) && matches!(link.state, LinkState::DuplicateOf(_)))
            .filter_map(|link| {
                let beside = |side: &&ActiveSide<'_>| {
                    side.record.connection == link.record.connection
                        && side.record.object != link.record.object
                };
                Some((self.sides.iter().find(beside)?.record.clone(), link.record.clone()))
            })
            .collect();
        for (contact, lead) in beaten {
            self.find(&contact, FindingKind::ContactBeatsLead { lead });
        }
    }
}
