//! The compiled mapping as data.

mod attribute;
mod create;
mod edge;
mod guard;

pub use attribute::*;
pub use create::*;
pub use edge::*;
pub use guard::*;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use syncline_model::{
    AttributeName, ConnectionName, Currency, FieldName, Kind, ObjectName, Value, VendorName,
};

/// Everything the planner is told about what to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mapping {
    /// The model (CRM-13, CRM-14).
    pub model: ModelChoice,
    /// By name.
    pub connections: BTreeMap<ConnectionName, ConnectionModel>,
    /// By kind; a kind that is not configured is missing.
    pub kinds: BTreeMap<Kind, KindModel>,
    /// Circuit breakers (HUB-7).
    pub guard: Guard,
}

/// Which model the company runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelChoice {
    /// New people become leads unless their company is a known account; accounts are born in Salesforce.
    LeadsAndContacts,
    /// New people become contacts; companies and accounts are created with them.
    ContactsOnly,
}

/// One connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConnectionModel {
    /// Its vendor.
    pub vendor: VendorName,
    /// The account's own currency; amounts of fields without a code are in it.
    pub currency: Option<Currency>,
    /// The account's time zone, in which dates of instants are taken.
    #[serde(with = "jiff::fmt::serde::tz::required")]
    pub time_zone: TimeZone,
    /// By object: the field that carries the planted key. An object without one is written keyless.
    pub key_fields: BTreeMap<ObjectName, FieldName>,
}

/// One kind.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KindModel {
    /// Which.
    pub kind: Kind,
    /// Objects by connection; where a connection has several, in order of preference.
    pub objects: BTreeMap<ConnectionName, Vec<ObjectName>>,
    /// Matching keys, best first.
    pub match_keys: Vec<MatchRule>,
    /// Where records may be created, and what of.
    pub create: BTreeMap<ConnectionName, CreateRule>,
    /// Who takes part, by (from, to).
    #[serde(with = "crate::pairs")]
    pub scope: BTreeMap<(ConnectionName, ConnectionName), Predicate>,
    /// What becomes of records that leave the scope.
    pub on_leave: OnLeave,
    /// What becomes of the others when one record is deleted.
    pub on_delete: OnDelete,
    /// In configuration order.
    pub attributes: Vec<Attribute>,
    /// In configuration order.
    pub edges: Vec<Edge>,
}

impl KindModel {
    /// An attribute by name.
    pub fn attribute(&self, name: &AttributeName) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == *name)
    }

    /// Where an attribute is kept in an object's records.
    pub fn binding(
        &self,
        name: &AttributeName,
        connection: &ConnectionName,
        object: &ObjectName,
    ) -> Option<&Binding> {
        self.attribute(name)?.binding(connection, object)
    }

    /// Whether an attribute only reads this field of a side while another one also writes it. A field has one base, and that is
    /// the other one's: what this one makes of a change says nothing about whether the change has travelled.
    pub fn is_of_another(&self, attribute: &Attribute, binding: &Binding) -> bool {
        !binding.direction.writes()
            && self.attributes.iter().any(|other| {
                other.name != attribute.name
                    && other.rule != Rule::Off
                    && other
                        .binding(&binding.connection, &binding.object)
                        .is_some_and(|theirs| theirs.field == binding.field && theirs.direction.writes())
            })
    }
}

/// What becomes of records that leave the scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLeave {
    /// Nothing is written any more; the link stays, and what changes waits.
    Freeze,
}

/// What becomes of the others when one record is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// A person decides.
    Review,
    /// They are archived too.
    Archive,
    /// They stay, unlinked.
    Unlink,
}

/// Who takes part: a predicate over a kind's attributes. Three-valued: what may not be seen is unknown, and unknown is
/// not in scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    /// A literal.
    Constant(bool),
    /// The attribute has a value.
    Has(AttributeName),
    /// The attribute equals a literal, modulo its normalisation.
    Equals(AttributeName, Value),
    /// The attribute is one of these.
    In(AttributeName, Vec<Value>),
    /// The other way round.
    Not(Box<Predicate>),
    /// All of them.
    All(Vec<Predicate>),
    /// Any of them.
    Any(Vec<Predicate>),
}
