//! What vendors refused is not sent again as it was, and keeps nothing else back (HUB-4).

use super::{
    Draftsman,
    neighbourhood::{Refusal, RefusedPart},
};
use crate::mapping::Cardinality;
use std::collections::BTreeSet;
use syncline_model::{
    Action, AttributeName, ConnectionName, EdgeName, FieldChange, FieldName, RecordRef, plan::HeldReason,
};

impl Draftsman<'_> {
    /// Changes of an update that may go. Of several that were refused together, without a word on which of them it was, one
    /// half goes first: it is written, and the rest follows; or it is refused as well, and halved again, until the one is
    /// found that the vendor minds.
    pub(super) fn not_refused_together(
        &mut self,
        record: &RecordRef,
        fields: Vec<FieldChange>,
    ) -> Vec<FieldChange> {
        let fields = self.without_refused(record, fields);
        let refusals = &self.hood.refusals;
        let refusal = refusals.iter().find(|it| {
            it.is_about_some_of(&record.connection, &fields) && !refusals.iter().any(|one| one.explains(it))
        });
        let Some(refusal) = refusal.cloned() else { return fields };
        let mut refused: Vec<&AttributeName> = Vec::new();
        for change in fields.iter().filter(|change| refusal.names(change)) {
            if !refused.contains(&&change.attribute) {
                refused.push(&change.attribute);
            }
        }
        let half: BTreeSet<AttributeName> =
            refused.iter().take(refused.len().div_ceil(2)).copied().cloned().collect();
        let (first, later): (Vec<FieldChange>, Vec<FieldChange>) =
            fields.into_iter().partition(|change| half.contains(&change.attribute));
        let waiting: BTreeSet<AttributeName> = later.into_iter().map(|change| change.attribute).collect();
        for attribute in waiting {
            self.hold_refused(Some(&attribute), &record.connection, refusal.clone());
        }
        first
    }

    /// Changes that the vendor has not refused just so before. What is written together is refused together: a pipeline does
    /// not go without its stage. A refusal ends when the value or the schema changes.
    pub(super) fn without_refused(
        &mut self,
        record: &RecordRef,
        fields: Vec<FieldChange>,
    ) -> Vec<FieldChange> {
        let mut refused: BTreeSet<AttributeName> = BTreeSet::new();
        for change in &fields {
            let refusal = self.hood.refusals.iter().find(|it| it.is_about(&record.connection, change));
            if let Some(refusal) = refusal.cloned() {
                self.hold_refused(Some(&change.attribute), &record.connection, refusal);
                refused.insert(change.attribute.clone());
            }
        }
        fields.into_iter().filter(|change| !refused.contains(&change.attribute)).collect()
    }

    /// Relations that the vendor has not refused just so before. A single one goes over as a whole: where it may not end, no other
    /// one begins beside it, and where the other one may not begin, it stays.
    pub(super) fn not_refused_relations(
        &mut self,
        relations: Vec<(ConnectionName, Action)>,
    ) -> Vec<(ConnectionName, Action)> {
        let refusals = &self.hood.refusals;
        let refused = |connection: &ConnectionName, action: &Action| {
            let part = RefusedPart::of_relation(action)?;
            refusals.iter().find(|it| it.connection == *connection && it.part == part)
        };
        let single: Vec<(ConnectionName, FieldName, Refusal)> = relations
            .iter()
            .filter_map(|(connection, action)| {
                let association = action.association().filter(|it| self.is_single(&it.edge))?;
                let refusal = refused(connection, action)?;
                Some((connection.clone(), association.field.clone(), refusal.clone()))
            })
            .collect();
        let mut going = Vec::with_capacity(relations.len());
        for (connection, action) in relations {
            let Some(association) = action.association() else { continue };
            let whole = single.iter().find(|(of, field, _)| *of == connection && *field == association.field);
            let refusal = refused(&connection, &action).or(whole.map(|(.., refusal)| refusal)).cloned();
            let Some(refusal) = refusal else {
                going.push((connection, action));
                continue;
            };
            let name = AttributeName::new(association.edge.as_str());
            self.hold_refused(Some(&name), &connection, refusal);
        }
        going
    }

    fn is_single(&self, edge: &EdgeName) -> bool {
        self.model.edges.iter().any(|it| it.name == *edge && it.cardinality == Cardinality::One)
    }

    /// Lists what was refused, in the vendor's words.
    pub(super) fn hold_refused(
        &mut self,
        attribute: Option<&AttributeName>,
        connection: &ConnectionName,
        refusal: Refusal,
    ) {
        let reason = HeldReason::Refused { code: refusal.code, message: refusal.message };
        self.hold(attribute, connection, reason, vec![refusal.wake]);
    }
}
