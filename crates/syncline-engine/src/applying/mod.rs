//! Applying: operations become rows, rows become calls, and what the vendor answers becomes the new base. The intent of
//! each call is durable before its first byte leaves; an unknown outcome is settled by a strong read or parked, never
//! repeated blindly (design §5).

mod archiving;
mod calling;
mod learn;
mod not_undone;
mod order;
mod recover;
mod rows;
mod taken;

pub(crate) use learn::{Found, found, is_undo};
pub use recover::recover;

use crate::{ctx::Ctx, error::Error, guards::Counts, planning::Pass};
use calling::Intent;
use std::collections::{BTreeMap, BTreeSet};
use syncline_kit::vendor::{RowOutcome, WriteCall};
use syncline_model::{
    Action, ConnectionName, EntityId, Operation, OperationId, RecordRef, RunId, journal::RowResult,
    plan::Finding,
};
use syncline_store::Dirty;

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
    /// What guards count of what was done.
    pub(crate) done: Counts,
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
            done: Counts::default(),
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
