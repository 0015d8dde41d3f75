//! Relations that were confirmed.

use super::{Lesson, agreed::agree_on_none, written::set_field};
use crate::ctx::Ctx;
use syncline_core::{
    mapping::Cardinality,
    plan::{TakenBack, Target, Wrote, note_step, note_undone},
};
use syncline_kit::vendor::EdgeWrite;
use syncline_model::{
    Action, AttributeName, Base, BaseEntry, Observed, Operation, Ref, Sight, Value, operation::Case,
};
use syncline_store::Batch;

/// Whether a relation was made or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Related {
    Yes,
    No,
}

impl Lesson {
    pub(super) fn related(&mut self, ctx: &Ctx, operation: &Operation, edge: &EdgeWrite, related: Related) {
        let Some(hood) = self.hoods.get_mut(&operation.entity) else { return };
        let Some(position) =
            hood.links.iter().position(|link| link.record == edge.from && link.facet == operation.kind)
        else {
            return;
        };
        let entity = hood
            .records_of
            .iter()
            .find(|(_, records)| records.values().any(|record| *record == edge.to))
            .map(|(entity, _)| *entity);
        if entity.is_some() {
            hood.targets.insert(edge.to.clone(), Target::known(entity));
        }
        let Some(Some(snapshot)) = hood.snapshots.get_mut(position) else { return };
        let before = snapshot.field(edge.field.as_str()).clone();
        let after = changed_refs(&before, edge, related);
        set_field(snapshot, &edge.field, after.clone());
        if let Some(base) = &mut hood.links[position].base {
            note_relation(ctx, operation, base, edge, &before, &after, &self.batch);
            let entry = base.entries.get(&edge.field);
            let agreed = entry.map_or(Some(before), |entry| entry.agreed.clone());
            let changed = entry.and_then(|entry| entry.changed);
            match agreed.map(|agreed| changed_refs(&agreed, edge, related)) {
                Some(agreed) if agreed == after => {
                    base.entries.remove(&edge.field);
                }
                agreed => {
                    base.entries
                        .insert(edge.field.clone(), BaseEntry { agreed, changed, sight: Sight::Seen });
                }
            }
        }
        if related == Related::No {
            self.batch.wake.push(format!("record:{}", edge.from));
            self.touched.extend(agree_on_none(ctx, hood, operation));
        }
        self.touched.insert(edge.from.clone());
    }
}

/// A single relation is replaced in two calls: the old one is taken away, then the new one made.
fn note_relation(
    ctx: &Ctx,
    operation: &Operation,
    base: &mut Base,
    edge: &EdgeWrite,
    before: &Observed,
    after: &Observed,
    batch: &Batch,
) {
    let (mapping, at) = (ctx.mapping(), batch.at);
    let single = mapping.kinds.get(&operation.kind).is_some_and(|model| {
        model.edges.iter().any(|known| {
            known.cardinality == Cardinality::One
                && known
                    .binding(&edge.from.connection, &edge.from.object)
                    .is_some_and(|binding| binding.field == edge.field)
        })
    });
    let (Action::Associate(association) | Action::Dissociate(association)) = &operation.action else {
        return;
    };
    let case = association.reason.case;
    // What a new record is made with replaces nothing.
    if single && case != Case::NewRecord {
        let wrote = Wrote { field: &edge.field, before, sent: after, shows: after, case, at };
        note_step(mapping, operation.kind, &edge.from, base, wrote);
    }
    if let (Case::Undone, Some(by)) = (case, batch.run) {
        let attribute = &AttributeName::new(association.edge.as_str());
        let taken = TakenBack { field: &edge.field, attribute, held: before, by };
        note_undone(mapping, operation.kind, &edge.from, base, taken);
    }
}

fn changed_refs(before: &Observed, edge: &EdgeWrite, related: Related) -> Observed {
    let mut refs: Vec<Ref> = match before {
        Observed::Value(Value::Refs(refs)) => refs.clone(),
        Observed::Value(_)
        | Observed::Empty
        | Observed::Absent
        | Observed::NotPermitted
        | Observed::NotFetched => Vec::new(),
    };
    refs.retain(|reference| reference.object != edge.to.object || reference.id != edge.to.id);
    if related == Related::Yes {
        if edge.primary {
            refs.iter_mut().for_each(|reference| reference.primary = false);
        }
        refs.push(Ref {
            object: edge.to.object.clone(),
            id: edge.to.id.clone(),
            role: edge.role.clone(),
            primary: edge.primary,
            row: None,
        });
    }
    refs.sort();
    if refs.is_empty() { Observed::Empty } else { Observed::Value(Value::Refs(refs)) }
}
