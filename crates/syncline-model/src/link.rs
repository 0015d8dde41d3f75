//! Links: which record is which real thing, and what each side last agreed on.

use crate::{
    ids::{AttributeName, EntityId, FieldName, JournalSeq, Kind, RecordId, RecordRef, RunId},
    observation::{Interval, Observed},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// (connection, object, id, facet) → entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The record.
    pub record: RecordRef,
    /// Which side of the record is meant.
    pub facet: Kind,
    /// What it is.
    pub entity: EntityId,
    /// Where the link stands.
    pub state: LinkState,
    /// Why it was made.
    pub evidence: Evidence,
    /// Since which journal entry.
    pub since: JournalSeq,
    /// What the sides agreed on; `None` until a first agreement (such a link is provisional).
    pub base: Option<Base>,
}

/// Where a link stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Known but not in force: the company of a lead (CRM-15), or a create whose answer is not in yet.
    Pending,
    /// In force.
    Active,
    /// The lead was converted; the contact's link took over.
    ConvertedTo(RecordId),
    /// The record was merged; the survivor's link took over.
    MergedInto(RecordId),
    /// The record is gone.
    Deleted,
    /// A person said that this record is not to be synced.
    Excluded,
    /// A second record of the same entity on the same side; not written until merged (CRM-6).
    DuplicateOf(RecordId),
    /// We had made it, and a person took that back by this run: it is archived, and not made again by itself.
    Undone(RunId),
}

impl LinkState {
    /// Whether the record takes part in the sync.
    pub fn is_active(&self) -> bool {
        *self == Self::Active
    }
}

/// Why two records are one thing; printed by `explain`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The first record of its entity: nothing to compare with.
    First,
    /// The planted key named the entity.
    Planted,
    /// An id that another connector left on the other side.
    NativeConnector,
    /// The same value of a matching key, one record on each side.
    Key {
        /// `email`, `domain`, `name_country`, …
        key: Arc<str>,
        /// The normalised value.
        value: Arc<str>,
    },
    /// We created it.
    Created,
    /// The vendor refused a create and named this record as the existing one.
    Existing,
    /// The lead became this contact.
    Conversion(RecordId),
    /// The survivor of a merge.
    Merge(RecordId),
    /// A person decided.
    Person {
        /// Who.
        who: Arc<str>,
    },
    /// The organisation known for a lead that does not name it (CRM-15).
    CompanyOfLead,
    /// The organisation known for a lead, and what the lead called it then: one that names another company later is no
    /// evidence any more.
    CompanyNamed {
        /// The lead's text for it.
        name: Arc<str>,
    },
}

/// What one record last agreed on with the others, in the record's own spelling. Only fields that differ from the
/// record's snapshot are listed: after a sync it is empty (A5).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Base {
    /// Digest of the mapping under which this was agreed; fields whose binding changed since have no base.
    pub mapping: u32,
    /// Fields whose base is not what the snapshot shows.
    pub entries: BTreeMap<FieldName, BaseEntry>,
    /// Fields that we wrote lately, or that are at rest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub watches: BTreeMap<FieldName, Watch>,
}

/// The base of one field that differs from the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseEntry {
    /// What was agreed; `None`: nothing was ever agreed for this field.
    pub agreed: Option<Observed>,
    /// When the side changed away from it; `None` where nothing was agreed.
    pub changed: Option<Interval>,
    /// Whether the record was ever seen to hold something in this field.
    #[serde(default, skip_serializing_if = "Sight::is_seen")]
    pub sight: Sight,
}

impl BaseEntry {
    /// Nothing was ever agreed.
    pub const NEVER: Self = Self { agreed: None, changed: None, sight: Sight::Seen };
}

/// Whether what was agreed is known of the record itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// It is.
    #[default]
    Seen,
    /// It was taken over from the record whose place this one took, which was not seen to hold anything since: a blank is
    /// what it came with, and no clear.
    Unseen,
}

impl Sight {
    fn is_seen(&self) -> bool {
        *self == Self::Seen
    }
}

/// What is remembered of a field that we wrote, to see whether somebody takes our writes back. Values are kept as digests
/// of their normal form: they are compared only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Watch {
    /// What we sent last.
    #[serde(default)]
    pub sent: u64,
    /// What that left.
    pub wrote: u64,
    /// What our writes replaced, and when; the newest last.
    pub replaced: Vec<(u64, Timestamp)>,
    /// When a write had to be made again because the one before it was taken back.
    pub flips: Vec<Timestamp>,
    /// Why the field is not written, if it is not.
    pub rest: Option<Rest>,
}

/// Why a field is left as it is although its sides differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rest {
    /// Our writes were taken back too often.
    Oscillates {
        /// The attribute or edge that flips.
        attribute: AttributeName,
        /// Since when it is parked.
        since: Timestamp,
    },
    /// A person took our write back; it is not made again until a side changes.
    Undone {
        /// The attribute or edge.
        attribute: AttributeName,
        /// By which run.
        run: RunId,
        /// Digest of the value of an attribute that was taken back: a side that shows it has not changed since it was written.
        #[serde(default)]
        took: Option<u64>,
    },
}

impl Rest {
    /// The attribute or edge whose field rests.
    pub fn attribute(&self) -> &AttributeName {
        match self {
            Self::Oscillates { attribute, .. } | Self::Undone { attribute, .. } => attribute,
        }
    }
}
