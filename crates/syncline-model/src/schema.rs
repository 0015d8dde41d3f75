//! A vendor's live schema, as `describe` found it.

use crate::{
    ids::{FieldName, ObjectName},
    value::Currency,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// What an account says of itself; read at connect and compared before every run (HUB-7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The org or portal id.
    pub id: Arc<str>,
    /// The account's own currency; amounts without a code are in it.
    pub currency: Option<Currency>,
    /// IANA name of the account's time zone; dates of instants are taken in it.
    pub time_zone: Arc<str>,
    /// Name of the user or app whose rights the connection has.
    pub user: Arc<str>,
    /// The id of that user as records' "last modified by" shows it, where the vendor has one.
    pub user_id: Option<Arc<str>>,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectSchema {
    /// Its API name.
    pub object: ObjectName,
    /// Whether rows may be created.
    pub createable: bool,
    /// Whether rows may be updated.
    pub updateable: bool,
    /// By field. A field that the user may not see is not here.
    pub fields: BTreeMap<FieldName, FieldSchema>,
}

/// One field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSchema {
    /// The field's label.
    pub label: Arc<str>,
    /// Its type.
    pub field_type: FieldType,
    /// Whether it may be set on create.
    pub createable: bool,
    /// Whether it may be set on update.
    pub updateable: bool,
    /// Whether a create without it is refused.
    pub required: bool,
    /// Whether the vendor enforces unique values and can look a record up by it.
    pub unique_key: bool,
    /// Longest text, in characters.
    pub max_length: Option<u32>,
    /// Digits after the point that are kept.
    pub scale: Option<u32>,
    /// Options of option fields; empty otherwise.
    pub options: Vec<OptionSchema>,
    /// Whether a value outside `options` is refused.
    pub restricted: bool,
}

/// One option of an option field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptionSchema {
    /// Internal value.
    pub value: Arc<str>,
    /// What people see.
    pub label: Arc<str>,
    /// Whether it can still be chosen.
    pub active: bool,
    /// The pipeline (HubSpot) or record type this option belongs to, for stages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Arc<str>>,
}

/// Types of fields, over all vendors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Free text.
    Text,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A web address.
    Url,
    /// Yes or no.
    Bool,
    /// A number.
    Decimal,
    /// An amount.
    Money,
    /// A calendar date.
    Date,
    /// An instant.
    Instant,
    /// One option.
    Option,
    /// Several options.
    Options,
    /// A relation to other records.
    Reference,
    /// Anything else (compound, binary); cannot be mapped.
    Other,
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::Bool => "bool",
            Self::Decimal => "decimal",
            Self::Money => "money",
            Self::Date => "date",
            Self::Instant => "instant",
            Self::Option => "option",
            Self::Options => "options",
            Self::Reference => "reference",
            Self::Other => "other",
        })
    }
}

/// SHA-256 over an object's schema; another digest means that bindings are checked again (A13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SchemaDigest(pub [u8; 32]);
