//! Invariant 15 in the same world: whatever a run wrote, taken back at once it leaves what was there before, save what the
//! undo itself names; and the next pass has nothing to write.

use super::{come_to_rest, edit, seed, world::World};
use crate::{
    plan::{TakenBack, before_hash, note_undone},
    undo::{Inverse, Present, Standing, Step, inverse},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{
    Action, After, AttributeName, FieldChange, LinkState, Observed, RecordRef, RecordState, RunId, Value,
    journal::Written,
};
use uuid::Uuid;

const UNDO: RunId = RunId(Uuid::nil());

impl World {
    fn present(&self) -> Present<'_> {
        let mut records: BTreeMap<RecordRef, Standing> = BTreeMap::new();
        let mut referrers: BTreeMap<RecordRef, BTreeSet<_>> = BTreeMap::new();
        for thing in self.things.values() {
            for (link, snapshot) in thing.links.iter().zip(&thing.snapshots) {
                let standing = records.entry(link.record.clone()).or_default();
                standing.snapshot = snapshot.clone();
                standing.links.push(link.clone());
                for (field, seen) in snapshot.iter().flat_map(|it| &it.fields) {
                    let Observed::Value(Value::Refs(refs)) = seen else { continue };
                    for target in refs {
                        let target = super::world::refer(&link.record.connection, target);
                        referrers.entry(target).or_default().insert((link.record.clone(), field.clone()));
                    }
                }
            }
        }
        Present {
            mapping: &self.mapping,
            records,
            referrers,
            changed: BTreeMap::new(),
            ended: BTreeSet::new(),
        }
    }

    fn inverse(&self, written: &[Written]) -> Inverse {
        let first = inverse(&self.present(), written);
        assert_eq!(first, inverse(&self.present(), written), "the same input, the same inverse");
        first
    }

    /// Carries out one step as the engine does, and learns from it.
    fn take_back(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let id = step.entity;
        match &step.draft.action {
            Action::Update { record, fields } => {
                let position = self.position(id, record);
                let values = fields.iter().map(|change| {
                    let value = match &change.after {
                        After::Value(value) => Observed::Value(value.clone()),
                        After::Clear => Observed::Empty,
                        After::Reference(_) => unreachable!("former references are named by record"),
                    };
                    (change.field.clone(), value)
                });
                let values: Vec<_> = values.collect();
                self.second += 3;
                self.observe(id, position, values);
                let thing = self.things.get_mut(&id).unwrap();
                if let Some(base) = &mut thing.links[position].base {
                    for FieldChange { field, attribute, before: held, .. } in fields {
                        base.entries.remove(field);
                        let taken = TakenBack { field, attribute, held, by: UNDO };
                        note_undone(&self.mapping, thing.kind, record, base, taken);
                    }
                }
            }
            Action::Archive { record, .. } => {
                let position = self.position(id, record);
                let thing = self.things.get_mut(&id).unwrap();
                thing.links[position].state = LinkState::Undone(UNDO);
                thing.snapshots[position].as_mut().unwrap().state = RecordState::Deleted;
            }
            Action::Associate(it) | Action::Dissociate(it) => {
                let make = matches!(step.draft.action, Action::Associate(_));
                self.relate(id, &step.draft.connection, it, make)?;
                let syncline_model::Endpoint::Record(from) = &it.from else {
                    unreachable!("named by record")
                };
                let position = self.position(id, from);
                let name = AttributeName::new(it.edge.as_str());
                let thing = self.things.get_mut(&id).unwrap();
                if let Some(base) = &mut thing.links[position].base {
                    let taken =
                        TakenBack { field: &it.field, attribute: &name, held: &Observed::Empty, by: UNDO };
                    note_undone(&self.mapping, thing.kind, from, base, taken);
                }
            }
            Action::Create { .. } => return Err(TestCaseError::fail("nothing had been archived")),
        }
        Ok(())
    }

    /// Of which attribute or edge a field is; companions by the attribute that they go with.
    fn attribute_of(&self, record: &RecordRef, field: &str) -> Vec<AttributeName> {
        let mut names = Vec::new();
        for model in self.mapping.kinds.values() {
            for attribute in &model.attributes {
                let binding = attribute.binding(&record.connection, &record.object);
                if binding.is_some_and(|it| {
                    it.field.as_str() == field
                        || it.companion.as_ref().is_some_and(|with| with.field.as_str() == field)
                }) {
                    names.push(attribute.name.clone());
                }
            }
            for edge in &model.edges {
                let binding = edge.binding(&record.connection, &record.object);
                if binding.is_some_and(|it| it.field.as_str() == field) {
                    names.push(AttributeName::new(edge.name.as_str()));
                }
            }
        }
        names
    }
}

/// What both sides hold is what they held, but for what the undo names.
fn check(before: &World, now: &World, inverse: &Inverse) -> Result<(), TestCaseError> {
    let stays = |record: &RecordRef, names: &[AttributeName]| {
        inverse
            .notes
            .iter()
            .filter(|note| !note.why.is_residue() && note.record == *record)
            .any(|note| note.attribute.as_ref().is_none_or(|attribute| names.contains(attribute)))
    };
    let shown = |world: &World| -> BTreeMap<RecordRef, syncline_model::Snapshot> {
        let things = world.things.values().flat_map(|thing| thing.snapshots.iter().flatten());
        things.map(|snapshot| (snapshot.record.clone(), snapshot.clone())).collect()
    };
    let (then, now_shown) = (shown(before), shown(now));
    for (record, was) in &then {
        let is = &now_shown[record];
        prop_assert_eq!(&was.state, &is.state, "{}", record);
        for (field, value) in &was.fields {
            let seen = is.field(field.as_str());
            let names = now.attribute_of(record, field.as_str());
            prop_assert!(
                seen == value || stays(record, &names),
                "{record} {field}: was {value}, is {seen}: {:#?}",
                inverse.notes
            );
        }
    }
    for (record, is) in &now_shown {
        if !then.contains_key(record) {
            prop_assert!(
                !is.is_live() || stays(record, &[]),
                "{record} is still there: {:#?}",
                inverse.notes
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn a_run_taken_back_leaves_what_was_there_before(
        seeds in proptest::collection::vec(seed(), 1..8),
        edits in proptest::collection::vec(edit(), 0..14),
        first in any::<bool>(),
        order in any::<u64>(),
    ) {
        let mut world = World::new(&seeds);
        if !first {
            come_to_rest(&mut world, order, &[])?;
            world.forget_edits();
        }
        edits.iter().for_each(|edit| world.edit(edit));
        world.log.clear();
        let before = world.clone();
        come_to_rest(&mut world, order, &[])?;
        let written = std::mem::take(&mut world.log);
        let inverse = world.inverse(&written);
        for condition in inverse.steps.iter().flat_map(|step| &step.draft.preconditions) {
            let present = world.present();
            let found = present.records[&condition.record].snapshot.as_ref().unwrap();
            prop_assert_eq!(&before_hash(found, &condition.fields), &condition.before);
        }
        for step in &inverse.steps {
            world.take_back(step)?;
        }
        check(&before, &world, &inverse)?;
        // The next run does not simply do it again.
        let plans = world.plan_all(order)?;
        let writes: Vec<_> = plans.values().flat_map(|plan| &plan.operations).collect();
        prop_assert!(writes.is_empty(), "{writes:#?}\n{:#?}", inverse.steps);
    }
}
