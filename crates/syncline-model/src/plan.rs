//! Plans: operations in order, what is held back and why, and what it will cost.

use crate::{
    ids::{
        AttributeName, ConnectionName, EntityId, FieldName, JournalSeq, Kind, ObjectName, RecordRef, RunId,
    },
    operation::Operation,
    schema::SchemaDigest,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, sync::Arc};
use uuid::Uuid;

/// Version of the plan file's form.
pub const PLAN_FORMAT: u32 = 1;

/// First line of a plan file (decisions §2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanHeader {
    /// [`PLAN_FORMAT`].
    pub format: u32,
    /// The plan's id.
    pub plan_id: Uuid,
    /// The workspace it was made in.
    pub workspace: Uuid,
    /// Account ids by connection.
    pub accounts: BTreeMap<ConnectionName, Arc<str>>,
    /// Digest of the configuration.
    pub config_sha256: Arc<str>,
    /// Digest of the policy (the same configuration until policies exist as files of their own).
    pub policy_sha256: Arc<str>,
    /// Digests of the schemas that were planned against, by `connection/object`.
    pub schema_sha256: BTreeMap<String, SchemaDigest>,
    /// Where the journal stood.
    pub journal_seq: JournalSeq,
    /// When it was made.
    pub created_at: Timestamp,
    /// Name and version of the program.
    pub tool: Arc<str>,
    /// How many operations follow.
    pub operations: u64,
    /// How many held items follow.
    pub held: u64,
    /// Calls that applying will cost, by connection.
    pub cost: BTreeMap<ConnectionName, u64>,
    /// Whether this is a first contact or a backfill, which only a confirmed plan may do.
    pub confirms: Vec<Confirms>,
    /// SHA-256 over the bytes of all lines after the first.
    pub sha256: Arc<str>,
    /// SHA-256 over this header as it is written with this member empty: what a plan confirms is not to be edited either.
    pub header_sha256: Arc<str>,
}

/// What applying a plan confirms.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confirms {
    /// Two systems meet for the first time for this kind.
    FirstContact {
        /// The kind.
        kind: Kind,
    },
    /// A mapping is new or changed.
    Backfill {
        /// The kind.
        kind: Kind,
        /// The attribute.
        attribute: AttributeName,
    },
}

impl fmt::Display for Confirms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstContact { kind } => write!(f, "first contact of {kind} records"),
            Self::Backfill { kind, attribute } => write!(f, "backfill of {kind}.{attribute}"),
        }
    }
}

/// A line of a plan file after the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanLine {
    /// Something to do.
    Operation(Operation),
    /// Something that waits.
    Held(Held),
    /// Something to know; nothing waits for it.
    Finding(Finding),
}

/// A write that is not made now.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Held {
    /// For which real thing.
    pub entity: EntityId,
    /// Its kind.
    pub kind: Kind,
    /// A record of it, to name it by.
    pub record: RecordRef,
    /// The attribute or edge that waits; `None`: the whole record does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<AttributeName>,
    /// Where the write would go.
    pub connection: ConnectionName,
    /// Why.
    pub reason: HeldReason,
    /// Until when it waits at most, where a limit is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Why a write waits. Each reason says what releases it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum HeldReason {
    /// The parent is not on that side yet; released when it is.
    WaitsForParent {
        /// The edge.
        edge: AttributeName,
        /// The parent as the source side names it.
        parent: RecordRef,
    },
    /// A deal whose company is no account there yet (CRM-14); released when it is.
    WaitsForAccount,
    /// Accounts are born in the other system only (CRM-14); released by the model or by a link.
    ModelForbidsCreate,
    /// More than one record could be meant; released by a person (CRM-2).
    Ambiguous {
        /// The review item.
        review: u64,
    },
    /// A record of the pair is deleted; released by a person (`on_delete`).
    DeletedElsewhere {
        /// The tombstone.
        record: RecordRef,
        /// Who refers to what is left, where that is why it was not archived: released when it no longer does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        referred_by: Option<RecordRef>,
    },
    /// Both sides changed and the rule is `manual`; released by a person.
    ManualConflict,
    /// The value has no counterpart on that side (an unmapped stage or option); released when the map or the options
    /// change.
    Unmapped {
        /// The value.
        value: Arc<str>,
    },
    /// The value does not fit the field; released when value or field changes.
    DoesNotFit {
        /// In words.
        problem: Arc<str>,
    },
    /// The vendor refused the value; released when the value, the schema or the permission changes.
    Refused {
        /// The vendor's error code.
        code: Arc<str>,
        /// The vendor's message.
        message: Arc<str>,
    },
    /// The user of the connection may not write the field; released when the permission changes.
    NotWritable,
    /// The field does not exist there; released when the schema changes.
    NoSuchField,
    /// The amount's currency is not the account's: amounts are not converted.
    CurrencyMismatch {
        /// What differs.
        problem: Arc<str>,
    },
    /// The owner has no counterpart on that side; released when a user is linked.
    NoSuchUser {
        /// The user on the source side.
        user: RecordRef,
    },
    /// The outcome of an earlier write is undecidable; released by a person (invariant 7).
    Parked {
        /// What was sent.
        what: Arc<str>,
    },
    /// Our writes of the field are taken back again and again; released by a person, or when the sides agree.
    Oscillates,
    /// A person took the write back; released when a side changes, or by undoing the undo.
    Undone {
        /// The run that took it back.
        run: RunId,
    },
    /// The record is not in the scope of that side as it stands, or what decides it may not be seen (CRM-7); released when it
    /// comes back, or when the scope or the permission changes.
    OutOfScope,
    /// What the other side had was merged or converted into a record of another thing; released by a person, who says that the
    /// two are one, or takes the merge back.
    MergedElsewhere {
        /// What it had.
        record: RecordRef,
        /// What stands for that now.
        into: RecordRef,
    },
    /// A field that a matching key is made of may not be seen, so nobody can tell whether the record is there already; released when
    /// the schema, the permission or the keys change.
    KeyHidden {
        /// The key, as `match` names it.
        key: Arc<str>,
        /// The side that hides the field.
        hidden_at: ConnectionName,
        /// Its object.
        object: ObjectName,
        /// The field.
        field: FieldName,
    },
}

impl HeldReason {
    /// The stable code that the documentation explains.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WaitsForParent { .. } => "SYN-2001",
            Self::WaitsForAccount => "SYN-2002",
            Self::ModelForbidsCreate => "SYN-2003",
            Self::Ambiguous { .. } => "SYN-2004",
            Self::DeletedElsewhere { .. } => "SYN-2005",
            Self::ManualConflict => "SYN-2006",
            Self::Unmapped { .. } => "SYN-2007",
            Self::DoesNotFit { .. } => "SYN-2008",
            Self::Refused { .. } => "SYN-2009",
            Self::NotWritable => "SYN-2010",
            Self::NoSuchField => "SYN-2011",
            Self::CurrencyMismatch { .. } => "SYN-2012",
            Self::NoSuchUser { .. } => "SYN-2013",
            Self::Parked { .. } => "SYN-2015",
            Self::Oscillates => "SYN-2016",
            Self::Undone { .. } => "SYN-2020",
            Self::OutOfScope => "SYN-2021",
            Self::MergedElsewhere { .. } => "SYN-2022",
            Self::KeyHidden { .. } => "SYN-2023",
        }
    }

    /// The name used in output and JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::WaitsForParent { .. } => "waits_for_parent",
            Self::WaitsForAccount => "waits_for_account",
            Self::ModelForbidsCreate => "model_forbids_create",
            Self::Ambiguous { .. } => "ambiguous",
            Self::DeletedElsewhere { .. } => "deleted_elsewhere",
            Self::ManualConflict => "manual_conflict",
            Self::Unmapped { .. } => "unmapped",
            Self::DoesNotFit { .. } => "does_not_fit",
            Self::Refused { .. } => "refused",
            Self::NotWritable => "not_writable",
            Self::NoSuchField => "no_such_field",
            Self::CurrencyMismatch { .. } => "currency_mismatch",
            Self::NoSuchUser { .. } => "no_such_user",
            Self::Parked { .. } => "parked",
            Self::Oscillates => "oscillates",
            Self::Undone { .. } => "undone",
            Self::OutOfScope => "out_of_scope",
            Self::MergedElsewhere { .. } => "merged_elsewhere",
            Self::KeyHidden { .. } => "key_hidden",
        }
    }
}

impl fmt::Display for HeldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WaitsForParent { edge, parent } => {
                write!(f, "waits for its {edge}, {parent}, to exist there")
            }
            Self::WaitsForAccount => f.write_str("waits until its company is a linked account"),
            Self::ModelForbidsCreate => {
                f.write_str("this model creates organisations only in the other system")
            }
            Self::Ambiguous { review } => write!(f, "more than one record could be meant: review {review}"),
            Self::DeletedElsewhere { record, referred_by: None } => {
                write!(f, "{record} was deleted; a person decides")
            }
            Self::DeletedElsewhere { record, referred_by: Some(child) } => {
                write!(f, "{record} was deleted, and {child} refers to what is left; a person decides")
            }
            Self::ManualConflict => f.write_str("both sides changed and the rule is manual"),
            Self::Unmapped { value } => write!(f, "`{value}` has no counterpart there"),
            Self::DoesNotFit { problem } => f.write_str(problem),
            Self::Refused { code, message } => write!(f, "the vendor refused it: {code}: {message}"),
            Self::NotWritable => f.write_str("the connection's user may not write this field"),
            Self::NoSuchField => f.write_str("the field does not exist there"),
            Self::CurrencyMismatch { problem } => f.write_str(problem),
            Self::NoSuchUser { user } => write!(f, "{user} has no counterpart there"),
            Self::Parked { what } => write!(f, "the outcome of {what} cannot be decided; a person looks"),
            Self::Oscillates => f.write_str("something keeps setting the field back; a person looks"),
            Self::Undone { run } => write!(f, "a person took it back by run {run}"),
            Self::OutOfScope => {
                f.write_str("the record is out of scope there, or what decides that may not be seen")
            }
            Self::MergedElsewhere { record, into } => {
                write!(f, "{record} became {into}, which is another one's; a person decides")
            }
            Self::KeyHidden { key, hidden_at, object, field } => {
                write!(
                    f,
                    "it may be there already: `{field}` of {object} at {hidden_at}, which its {key} is, may not be seen"
                )
            }
        }
    }
}

/// Something that a person should know; nothing waits for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Which record.
    pub record: RecordRef,
    /// What.
    pub what: FindingKind,
}

/// Kinds of findings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "finding")]
pub enum FindingKind {
    /// Written although its source has no parent (LIFE-3, invariant 6).
    NoParent {
        /// The edge without a target.
        edge: AttributeName,
    },
    /// A contact won over a lead with the same key.
    ContactBeatsLead {
        /// The lead.
        lead: RecordRef,
    },
    /// A record without its identity minimum is out of scope.
    NoIdentity,
    /// An undo leaves this as it is.
    NotUndone {
        /// The attribute or edge; `None`: the record as such.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attribute: Option<AttributeName>,
        /// Why.
        why: Arc<str>,
    },
    /// An undo is carried out, and this does not come back as it was.
    Residue {
        /// What, and why.
        why: Arc<str>,
    },
}

impl FindingKind {
    /// The stable code that the documentation explains.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoParent { .. } => "SYN-3001",
            Self::ContactBeatsLead { .. } => "SYN-3002",
            Self::NoIdentity => "SYN-3003",
            Self::NotUndone { .. } => "SYN-3004",
            Self::Residue { .. } => "SYN-3005",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoParent { edge } => write!(f, "it has no {edge} in its source"),
            Self::ContactBeatsLead { lead } => {
                write!(f, "a contact and the lead {lead} match; the contact was taken")
            }
            Self::NoIdentity => f.write_str("it lacks what identifies it, so it is out of scope"),
            Self::NotUndone { attribute: Some(attribute), why } => write!(f, "{attribute} stays: {why}"),
            Self::NotUndone { attribute: None, why } => write!(f, "it stays: {why}"),
            Self::Residue { why } => f.write_str(why),
        }
    }
}
