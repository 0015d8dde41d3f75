//! What a vendor answered becomes the new base, in the transaction that ends the call: the record as written, its link,
//! and the agreement of the other sides, found by planning the entity once more.

mod agreed;
mod found;
mod refused;
mod related;
mod written;

pub(crate) use found::{Found, found};

use super::{
    Applier, Intent, OpenPayload, Turn,
    calling::{Unknown, open_rest},
    not_undone, result_of,
};
use crate::{
    ctx::Ctx,
    error::Error,
    hoods::Surroundings,
    planning::{Pass, keep},
};
use refused::{LostRow, refuse_until_seen};
pub(super) use refused::{found_elsewhere, link_existing};
use std::collections::{BTreeMap, BTreeSet};
use syncline_core::plan::{Neighbourhood, plan_entity};
use syncline_kit::vendor::{Rejection, RejectionClass, RowOutcome, WriteCall};
use syncline_model::{
    Action, ConnectionName, EntityId, Kind, Link, Operation, RecordRef,
    journal::{CallId, Event, RowValues, Written},
    operation::Case,
};
use syncline_store::{Batch, DirtyKey, JournalValue, LinkWrite};
use written::complete;

impl Applier<'_> {
    pub(super) async fn learn(
        &mut self,
        pass: &mut Pass<'_>,
        connection: &ConnectionName,
        intent: Intent,
        call: &WriteCall,
        operations: &[Operation],
        outcomes: Vec<RowOutcome>,
    ) -> Result<(), Error> {
        let ctx = self.ctx;
        let mut lesson = Lesson::load(ctx, &mut pass.surroundings, operations, &outcomes).await?;
        lesson.batch.run = self.run.or(lesson.batch.run);
        let mut open = Vec::new();
        for (place, ((row, operation), outcome)) in
            call.rows.iter().zip(operations).zip(&outcomes).enumerate()
        {
            if matches!(operation.action, Action::Dissociate(_))
                && !matches!(outcome, RowOutcome::Confirmed { .. })
            {
                self.clinging.insert((operation.entity, connection.clone()));
            }
            match outcome {
                RowOutcome::Confirmed { record, observation, .. } => {
                    self.count(connection, operation);
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
                RowOutcome::Rejected(rejection)
                    if intent.turn == Turn::Early && is_displaced(&operation.action, rejection) =>
                {
                    self.displaced.push(operation.clone());
                }
                RowOutcome::Rejected(rejection) => {
                    self.tally.rejected += 1;
                    if is_undo(&operation.action) {
                        self.not_undone.extend(not_undone::refused(operation, rejection));
                    }
                    lesson.rejected(ctx, &mut pass.surroundings, connection, operation, rejection)?;
                }
                RowOutcome::Again { .. } => self.tally.postponed += 1,
                RowOutcome::Unknown { .. } if intent.unknown == Unknown::Open => {
                    open.push((row.clone(), operation.clone()));
                }
                RowOutcome::Unknown { why } => {
                    self.tally.unknown += 1;
                    let lost =
                        LostRow { intent, run: self.run.or(ctx.run), place, rows: call.rows.len(), row };
                    lesson.park(ctx, &mut pass.surroundings, operation, &lost, why)?;
                }
            }
        }
        lesson.taken_back = operations.iter().filter(|it| is_undo(&it.action)).map(|it| it.entity).collect();
        for entity in lesson.replan(ctx, &pass.surroundings) {
            if let Some(dirty) = self.dirty.get(&entity) {
                lesson.batch.done.push(dirty.clone());
            }
        }
        lesson.batch.calls_ended.push(intent.id);
        journal_end(&mut lesson.batch, intent.id, operations, &outcomes);
        if !open.is_empty() {
            let (rows, operations) = open.into_iter().unzip();
            let (endpoint, shape) = (call.endpoint.clone(), call.shape.clone());
            let rest = OpenPayload { call: WriteCall { endpoint, shape, rows }, operations };
            open_rest(ctx, &mut lesson.batch, connection, intent, &rest)?;
        }
        let to_read = std::mem::take(&mut lesson.read);
        let existing = std::mem::take(&mut lesson.existing);
        let unseen = std::mem::take(&mut lesson.unseen);
        ctx.store.commit(lesson.batch).await?;
        if !to_read.is_empty() {
            crate::capture::records(ctx, &to_read).await?;
        }
        refuse_until_seen(ctx, &mut pass.surroundings, connection, unseen).await?;
        for (operation, rejection, candidate) in existing {
            link_existing(ctx, &mut pass.surroundings, operation, &rejection, candidate).await?;
        }
        Ok(())
    }

    fn count(&mut self, connection: &ConnectionName, operation: &Operation) {
        self.done.add(self.ctx.mapping(), operation.kind, connection, &operation.action);
        match operation.action {
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
    /// What was refused because its record is not there, or of a relation to this one.
    unseen: Vec<(Operation, Rejection, RecordRef)>,
    /// Creates that the vendor answered with the record that is there already.
    existing: Vec<(Operation, Rejection, RecordRef)>,
    /// Entities of which something was taken back.
    taken_back: BTreeSet<EntityId>,
    /// The organisation that each new lead is known to belong to.
    organisations: BTreeMap<EntityId, EntityId>,
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
            unseen: Vec::new(),
            existing: Vec::new(),
            taken_back: BTreeSet::new(),
            organisations: BTreeMap::new(),
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
                self.organisations.insert(operation.entity, organisation);
            }
        }
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
            } else if self.taken_back.contains(&hood.entity) {
                // What changed meanwhile follows: no work of this entity was waiting.
                self.batch.dirty.push(DirtyKey::Entity(hood.kind, hood.entity));
            }
        }
        settled
    }
}

/// Whether an update waits for another record to give up what it is to hold.
fn is_displaced(action: &Action, rejection: &Rejection) -> bool {
    matches!(action, Action::Update { .. }) && matches!(rejection.class, RejectionClass::Exists(_))
}

/// Whether an operation takes back what an earlier run wrote.
pub(crate) fn is_undo(action: &Action) -> bool {
    match action {
        Action::Create { fields, .. } | Action::Update { fields, .. } => {
            fields.iter().any(|change| change.reason.case == Case::Undone)
        }
        Action::Archive { reason, .. } => reason.case == Case::Undone,
        Action::Associate(association) | Action::Dissociate(association) => {
            association.reason.case == Case::Undone
        }
    }
}

/// The end of a call, with the values of what was confirmed.
fn journal_end(batch: &mut Batch, call: CallId, operations: &[Operation], outcomes: &[RowOutcome]) {
    let entry = batch.journal.len();
    batch.journal.push(Event::CallEnded { call, rows: outcomes.iter().map(result_of).collect() });
    for (row, (operation, outcome)) in (0..).zip(operations.iter().zip(outcomes)) {
        if let RowOutcome::Confirmed { record, created, .. } = outcome {
            let record = record.clone();
            let written = Written::of(operation, record.clone(), *created);
            let values = RowValues::Written(Box::new(written));
            batch.values.push(JournalValue { entry, row, record, values });
        }
    }
}

/// The payload of an open call, as [`super::recover`] reads it.
pub(super) fn payload(bytes: &[u8]) -> Result<OpenPayload, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| syncline_store::StoreError::Corrupt(format!("an open call: {error}")).into())
}
