//! Questions for a person.

use crate::ids::{EntityId, Kind, RecordRef};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One question, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Its number; 0 before it is stored.
    pub id: u64,
    /// What it is about.
    pub question: Question,
    /// Since when.
    pub opened_at: Timestamp,
    /// How it ended.
    pub state: ReviewState,
}

/// What a review asks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "question")]
pub enum Question {
    /// Are these the same? More than one record on a side, or contradicting keys.
    SameThing {
        /// The kind.
        kind: Kind,
        /// The matching key and value that brought them together.
        key: Arc<str>,
        /// All records with it, sorted.
        records: Vec<RecordRef>,
    },
    /// A record was deleted on one side; what of the others?
    Deleted {
        /// The entity.
        entity: EntityId,
        /// The tombstone.
        record: RecordRef,
    },
    /// Both sides changed a `manual` field.
    Conflict {
        /// The entity.
        entity: EntityId,
        /// The attribute.
        attribute: Arc<str>,
    },
    /// The vendor's duplicate rule blocked a write and named several records.
    Duplicate {
        /// The entity that was to be created.
        entity: EntityId,
        /// What the vendor found.
        candidates: Vec<RecordRef>,
    },
    /// Something keeps setting a field back after we write it.
    Oscillates {
        /// The entity.
        entity: EntityId,
        /// The attribute or edge.
        attribute: Arc<str>,
        /// Since when it is parked: once released, it may be asked again.
        since: Timestamp,
    },
    /// The outcome of a write is undecidable.
    Parked {
        /// The entity.
        entity: EntityId,
        /// What was sent.
        what: Arc<str>,
    },
}

/// How a review stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    /// Unanswered.
    Open,
    /// These records are one thing.
    Linked {
        /// Who said so.
        who: Arc<str>,
        /// When.
        at: Timestamp,
    },
    /// They are not, for good.
    Rejected {
        /// Who said so.
        who: Arc<str>,
        /// When.
        at: Timestamp,
    },
    /// What was parked may be written again.
    Released {
        /// Who said so.
        who: Arc<str>,
        /// When.
        at: Timestamp,
    },
    /// The cause went away by itself.
    Settled {
        /// When.
        at: Timestamp,
    },
}
