//! What the planner is given.

use crate::mapping::Mapping;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_model::{
    Action, After, Base, BaseEntry, ConnectionName, Endpoint, EntityId, FieldChange, FieldName, Kind, Link,
    LinkState, ObjectName, RecordRef, RecordState, Snapshot, operation::Association,
};

/// Earlier mappings of sides, by their digest: field → binding digest.
pub type Earlier = BTreeMap<u32, BTreeMap<FieldName, u32>>;

/// What is the same for all entities of a plan.
pub struct Context<'a> {
    /// The mapping in force.
    pub mapping: &'a Mapping,
    /// That mapping's sides, read off once.
    pub sides: &'a Sides,
    /// What bases were agreed under before.
    pub earlier: &'a Earlier,
    /// Clocks of the connections against ours.
    pub clocks: &'a BTreeMap<ConnectionName, ClockOffset>,
    /// Now, on our clock.
    pub now: Timestamp,
}

/// A vendor's clock against ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockOffset {
    /// Vendor's time minus ours.
    pub ahead: SignedDuration,
    /// How far off that may be.
    pub uncertainty: SignedDuration,
}

impl Default for ClockOffset {
    /// Unmeasured: taken for equal, within the five minutes that servers' clocks are commonly allowed to be apart.
    fn default() -> Self {
        Self { ahead: SignedDuration::ZERO, uncertainty: SignedDuration::from_mins(5) }
    }
}

/// One entity with everything that a decision about it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbourhood {
    /// Which.
    pub entity: EntityId,
    /// Its kind.
    pub kind: Kind,
    /// All its links.
    pub links: Vec<Link>,
    /// Those records, in the links' order.
    pub snapshots: Vec<Option<Snapshot>>,
    /// Every record that its edges point to, now or at their base.
    #[serde(with = "crate::pairs")]
    pub targets: BTreeMap<RecordRef, Target>,
    /// Records in force of the entities that it points to, by connection.
    pub records_of: BTreeMap<EntityId, BTreeMap<ConnectionName, RecordRef>>,
    /// What the organisations among them are called.
    pub names: BTreeMap<EntityId, Arc<str>>,
    /// Creates planned before it in the same plan.
    pub planned: BTreeSet<(EntityId, ConnectionName)>,
    /// The one organisation whose domain a person's e-mail address has, per connection where it is in force.
    pub organisation_by_domain: Option<EntityId>,
    /// The open review that this entity waits for.
    pub review: Option<u64>,
    /// What the vendors refused before.
    pub refusals: Vec<Refusal>,
    /// Connections on which a create of this entity has an undecidable outcome: nothing is created there until a person
    /// has looked (invariant 7).
    pub parked: BTreeMap<ConnectionName, Arc<str>>,
    /// Deleted records whose counterpart somebody has restored since.
    pub outlived: BTreeSet<RecordRef>,
    /// Its records that somebody live refers to, where that has kept one from being archived.
    #[serde(with = "crate::pairs")]
    pub referred: BTreeMap<RecordRef, RecordRef>,
    /// Since when this entity has been waiting for a parent, if it is.
    pub waiting_since: Option<Timestamp>,
}

/// What a reference leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The entity of the record (of the record it was merged or converted into); `None`: not linked.
    pub entity: Option<EntityId>,
    /// How the record stands in it.
    #[serde(default)]
    pub state: TargetState,
}

/// How the record that a reference leads to stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// In force, or what it has become is.
    #[default]
    Known,
    /// A person is asked whose it is.
    Asked,
    /// Somebody deleted it.
    Deleted,
}

impl Target {
    /// Where a link leads; none: nowhere. A record that was seen deleted is, before its link is settled.
    pub fn of(link: Option<&Link>, seen: Option<&Snapshot>) -> Self {
        let is_gone = seen.is_some_and(|seen| seen.state == RecordState::Deleted);
        let state = match link.map(|link| &link.state) {
            Some(LinkState::Active) if is_gone => TargetState::Deleted,
            Some(LinkState::Pending) => TargetState::Asked,
            Some(LinkState::Deleted) => TargetState::Deleted,
            Some(
                LinkState::Active
                | LinkState::MergedInto(_)
                | LinkState::ConvertedTo(_)
                | LinkState::DuplicateOf(_)
                | LinkState::Undone(_)
                | LinkState::Excluded,
            )
            | None => TargetState::Known,
        };
        Self { entity: link.map(|link| link.entity), state }
    }

    /// That entity, of which the record is in force.
    pub fn known(entity: Option<EntityId>) -> Self {
        Self { entity, state: TargetState::Known }
    }
}

/// A write that a vendor refused; not tried again until value or schema change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Where.
    pub connection: ConnectionName,
    /// How much of it.
    pub part: RefusedPart,
    /// What was to be written.
    pub after: Vec<(FieldName, After)>,
    /// The vendor's code.
    pub code: Arc<str>,
    /// The vendor's message.
    pub message: Arc<str>,
    /// Which change releases it (`schema:<connection>/<object>`).
    pub wake: String,
}

/// How much of a write a refusal is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedPart {
    /// One field's value.
    Field(FieldName),
    /// A create as a whole.
    Create,
    /// An update of several attributes: the vendor does not say which of them it minds.
    Together,
    /// A relation that was to begin: of a kind that an administrator limited, or that a rule of the vendor's minds.
    Associate(Related),
    /// A relation that was to end.
    Dissociate(Related),
}

/// What a record was to be related to, or not any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    /// The connection's (pseudo-)field for the relation.
    pub field: FieldName,
    /// The other end.
    pub to: Endpoint,
    /// As what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Arc<str>>,
}

impl RefusedPart {
    /// The relation that an action begins or ends; `None`: it does something else.
    pub fn of_relation(action: &Action) -> Option<Self> {
        let related =
            |it: &Association| Related { field: it.field.clone(), to: it.to.clone(), role: it.role.clone() };
        match action {
            Action::Associate(association) => Some(Self::Associate(related(association))),
            Action::Dissociate(association) => Some(Self::Dissociate(related(association))),
            Action::Create { .. } | Action::Update { .. } | Action::Archive { .. } => None,
        }
    }
}

impl Refusal {
    /// Whether this refusal is about just this change.
    pub(crate) fn is_about(&self, connection: &ConnectionName, change: &FieldChange) -> bool {
        self.connection == *connection
            && matches!(&self.part, RefusedPart::Field(field) if *field == change.field)
            && self.names(change)
    }

    /// Whether this refusal is about a create with just these values.
    pub(crate) fn is_about_create(&self, connection: &ConnectionName, fields: &[FieldChange]) -> bool {
        self.connection == *connection
            && self.part == RefusedPart::Create
            && self.after.len() == fields.len()
            && fields.iter().all(|change| self.names(change))
    }

    /// Whether this is a refusal of several values of which some are still to be written, and none is another one by now.
    pub(crate) fn is_about_some_of(&self, connection: &ConnectionName, fields: &[FieldChange]) -> bool {
        let is_another = |change: &FieldChange| {
            !self.names(change) && self.after.iter().any(|(field, _)| *field == change.field)
        };
        self.connection == *connection
            && self.part == RefusedPart::Together
            && fields.iter().any(|change| self.names(change))
            && !fields.iter().any(is_another)
    }

    /// Whether this is the refusal of one of the values that the other one is about: it says which it was.
    pub(crate) fn explains(&self, together: &Self) -> bool {
        self.connection == together.connection
            && matches!(&self.part, RefusedPart::Field(_))
            && self.after.iter().any(|value| together.after.contains(value))
    }

    /// Whether this value was to be written when the vendor refused.
    pub(crate) fn names(&self, change: &FieldChange) -> bool {
        self.after.iter().any(|(field, after)| *field == change.field && *after == change.after)
    }
}

/// What a mapping binds on each side: computed once a pass, looked up for every record.
#[derive(Debug, Clone, Default)]
pub struct Sides(BTreeMap<Kind, BTreeMap<ConnectionName, BTreeMap<ObjectName, SideFields>>>);

/// One side's bound fields.
#[derive(Debug, Clone, Default)]
pub(crate) struct SideFields {
    /// With their binding digests.
    pub(crate) fields: BTreeMap<FieldName, u32>,
    /// [`side_digest`].
    pub(crate) digest: u32,
}

impl Sides {
    /// Reads a mapping's sides off.
    pub fn of(mapping: &Mapping) -> Self {
        let mut sides = Self::default();
        for (kind, model) in &mapping.kinds {
            for (connection, objects) in &model.objects {
                for object in objects {
                    let record = RecordRef::new(connection.clone(), object.clone(), "");
                    let fields = side_fields(mapping, *kind, &record);
                    let digest = digest_of(&fields);
                    sides
                        .0
                        .entry(*kind)
                        .or_default()
                        .entry(connection.clone())
                        .or_default()
                        .insert(object.clone(), SideFields { fields, digest });
                }
            }
        }
        sides
    }

    /// Every side's digest and bound fields.
    pub fn digests(&self) -> impl Iterator<Item = (u32, &BTreeMap<FieldName, u32>)> {
        let sides = self.0.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values);
        sides.map(|side| (side.digest, &side.fields))
    }

    fn get(&self, kind: Kind, record: &RecordRef) -> Option<&SideFields> {
        self.0.get(&kind)?.get(&record.connection)?.get(&record.object)
    }
}

/// The bound fields of a record's side with their binding digests, sorted. A field that several attributes read has a digest of
/// all their bindings.
pub fn side_fields(mapping: &Mapping, kind: Kind, record: &RecordRef) -> BTreeMap<FieldName, u32> {
    let mut fields: BTreeMap<FieldName, u32> = BTreeMap::new();
    let Some(model) = mapping.kinds.get(&kind) else { return fields };
    let attributes = model.attributes.iter().filter_map(|attribute| {
        let binding = attribute.binding(&record.connection, &record.object)?;
        Some((&binding.field, binding.digest))
    });
    let edges = model.edges.iter().filter_map(|edge| {
        let binding = edge.binding(&record.connection, &record.object)?;
        Some((&binding.field, binding.digest))
    });
    for (field, digest) in attributes.chain(edges) {
        let all = fields.get(field).map_or(digest, |others| others.rotate_left(1) ^ digest);
        fields.insert(field.clone(), all);
    }
    fields
}

/// Digest over a side's bindings (FNV-1a): which mapping a base was agreed under.
pub fn side_digest(mapping: &Mapping, kind: Kind, record: &RecordRef) -> u32 {
    digest_of(&side_fields(mapping, kind, record))
}

fn digest_of(fields: &BTreeMap<FieldName, u32>) -> u32 {
    let mut hash: u32 = 0x811c_9dc5;
    let mut feed = |byte: u8| hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    for (field, digest) in fields {
        field.as_str().bytes().for_each(&mut feed);
        feed(0);
        digest.to_le_bytes().into_iter().for_each(&mut feed);
    }
    hash
}

impl Context<'_> {
    /// A base as it counts under the mapping in force: fields that were agreed under another binding have none, and
    /// neither has any field of a link that never agreed on anything (decisions §2).
    pub(crate) fn base_under(&self, kind: Kind, record: &RecordRef, base: Option<&Base>) -> Base {
        let unagreed = || BaseEntry::NEVER;
        let Some(side) = self.sides.get(kind, record) else {
            return base.cloned().unwrap_or_default();
        };
        let Some(base) = base else {
            let entries = side.fields.keys().map(|field| (field.clone(), unagreed())).collect();
            return Base { mapping: side.digest, entries, ..Base::default() };
        };
        if base.mapping == side.digest {
            return base.clone();
        }
        let earlier = self.earlier.get(&base.mapping);
        let mut entries = base.entries.clone();
        entries.retain(|field, _| side.fields.contains_key(field));
        for (field, binding) in &side.fields {
            if earlier.and_then(|earlier| earlier.get(field)) != Some(binding) {
                entries.insert(field.clone(), unagreed());
            }
        }
        let mut watches = base.watches.clone();
        watches.retain(|field, _| side.fields.contains_key(field));
        Base { mapping: side.digest, entries, watches }
    }

    /// The clock of a connection.
    pub(crate) fn clock(&self, connection: &ConnectionName) -> ClockOffset {
        self.clocks.get(connection).copied().unwrap_or_default()
    }
}
