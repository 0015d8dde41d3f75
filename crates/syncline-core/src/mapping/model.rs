//! The compiled mapping as data.

use jiff::{SignedDuration, tz::TimeZone};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};
use syncline_model::{
    AttributeName, ConnectionName, Currency, EdgeName, FieldName, FieldType, Kind, ObjectName, Value,
    VendorName,
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
    /// Present values that already mean the wanted one are left alone (n:1 maps).
    pub keep_if_equivalent: bool,
    /// Which field carries it, by connection and object.
    pub bindings: Vec<Binding>,
}

impl Attribute {
    /// The binding of a connection's object, if it has one.
    pub fn binding(&self, connection: &ConnectionName, object: &ObjectName) -> Option<&Binding> {
        self.bindings.iter().find(|binding| binding.connection == *connection && binding.object == *object)
    }
}

impl KindModel {
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

/// What a cleared value does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clear {
    /// It travels.
    Travel,
    /// It stays where it happened, and the others keep their value.
    Keep,
}

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

/// What becomes of records that leave the scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnLeave {
    /// Nothing is written any more.
    Freeze,
    /// The link is dropped.
    Unlink,
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

/// Circuit breakers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// Creates.
    pub create: Breaker,
    /// Cleared values.
    pub blank: Breaker,
    /// Archives.
    pub archive: Breaker,
    /// Fields that something keeps setting back.
    pub oscillation: Oscillation,
}

/// When a field is parked because our writes of it are taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oscillation {
    /// So many of our writes taken back, at least 1.
    pub flips: u64,
    /// Within this time.
    pub window: SignedDuration,
}

impl Default for Oscillation {
    fn default() -> Self {
        Self { flips: 3, window: SignedDuration::from_hours(24) }
    }
}

/// Stops when more than the larger of the two is exceeded, per object and run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// A number of records.
    pub count: u64,
    /// Thousandths of the object's live records.
    pub share_permille: u64,
}

impl Breaker {
    /// How many are allowed among `live` records.
    pub fn allows(&self, live: u64) -> u64 {
        self.count.max(live.saturating_mul(self.share_permille) / 1000)
    }
}
