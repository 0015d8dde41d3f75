//! How records are matched, and where they may come into being.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use syncline_model::{AttributeName, ConnectionName, EdgeName, FieldName, ObjectName};

/// One matching key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchRule {
    /// The planted key.
    Planted,
    /// An id of the other connection's record in a field that another connector left.
    NativeConnector {
        /// The side that carries the ids.
        connection: ConnectionName,
        /// Its object.
        object: ObjectName,
        /// The field with the id.
        field: FieldName,
        /// The other side.
        to: ConnectionName,
        /// The other side's object.
        to_object: ObjectName,
    },
    /// Attributes' values, equal modulo normalisation.
    Attribute {
        /// Name of the key (`email`, `domain`, `name_country`).
        key: Arc<str>,
        /// What it is made of.
        from: KeySource,
    },
}

impl MatchRule {
    /// The name of a key that is made of attributes.
    pub fn attribute_key(&self) -> Option<&Arc<str>> {
        match self {
            Self::Planted | Self::NativeConnector { .. } => None,
            Self::Attribute { key, .. } => Some(key),
        }
    }
}

/// What a matching key is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// An e-mail address: lower case, trimmed, international domain names in ASCII; no plus-stripping.
    Email(AttributeName),
    /// The registrable domain of a web address or domain, free mail hosts excluded.
    Domain(Vec<AttributeName>),
    /// A company name without legal form, with the country where there is one.
    NameCountry(AttributeName, Option<AttributeName>),
    /// An attribute's value as it is, normalised by its type.
    Exact(AttributeName),
}

/// Whether and what to create on a side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateRule {
    /// Which objects may come into being, and when.
    pub allowed: CreateAllowed,
}

/// When a record may be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreateAllowed {
    /// Never: only linked records are updated there.
    Never,
    /// Always, as this object.
    As(ObjectName),
    /// As `contact` where the person's organisation is known there, else as `lead` (CRM-3).
    LeadOrContact {
        /// The object of leads.
        lead: ObjectName,
        /// The object of contacts.
        contact: ObjectName,
        /// The edge that names the organisation.
        edge: EdgeName,
    },
    /// As this object, but only once the edge's target is linked there (a deal's account).
    AfterParent {
        /// The object.
        object: ObjectName,
        /// The edge.
        edge: EdgeName,
    },
}
