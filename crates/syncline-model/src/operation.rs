//! Operations: what a plan will do. Everything that writes to a vendor is one of these.

use crate::{
    ids::{AttributeName, ConnectionName, EdgeName, EntityId, FieldName, Kind, ObjectName, RecordRef},
    observation::{Observed, Version},
    value::Value,
};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// One intended write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Position in its plan, from 0; also the order of applying.
    pub id: OperationId,
    /// For which real thing.
    pub entity: EntityId,
    /// Its kind.
    pub kind: Kind,
    /// Where it writes.
    pub connection: ConnectionName,
    /// What it does.
    pub action: Action,
    /// What it was derived from; it is issued only while this still holds.
    pub preconditions: Vec<Precondition>,
    /// Operations of one bundle are all issued or none (DOCS-11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundleId>,
}

/// Number of an operation in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(pub u64);

/// Number of an all-or-nothing bundle in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BundleId(pub u64);

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Action {
    /// Creates a record.
    Create {
        /// Of this object.
        object: ObjectName,
        /// With these fields.
        fields: Vec<FieldChange>,
    },
    /// Changes fields of a record.
    Update {
        /// This record.
        record: RecordRef,
        /// These fields, and no others.
        fields: Vec<FieldChange>,
    },
    /// Relates two records that the connection relates by a call of its own.
    Associate(Association),
    /// Takes such a relation away.
    Dissociate(Association),
    /// Moves a record to the vendor's recycle bin.
    Archive {
        /// This record.
        record: RecordRef,
        /// Why.
        reason: Reason,
    },
}

impl Action {
    /// The word of the design.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Update { .. } => "update",
            Self::Associate(_) => "associate",
            Self::Dissociate(_) => "dissociate",
            Self::Archive { .. } => "archive",
        }
    }

    /// Changed fields, where the action has any.
    pub fn fields(&self) -> &[FieldChange] {
        match self {
            Self::Create { fields, .. } | Self::Update { fields, .. } => fields,
            Self::Associate(_) | Self::Dissociate(_) | Self::Archive { .. } => &[],
        }
    }

    /// The relation that is made or taken away, if that is what the action does.
    pub fn association(&self) -> Option<&Association> {
        match self {
            Self::Associate(association) | Self::Dissociate(association) => Some(association),
            Self::Create { .. } | Self::Update { .. } | Self::Archive { .. } => None,
        }
    }
}

/// A relation to make or take away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    /// The relation, as configuration names it.
    pub edge: EdgeName,
    /// The connection's own (pseudo-)field for it, which the adapter knows how to write.
    pub field: FieldName,
    /// The child's record, or the entity whose record is created in the same plan.
    pub from: Endpoint,
    /// The parent's.
    pub to: Endpoint,
    /// The role, in this side's spelling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Arc<str>>,
    /// Whether it is (to be) the primary one.
    #[serde(default)]
    pub primary: bool,
    /// The junction row to take away, where the side has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<crate::ids::RecordId>,
    /// How the two were related when the plan was made, if not as the primary one: not at all where the relation is to be
    /// made, or beside another.
    #[serde(default, skip_serializing_if = "Tied::is_default")]
    pub before: Tied,
    /// Who is the primary one when the plan is made, and stays as a further one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub displaces: Option<RecordRef>,
    /// Why.
    pub reason: Reason,
}

/// How two records were related before a relation was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tied {
    /// Not at all.
    #[default]
    Not,
    /// Not as the primary one.
    Beside,
}

impl Tied {
    fn is_default(&self) -> bool {
        *self == Self::Not
    }
}

/// One end of a relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// A record that is there.
    Record(RecordRef),
    /// The record of this entity on the operation's connection; its id is known once its create is confirmed.
    Entity(EntityId),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(record) => record.fmt(f),
            Self::Entity(entity) => write!(f, "the record of {entity}"),
        }
    }
}

/// One field's change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The vendor's field.
    pub field: FieldName,
    /// Of which attribute (or edge) this is this side's spelling.
    pub attribute: AttributeName,
    /// What the field held when the plan was made.
    pub before: Observed,
    /// What it will hold.
    pub after: After,
    /// Which rule decided, and how.
    pub reason: Reason,
}

/// What a field will hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// This value.
    Value(Value),
    /// Nothing.
    Clear,
    /// A reference to the record of this entity on the operation's connection.
    Reference(EntityId),
}

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.fmt(f),
            Self::Clear => f.write_str("(empty)"),
            Self::Reference(entity) => write!(f, "the record of {entity}"),
        }
    }
}

/// Why a value is written: the rule and the case of the decision table (decisions §1.4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// The declared rule (`two_way`, `always salesforce`, `default`, `constant`, `key`, `placeholder`, `edge`).
    pub rule: Arc<str>,
    /// The case.
    pub case: Case,
    /// The side whose value won, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ConnectionName>,
}

/// Cases of the decision table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// A new record takes the others' values.
    NewRecord,
    /// Only one side changed.
    OneChanged,
    /// Several changed apart; the later change won.
    Newest,
    /// Several changed apart (or met for the first time) and the tie rule decided.
    Tie,
    /// No base yet, one side was blank.
    FillBlank,
    /// The ruled side's value was written back.
    WrittenBack,
    /// Several sets were united.
    Union,
    /// The most restrictive value won.
    MostRestrictive,
    /// A declared default, constant, placeholder or key.
    Declared,
    /// A person decided.
    Person,
    /// A person takes back what an earlier run wrote.
    Undone,
}

impl Case {
    /// The phrase that output uses.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::NewRecord => "new record",
            Self::OneChanged => "only this side changed",
            Self::Newest => "both changed, the later one wins",
            Self::Tie => "both differ, tie rule",
            Self::FillBlank => "first contact, fills a blank",
            Self::WrittenBack => "the ruling side's value is written back",
            Self::Union => "union of both",
            Self::MostRestrictive => "most restrictive wins",
            Self::Declared => "declared",
            Self::Person => "a person decided",
            Self::Undone => "taken back by a person",
        }
    }
}

/// What must still hold when an operation is issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Precondition {
    /// Of this record.
    pub record: RecordRef,
    /// The version that was read; another version alone does not invalidate, it says where to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// Hash over the values, before the change, of exactly the fields that the operation reads or writes there.
    pub before: BeforeHash,
    /// Those fields.
    pub fields: Vec<FieldName>,
}

/// First 16 bytes of a SHA-256, in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BeforeHash(pub Arc<str>);
