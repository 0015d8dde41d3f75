//! What the sides that a value came from are known to agree on, once it was written.

use super::{Lesson, written::unagreed};
use crate::ctx::Ctx;
use syncline_core::{
    mapping::Cardinality,
    plan::{Neighbourhood, before_hash},
};
use syncline_model::{
    Action, After, FieldChange, Observed, Operation, Precondition, RecordRef, Snapshot,
    defect::{Defect, planted},
    operation::Case,
};

impl Lesson {
    /// A vendor may answer with another value than the one written (it knows better, or ignores what it does not want).
    /// That answer is what was agreed: the sides that the value came from agree too, as they were when it was planned, so
    /// that the same write is not made again and again (invariant 4). So does the side that a value came from that is answered
    /// as written: where the call is settled after a crash, its option may not be offered any more, and nothing compares.
    pub(super) fn agree_on_answer(&mut self, ctx: &Ctx, operation: &Operation, record: &RecordRef) {
        if planted(Defect::FlipFlop) {
            return;
        }
        let Some(hood) = self.hoods.get_mut(&operation.entity) else { return };
        let Some(model) = ctx.mapping().kinds.get(&hood.kind) else { return };
        let answer = hood.links.iter().zip(&hood.snapshots).find(|(link, _)| link.record == *record);
        let Some((_, Some(answer))) = answer else { return };
        let answer = answer.clone();
        let sides = || hood.links.iter().zip(&hood.snapshots);
        let holds = |condition: &&Precondition| {
            sides().any(|(link, snapshot)| {
                let shows = |it: &Snapshot| before_hash(it, &condition.fields) == condition.before;
                link.record == condition.record && snapshot.as_ref().is_some_and(shows)
            })
        };
        let unmoved: Vec<&Precondition> = operation.preconditions.iter().filter(holds).collect();
        for change in operation.action.fields() {
            let written = match &change.after {
                After::Value(value) => Observed::Value(value.clone()),
                After::Clear => Observed::Empty,
                After::Reference(_) => continue,
            };
            let attribute = model.attributes.iter().find(|attribute| attribute.name == change.attribute);
            let Some(attribute) = attribute else { continue };
            let as_written = *answer.field(change.field.as_str()) == written;
            for link in &mut hood.links {
                let side = &link.record;
                let Some(binding) = attribute.binding(&side.connection, &side.object) else { continue };
                let agrees =
                    unmoved.iter().any(|it| it.record == *side && it.fields.contains(&binding.field));
                let is_of_another = model.is_of_another(attribute, binding);
                if *side == *record || !agrees || is_of_another || (as_written && !is_source(change, side)) {
                    continue;
                }
                self.touched.insert(side.clone());
                let side = side.clone();
                let base = link.base.get_or_insert_with(|| unagreed(ctx, hood.kind, &side));
                base.entries.remove(&binding.field);
            }
        }
    }
}

/// Whether what was written is just what this side shows.
fn is_source(change: &FieldChange, side: &RecordRef) -> bool {
    let taken_over = match change.reason.case {
        Case::OneChanged | Case::Newest | Case::Tie | Case::FillBlank | Case::WrittenBack => true,
        Case::NewRecord
        | Case::Union
        | Case::MostRestrictive
        | Case::Declared
        | Case::Person
        | Case::Undone => false,
    };
    taken_over && change.reason.from.as_ref() == Some(&side.connection)
}

/// A single relation is replaced in two calls, and the second may fail. With the first one gone nothing is agreed on the side
/// that the new one comes from either: who takes it back to the former one there has changed it. Returns whose base moved.
pub(super) fn agree_on_none(ctx: &Ctx, hood: &mut Neighbourhood, operation: &Operation) -> Option<RecordRef> {
    let Action::Dissociate(going) = &operation.action else { return None };
    let model = ctx.mapping().kinds.get(&hood.kind)?;
    let edge = model.edges.iter().find(|edge| edge.name.as_str() == going.edge.as_str())?;
    if edge.cardinality != Cardinality::One || going.reason.case == Case::Undone {
        return None;
    }
    let (kind, from) = (hood.kind, going.reason.from.as_ref()?);
    let mut sources = hood.links.iter_mut().zip(&hood.snapshots);
    let (link, snapshot) = sources
        .find(|(link, _)| link.state.is_active() && link.facet == kind && link.record.connection == *from)?;
    let field = &edge.binding(from, &link.record.object)?.field;
    let shows_another = matches!(snapshot.as_ref()?.field(field.as_str()), Observed::Value(_));
    let entry = link.base.as_mut()?.entries.get_mut(field)?;
    if !shows_another || entry.agreed.is_none() {
        return None;
    }
    entry.agreed = Some(Observed::Empty);
    Some(link.record.clone())
}
