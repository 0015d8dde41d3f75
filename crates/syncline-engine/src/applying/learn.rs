//! What a vendor answered becomes the new base, in the transaction that ends the call: the record as written, its link,
//! and the agreement of the other sides, found by planning the entity once more.

use super::{Applier, OpenPayload, result_of, rows::bound_fields};
use crate::{
    ctx::Ctx,
    error::Error,
    hoods::{Surroundings, parked_key},
    planning::{Pass, keep},
    refusals::{self, Kept},
};
use std::collections::{BTreeMap, BTreeSet};
use syncline_core::{
    observe::observe,
    plan::{Neighbourhood, Refusal, Target, before_hash, plan_entity, side_digest, side_fields},
};
use syncline_kit::vendor::{EdgeWrite, Rejection, RejectionClass, RowOutcome, Write, WriteCall, WriteRow};
use syncline_model::{
    Action, After, Base, BaseEntry, ConnectionName, EntityId, Evidence, FieldChange, FieldName, JournalSeq,
    Kind, Link, LinkState, Observation, Observed, Operation, RecordRef, RecordState, Ref, Snapshot, Value,
    journal::{CallId, Event},
    review::{Question, Review, ReviewState},
};
use syncline_store::{Batch, DirtyKey, LinkWrite, ReviewWrite};

impl Applier<'_> {
    pub(super) async fn learn(
        &mut self,
        pass: &mut Pass<'_>,
        connection: &ConnectionName,
        id: CallId,
        call: &WriteCall,
        operations: &[Operation],
        outcomes: Vec<RowOutcome>,
    ) -> Result<(), Error> {
        let ctx = self.ctx;
        let mut lesson = Lesson::load(ctx, &mut pass.surroundings, operations, &outcomes).await?;
        for ((row, operation), outcome) in call.rows.iter().zip(operations).zip(&outcomes) {
            match outcome {
                RowOutcome::Confirmed { record, observation, .. } => {
                    self.count(&operation.action);
                    let learnt = lesson.confirmed(
                        ctx,
                        &mut pass.surroundings,
                        operation,
                        row,
                        record,
                        observation.as_ref(),
                    );
                    if learnt == Learnt::Created {
                        self.created.insert((operation.entity, connection.clone()), record.clone());
                    }
                }
                RowOutcome::Rejected(rejection) => {
                    self.tally.rejected += 1;
                    lesson.rejected(ctx, &mut pass.surroundings, connection, operation, rejection)?;
                }
                RowOutcome::Again { .. } => self.tally.postponed += 1,
                RowOutcome::Unknown { why } => {
                    self.tally.unknown += 1;
                    lesson.park(&mut pass.surroundings, connection, operation, why);
                }
            }
        }
        for entity in lesson.replan(ctx, &pass.surroundings) {
            if let Some(dirty) = self.dirty.get(&entity) {
                lesson.batch.done.push(dirty.clone());
            }
        }
        lesson.batch.calls_ended.push(id);
        lesson
            .batch
            .journal
            .push(Event::CallEnded { call: id, rows: outcomes.iter().map(result_of).collect() });
        let to_read = std::mem::take(&mut lesson.read);
        let existing = std::mem::take(&mut lesson.existing);
        let gone = std::mem::take(&mut lesson.gone);
        ctx.store.commit(lesson.batch).await?;
        if !to_read.is_empty() {
            crate::capture::records(ctx, &to_read).await?;
        }
        refuse_unseen(ctx, &mut pass.surroundings, connection, gone).await?;
        for (operation, candidate) in existing {
            link_existing(ctx, operation, candidate).await?;
        }
        Ok(())
    }

    fn count(&mut self, action: &Action) {
        match action {
            Action::Create { .. } => self.tally.created += 1,
            Action::Update { .. } => self.tally.updated += 1,
            Action::Associate(_) | Action::Dissociate(_) => self.tally.associated += 1,
            Action::Archive { .. } => self.tally.archived += 1,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Learnt {
    Created,
    Changed,
    Nothing,
}

/// One call's answer while it is taken in.
struct Lesson {
    hoods: BTreeMap<EntityId, Neighbourhood>,
    /// Records that the answer says were created, as stored before (a keyed write may find one that was there).
    known: BTreeMap<RecordRef, Vec<Link>>,
    touched: BTreeSet<RecordRef>,
    batch: Batch,
    /// Records to read again: gone, converted, or changed under our hands.
    read: Vec<RecordRef>,
    /// What was refused because its record is not there.
    gone: Vec<(Operation, Rejection, RecordRef)>,
    /// Creates that the vendor answered with the record that is there already.
    existing: Vec<(Operation, RecordRef)>,
    mapping: Vec<(RecordRef, Kind)>,
    ids: BTreeMap<EntityId, EntityId>,
}

impl Lesson {
    async fn load(
        ctx: &Ctx,
        surroundings: &mut Surroundings,
        operations: &[Operation],
        outcomes: &[RowOutcome],
    ) -> Result<Self, Error> {
        let mut by_kind: BTreeMap<Kind, BTreeSet<EntityId>> = BTreeMap::new();
        for operation in operations {
            by_kind.entry(operation.kind).or_default().insert(operation.entity);
        }
        let mut hoods = BTreeMap::new();
        for (kind, entities) in by_kind {
            let entities: Vec<EntityId> = entities.into_iter().collect();
            for hood in surroundings.of(ctx, kind, &entities).await? {
                hoods.insert(hood.entity, hood);
            }
        }
        let created: Vec<RecordRef> = operations
            .iter()
            .zip(outcomes)
            .filter_map(|(operation, outcome)| match (&operation.action, outcome) {
                (Action::Create { .. }, RowOutcome::Confirmed { record, .. }) => Some(record.clone()),
                _ => None,
            })
            .collect();
        let stored = ctx.store.records(&created).await?;
        let known = created.into_iter().zip(stored.into_iter().map(|record| record.links)).collect();
        let mut lesson = Self {
            hoods,
            known,
            touched: BTreeSet::new(),
            batch: ctx.batch(),
            read: Vec::new(),
            gone: Vec::new(),
            existing: Vec::new(),
            mapping: Vec::new(),
            ids: BTreeMap::new(),
        };
        lesson.note_organisations(ctx, surroundings, operations);
        Ok(lesson)
    }

    /// The organisations that new leads are to be linked to, read off before the lead is there (CRM-15).
    fn note_organisations(&mut self, ctx: &Ctx, surroundings: &Surroundings, operations: &[Operation]) {
        let context = surroundings.context(ctx);
        for operation in operations {
            if operation.kind != Kind::Person || !matches!(operation.action, Action::Create { .. }) {
                continue;
            }
            let organisation = self
                .hoods
                .get(&operation.entity)
                .and_then(|hood| plan_entity(&context, hood).pending_organisation);
            if let Some(organisation) = organisation {
                self.ids.insert(operation.entity, organisation);
            }
        }
    }

    fn confirmed(
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
                let learnt = self.created(operation, record, fields, observation);
                self.agree_on_answer(ctx, operation, record);
                learnt
            }
            (Action::Update { .. }, Write::Update { fields, .. }) => {
                self.updated(operation, record, fields, observation);
                self.agree_on_answer(ctx, operation, record);
                Learnt::Changed
            }
            (Action::Associate(_), Write::Associate(edge)) => {
                self.related(operation, edge, Related::Yes);
                Learnt::Changed
            }
            (Action::Dissociate(_), Write::Dissociate(edge)) => {
                self.related(operation, edge, Related::No);
                Learnt::Changed
            }
            (Action::Archive { .. }, Write::Archive { .. }) => {
                surroundings.forget([operation.entity]);
                self.archived(operation, record);
                Learnt::Changed
            }
            _ => Learnt::Nothing,
        }
    }

    fn created(
        &mut self,
        operation: &Operation,
        record: &RecordRef,
        written: &[(FieldName, Option<Value>)],
        observation: Option<&Observation>,
    ) -> Learnt {
        let links = self.known.get(record).cloned().unwrap_or_default();
        let other = links.iter().find(|link| link.facet == operation.kind && link.entity != operation.entity);
        if let Some(other) = other.filter(|link| link.state.is_active() && link.base.is_some()) {
            // The vendor found a record that is another entity's already: a person looks at the two.
            self.ask(Question::Duplicate {
                entity: operation.entity,
                candidates: vec![other.record.clone()],
            });
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
            evidence: evidence.clone(),
            since: JournalSeq::default(),
            base: Some(Base::default()),
        };
        let snapshot = Snapshot {
            record: record.clone(),
            version: observation.and_then(|seen| seen.version.clone()),
            modified: observation.and_then(|seen| seen.modified),
            state: RecordState::Live,
            fields: Vec::new(),
        };
        hood.links.push(link);
        hood.snapshots.push(Some(snapshot));
        self.touched.insert(record.clone());
        self.mapping.push((record.clone(), operation.kind));
        self.fill(operation, record, written, observation);
        self.batch.journal.push(Event::Linked {
            record: record.clone(),
            facet: operation.kind,
            entity: operation.entity,
            state: LinkState::Active,
            evidence,
        });
        self.batch.wake.push(format!("entity:{}", operation.entity));
        self.batch.wake.push(format!("record:{record}"));
        if let Some(organisation) = self.ids.get(&operation.entity).copied() {
            self.pending_organisation(record, organisation);
        }
        Learnt::Created
    }

    fn pending_organisation(&mut self, lead: &RecordRef, organisation: EntityId) {
        let link = Link {
            record: lead.clone(),
            facet: Kind::Organisation,
            entity: organisation,
            state: LinkState::Pending,
            evidence: Evidence::CompanyOfLead,
            since: JournalSeq::default(),
            base: None,
        };
        self.batch.journal.push(Event::Linked {
            record: lead.clone(),
            facet: Kind::Organisation,
            entity: organisation,
            state: LinkState::Pending,
            evidence: Evidence::CompanyOfLead,
        });
        self.batch.links.push(LinkWrite::Put(link));
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
        if let Some(base) = &mut hood.links[position].base {
            // What the answer shows for a field that we wrote is what was agreed, however the vendor spells it (HUB-9).
            for (field, _) in written {
                base.entries.remove(field);
            }
        }
        self.touched.insert(record.clone());
        self.mapping.push((record.clone(), operation.kind));
    }

    /// A vendor may answer with another value than the one written (it knows better, or ignores what it does not want).
    /// That answer is what was agreed: the sides that the value came from agree too, as they were when it was planned, so
    /// that the same write is not made again and again (invariant 4).
    fn agree_on_answer(&mut self, ctx: &Ctx, operation: &Operation, record: &RecordRef) {
        let Some(hood) = self.hoods.get_mut(&operation.entity) else { return };
        let Some(model) = ctx.mapping().kinds.get(&hood.kind) else { return };
        let answer = hood.links.iter().zip(&hood.snapshots).find(|(link, _)| link.record == *record);
        let Some((_, Some(answer))) = answer else { return };
        let answer = answer.clone();
        for change in operation.action.fields() {
            let written = match &change.after {
                After::Value(value) => Observed::Value(value.clone()),
                After::Clear => Observed::Empty,
                After::Reference(_) => continue,
            };
            let attribute = model.attributes.iter().find(|attribute| attribute.name == change.attribute);
            let Some(attribute) = attribute else { continue };
            if *answer.field(change.field.as_str()) == written {
                continue;
            }
            for (link, snapshot) in hood.links.iter_mut().zip(&hood.snapshots) {
                let side = &link.record;
                let binding = attribute.binding(&side.connection, &side.object);
                let (Some(binding), Some(snapshot)) = (binding, snapshot) else { continue };
                let unmoved = operation.preconditions.iter().any(|precondition| {
                    precondition.record == *side
                        && precondition.fields.contains(&binding.field)
                        && before_hash(snapshot, &precondition.fields) == precondition.before
                });
                if *side == *record || !unmoved {
                    continue;
                }
                self.touched.insert(side.clone());
                let side = side.clone();
                let base = link.base.get_or_insert_with(|| unagreed(ctx, hood.kind, &side));
                base.entries.remove(&binding.field);
            }
        }
    }

    fn related(&mut self, operation: &Operation, edge: &EdgeWrite, related: Related) {
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
            hood.targets.insert(edge.to.clone(), Target { entity });
        }
        let Some(Some(snapshot)) = hood.snapshots.get_mut(position) else { return };
        let before = snapshot.field(edge.field.as_str()).clone();
        let after = changed_refs(&before, edge, related);
        set_field(snapshot, &edge.field, after.clone());
        if let Some(base) = &mut hood.links[position].base {
            let entry = base.entries.get(&edge.field);
            let agreed = entry.map_or(Some(before), |entry| entry.agreed.clone());
            let changed = entry.and_then(|entry| entry.changed);
            match agreed.map(|agreed| changed_refs(&agreed, edge, related)) {
                Some(agreed) if agreed == after => {
                    base.entries.remove(&edge.field);
                }
                agreed => {
                    base.entries.insert(edge.field.clone(), BaseEntry { agreed, changed });
                }
            }
        }
        self.touched.insert(edge.from.clone());
        self.mapping.push((edge.from.clone(), operation.kind));
    }

    fn archived(&mut self, operation: &Operation, record: &RecordRef) {
        let Some(hood) = self.hoods.get_mut(&operation.entity) else { return };
        for (link, snapshot) in hood.links.iter_mut().zip(&mut hood.snapshots) {
            if link.record == *record && link.facet == operation.kind {
                link.state = LinkState::Deleted;
                if let Some(snapshot) = snapshot {
                    snapshot.state = RecordState::Deleted;
                }
            }
        }
        self.touched.insert(record.clone());
        self.mapping.push((record.clone(), operation.kind));
    }

    fn rejected(
        &mut self,
        ctx: &Ctx,
        surroundings: &mut Surroundings,
        connection: &ConnectionName,
        operation: &Operation,
        rejection: &Rejection,
    ) -> Result<(), Error> {
        let target = match &operation.action {
            Action::Update { record, .. } | Action::Archive { record, .. } => Some(record.clone()),
            Action::Associate(association) | Action::Dissociate(association) => match &association.from {
                syncline_model::Endpoint::Record(record) => Some(record.clone()),
                syncline_model::Endpoint::Entity(_) => None,
            },
            Action::Create { .. } => None,
        };
        match (&rejection.class, target) {
            (RejectionClass::Gone | RejectionClass::Converted, Some(record)) => {
                self.read.push(record.clone());
                self.gone.push((operation.clone(), rejection.clone(), record));
                return Ok(());
            }
            (RejectionClass::Moved, Some(record)) => {
                self.read.push(record);
                return Ok(());
            }
            (RejectionClass::Exists(candidates), None) => match candidates.as_slice() {
                [one] => {
                    self.existing.push((operation.clone(), one.clone()));
                    return Ok(());
                }
                [] => {}
                several => {
                    self.ask(Question::Duplicate { entity: operation.entity, candidates: several.to_vec() });
                }
            },
            _ => {}
        }
        self.refuse(ctx, surroundings, connection, operation, rejection)
    }

    /// Notes what was refused, so that just this is not tried again until value or schema change (HUB-4).
    fn refuse(
        &mut self,
        ctx: &Ctx,
        surroundings: &mut Surroundings,
        connection: &ConnectionName,
        operation: &Operation,
        rejection: &Rejection,
    ) -> Result<(), Error> {
        for refusal in refusals_of(connection, operation, rejection) {
            let kept = Kept::new(ctx, operation.kind, refusal);
            let list = surroundings.refuse(operation.entity, kept);
            refusals::keep(&mut self.batch, operation.entity, list)?;
        }
        if let Some(hood) = self.hoods.get_mut(&operation.entity) {
            hood.refusals = surroundings.refusals_of(operation.entity);
        }
        Ok(())
    }

    /// An outcome that cannot be decided: nothing of the sort is sent again until a person has looked.
    fn park(
        &mut self,
        surroundings: &mut Surroundings,
        connection: &ConnectionName,
        operation: &Operation,
        why: &str,
    ) {
        // Updates and relations are decided by the next reading; only a create could double.
        let Action::Create { object, .. } = &operation.action else {
            if let Action::Update { record, .. } | Action::Archive { record, .. } = &operation.action {
                self.read.push(record.clone());
            }
            return;
        };
        let what = format!("the create of a {connection} {object} ({why})");
        surroundings.park(operation.entity, connection, &what);
        if let Some(hood) = self.hoods.get_mut(&operation.entity) {
            hood.parked.insert(connection.clone(), what.as_str().into());
        }
        self.batch.puts.push((parked_key(operation.entity, connection), Some(what.clone().into_bytes())));
        self.ask(Question::Parked { entity: operation.entity, what: what.into() });
    }

    fn ask(&mut self, question: Question) {
        let review = Review { id: 0, question, opened_at: self.batch.at, state: ReviewState::Open };
        self.batch.reviews.push(ReviewWrite::Open(review));
    }

    /// Plans every entity of the call once more with what was learnt: bases move where the sides now agree. Returns those
    /// with nothing left to write.
    fn replan(&mut self, ctx: &Ctx, surroundings: &Surroundings) -> Vec<EntityId> {
        let context = surroundings.context(ctx);
        let mut settled = Vec::new();
        let opened_at = self.batch.at;
        for hood in self.hoods.values_mut() {
            complete(ctx, hood, &self.touched);
            let plan = plan_entity(&context, hood);
            for (link, snapshot) in hood.links.iter().zip(&hood.snapshots) {
                if !self.touched.contains(&link.record) || link.facet != hood.kind {
                    continue;
                }
                if let Some(snapshot) = snapshot {
                    self.batch.keys.extend(crate::capture::matching_keys(ctx.mapping(), snapshot));
                    self.batch.snapshots.push(snapshot.clone());
                }
                if !plan.bases.iter().any(|(record, _)| *record == link.record) {
                    self.batch.links.push(LinkWrite::Put(link.clone()));
                }
            }
            keep(&mut self.batch, hood, &plan, opened_at);
            if plan.operations.is_empty() {
                settled.push(hood.entity);
            }
        }
        settled
    }
}

/// The base of a link that has agreed on nothing yet.
fn unagreed(ctx: &Ctx, kind: Kind, record: &RecordRef) -> Base {
    let fields = side_fields(ctx.mapping(), kind, record).into_keys();
    Base {
        mapping: side_digest(ctx.mapping(), kind, record),
        entries: fields.map(|field| (field, BaseEntry { agreed: None, changed: None })).collect(),
    }
}

/// Whether a relation was made or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Related {
    Yes,
    No,
}

/// Bound fields of records that we made and that nothing was written to are known to be empty; the base of a new record
/// is what it was made with.
fn complete(ctx: &Ctx, hood: &mut Neighbourhood, touched: &BTreeSet<RecordRef>) {
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

fn set_field(snapshot: &mut Snapshot, field: &FieldName, value: Observed) {
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
            hood.targets.insert(target, Target { entity: Some(entity) });
        }
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

/// What a rejection says about the fields of an operation: those it names, else all of them.
fn refusals_of(connection: &ConnectionName, operation: &Operation, rejection: &Rejection) -> Vec<Refusal> {
    let fields = operation.action.fields();
    let object = match &operation.action {
        Action::Create { object, .. } => object.clone(),
        Action::Update { record, .. } | Action::Archive { record, .. } => record.object.clone(),
        Action::Associate(_) | Action::Dissociate(_) => return Vec::new(),
    };
    let refusal = |field: Option<FieldName>, after| Refusal {
        connection: connection.clone(),
        field,
        after,
        code: rejection.code.as_str().into(),
        message: rejection.message.as_str().into(),
        wake: format!("schema:{connection}/{object}"),
    };
    let of_field = |change: &FieldChange| {
        refusal(Some(change.field.clone()), vec![(change.field.clone(), change.after.clone())])
    };
    let named: Vec<_> = match &rejection.class {
        RejectionClass::Fields(names) => {
            fields.iter().filter(|change| names.contains(&change.field)).collect()
        }
        RejectionClass::Exists(_)
        | RejectionClass::Gone
        | RejectionClass::Converted
        | RejectionClass::Permission
        | RejectionClass::Moved
        | RejectionClass::Other => Vec::new(),
    };
    if !named.is_empty() {
        named.into_iter().map(of_field).collect()
    } else if matches!(operation.action, Action::Create { .. }) {
        let after = fields.iter().map(|change| (change.field.clone(), change.after.clone())).collect();
        vec![refusal(None, after)]
    } else {
        // The vendor does not say which field: none of them is tried again as it is.
        fields.iter().map(of_field).collect()
    }
}

/// A record that the vendor says is not there, while no reading shows it deleted: it is hidden from us. That is a refusal
/// like any other, which ends when the record is seen again (HUB-4).
async fn refuse_unseen(
    ctx: &Ctx,
    surroundings: &mut Surroundings,
    connection: &ConnectionName,
    gone: Vec<(Operation, Rejection, RecordRef)>,
) -> Result<(), Error> {
    let mut batch = ctx.batch();
    for (operation, rejection, record) in gone {
        let stored = ctx.store.records(std::slice::from_ref(&record)).await?.pop();
        let Some(snapshot) = stored.and_then(|stored| stored.snapshot).filter(Snapshot::is_live) else {
            continue;
        };
        for refusal in refusals_of(connection, &operation, &rejection) {
            let kept =
                Kept::new(ctx, operation.kind, refusal).until_seen(record.clone(), snapshot.version.clone());
            let list = surroundings.refuse(operation.entity, kept);
            refusals::keep(&mut batch, operation.entity, list)?;
        }
    }
    if !batch.puts.is_empty() {
        ctx.store.commit(batch).await?;
    }
    Ok(())
}

/// The vendor says that the record is there already: linked if it is nobody's yet, else a person looks (CRM-6).
async fn link_existing(ctx: &Ctx, operation: Operation, candidate: RecordRef) -> Result<(), Error> {
    crate::capture::records(ctx, std::slice::from_ref(&candidate)).await?;
    let stored = ctx.store.records(std::slice::from_ref(&candidate)).await?;
    let Some(stored) = stored.into_iter().next() else { return Ok(()) };
    let mut batch = ctx.batch();
    let link = stored.links.iter().find(|link| link.facet == operation.kind);
    let free = match link {
        None => stored.snapshot.is_some(),
        Some(link) => link.entity == operation.entity || (link.base.is_none() && is_alone(ctx, link).await?),
    };
    if !free {
        let question = Question::Duplicate { entity: operation.entity, candidates: vec![candidate] };
        batch.reviews.push(ReviewWrite::Open(Review {
            id: 0,
            question,
            opened_at: batch.at,
            state: ReviewState::Open,
        }));
        ctx.store.commit(batch).await?;
        return Ok(());
    }
    batch.links.push(LinkWrite::Put(Link {
        record: candidate.clone(),
        facet: operation.kind,
        entity: operation.entity,
        state: LinkState::Active,
        evidence: Evidence::Existing,
        since: JournalSeq::default(),
        base: None,
    }));
    batch.journal.push(Event::Linked {
        record: candidate.clone(),
        facet: operation.kind,
        entity: operation.entity,
        state: LinkState::Active,
        evidence: Evidence::Existing,
    });
    batch.dirty.push(DirtyKey::Entity(operation.kind, operation.entity));
    batch.wake.push(format!("entity:{}", operation.entity));
    batch.wake.push(format!("record:{candidate}"));
    ctx.store.commit(batch).await?;
    Ok(())
}

async fn is_alone(ctx: &Ctx, link: &Link) -> Result<bool, Error> {
    let entity = ctx.store.entities(&[link.entity]).await?;
    Ok(entity.iter().all(|entity| entity.links.iter().filter(|other| other.state.is_active()).count() <= 1))
}

/// The payload of an open call, as [`super::recover`] reads it.
pub(super) fn payload(bytes: &[u8]) -> Result<OpenPayload, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| syncline_store::StoreError::Corrupt(format!("an open call: {error}")).into())
}
