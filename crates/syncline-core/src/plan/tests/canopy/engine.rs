//! The engine's part of the property: neighbourhoods, passes, writes and what is learnt from them.

use super::{
    form, may_be_written,
    world::{World, refer},
};
use crate::plan::{
    EntityPlan, Neighbourhood, Target, before_hash, side_digest,
    tests::world::{at, plan_with},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{
    Action, After, Association, Base, BaseEntry, ConnectionName, Endpoint, EntityId, Evidence, FieldName,
    Kind, Observed, Operation, OperationId, Precondition, RecordRef, Ref, Value, journal::Written,
};

impl World {
    pub(super) fn hood(&self, id: EntityId, planned: &BTreeSet<(EntityId, ConnectionName)>) -> Neighbourhood {
        let thing = &self.things[&id];
        let mut targets = BTreeMap::new();
        let mut records_of = BTreeMap::new();
        let model = &self.mapping.kinds[&thing.kind];
        for (link, snapshot) in thing.links.iter().zip(&thing.snapshots) {
            let bases = link.base.iter().flat_map(|base| &base.entries);
            let bases = bases.filter_map(|(field, entry)| Some((field, entry.agreed.as_ref()?)));
            let shown = snapshot.iter().flat_map(|it| &it.fields).map(|(field, value)| (field, value));
            for (field, value) in shown.chain(bases) {
                let Observed::Value(Value::Refs(refs)) = value else { continue };
                let edge = model
                    .edges
                    .iter()
                    .find(|edge| edge.bindings.iter().any(|it| it.field == *field))
                    .unwrap();
                for reference in refs {
                    let record = refer(&link.record.connection, reference);
                    let target = self.owner(edge.to, &record);
                    if let Some(target) = target {
                        records_of.insert(target, self.records_of(target));
                    }
                    targets.insert(record, Target::known(target));
                }
            }
        }
        Neighbourhood {
            entity: id,
            kind: thing.kind,
            links: thing.links.clone(),
            snapshots: thing.snapshots.clone(),
            planned: planned.iter().filter(|(parent, _)| records_of.contains_key(parent)).cloned().collect(),
            targets,
            records_of,
            organisation_by_domain: None,
            review: None,
            refusals: Vec::new(),
            parked: BTreeMap::new(),
            names: BTreeMap::new(),
            outlived: BTreeSet::new(),
            referred: BTreeMap::new(),
            waiting_since: Some(at(0)),
        }
    }

    pub(super) fn plan_one(&self, id: EntityId) -> EntityPlan {
        plan_with(&self.mapping, &self.sides, &self.hood(id, &BTreeSet::new()), at(self.second))
    }

    fn keep(&mut self, id: EntityId, plan: &EntityPlan) {
        let thing = self.things.get_mut(&id).unwrap();
        for (record, base) in &plan.bases {
            let link = thing.links.iter_mut().find(|link| link.record == *record).unwrap();
            link.base = Some(base.clone());
        }
    }

    /// One pass: parents before children, within a level in an order that hangs on `order`.
    pub(super) fn plan_all(
        &mut self,
        order: u64,
    ) -> Result<BTreeMap<(Kind, u64, EntityId), EntityPlan>, TestCaseError> {
        let mut ids: Vec<(Kind, u64, EntityId)> = self
            .things
            .iter()
            .map(|(id, thing)| {
                let mixed =
                    (id.0.as_u128() as u64).wrapping_mul(order | 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                (thing.kind, mixed.rotate_left(31) ^ order, *id)
            })
            .collect();
        ids.sort();
        let mut planned = BTreeSet::new();
        let mut plans = BTreeMap::new();
        for key in ids {
            let hood = self.hood(key.2, &planned);
            let plan = plan_with(&self.mapping, &self.sides, &hood, at(self.second));
            prop_assert_eq!(
                &plan,
                &plan_with(&self.mapping, &self.sides, &hood, at(self.second)),
                "the same inputs, the same plan"
            );
            for draft in &plan.operations {
                if matches!(draft.action, Action::Create { .. }) {
                    let linked = hood.links.iter().any(|link| link.record.connection == draft.connection);
                    prop_assert!(!linked, "a create where a link exists: {draft:?}");
                    planned.insert((key.2, draft.connection.clone()));
                }
            }
            self.keep(key.2, &plan);
            plans.insert(key, plan);
        }
        Ok(plans)
    }

    /// Writes what was planned, as far as what it was derived from still holds.
    pub(super) fn apply(
        &mut self,
        plans: BTreeMap<(Kind, u64, EntityId), EntityPlan>,
    ) -> Result<(), TestCaseError> {
        for ((_, _, id), plan) in plans {
            // As the engine does: looked at before the first of them is sent.
            let due: Vec<_> = plan
                .operations
                .iter()
                .filter(|draft| draft.preconditions.iter().all(|condition| self.holds(id, condition)))
                .collect();
            for draft in due {
                self.write(id, &draft.connection, &draft.action)?;
            }
            // What the answers bring is learnt at once.
            let plan = self.plan_one(id);
            self.keep(id, &plan);
        }
        Ok(())
    }

    fn holds(&self, id: EntityId, condition: &Precondition) -> bool {
        let found = self.things[&id].snapshots.iter().flatten().find(|it| it.record == condition.record);
        found.is_some_and(|it| before_hash(it, &condition.fields) == condition.before)
    }

    fn write(
        &mut self,
        id: EntityId,
        connection: &ConnectionName,
        action: &Action,
    ) -> Result<(), TestCaseError> {
        let kind = self.things[&id].kind;
        let position = match action {
            Action::Create { object, .. } => {
                if self.things[&id].links.iter().any(|link| link.record.connection == *connection) {
                    return Err(TestCaseError::fail("two records on one side"));
                }
                let record =
                    RecordRef::new(connection.clone(), object.clone(), format!("new{}", id.0.as_u128()));
                let base = Base { mapping: side_digest(&self.mapping, kind, &record), ..Base::default() };
                self.put_record(id, record, Evidence::Created, Some(base));
                self.things[&id].links.len() - 1
            }
            Action::Update { record, .. } => self.position(id, record),
            Action::Associate(it) => return self.relate(id, connection, it, true),
            Action::Dissociate(it) => return self.relate(id, connection, it, false),
            Action::Archive { .. } => {
                return Err(TestCaseError::fail("nothing is archived without being told"));
            }
        };
        let mut written = Vec::new();
        for change in action.fields() {
            let snapshot = self.things[&id].snapshots[position].as_ref().unwrap();
            prop_assert!(may_be_written(self, kind, snapshot, change.field.as_str()), "{change:?}");
            let value = match &change.after {
                After::Clear => Observed::Empty,
                After::Reference(target) => {
                    let Some(record) = self.records_of(*target).remove(connection) else { continue };
                    Observed::Value(Value::Refs(vec![Ref::to(record.object, record.id)]))
                }
                After::Value(value) => {
                    let declared =
                        ["[not provided]", "default", "open", "won"].contains(&form(value).as_str());
                    let stage = change.attribute.as_str() == "stage" || change.attribute.as_str() == "tags";
                    let known = self.seen.get(&id).is_some_and(|seen| {
                        seen.contains(&form(value)) || seen.contains(&format!("{} usd", form(value))) || {
                            let bare = form(value);
                            seen.contains(bare.trim_end_matches(" usd"))
                        }
                    });
                    prop_assert!(known || declared || stage, "invented: {change:?}");
                    Observed::Value(value.clone())
                }
            };
            written.push((change.field.clone(), value));
        }
        let record = self.things[&id].links[position].record.clone();
        let mut action = action.clone();
        if let Action::Create { fields, .. } | Action::Update { fields, .. } = &mut action {
            fields.retain(|change| written.iter().any(|(field, _)| *field == change.field));
        }
        self.note_written(id, action, record);
        self.second += 3;
        let fields: Vec<FieldName> = written.iter().map(|(field, _)| field.clone()).collect();
        self.observe(id, position, written);
        if let Some(base) = &mut self.things.get_mut(&id).unwrap().links[position].base {
            fields.iter().for_each(|field| {
                base.entries.remove(field);
            });
        }
        Ok(())
    }

    /// Keeps what was written as the journal does.
    pub(super) fn note_written(&mut self, id: EntityId, action: Action, record: RecordRef) {
        let created = matches!(action, Action::Create { .. });
        let operation = Operation {
            id: OperationId(self.log.len() as u64),
            entity: id,
            kind: self.things[&id].kind,
            connection: record.connection.clone(),
            action,
            preconditions: Vec::new(),
            bundle: None,
        };
        self.log.push(Written::of(&operation, record, created));
    }

    pub(super) fn position(&self, id: EntityId, record: &RecordRef) -> usize {
        self.things[&id].links.iter().position(|link| link.record == *record).unwrap()
    }

    pub(super) fn relate(
        &mut self,
        id: EntityId,
        connection: &ConnectionName,
        association: &Association,
        make: bool,
    ) -> Result<(), TestCaseError> {
        let end = |end: &Endpoint| match end {
            Endpoint::Record(record) => Some(record.clone()),
            Endpoint::Entity(id) => self.records_of(*id).remove(connection),
        };
        let (Some(from), Some(to)) = (end(&association.from), end(&association.to)) else { return Ok(()) };
        let position = self.position(id, &from);
        let relation = association.clone();
        self.note_written(
            id,
            if make { Action::Associate(relation) } else { Action::Dissociate(relation) },
            from,
        );
        let thing = self.things.get_mut(&id).unwrap();
        let snapshot = thing.snapshots[position].as_mut().unwrap();
        let before = snapshot.field(association.field.as_str()).clone();
        prop_assert!(before.is_known(), "a relation that cannot be seen is written: {association:?}");
        let turn = |seen: &Observed| turned(seen, &to, association.primary, make);
        let after = turn(&before);
        let at = snapshot.fields.iter().position(|(field, _)| *field == association.field).unwrap();
        snapshot.fields[at].1 = after.clone();
        let Some(base) = &mut thing.links[position].base else { return Ok(()) };
        let entry = base.entries.get(&association.field);
        let agreed = entry.map_or(Some(before), |entry| entry.agreed.clone()).map(|agreed| turn(&agreed));
        let changed = entry.and_then(|entry| entry.changed);
        if agreed.as_ref() == Some(&after) {
            base.entries.remove(&association.field);
        } else {
            base.entries.insert(association.field.clone(), BaseEntry { agreed, changed, ..BaseEntry::NEVER });
        }
        Ok(())
    }
}

/// References with one more or one less, as the engine learns them.
fn turned(seen: &Observed, to: &RecordRef, primary: bool, make: bool) -> Observed {
    let mut refs = match seen {
        Observed::Value(Value::Refs(refs)) => refs.clone(),
        Observed::Value(_)
        | Observed::Empty
        | Observed::Absent
        | Observed::NotPermitted
        | Observed::NotFetched => Vec::new(),
    };
    refs.retain(|it| it.object != to.object || it.id != to.id);
    if make {
        if primary {
            refs.iter_mut().for_each(|it| it.primary = false);
        }
        refs.push(Ref { primary, ..Ref::to(to.object.clone(), to.id.clone()) });
    }
    refs.sort();
    if refs.is_empty() { Observed::Empty } else { Observed::Value(Value::Refs(refs)) }
}
