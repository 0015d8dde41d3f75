//! Rows that were confirmed: what the records of their entities are now known to be.

use super::{super::rows::bound_fields, Learnt, Lesson, found_elsewhere, is_undo, related::Related};
use crate::{companies, ctx::Ctx, hoods::Surroundings, restored};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_core::{
    mapping::{Carrier, EdgeBinding},
    observe::observe,
    plan::{
        Neighbourhood, TakenBack, Target, Wrote, company_binding, note_undone, note_write, side_digest,
        side_fields,
    },
};
use syncline_kit::vendor::{Write, WriteRow};
use syncline_model::{
    Action, After, Base, BaseEntry, EntityId, Evidence, FieldChange, FieldName, JournalSeq, Kind, Link,
    LinkState, Observation, Observed, Operation, RecordRef, RecordState, Snapshot, Value, journal::Event,
    operation::Case,
};

impl Lesson {
    pub(super) fn confirmed(
        &mut self,
        ctx: &Ctx,
        surroundings: &mut Surroundings,
        operation: &Operation,
        row: &WriteRow,
        record: &RecordRef,
        observation: Option<&Observation>,
    ) -> Learnt {
        match (&operation.action, &row.write) {
            (Action::Create { .. }, Write::Create { fields, .. }) => {
                surroundings.forget([operation.entity]);
                let learnt = self.created(ctx, operation, record, fields, observation);
                self.agree_on_answer(ctx, operation, record);
                learnt
            }
            // HubSpot takes the id of a record that was merged away for its survivor: what is left of it is read.
            (Action::Update { record: former, .. }, Write::Update { .. }) if former != record => {
                self.read.extend([former.clone(), record.clone()]);
                Learnt::Changed
            }
            (Action::Update { .. }, Write::Update { fields, .. }) => {
                self.updated(ctx, operation, record, fields, observation);
                self.agree_on_answer(ctx, operation, record);
                Learnt::Changed
            }
            // So it does with the child of a relation.
            (Action::Associate(_), Write::Associate(edge)) if edge.from != *record => {
                self.read.extend([edge.from.clone(), record.clone()]);
                Learnt::Changed
            }
            (Action::Associate(_), Write::Associate(edge)) => {
                self.related(ctx, operation, edge, Related::Yes);
                Learnt::Changed
            }
            (Action::Dissociate(_), Write::Dissociate(edge)) => {
                self.related(ctx, operation, edge, Related::No);
                Learnt::Changed
            }
            (Action::Archive { .. }, Write::Archive { .. }) => {
                surroundings.forget([operation.entity]);
                self.archived(ctx, operation, record);
                Learnt::Changed
            }
            _ => Learnt::Nothing,
        }
    }

    fn created(
        &mut self,
        ctx: &Ctx,
        operation: &Operation,
        record: &RecordRef,
        written: &[(FieldName, Option<Value>)],
        observation: Option<&Observation>,
    ) -> Learnt {
        let links = self.known.get(record).cloned().unwrap_or_default();
        let other = links.iter().find(|link| link.facet == operation.kind && link.entity != operation.entity);
        if let Some(other) = other.filter(|link| link.state.is_active() && link.base.is_some()) {
            // The vendor found a record that is another entity's already: a person looks at the two, and it is not tried again
            // meanwhile.
            let found = found_elsewhere(&other.record);
            self.existing.push((operation.clone(), found, record.clone()));
            return Learnt::Nothing;
        }
        let Some(hood) = self.hoods.get_mut(&operation.entity) else { return Learnt::Nothing };
        remember_targets(hood, operation, record, written);
        let before =
            hood.links.iter().position(|link| link.record == *record && link.facet == operation.kind);
        if let Some(position) = before {
            hood.links.remove(position);
            hood.snapshots.remove(position);
        }
        let evidence = if other.is_some() { Evidence::Existing } else { Evidence::Created };
        let link = Link {
            record: record.clone(),
            facet: operation.kind,
            entity: operation.entity,
            state: LinkState::Active,
            evidence,
            since: JournalSeq::default(),
            base: Some(if is_undo(&operation.action) {
                unrelated(ctx, operation, record)
            } else {
                Base::default()
            }),
        };
        let snapshot = Snapshot {
            record: record.clone(),
            version: observation.and_then(|seen| seen.version.clone()),
            modified: observation.and_then(|seen| seen.modified),
            state: RecordState::Live,
            fields: Vec::new(),
        };
        let linked = Event::linked(&link);
        hood.links.push(link);
        hood.snapshots.push(Some(snapshot));
        self.touched.insert(record.clone());
        self.fill(operation, record, written, observation);
        self.batch.journal.push(linked);
        self.batch.wake.push(format!("entity:{}", operation.entity));
        self.batch.wake.push(format!("record:{record}"));
        if let Some(organisation) = self.organisations.get(&operation.entity).copied() {
            self.pending_organisation(ctx, record, written, organisation);
        }
        Learnt::Created
    }

    fn pending_organisation(
        &mut self,
        ctx: &Ctx,
        lead: &RecordRef,
        written: &[(FieldName, Option<Value>)],
        organisation: EntityId,
    ) {
        let field = company_binding(ctx.mapping(), lead).map(|binding| &binding.field);
        let named = written.iter().find(|(name, _)| Some(name) == field);
        let name = named.and_then(|(_, value)| value.as_ref()?.as_str()).map(Arc::from);
        companies::put(&mut self.batch, lead, organisation, name);
    }

    /// The fields of a record that we made: what was written, what the answer shows, and nothing in the rest.
    fn fill(
        &mut self,
        operation: &Operation,
        record: &RecordRef,
        written: &[(FieldName, Option<Value>)],
        observation: Option<&Observation>,
    ) {
        let Some(hood) = self.hoods.get_mut(&operation.entity) else { return };
        let Some(position) =
            hood.links.iter().position(|link| link.record == *record && link.facet == operation.kind)
        else {
            return;
        };
        let Some(Some(snapshot)) = hood.snapshots.get_mut(position) else { return };
        let mut fields: BTreeMap<FieldName, Observed> = BTreeMap::new();
        for (field, value) in written {
            fields.insert(field.clone(), value.clone().into());
        }
        for (field, value) in observation.iter().flat_map(|seen| &seen.fields) {
            if value.is_known() {
                fields.insert(field.clone(), value.clone());
            }
        }
        snapshot.fields = fields.into_iter().collect();
    }

    fn updated(
        &mut self,
        ctx: &Ctx,
        operation: &Operation,
        record: &RecordRef,
        written: &[(FieldName, Option<Value>)],
        observation: Option<&Observation>,
    ) {
        let Some(hood) = self.hoods.get_mut(&operation.entity) else { return };
        remember_targets(hood, operation, record, written);
        let Some(position) =
            hood.links.iter().position(|link| link.record == *record && link.facet == operation.kind)
        else {
            return;
        };
        let seen = answered(record, written, observation);
        let stored = hood.snapshots.get(position).cloned().flatten();
        let now = observe(stored.as_ref(), std::slice::from_mut(&mut hood.links[position]), &seen);
        hood.snapshots[position] = Some(now.snapshot);
        // Whatever waits until this record refers to it no more.
        let referred = |change: &FieldChange| matches!(change.before, Observed::Value(Value::Refs(_)));
        if operation.action.fields().iter().any(referred) {
            self.batch.wake.push(format!("record:{record}"));
        }
        let Neighbourhood { links, snapshots, kind, .. } = hood;
        if let (Some(base), Some(shown)) = (&mut links[position].base, &snapshots[position]) {
            // What the answer shows for a field that we wrote is what was agreed, however the vendor spells it (HUB-9).
            for (field, _) in written {
                base.entries.remove(field);
            }
            for change in operation.action.fields() {
                let sent = match &change.after {
                    After::Value(value) => Observed::Value(value.clone()),
                    After::Clear => Observed::Empty,
                    After::Reference(_) => shown.field(change.field.as_str()).clone(),
                };
                if let (Case::Undone, Some(by)) = (change.reason.case, self.batch.run) {
                    let FieldChange { field, attribute, before: held, .. } = change;
                    let taken = TakenBack { field, attribute, held, by };
                    note_undone(ctx.mapping(), *kind, record, base, taken);
                }
                let wrote = Wrote {
                    sent: &sent,
                    field: &change.field,
                    before: &change.before,
                    shows: shown.field(change.field.as_str()),
                    case: change.reason.case,
                    at: self.batch.at,
                };
                note_write(ctx.mapping(), *kind, record, base, wrote);
            }
        }
        self.touched.insert(record.clone());
    }

    fn archived(&mut self, ctx: &Ctx, operation: &Operation, record: &RecordRef) {
        let Some(hood) = self.hoods.get_mut(&operation.entity) else { return };
        for (link, snapshot) in hood.links.iter_mut().zip(&mut hood.snapshots) {
            if link.record == *record && link.facet == operation.kind {
                // What a person takes back is not a delete at the vendor: nothing follows from it on the other sides.
                link.state = match (&operation.action, self.batch.run) {
                    (Action::Archive { reason, .. }, Some(run)) if reason.case == Case::Undone => {
                        LinkState::Undone(run)
                    }
                    _ => LinkState::Deleted,
                };
                if let Some(snapshot) = snapshot {
                    snapshot.state = RecordState::Deleted;
                    self.batch.puts.extend(restored::noted(ctx.mapping(), snapshot, self.batch.at));
                }
            }
        }
        self.batch.wake.push(format!("record:{record}"));
        self.touched.insert(record.clone());
    }
}

/// The base of a record that was made again by undoing an undo: on its relations, which come after it, it has agreed with
/// nobody. Where they are lost, the sides are brought together as for a new record.
fn unrelated(ctx: &Ctx, operation: &Operation, record: &RecordRef) -> Base {
    let model = ctx.mapping().kinds.get(&operation.kind);
    let bindings = model.into_iter().flat_map(|model| &model.edges).filter_map(|edge| {
        edge.binding(&record.connection, &record.object).filter(|it| it.carrier == Carrier::Association)
    });
    let never = |binding: &EdgeBinding| (binding.field.clone(), BaseEntry::NEVER);
    Base { entries: bindings.map(never).collect(), ..Base::default() }
}

/// The base of a link that has agreed on nothing yet.
pub(super) fn unagreed(ctx: &Ctx, kind: Kind, record: &RecordRef) -> Base {
    let fields = side_fields(ctx.mapping(), kind, record).into_keys();
    Base {
        mapping: side_digest(ctx.mapping(), kind, record),
        entries: fields.map(|field| (field, BaseEntry::NEVER)).collect(),
        ..Base::default()
    }
}

/// Bound fields of records that we made and that nothing was written to are known to be empty; the base of a new record
/// is what it was made with.
pub(super) fn complete(ctx: &Ctx, hood: &mut Neighbourhood, touched: &BTreeSet<RecordRef>) {
    let Some(model) = ctx.mapping().kinds.get(&hood.kind) else { return };
    for (link, snapshot) in hood.links.iter_mut().zip(&mut hood.snapshots) {
        if !touched.contains(&link.record) || link.facet != hood.kind || link.evidence != Evidence::Created {
            continue;
        }
        let Some(snapshot) = snapshot else { continue };
        for (field, _) in bound_fields(model, &link.record) {
            if *snapshot.field(field.as_str()) == Observed::NotFetched {
                set_field(snapshot, &field, Observed::Empty);
            }
        }
        if let Some(base) = &mut link.base
            && base.mapping == 0
        {
            base.mapping = side_digest(ctx.mapping(), hood.kind, &link.record);
        }
    }
}

pub(super) fn set_field(snapshot: &mut Snapshot, field: &FieldName, value: Observed) {
    match snapshot.fields.binary_search_by(|(name, _)| name.cmp(field)) {
        Ok(position) => snapshot.fields[position].1 = value,
        Err(position) => snapshot.fields.insert(position, (field.clone(), value)),
    }
}

/// The answer as an observation: what it shows, else what was written.
fn answered(
    record: &RecordRef,
    written: &[(FieldName, Option<Value>)],
    observation: Option<&Observation>,
) -> Observation {
    let mut seen = observation.cloned().unwrap_or_else(|| Observation {
        record: record.clone(),
        version: None,
        modified: None,
        state: RecordState::Live,
        fields: Vec::new(),
    });
    seen.record = record.clone();
    for (field, value) in written {
        if !seen.fields.iter().any(|(name, shown)| name == field && shown.is_known()) {
            seen.fields.retain(|(name, _)| name != field);
            seen.fields.push((field.clone(), value.clone().into()));
        }
    }
    seen
}

/// References that were written lead to the entities that the plan named.
fn remember_targets(
    hood: &mut Neighbourhood,
    operation: &Operation,
    record: &RecordRef,
    written: &[(FieldName, Option<Value>)],
) {
    for change in operation.action.fields() {
        let syncline_model::After::Reference(entity) = change.after else { continue };
        let refs =
            written.iter().find(|(field, _)| *field == change.field).and_then(|(_, value)| value.as_ref());
        let Some(Value::Refs(refs)) = refs else { continue };
        for reference in refs {
            let target = RecordRef {
                connection: record.connection.clone(),
                object: reference.object.clone(),
                id: reference.id.clone(),
            };
            hood.targets.insert(target, Target::known(Some(entity)));
        }
    }
}
