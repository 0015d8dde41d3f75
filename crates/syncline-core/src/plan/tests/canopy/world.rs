//! The world of the property: records, links and bases in memory, edited as people do and written as the engine does.

use super::form;
use crate::{
    mapping::{Edge, Mapping, Pick},
    observe::observe,
    plan::{
        Earlier, LinkChange, Sides, settle, side_fields,
        tests::world::{HS, SF, at, entity, mapping, option, text},
    },
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{
    AttributeName, Base, ConnectionName, EntityId, Evidence, FieldName, JournalSeq, Kind, Link, LinkState,
    Observation, Observed, RecordRef, RecordState, Ref, Snapshot, Value, Version, journal::Written,
};

/// Somebody changes one field of one record; the numbers are taken modulo what there is.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    pub(super) entity: u8,
    pub(super) salesforce: bool,
    pub(super) field: u8,
    pub(super) value: u8,
}

#[derive(Clone)]
pub(super) struct Thing {
    pub(super) kind: Kind,
    pub(super) links: Vec<Link>,
    pub(super) snapshots: Vec<Option<Snapshot>>,
}

#[derive(Clone)]
pub(super) struct World {
    pub(super) mapping: Mapping,
    pub(super) sides: Sides,
    pub(super) things: BTreeMap<EntityId, Thing>,
    /// Everything that was ever seen of an entity, in the form of comparison.
    pub(super) seen: BTreeMap<EntityId, BTreeSet<String>>,
    /// Edits since they were last forgotten.
    pub(super) edited: BTreeMap<(EntityId, AttributeName), Vec<(ConnectionName, Observed)>>,
    /// Of these, those of fields that had agreed on nothing.
    pub(super) unclear: BTreeSet<(EntityId, AttributeName)>,
    pub(super) second: i64,
    /// What was written, as the journal keeps it.
    pub(super) log: Vec<Written>,
}

const KINDS: [Kind; 3] = [Kind::Organisation, Kind::Person, Kind::Deal];
/// Connection, object, id.
type Address = (&'static str, &'static str, &'static str);

/// Users: known on both sides, and on Salesforce only.
const USERS: [(u128, &[Address]); 3] = [
    (901, &[(SF, "User", "U1"), (HS, "owners", "1")]),
    (902, &[(SF, "User", "U2"), (HS, "owners", "2")]),
    (903, &[(SF, "User", "U3")]),
];

fn objects(kind: Kind, salesforce: bool) -> &'static str {
    match (kind, salesforce) {
        (Kind::Organisation, true) => "Account",
        (Kind::Organisation, false) => "companies",
        (Kind::Person, true) => "Contact",
        (Kind::Person, false) => "contacts",
        (Kind::Deal, true) => "Opportunity",
        (Kind::Deal, false) => "deals",
        (Kind::User, _) => unreachable!("users are not made"),
    }
}

impl World {
    pub(super) fn new(seeds: &[(u8, u8, Vec<u8>)]) -> Self {
        let mut world = Self {
            sides: Sides::of(&mapping()),
            mapping: mapping(),
            things: BTreeMap::new(),
            seen: BTreeMap::new(),
            edited: BTreeMap::new(),
            unclear: BTreeSet::new(),
            second: 0,
            log: Vec::new(),
        };
        for (number, (kind, places, _)) in seeds.iter().enumerate() {
            let id = entity(number as u128 + 1);
            let kind = KINDS[usize::from(*kind)];
            world.things.insert(id, Thing { kind, links: Vec::new(), snapshots: Vec::new() });
            for (salesforce, here) in [(true, *places != 1), (false, *places != 2)] {
                if here {
                    let object = objects(kind, salesforce);
                    let record =
                        RecordRef::new(if salesforce { SF } else { HS }, object, format!("{number}"));
                    world.put_record(id, record, Evidence::First, None);
                }
            }
        }
        for (number, (_, _, values)) in seeds.iter().enumerate() {
            for (field, value) in values.iter().enumerate() {
                for salesforce in [true, false] {
                    let edit =
                        Edit { entity: number as u8, salesforce, field: field as u8, value: *value % 200 };
                    world.edit(&edit);
                }
            }
        }
        world
    }

    pub(super) fn put_record(
        &mut self,
        id: EntityId,
        record: RecordRef,
        evidence: Evidence,
        base: Option<Base>,
    ) {
        let kind = self.things[&id].kind;
        let mut fields: BTreeMap<FieldName, Observed> = side_fields(&self.mapping, kind, &record)
            .into_keys()
            .map(|field| (field, Observed::Empty))
            .collect();
        fields.insert("not_bound".into(), text("theirs"));
        if evidence == Evidence::First {
            let needed: &[(&str, Observed)] = match record.object.as_str() {
                "Account" => &[("Name", text("Acme"))],
                "companies" => &[("name", text("Acme"))],
                "Contact" => &[("LastName", text("L")), ("Email", text("a@b.de"))],
                "contacts" => &[("email", text("a@b.de"))],
                "Opportunity" => &[("Name", text("Deal")), ("StageName", option("New"))],
                _ => &[("dealname", text("Deal")), ("dealstage", option("s1"))],
            };
            for (field, value) in needed {
                self.note(id, value);
                fields.insert((*field).into(), value.clone());
            }
        }
        let thing = self.things.get_mut(&id).unwrap();
        thing.links.push(Link {
            record: record.clone(),
            facet: kind,
            entity: id,
            state: LinkState::Active,
            evidence,
            since: JournalSeq::default(),
            base,
        });
        thing.snapshots.push(Some(Snapshot {
            record,
            version: Some(Version("0".into())),
            modified: Some(at(self.second)),
            state: RecordState::Live,
            fields: fields.into_iter().collect(),
        }));
    }

    fn note(&mut self, id: EntityId, value: &Observed) {
        if let Observed::Value(value) = value {
            self.seen.entry(id).or_default().insert(form(value));
        }
    }

    pub(super) fn forget_edits(&mut self) {
        self.edited.clear();
        self.unclear.clear();
    }

    pub(super) fn entities(&self) -> Vec<(EntityId, Kind)> {
        self.things.iter().map(|(id, thing)| (*id, thing.kind)).collect()
    }

    /// Both sides' records in force.
    pub(super) fn both(&self, id: EntityId) -> Option<(&Snapshot, &Snapshot)> {
        let on = |connection: &str| {
            self.in_force(id).into_iter().find(|it| it.record.connection.as_str() == connection)
        };
        Some((on(SF)?, on(HS)?))
    }

    fn in_force(&self, id: EntityId) -> Vec<&Snapshot> {
        let thing = &self.things[&id];
        let pairs = thing.links.iter().zip(&thing.snapshots);
        pairs.filter(|(link, _)| link.state.is_active()).filter_map(|(_, it)| it.as_ref()).collect()
    }

    /// Whether what identifies the entity is there on some side.
    pub(super) fn takes_part(&self, id: EntityId) -> bool {
        let needed: &[&[&str]] = match self.things[&id].kind {
            Kind::Organisation => &[&["Name", "name"]],
            Kind::Person => &[&["Email", "email"]],
            Kind::Deal => &[&["Name", "dealname"], &["StageName", "dealstage"]],
            Kind::User => return false,
        };
        let shown = |fields: &[&str]| {
            self.in_force(id).iter().any(|it| fields.iter().any(|field| it.field(field).value().is_some()))
        };
        needed.iter().all(|fields| shown(fields))
    }

    /// Entities that a side's edge leads to; `None` where it cannot be read or leads to a record that is nobody's.
    pub(super) fn targets(&self, snapshot: &Snapshot, edge: &Edge) -> Option<BTreeSet<EntityId>> {
        let binding = edge.binding(&snapshot.record.connection, &snapshot.record.object)?;
        let refs = match snapshot.field(binding.field.as_str()) {
            Observed::Empty => return Some(BTreeSet::new()),
            Observed::Value(Value::Refs(refs)) => refs,
            Observed::Value(_) | Observed::Absent | Observed::NotPermitted | Observed::NotFetched => {
                return None;
            }
        };
        let counts = |it: &&Ref| binding.pick == Pick::All || it.primary || refs.len() == 1;
        refs.iter()
            .filter(counts)
            .map(|it| self.owner(edge.to, &refer(&snapshot.record.connection, it)))
            .collect()
    }

    pub(super) fn only_secondary(&self, snapshot: &Snapshot, edge: &Edge) -> bool {
        edge.binding(&snapshot.record.connection, &snapshot.record.object).is_some_and(|binding| {
            matches!(snapshot.field(binding.field.as_str()), Observed::Value(Value::Refs(refs)) if !refs.iter().any(|it| it.primary))
        })
    }

    pub(super) fn owner(&self, kind: Kind, record: &RecordRef) -> Option<EntityId> {
        if kind == Kind::User {
            let named = |(connection, object, id): &(&str, &str, &str)| {
                *record == RecordRef::new(*connection, *object, *id)
            };
            return USERS
                .iter()
                .find(|(_, records)| records.iter().any(named))
                .map(|(number, _)| entity(*number));
        }
        let of = |thing: &Thing| thing.kind == kind && thing.links.iter().any(|link| link.record == *record);
        self.things.iter().find(|(_, thing)| of(thing)).map(|(id, _)| *id)
    }

    pub(super) fn records_of(&self, id: EntityId) -> BTreeMap<ConnectionName, RecordRef> {
        let user = USERS.iter().find(|(number, _)| entity(*number) == id);
        match user {
            Some((_, records)) => records
                .iter()
                .map(|(connection, object, id)| {
                    ((*connection).into(), RecordRef::new(*connection, *object, *id))
                })
                .collect(),
            None => {
                self.in_force(id).iter().map(|it| (it.record.connection.clone(), it.record.clone())).collect()
            }
        }
    }

    /// All values on all sides, for comparison.
    pub(super) fn values(&self) -> BTreeMap<RecordRef, Vec<(FieldName, Observed)>> {
        let all = self.things.values().flat_map(|thing| thing.snapshots.iter().flatten());
        all.map(|it| (it.record.clone(), it.fields.clone())).collect()
    }

    pub(super) fn check_records(&self) -> Result<(), TestCaseError> {
        for (id, thing) in &self.things {
            for connection in [SF, HS] {
                let links = thing.links.iter().filter(|link| link.record.connection.as_str() == connection);
                let active = links.filter(|link| link.state.is_active()).count();
                prop_assert!(active <= 1, "{id:?} has {active} records in force on {connection}");
            }
            for snapshot in thing.snapshots.iter().flatten() {
                prop_assert_eq!(snapshot.field("not_bound") == &text("theirs"), true);
            }
        }
        Ok(())
    }

    pub(super) fn edit(&mut self, edit: &Edit) {
        let ids: Vec<EntityId> = self.things.keys().copied().collect();
        let id = ids[usize::from(edit.entity) % ids.len()];
        let connection = if edit.salesforce { SF } else { HS };
        let thing = &self.things[&id];
        let Some(position) = thing
            .links
            .iter()
            .position(|link| link.state.is_active() && link.record.connection.as_str() == connection)
        else {
            return;
        };
        let (kind, record) = (thing.kind, thing.links[position].record.clone());
        if edit.value > 250 {
            return self.delete(id, position);
        }
        let model = &self.mapping.kinds[&kind];
        let number = usize::from(edit.field) % (model.attributes.len() + model.edges.len());
        let (name, field, value) = if let Some(attribute) = model.attributes.get(number) {
            let Some(binding) = attribute.binding(&record.connection, &record.object) else { return };
            let value = attribute_value(attribute.name.as_str(), edit.salesforce, edit.value);
            (attribute.name.clone(), binding.field.clone(), value)
        } else {
            let edge = &model.edges[number - model.attributes.len()];
            let Some(binding) = edge.binding(&record.connection, &record.object) else { return };
            let many = edge.cardinality == crate::mapping::Cardinality::Many || binding.pick == Pick::Primary;
            let value = self.references(edge.to, id, connection, edit.value, many, binding.pick);
            (AttributeName::new(edge.name.as_str()), binding.field.clone(), value)
        };
        if record.object.as_str() == "Contact" && field.as_str() == "LastName" && value == Observed::Empty {
            return;
        }
        self.second += 7;
        self.note(id, &value);
        // What was never agreed cannot be told from a first contact.
        let base = self.things[&id].links[position].base.as_ref();
        let agreed =
            base.is_some_and(|base| base.entries.get(&field).is_none_or(|entry| entry.agreed.is_some()));
        if !agreed {
            self.unclear.insert((id, name.clone()));
        }
        if value.is_known() {
            let edits = self.edited.entry((id, name)).or_default();
            edits.retain(|(side, _)| side.as_str() != connection);
            edits.push((connection.into(), value.clone()));
        }
        self.observe(id, position, vec![(field, value)]);
    }

    fn delete(&mut self, id: EntityId, position: usize) {
        let mapping = self.mapping.clone();
        let thing = self.things.get_mut(&id).unwrap();
        thing.snapshots[position].as_mut().unwrap().state = RecordState::Deleted;
        let settled =
            settle(&mapping, &Earlier::new(), thing.kind, &thing.links, &thing.snapshots, |_, _| None);
        for change in settled.links {
            let LinkChange::Put(link) = change else { continue };
            let known = thing.links.iter_mut().find(|known| known.record == link.record).unwrap();
            *known = link;
        }
    }

    /// Targets that have a record on the side, one that is nobody's, or none.
    fn references(
        &self,
        to: Kind,
        from: EntityId,
        connection: &str,
        value: u8,
        many: bool,
        pick: Pick,
    ) -> Observed {
        if value.is_multiple_of(11) {
            return Observed::Empty;
        }
        if value % 11 == 1 && to != Kind::User {
            let stray =
                Ref { primary: pick == Pick::Primary, ..Ref::to(objects(to, connection == SF), "nobody") };
            return Observed::Value(Value::Refs(vec![stray]));
        }
        let ids: Vec<EntityId> = match to {
            Kind::User => USERS.iter().map(|(number, _)| entity(*number)).collect(),
            Kind::Organisation | Kind::Person | Kind::Deal => self
                .things
                .iter()
                .filter(|(id, thing)| thing.kind == to && **id != from)
                .map(|(id, _)| *id)
                .collect(),
        };
        let here: Vec<RecordRef> =
            ids.iter().filter_map(|id| self.records_of(*id).get(connection).cloned()).collect();
        if here.is_empty() {
            return Observed::Empty;
        }
        let take = if many { 1 + usize::from(value % 3) } else { 1 };
        let mut refs: Vec<Ref> = (0..take.min(here.len()))
            .map(|offset| {
                let record = &here[(usize::from(value) + offset) % here.len()];
                Ref {
                    primary: pick == Pick::Primary && offset == 0,
                    ..Ref::to(record.object.clone(), record.id.clone())
                }
            })
            .collect();
        refs.sort();
        Observed::Value(Value::Refs(refs))
    }

    pub(super) fn observe(&mut self, id: EntityId, position: usize, fields: Vec<(FieldName, Observed)>) {
        let second = self.second;
        let thing = self.things.get_mut(&id).unwrap();
        let seen = Observation {
            record: thing.links[position].record.clone(),
            version: Some(Version(second.to_string().into())),
            modified: Some(at(second)),
            state: RecordState::Live,
            fields,
        };
        let link = std::slice::from_mut(&mut thing.links[position]);
        let now = observe(thing.snapshots[position].as_ref(), link, &seen);
        thing.snapshots[position] = Some(now.snapshot);
    }
}

pub(super) fn refer(connection: &ConnectionName, reference: &Ref) -> RecordRef {
    RecordRef { connection: connection.clone(), object: reference.object.clone(), id: reference.id.clone() }
}

fn attribute_value(name: &str, salesforce: bool, value: u8) -> Observed {
    if value.is_multiple_of(13) {
        return Observed::Empty;
    }
    if value.is_multiple_of(29) {
        return Observed::NotPermitted;
    }
    match name {
        "stage" => {
            let stages: &[&str] =
                if salesforce { &["New", "Qualified", "Closed Won", "Odd"] } else { &["s1", "s2", "lost"] };
            option(stages[usize::from(value) % stages.len()])
        }
        "tags" => {
            let tags = ["a", "b", "c", "d"];
            let set = tags
                .iter()
                .enumerate()
                .filter(|(bit, _)| value >> bit & 1 == 1)
                .map(|(_, tag)| (*tag).into());
            let set: BTreeSet<_> = set.collect();
            if set.is_empty() { Observed::Empty } else { Observed::Value(Value::Options(set)) }
        }
        "opted_out" => Observed::Value(Value::Bool(value.is_multiple_of(2))),
        "amount" | "revenue" => Observed::Value(Value::Decimal(i64::from(value % 5).into())),
        "email" => text(["a@b.de", "A@B.de", "ada@acme.com", " c@d.eu"][usize::from(value) % 4]),
        "phone" => text(["1", "+1 2", "+12", "(3)"][usize::from(value) % 4]),
        "website" => text(["acme.com", "https://acme.com/", "b.de"][usize::from(value) % 3]),
        _ => text(["x", "y", " x", "z"][usize::from(value) % 4]),
    }
}
