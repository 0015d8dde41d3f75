//! A configuration that was read and is consistent in itself; the live schemas have not been asked yet.

use super::problem::Place;
use crate::mapping::{
    AttributeType, Clear, Direction, Guard, ModelChoice, OnDelete, OnLeave, Predicate, Rule,
};
use jiff::SignedDuration;
use std::{collections::BTreeMap, sync::Arc};
use syncline_model::{
    AttributeName, ConnectionName, EdgeName, FieldName, Kind, ObjectName, Value, VendorName,
};

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The model (CRM-13).
    pub model: ModelChoice,
    /// Connections by name.
    pub connections: BTreeMap<ConnectionName, ConnectionConfig>,
    /// The address under which vendors reach this server.
    pub public_url: Option<String>,
    /// Thousandths of an account's remaining daily calls that may be used.
    pub daily_share_permille: u64,
    /// How often `serve` asks the vendors for changes.
    pub poll: SignedDuration,
    /// How long a worker's claim on the workspace holds without being renewed.
    pub lease: SignedDuration,
    /// How old a plan may be when it is applied.
    pub plan_max_age: SignedDuration,
    /// How long the journal is kept.
    pub journal: JournalKeep,
    /// Circuit breakers (HUB-7).
    pub guard: Guard,
    /// By kind.
    pub kinds: BTreeMap<Kind, KindConfig>,
    pub(crate) digest: String,
}

impl Config {
    /// SHA-256 in hexadecimal over what decides about records: not over comments, layout, the order of keys and the
    /// split into files, nor over `[server]`, `[serve]`, `[journal]` and `[budget]`. A plan is refused under another
    /// digest.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// How long the journal is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalKeep {
    /// Values of what was observed, and what rows were before.
    pub observed: SignedDuration,
    /// Entries, with all their values. Not shorter than `observed`.
    pub entries: SignedDuration,
}

impl Default for JournalKeep {
    fn default() -> Self {
        Self { observed: SignedDuration::from_hours(24 * 90), entries: SignedDuration::from_hours(24 * 400) }
    }
}

/// One connection.
#[derive(Debug, Clone)]
pub struct ConnectionConfig {
    /// Its vendor.
    pub vendor: VendorName,
    /// The account it belongs to, written by `connect`; another one is refused.
    pub account: Option<String>,
    /// Planted keys by object; `None` is every other object.
    pub keys: BTreeMap<Option<ObjectName>, Keys>,
    /// Where it stands.
    pub at: Place,
}

impl ConnectionConfig {
    /// Whether keys are planted on an object.
    pub fn keys(&self, object: &ObjectName) -> Keys {
        let own = self.keys.get(&Some(object.clone()));
        own.or_else(|| self.keys.get(&None)).copied().unwrap_or(Keys::Planted)
    }
}

/// Whether records carry our key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    /// In a unique field of their own, which makes creates safe to repeat.
    Planted,
    /// Nowhere: creates run one by one per natural key, and an unknown outcome waits for a person.
    None,
}

/// One kind.
#[derive(Debug, Clone)]
pub struct KindConfig {
    /// Objects by connection, in order of preference.
    pub records: BTreeMap<ConnectionName, Vec<ObjectName>>,
    /// Connections on which a thing has exactly one record, of one of these objects (lead xor contact).
    pub one_of: BTreeMap<ConnectionName, Vec<ObjectName>>,
    /// Matching keys, best first.
    pub match_keys: Vec<(MatchKey, Place)>,
    /// Who takes part, by (from, to).
    pub scope: BTreeMap<(ConnectionName, ConnectionName), Predicate>,
    /// What becomes of records that leave the scope.
    pub on_leave: OnLeave,
    /// What becomes of the others when one record is deleted.
    pub on_delete: OnDelete,
    /// Where the model's word on creation is overridden.
    pub create: BTreeMap<ConnectionName, (CreateChoice, Place)>,
    /// In the order of the files.
    pub fields: Vec<FieldConfig>,
    /// In the order of the files.
    pub edges: Vec<EdgeConfig>,
    /// Declared stage pairs, in the order of the files.
    pub stage_map: Vec<StagePair>,
    /// Where it stands.
    pub at: Place,
}

/// A matching key as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchKey {
    /// The planted key.
    Planted,
    /// Ids that another connector left.
    NativeConnector,
    /// The e-mail address in the attribute of that name.
    Email(AttributeName),
    /// The registrable domain in `domain`, else in `website`.
    Domain(Vec<AttributeName>),
    /// `name`, with `country` where there is one.
    NameCountry(AttributeName, Option<AttributeName>),
    /// The attribute of that name, as it is.
    Exact(AttributeName),
}

/// What a configuration says on creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateChoice {
    /// Nothing is created there.
    Never,
    /// A contact under a known account, else a lead.
    LeadOrContact,
    /// Once the edge's target is linked there.
    AfterParent,
    /// Always, as this object.
    As(ObjectName),
}

/// One attribute.
#[derive(Debug, Clone)]
pub struct FieldConfig {
    /// Its name.
    pub name: AttributeName,
    /// Its type.
    pub value_type: AttributeType,
    /// Who wins.
    pub rule: Rule,
    /// Who wins where the rule cannot say.
    pub tie: Option<ConnectionName>,
    /// What a cleared value does.
    pub clear: Clear,
    /// Given to a new record where every source is blank.
    pub default: Option<Value>,
    /// Always this value.
    pub constant: Option<Value>,
    /// By connection and object.
    pub bindings: Vec<BindingConfig>,
    /// Where it stands.
    pub at: Place,
}

/// One side's field of an attribute.
#[derive(Debug, Clone)]
pub struct BindingConfig {
    /// The side.
    pub connection: ConnectionName,
    /// Its object.
    pub object: ObjectName,
    /// Its field.
    pub field: FieldName,
    /// Read, written or both.
    pub direction: Direction,
    /// How values are translated.
    pub map: MapMode,
    /// Written where the vendor requires a value and there is none.
    pub placeholder: Option<Value>,
    /// Where it stands.
    pub at: Place,
}

/// How a side's options become the attribute's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapMode {
    /// By the options' labels, ignoring case.
    Label,
    /// The values are the same on every side.
    Value,
    /// Declared: (side value, attribute value), in the order of the file.
    Table(Vec<(Arc<str>, Arc<str>)>),
}

/// One relation.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// Its name.
    pub name: EdgeName,
    /// Kind of the target.
    pub to: Kind,
    /// Who wins.
    pub rule: Rule,
    /// Who wins where the rule cannot say.
    pub tie: Option<ConnectionName>,
    /// Whether a record without the parent may not be written.
    pub required: bool,
    /// How long a new record waits for a parent that is not there yet; `None`: not at all.
    pub wait: Option<SignedDuration>,
    /// By connection and object.
    pub bindings: Vec<EdgeBindingConfig>,
    /// Where it stands.
    pub at: Place,
}

/// How one side carries a relation.
#[derive(Debug, Clone)]
pub struct EdgeBindingConfig {
    /// The side.
    pub connection: ConnectionName,
    /// The child's object.
    pub object: ObjectName,
    /// How.
    pub carrier: CarrierConfig,
    /// Read, written or both.
    pub direction: Direction,
    /// Where it stands.
    pub at: Place,
}

/// What carries a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CarrierConfig {
    /// A reference field.
    Field(FieldName),
    /// An association type by its name (`deal_to_company`).
    Association(String, Several),
    /// Rows of a junction object.
    Junction(ObjectName, Several),
}

/// What is meant where a carrier can hold several targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Several {
    /// All of them.
    All,
    /// Only the one marked as primary.
    Primary,
    /// The vendor allows one only.
    Single,
}

/// Stages that mean the same.
#[derive(Debug, Clone)]
pub struct StagePair {
    /// By connection.
    pub sides: BTreeMap<ConnectionName, StageSide>,
    /// Where it stands.
    pub at: Place,
}

/// One side of a stage pair.
#[derive(Debug, Clone)]
pub struct StageSide {
    /// Value or label of the stage.
    pub stage: String,
    /// Pipeline (HubSpot) or record type (Salesforce) that the stage is meant in: its value or label.
    pub within: Option<String>,
    /// Where it stands.
    pub at: Place,
}
