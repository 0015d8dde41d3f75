//! Attributes: values that the sides are to agree on, with the field of each.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};
use syncline_model::{AttributeName, ConnectionName, FieldName, FieldType, ObjectName, Value};

/// One attribute: a value that the sides are to agree on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attribute {
    /// Its name.
    pub name: AttributeName,
    /// Its type.
    pub value_type: AttributeType,
    /// Who wins.
    pub rule: Rule,
    /// Who wins where `newest` declines and at first contact; mandatory for `two_way`.
    pub tie: Option<ConnectionName>,
    /// What a cleared value does.
    pub clear: Clear,
    /// Given to a new record where every source is blank.
    pub default: Option<Value>,
    /// Always this value, whatever any side says.
    pub constant: Option<Value>,
    /// Which field carries it, by connection and object.
    pub bindings: Vec<Binding>,
}

impl Attribute {
    /// The binding of a connection's object, if it has one.
    pub fn binding(&self, connection: &ConnectionName, object: &ObjectName) -> Option<&Binding> {
        self.bindings.iter().find(|binding| binding.connection == *connection && binding.object == *object)
    }
}

/// One side's field of an attribute.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Binding {
    /// The side.
    pub connection: ConnectionName,
    /// Its object.
    pub object: ObjectName,
    /// Its field.
    pub field: FieldName,
    /// The live schema's word on that field.
    pub field_state: FieldState,
    /// Whether the side is read, written or both.
    pub direction: Direction,
    /// The codec's side: how this side's values become the attribute's.
    pub codec: Codec,
    /// Written where the vendor requires a value and the source has none; read back as nothing.
    pub placeholder: Option<Value>,
    /// Fields that are always written together with this one, with the values that go with it (pipeline with stage).
    pub companion: Option<Companion>,
    /// Identifies what was agreed under: another digest means that there is no base (decisions §2).
    pub digest: u32,
}

/// What the live schema says of a bound field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldState {
    /// It is there.
    Present {
        /// Its type there.
        field_type: FieldType,
        /// Whether it may be set on create.
        createable: bool,
        /// Whether it may be set on update.
        updateable: bool,
        /// Whether a create without it is refused.
        required: bool,
        /// Longest text, in characters.
        max_length: Option<u32>,
        /// Digits after the point that are kept.
        scale: Option<u32>,
        /// Values that are accepted, where others are refused.
        restricted_to: Option<Vec<Arc<str>>>,
    },
    /// The schema does not list it: hidden from the connection's user, or gone.
    Missing,
}

/// Which way a binding works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Read only.
    In,
    /// Written only.
    Out,
    /// Both.
    Both,
}

impl Direction {
    /// Whether values of this side count.
    pub fn reads(self) -> bool {
        matches!(self, Self::In | Self::Both)
    }

    /// Whether this side may be written.
    pub fn writes(self) -> bool {
        matches!(self, Self::Out | Self::Both)
    }
}

/// How a side's value becomes the attribute's and back. A pair of functions and a normaliser, no language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// The same value, converted between types where that loses nothing.
    Plain,
    /// Options by a declared or derived map: side value → attribute value (several may map to one), and for each
    /// attribute value the side value to write.
    Map {
        /// Side → attribute.
        read: BTreeMap<Arc<str>, Arc<str>>,
        /// Attribute → side.
        write: BTreeMap<Arc<str>, Arc<str>>,
    },
}

/// A field written together with another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Companion {
    /// The companion field (`pipeline`).
    pub field: FieldName,
    /// Side value of the main field → value of the companion.
    pub values: BTreeMap<Arc<str>, Value>,
}

/// Types of attributes; each carries its normalisation (two values that normalise alike are equal).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeType {
    /// Free text: outer white space does not count.
    Text,
    /// E-mail address: case and outer white space do not count.
    Email,
    /// Telephone number: only digits and a leading plus count.
    Phone,
    /// Web address: scheme, `www.`, case of the host and a final slash do not count.
    Url,
    /// Yes or no.
    Bool,
    /// Exact number: trailing zeros do not count.
    Decimal,
    /// Exact amount with currency: trailing zeros do not count.
    Money,
    /// Calendar date.
    Date,
    /// Instant.
    Instant,
    /// One option, by the attribute's own value.
    Option,
    /// Several options: order does not count.
    Options,
}

/// Who wins (HUB-2, decisions §1.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The newest change, else the tie.
    TwoWay,
    /// This side.
    Always(ConnectionName),
    /// This side unless it is blank.
    Prefer(ConnectionName),
    /// All elements of multi-selects.
    Union,
    /// The value that allows least (consent).
    MostRestrictive,
    /// A person.
    Manual,
    /// Nobody: the attribute is not synced.
    Off,
}

impl Rule {
    /// As output names it.
    pub fn word(&self) -> Arc<str> {
        match self {
            Self::TwoWay => "two_way".into(),
            Self::Always(connection) => format!("always {connection}").into(),
            Self::Prefer(connection) => format!("prefer {connection}").into(),
            Self::Union => "union".into(),
            Self::MostRestrictive => "most_restrictive".into(),
            Self::Manual => "manual".into(),
            Self::Off => "off".into(),
        }
    }
}

/// What a cleared value does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clear {
    /// It travels.
    Travel,
    /// It stays where it happened, and the others keep their value.
    Keep,
}
