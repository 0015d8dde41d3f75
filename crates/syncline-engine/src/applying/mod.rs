//! Applying: operations become rows, rows become calls, and what the vendor answers becomes the new base. The intent of
//! each call is durable before its first byte leaves; an unknown outcome is settled by a strong read or parked, never
//! repeated blindly (design §5).

mod learn;
mod not_undone;
mod recover;
mod rows;
mod taken;

pub(crate) use learn::{Found, found, is_undo};
pub use recover::recover;

use crate::{capture, ctx::Ctx, error::Error, planning::Pass, referring, reread};
use std::collections::{BTreeMap, BTreeSet};
use syncline_kit::vendor::{RowOutcome, VendorError, WriteCall, WriteRow};
use syncline_model::{
    Action, ConnectionName, Endpoint, EntityId, FieldName, Kind, Operation, OperationId, RecordRef, RunId,
    Snapshot,
    defect::{Defect, planted},
    journal::{CallId, Event, IntendedRow, RowResult},
    operation::Case,
    plan::Finding,
};
use syncline_store::{Dirty, OpenCall};

/// Operations gathered before they are packed: enough to fill every vendor's largest call several times.
const GATHER: usize = 4_000;

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Records created.
    pub created: u64,
    /// Records updated.
    pub updated: u64,
    /// Relations made or taken away.
    pub associated: u64,
    /// Records archived.
    pub archived: u64,
    /// Rows that a vendor refused.
    pub rejected: u64,
    /// Rows whose outcome stays unknown.
    pub unknown: u64,
    /// Rows that were not sent or are to be sent again.
    pub postponed: u64,
}

impl Tally {
    /// Rows that changed something at a vendor.
    pub fn writes(&self) -> u64 {
        self.created + self.updated + self.associated + self.archived
    }

    /// Adds another tally.
    pub fn add(&mut self, other: &Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.associated += other.associated;
        self.archived += other.archived;
        self.rejected += other.rejected;
        self.unknown += other.unknown;
        self.postponed += other.postponed;
    }
}

/// What is stored of an open call, so that a successor can settle it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct OpenPayload {
    pub(crate) call: WriteCall,
    pub(crate) operations: Vec<Operation>,
}

/// A call whose intent is stored.
#[derive(Debug, Clone, Copy)]
struct Intent {
    id: CallId,
    /// When, by our clock.
    at: jiff::Timestamp,
    turn: Turn,
}

/// Whether a row that another record stands in the way of is sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Yes, when everything else has been sent.
    Early,
    /// No: what is refused now is refused.
    Last,
}

/// Applies operations as they are handed over.
pub struct Applier<'a> {
    ctx: &'a Ctx,
    /// Creates and updates of the present level.
    fields: Vec<Operation>,
    /// Relations of the present level: both ends must be there first.
    relations: Vec<Operation>,
    /// Updates that were refused because another record holds their value, which it may give up, or go, in this very run: an
    /// address moves from one contact to another. They have another turn at the end.
    displaced: Vec<Operation>,
    /// What is taken away, after everything else: children before parents.
    archives: Vec<Operation>,
    dirty: BTreeMap<EntityId, Dirty>,
    /// The run of a call that a crash left open: its end belongs to that run.
    run: Option<RunId>,
    created: BTreeMap<(EntityId, ConnectionName), RecordRef>,
    /// Whose relations were to end and have not: none of theirs begins. A plan may have the one and the other in levels of
    /// their own.
    clinging: BTreeSet<(EntityId, ConnectionName)>,
    /// Records that were to follow a delete and that somebody refers to.
    pub(crate) kept: u64,
    /// What stays because a vendor refused to have it taken back.
    pub(crate) not_undone: Vec<Finding>,
    /// What was done so far.
    pub tally: Tally,
    /// Connections that were written.
    pub written: BTreeSet<ConnectionName>,
}

impl<'a> Applier<'a> {
    /// Nothing to do yet.
    pub fn new(ctx: &'a Ctx) -> Self {
        Self {
            ctx,
            fields: Vec::new(),
            relations: Vec::new(),
            displaced: Vec::new(),
            archives: Vec::new(),
            dirty: BTreeMap::new(),
            run: None,
            created: BTreeMap::new(),
            clinging: BTreeSet::new(),
            kept: 0,
            not_undone: Vec::new(),
            tally: Tally::default(),
            written: BTreeSet::new(),
        }
    }

    /// Takes operations of one entity; sends what has gathered. `dirty` is the work that ends when all is confirmed.
    ///
    /// # Errors
    /// As for [`Applier::finish_level`].
    pub async fn take(
        &mut self,
        pass: &mut Pass<'_>,
        operations: Vec<Operation>,
        dirty: Option<Dirty>,
    ) -> Result<(), Error> {
        if let (Some(first), Some(dirty)) = (operations.first(), dirty) {
            self.dirty.insert(first.entity, dirty);
        }
        for operation in operations {
            match &operation.action {
                Action::Create { .. } | Action::Update { .. } => self.fields.push(operation),
                Action::Archive { .. } => self.archives.push(operation),
                Action::Associate(_) | Action::Dissociate(_) => self.relations.push(operation),
            }
        }
        if self.fields.len() >= GATHER {
            self.send_fields(pass).await?;
        }
        Ok(())
    }

    /// Sends everything: first records, then the relations between them, those first that end: one that takes the place of
    /// another comes after it (`plan::edges::one`), and a call carries only one sort. Before them comes what comes beside one
    /// that goes.
    ///
    /// # Errors
    /// [`Error::Vendor`] where a vendor cannot be written any further now; [`Error::Store`]. What was confirmed is kept.
    pub async fn finish_level(&mut self, pass: &mut Pass<'_>) -> Result<(), Error> {
        self.send_fields(pass).await?;
        let (ending, beginning): (Vec<Operation>, Vec<Operation>) = std::mem::take(&mut self.relations)
            .into_iter()
            .partition(|operation| matches!(operation.action, Action::Dissociate(_)));
        let going = primary_ends(&ending);
        let (beside, beginning): (Vec<Operation>, Vec<Operation>) =
            beginning.into_iter().partition(|operation| comes_beside(operation, &going));
        self.send(pass, beside, Turn::Early).await?;
        self.send(pass, ending, Turn::Early).await?;
        let (waiting, beginning): (Vec<Operation>, Vec<Operation>) = beginning
            .into_iter()
            .partition(|operation| self.clinging.contains(&(operation.entity, operation.connection.clone())));
        self.tally.postponed += waiting.len() as u64;
        self.send(pass, beginning, Turn::Early).await?;
        let waiting = self.archives.iter().chain(&self.displaced);
        let waiting: BTreeSet<EntityId> = waiting.map(|operation| operation.entity).collect();
        self.dirty.retain(|entity, _| waiting.contains(entity));
        Ok(())
    }

    /// Sends what is left and then takes away what is to go, kinds upwards from deals: by then nothing that goes too refers
    /// to it. Last come the updates that others stood in the way of.
    ///
    /// # Errors
    /// As for [`Applier::finish_level`].
    pub async fn finish(&mut self, pass: &mut Pass<'_>) -> Result<(), Error> {
        self.finish_level(pass).await?;
        let mut archives = std::mem::take(&mut self.archives);
        for kind in Kind::ALL.into_iter().rev() {
            let (level, rest): (Vec<Operation>, Vec<Operation>) =
                archives.into_iter().partition(|operation| operation.kind == kind);
            archives = rest;
            let ready = self.seen_to_archive(level).await?;
            self.send(pass, ready, Turn::Early).await?;
        }
        self.send_displaced(pass).await?;
        self.dirty.clear();
        Ok(())
    }

    async fn send_fields(&mut self, pass: &mut Pass<'_>) -> Result<(), Error> {
        let fields = std::mem::take(&mut self.fields);
        self.send(pass, fields, Turn::Early).await
    }

    /// An address that passes from hand to hand comes free one hand at a time, for as long as any does.
    async fn send_displaced(&mut self, pass: &mut Pass<'_>) -> Result<(), Error> {
        let mut before = usize::MAX;
        while !self.displaced.is_empty() {
            let displaced = std::mem::take(&mut self.displaced);
            let turn = if displaced.len() > 1 && displaced.len() < before { Turn::Early } else { Turn::Last };
            before = displaced.len();
            self.send(pass, displaced, turn).await?;
        }
        Ok(())
    }

    async fn send(
        &mut self,
        pass: &mut Pass<'_>,
        operations: Vec<Operation>,
        turn: Turn,
    ) -> Result<(), Error> {
        let mut by_connection: BTreeMap<ConnectionName, Vec<Operation>> = BTreeMap::new();
        for operation in operations {
            by_connection.entry(operation.connection.clone()).or_default().push(operation);
        }
        for (connection, operations) in by_connection {
            let live = self.ctx.connection(&connection)?;
            let operations = self.without_taken(pass, operations).await?;
            let rows = self.rows(&operations).await?;
            self.tally.postponed += (operations.len() - rows.len()) as u64;
            let by_id: BTreeMap<OperationId, Operation> =
                operations.into_iter().map(|operation| (operation.id, operation)).collect();
            for call in live.vendor.pack(rows) {
                let operations: Vec<Operation> =
                    call.rows.iter().filter_map(|row| by_id.get(&row.operation).cloned()).collect();
                self.call(pass, &connection, call, operations, turn).await?;
            }
        }
        Ok(())
    }

    /// A record is taken away only as it is seen at this moment: an id may have come to stand for another record since the
    /// last reading (HubSpot answers a merged record's id with its survivor), an index shows an edit late, and somebody may
    /// have related something to it, which moves no stamp. What reads otherwise now is work of the next round.
    async fn seen_to_archive(&mut self, operations: Vec<Operation>) -> Result<Vec<Operation>, Error> {
        let records: Vec<RecordRef> = operations
            .iter()
            .filter_map(|operation| archived(operation).map(|(record, _)| record.clone()))
            .collect();
        if records.is_empty() {
            return Ok(operations);
        }
        let referrers = referring::look(self.ctx, &records).await?;
        // Last, with nothing asked between this and the call: what is merged since takes its survivor along.
        let before = self.ctx.store.records(&records).await?;
        capture::records(self.ctx, &records).await?;
        let after = self.ctx.store.records(&records).await?;
        // An earlier call of this run may have told already that it is not there any more.
        let mut going: BTreeSet<RecordRef> = records
            .iter()
            .zip(before.into_iter().zip(after))
            .filter(|(_, (before, after))| {
                before.snapshot == after.snapshot && after.snapshot.as_ref().is_some_and(Snapshot::is_live)
            })
            .map(|(record, _)| record.clone())
            .collect();
        let mut batch = self.ctx.batch();
        // Whoever stays keeps what it refers to, until nothing more has to stay.
        while let Some(keeper) =
            referrers.iter().find(|it| going.contains(&it.parent) && !going.contains(&it.child))
        {
            going.remove(&keeper.parent);
            // What is taken back is listed by the next plan of it; of the rest a person is asked.
            let by_rule = |it: &Operation| {
                archived(it).is_some_and(|it| it.0 == &keeper.parent && it.1 != Case::Undone)
            };
            if operations.iter().any(by_rule) {
                batch.puts.push(referring::noted(&keeper.parent, Some(keeper))?);
                self.kept += 1;
            }
        }
        for record in &going {
            batch.puts.push(referring::noted(record, None)?);
        }
        if !batch.puts.is_empty() {
            self.ctx.store.commit(batch).await?;
        }
        let (ready, waiting): (Vec<Operation>, Vec<Operation>) = operations
            .into_iter()
            .partition(|operation| archived(operation).is_none_or(|(record, _)| going.contains(record)));
        self.tally.postponed += waiting.len() as u64;
        Ok(ready)
    }

    /// One call: intent, send, answer, learn.
    async fn call(
        &mut self,
        pass: &mut Pass<'_>,
        connection: &ConnectionName,
        mut call: WriteCall,
        mut operations: Vec<Operation>,
        turn: Turn,
    ) -> Result<(), Error> {
        self.ctx.lease.keep().await?;
        let intent = self.intend(connection, &call, &operations, turn).await?;
        let vendor = self.ctx.connection(connection)?.vendor.clone();
        self.written.insert(connection.clone());
        let (outcomes, moved) = match vendor.write(&call).await {
            // Where nobody can be asked either, the call stays open: the next run settles it before anything else.
            Ok(outcomes) => self
                .settle_unknown(connection, &mut call, &mut operations, outcomes)
                .await
                .map_err(|error| Error::vendor(connection, error))?,
            Err(error) => {
                let refused = refused_call(&error);
                let outcomes = call
                    .rows
                    .iter()
                    .map(|_| refused.clone().unwrap_or(RowOutcome::Again { why: error.to_string() }))
                    .collect();
                self.learn(pass, connection, intent, &call, &operations, outcomes).await?;
                return match refused {
                    Some(_) => Ok(()),
                    None => Err(Error::vendor(connection, error)),
                };
            }
        };
        reread::note_all(self.ctx, &moved).await?;
        self.learn(pass, connection, intent, &call, &operations, outcomes).await?;
        if !moved.is_empty() {
            reread::read(self.ctx).await?;
        }
        Ok(())
    }

    async fn intend(
        &self,
        connection: &ConnectionName,
        call: &WriteCall,
        operations: &[Operation],
        turn: Turn,
    ) -> Result<Intent, Error> {
        let mut batch = self.ctx.batch();
        let id = CallId(self.ctx.ids.next(batch.at));
        let intent = Intent { id, at: batch.at, turn };
        self.ctx.connection(connection)?.keep_pace(&mut batch);
        let payload = OpenPayload { call: call.clone(), operations: operations.to_vec() };
        if planted(Defect::SecondCopy) {
            return Ok(intent);
        }
        batch.calls_opened.push(OpenCall {
            call: id,
            run: self.ctx.run,
            connection: connection.clone(),
            at: batch.at,
            payload: serde_json::to_vec(&payload).map_err(|error| Error::Internal(error.to_string()))?,
        });
        batch.journal.push(Event::CallIntended {
            call: id,
            connection: connection.clone(),
            endpoint: call.endpoint.as_str().into(),
            rows: operations.iter().map(intended).collect(),
        });
        self.ctx.store.commit(batch).await?;
        Ok(intent)
    }

    /// Rows that nobody knows of are settled by reading (HUB-11). Also returns the records that were changed since.
    ///
    /// # Errors
    /// What the vendor said where it could not be read, and nothing is known of any row: what such a call wrote must not be
    /// taken for somebody's edit later.
    async fn settle_unknown(
        &self,
        connection: &ConnectionName,
        call: &mut WriteCall,
        operations: &mut [Operation],
        mut outcomes: Vec<RowOutcome>,
    ) -> Result<(Vec<RowOutcome>, Vec<RecordRef>), VendorError> {
        let mut moved = Vec::new();
        // A call that answers fewer rows than it was sent says nothing about the rest.
        outcomes.resize(call.rows.len(), RowOutcome::Unknown { why: "no answer for this row".to_owned() });
        let unknown: Vec<usize> = outcomes
            .iter()
            .enumerate()
            .filter(|(_, outcome)| matches!(outcome, RowOutcome::Unknown { .. }))
            .map(|(position, _)| position)
            .collect();
        if unknown.is_empty() {
            return Ok((outcomes, moved));
        }
        let rows: Vec<WriteRow> = unknown.iter().map(|position| call.rows[*position].clone()).collect();
        let Ok(live) = self.ctx.connection(connection) else { return Ok((outcomes, moved)) };
        match live.vendor.probe(&rows).await {
            Ok(probes) => {
                for (position, probe) in unknown.into_iter().zip(probes) {
                    let sent = (call.rows.get_mut(position), operations.get_mut(position));
                    let (Some(row), Some(operation)) = sent else { continue };
                    if let Some(settled) = recover::settled(row, operation, probe, &mut moved) {
                        outcomes[position] = settled;
                    }
                }
            }
            Err(error) if rows.len() == outcomes.len() => return Err(error),
            Err(error) => tracing::warn!(%connection, %error, "unknown rows could not be read back"),
        }
        Ok((outcomes, moved))
    }
}

/// Where the primary relations lead that end, by whose and of which field they are.
fn primary_ends(ending: &[Operation]) -> BTreeMap<(Endpoint, FieldName), Endpoint> {
    let primary = |operation: &Operation| {
        let Action::Dissociate(going) = &operation.action else { return None };
        going.primary.then(|| ((going.from.clone(), going.field.clone()), going.to.clone()))
    };
    ending.iter().filter_map(primary).collect()
}

/// Whether a relation comes beside the primary one, which ends: as the only one HubSpot would make it the primary one.
fn comes_beside(operation: &Operation, going: &BTreeMap<(Endpoint, FieldName), Endpoint>) -> bool {
    let Action::Associate(coming) = &operation.action else { return false };
    let goes = || going.get(&(coming.from.clone(), coming.field.clone()));
    !coming.primary && goes().is_some_and(|to| *to != coming.to)
}

/// What an operation takes away, and why.
fn archived(operation: &Operation) -> Option<(&RecordRef, Case)> {
    match &operation.action {
        Action::Archive { record, reason } => Some((record, reason.case)),
        Action::Create { .. } | Action::Update { .. } | Action::Associate(_) | Action::Dissociate(_) => None,
    }
}

/// A call that the vendor refused as a whole is a refusal of each of its rows; anything else may pass.
fn refused_call(error: &VendorError) -> Option<RowOutcome> {
    use syncline_kit::vendor::{Rejection, RejectionClass};
    match error {
        VendorError::Refused { code, message } => Some(RowOutcome::Rejected(Rejection {
            class: RejectionClass::Other,
            code: code.clone(),
            message: message.clone(),
        })),
        VendorError::Permission(message) => Some(RowOutcome::Rejected(Rejection {
            class: RejectionClass::Permission,
            code: "PERMISSION".to_owned(),
            message: message.clone(),
        })),
        VendorError::Credentials(_)
        | VendorError::Limit { .. }
        | VendorError::Unavailable(_)
        | VendorError::OtherAccount { .. }
        | VendorError::Protocol(_) => None,
    }
}

fn intended(operation: &Operation) -> IntendedRow {
    let (record, object) = match &operation.action {
        Action::Create { object, .. } => (None, Some(object.clone())),
        Action::Update { record, .. } | Action::Archive { record, .. } => (Some(record.clone()), None),
        Action::Associate(association) | Action::Dissociate(association) => match &association.from {
            Endpoint::Record(record) => (Some(record.clone()), None),
            Endpoint::Entity(_) => (None, None),
        },
    };
    IntendedRow {
        operation: operation.id,
        entity: operation.entity,
        word: operation.action.word().into(),
        record,
        object,
        fields: operation.action.fields().iter().map(|change| change.field.as_str().into()).collect(),
    }
}

fn result_of(outcome: &RowOutcome) -> RowResult {
    match outcome {
        RowOutcome::Confirmed { record, created, .. } => {
            RowResult::Confirmed { record: record.clone(), created: *created }
        }
        RowOutcome::Rejected(rejection) => RowResult::Rejected {
            code: rejection.code.as_str().into(),
            message: rejection.message.as_str().into(),
        },
        RowOutcome::Again { why } => RowResult::NotSent { why: why.as_str().into() },
        RowOutcome::Unknown { why } => RowResult::Unknown { why: why.as_str().into() },
    }
}
