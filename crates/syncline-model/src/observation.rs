//! What a vendor showed.

use crate::{
    ids::{FieldName, RecordId, RecordRef},
    value::Value,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// What is known of one field on one side. Five different things (HUB-2, invariant 8).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// It holds this.
    Value(Value),
    /// It was read and holds nothing: never set, or cleared; the base tells which.
    Empty,
    /// The side has no such field, or no record.
    Absent,
    /// The user of the connection may not see it.
    NotPermitted,
    /// It was not read.
    #[default]
    NotFetched,
}

impl Observed {
    /// The value, if there is one.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            Self::Empty | Self::Absent | Self::NotPermitted | Self::NotFetched => None,
        }
    }

    /// Whether the field was really read: it holds a value or nothing.
    pub fn is_known(&self) -> bool {
        match self {
            Self::Value(_) | Self::Empty => true,
            Self::Absent | Self::NotPermitted | Self::NotFetched => false,
        }
    }
}

impl From<Option<Value>> for Observed {
    fn from(value: Option<Value>) -> Self {
        value.map_or(Self::Empty, Self::Value)
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Empty => f.write_str("(empty)"),
            Self::Absent => f.write_str("(absent)"),
            Self::NotPermitted => f.write_str("(not permitted)"),
            Self::NotFetched => f.write_str("(not read)"),
        }
    }
}

/// The vendor's mark of a record's version (SystemModstamp, `updatedAt`), compared only for equality.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub Arc<str>);

/// What has become of a record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    /// There.
    Live,
    /// In the recycle bin, archived or gone (a tombstone or a 404 by id said so).
    Deleted,
    /// Merged into this record of the same object.
    MergedInto(RecordId),
    /// A lead that was converted (CRM-4, CRM-17).
    Converted {
        /// The contact it became.
        contact: Option<RecordId>,
        /// That contact's account.
        account: Option<RecordId>,
        /// The opportunity, if one was made.
        opportunity: Option<RecordId>,
    },
}

/// One record as an adapter read it. A field that is not listed was not fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Which record.
    pub record: RecordRef,
    /// Its version; `None` where this read does not show one (a tombstone, an edge read, a write's bare answer).
    pub version: Option<Version>,
    /// When the vendor says it last changed, by the vendor's clock.
    pub modified: Option<Timestamp>,
    /// What has become of it.
    pub state: RecordState,
    /// What was read of it.
    pub fields: Vec<(FieldName, Observed)>,
}

/// A record as last observed, fields sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Which record.
    pub record: RecordRef,
    /// Its version when last read; `None` if only written or never seen whole.
    pub version: Option<Version>,
    /// When the vendor says it last changed.
    pub modified: Option<Timestamp>,
    /// What has become of it.
    pub state: RecordState,
    /// Fields by name, sorted; absent names were never fetched.
    pub fields: Vec<(FieldName, Observed)>,
}

impl Snapshot {
    /// What is known of a field.
    pub fn field(&self, name: &str) -> &Observed {
        const UNREAD: &Observed = &Observed::NotFetched;
        self.fields
            .binary_search_by(|(field, _)| field.as_str().cmp(name))
            .map_or(UNREAD, |position| &self.fields[position].1)
    }

    /// Whether the record is there to be read and written.
    pub fn is_live(&self) -> bool {
        self.state == RecordState::Live
    }
}

/// When a change happened, by the clock of the side that made it: after `after`, at or before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interval {
    /// Stamp of the last observation that still had the old value; `None`: unknown, long ago.
    pub after: Option<Timestamp>,
    /// Stamp of the record that first showed the new one.
    pub until: Timestamp,
}
