//! Edges: relations that the sides are to agree on, and how each carries them.

use super::{Direction, FieldState, OnDelete, Rule};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use syncline_model::{ConnectionName, EdgeName, FieldName, Kind, ObjectName};

/// One relation of a kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Edge {
    /// Its name (`account`).
    pub name: EdgeName,
    /// Kind of the target.
    pub to: Kind,
    /// One target or many.
    pub cardinality: Cardinality,
    /// Who wins where both sides changed.
    pub rule: Rule,
    /// The tie.
    pub tie: Option<ConnectionName>,
    /// Whether a record without the parent may not be written.
    pub required: bool,
    /// How long to wait for a parent that is not there yet.
    pub wait: Option<SignedDuration>,
    /// What is done about a delete of what it leads to.
    pub on_delete: OnDelete,
    /// By connection and object.
    pub bindings: Vec<EdgeBinding>,
}

impl Edge {
    /// The binding of a connection's object, if it has one.
    pub fn binding(&self, connection: &ConnectionName, object: &ObjectName) -> Option<&EdgeBinding> {
        self.bindings.iter().find(|binding| binding.connection == *connection && binding.object == *object)
    }
}

/// One target or many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cardinality {
    /// At most one.
    One,
    /// Any number.
    Many,
}

/// How a side carries a relation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EdgeBinding {
    /// The side.
    pub connection: ConnectionName,
    /// The child's object.
    pub object: ObjectName,
    /// A reference field, or a pseudo-field.
    pub field: FieldName,
    /// Whether the relation is a field of the record (written with it) or a call of its own.
    pub carrier: Carrier,
    /// Which of the refs counts where the edge has one target.
    pub pick: Pick,
    /// The target's object for a write, in order of preference.
    pub targets: Vec<ObjectName>,
    /// Whether the field is there and may be written.
    pub field_state: FieldState,
    /// Read, written or both.
    pub direction: Direction,
    /// As for attributes.
    pub digest: u32,
}

/// How a relation is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// As a field of the child.
    Field,
    /// By an associate call.
    Association,
}

/// Which relation of several is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pick {
    /// All of them.
    All,
    /// The primary one.
    Primary,
}
