//! The journal: everything observed, decided, sent and answered, in order (HUB-6).

use crate::{
    ids::{ConnectionName, EntityId, FieldName, JournalSeq, Kind, ObjectName, RecordRef, RunId},
    link::{Evidence, Link, LinkState},
    observation::Observed,
    operation::{Action, Endpoint, Operation, OperationId},
    plan::Confirms,
    review::ReviewState,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// One entry as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Its position.
    pub seq: JournalSeq,
    /// When, by this machine's clock.
    pub at: Timestamp,
    /// In which run, if any.
    pub run: Option<RunId>,
    /// What.
    pub event: Event,
}

/// Names one API call of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallId(pub Uuid);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// A run began.
    RunStarted {
        /// The plan it applies.
        plan: Uuid,
        /// Who or what started it (`apply`, `sync`, `serve`).
        by: Arc<str>,
    },
    /// A run ended.
    RunEnded {
        /// In one line.
        summary: Arc<str>,
    },
    /// A page of records was read for the first time.
    Baseline {
        /// Where.
        connection: ConnectionName,
        /// Of which object.
        object: ObjectName,
        /// How many rows.
        rows: u64,
        /// First and last id of the page.
        range: (Arc<str>, Arc<str>),
    },
    /// A record changed outside: the fields that differ from the last observation (names only; values are in the
    /// snapshot and, by reference, in the value table).
    Changed {
        /// The record.
        record: RecordRef,
        /// Names of the changed fields.
        fields: Vec<Arc<str>>,
    },
    /// A link changed.
    Linked {
        /// The record.
        record: RecordRef,
        /// Which side of it.
        facet: Kind,
        /// What it is.
        entity: EntityId,
        /// Where the link stands now.
        state: LinkState,
        /// Why.
        evidence: Evidence,
    },
    /// A call is about to be sent. Durable before its first byte leaves.
    CallIntended {
        /// Its id.
        call: CallId,
        /// Where to.
        connection: ConnectionName,
        /// Method and path.
        endpoint: Arc<str>,
        /// Which operations it carries, in the order of its rows.
        rows: Vec<IntendedRow>,
    },
    /// A call's outcome is known, or known to be unknown.
    CallEnded {
        /// Which call.
        call: CallId,
        /// Per row, in the order of the intent.
        rows: Vec<RowResult>,
    },
    /// A person confirmed a first contact or a backfill.
    Confirmed {
        /// What.
        what: Confirms,
        /// Who.
        who: Arc<str>,
    },
    /// A review item was opened or answered.
    Review {
        /// Its number.
        review: u64,
        /// How it stands now.
        state: ReviewState,
    },
    /// The values of a record's past were erased, and what its rows were before.
    Erased {
        /// The record.
        record: RecordRef,
        /// Who asked for it.
        who: Arc<str>,
    },
    /// What had been kept long enough was let go, each up to the last checkpoint at or before the entry.
    LetGo {
        /// Values of what was observed, and what rows were before.
        observed: JournalSeq,
        /// Entries with all their values.
        entries: JournalSeq,
    },
    /// The configuration in force changed.
    Config {
        /// Its digest.
        sha256: Arc<str>,
    },
}

impl Event {
    /// That a link is now as it is.
    pub fn linked(link: &Link) -> Self {
        Self::Linked {
            record: link.record.clone(),
            facet: link.facet,
            entity: link.entity,
            state: link.state.clone(),
            evidence: link.evidence.clone(),
        }
    }
}

/// One row of an intended call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntendedRow {
    /// The operation in its plan.
    pub operation: OperationId,
    /// For which entity.
    pub entity: EntityId,
    /// The word of the operation.
    pub word: Arc<str>,
    /// The record, if it is there already.
    pub record: Option<RecordRef>,
    /// For a create: the object.
    pub object: Option<ObjectName>,
    /// The names of the fields that are written.
    pub fields: Vec<Arc<str>>,
}

/// How one row of a call ended (decisions §1.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum RowResult {
    /// Done.
    Confirmed {
        /// The record written.
        record: RecordRef,
        /// Whether the vendor says it was created by this call.
        created: bool,
    },
    /// Refused; nothing was written.
    Rejected {
        /// The vendor's code.
        code: Arc<str>,
        /// The vendor's message.
        message: Arc<str>,
    },
    /// Nobody knows; to be resolved by reading.
    Unknown {
        /// Why.
        why: Arc<str>,
    },
    /// Never sent: a precondition moved or the call failed as a whole before it left.
    NotSent {
        /// Why.
        why: Arc<str>,
    },
    /// Was unknown; a strong read settled it.
    Resolved {
        /// The record, or `None` when the read proved that nothing was written.
        record: Option<RecordRef>,
    },
    /// Was unknown and stays so; a person looks.
    Parked {
        /// Why.
        why: Arc<str>,
    },
}

/// The values of one row of an entry. They are kept beside the journal and can be erased without it: the entry itself
/// holds names only (decisions §3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowValues {
    /// Of a confirmed row of [`Event::CallEnded`].
    Written(Box<Written>),
    /// Of [`Event::Changed`]: the fields in the entry's order.
    Changed(Vec<Moved>),
}

/// What a confirmed row wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The operation as planned, without its preconditions (they were of that moment). The fields of a create that made a
    /// new record are left out too: its undoing is an archive.
    pub operation: Operation,
    /// The record that was written, as the vendor named it; of a relation, the child.
    pub record: RecordRef,
    /// Whether the vendor said that the record was created by this call.
    pub created: bool,
}

impl Written {
    /// What is kept of `operation` once its row is confirmed.
    pub fn of(operation: &Operation, record: RecordRef, created: bool) -> Self {
        let mut action = operation.action.clone();
        if let Action::Create { fields, .. } = &mut action
            && created
        {
            fields.clear();
        }
        let Operation { id, entity, kind, connection, bundle, .. } = operation;
        Self {
            operation: Operation {
                id: *id,
                entity: *entity,
                kind: *kind,
                connection: connection.clone(),
                action,
                preconditions: Vec::new(),
                bundle: *bundle,
            },
            record,
            created,
        }
    }

    /// The record that was asked for: a vendor may answer under the id of what it was merged into meanwhile.
    pub fn asked(&self) -> &RecordRef {
        let end = match &self.operation.action {
            Action::Update { record, .. } | Action::Archive { record, .. } => return record,
            Action::Associate(association) | Action::Dissociate(association) => &association.from,
            Action::Create { .. } => return &self.record,
        };
        match end {
            Endpoint::Record(record) => record,
            Endpoint::Entity(_) => &self.record,
        }
    }
}

/// A field that changed outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Which; `@state` for what has become of the record, in words.
    pub field: FieldName,
    /// What was last observed.
    pub before: Observed,
    /// What is there now.
    pub after: Observed,
}
