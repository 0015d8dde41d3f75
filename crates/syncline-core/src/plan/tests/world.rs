//! Neighbourhoods in the tests' mapping, and plans in words.

pub(super) use super::models::{contacts_only, mapping};
use crate::{
    mapping::{Attribute, Binding, Clear, Edge, KindModel, Mapping},
    observe::observe,
    plan::{
        ClockOffset, Context, EntityPlan, Neighbourhood, Sides, Target, plan_entity, side_digest, side_fields,
    },
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{
    Action, After, Base, ConnectionName, Endpoint, EntityId, Evidence, FieldName, JournalSeq, Kind, Link,
    LinkState, Observation, Observed, RecordRef, RecordState, Ref, Snapshot, Value, Version,
};
use uuid::Uuid;

pub(super) const SF: &str = "salesforce";
pub(super) const HS: &str = "hubspot";

pub(super) fn text(value: &str) -> Observed {
    Value::text(value).into()
}

pub(super) fn option(value: &str) -> Observed {
    Observed::Value(Value::option(value))
}

/// References to `Object/id`; `!` marks the primary one, `:role` the role.
pub(super) fn refs(targets: &[&str]) -> Observed {
    let mut refs: Vec<Ref> = targets
        .iter()
        .map(|target| {
            let (target, role) =
                target.split_once(':').map_or((*target, None), |(target, role)| (target, Some(role)));
            let (target, primary) = target.strip_suffix('!').map_or((target, false), |target| (target, true));
            let (object, id) = target.split_once('/').unwrap();
            Ref { role: role.map(Into::into), primary, ..Ref::to(object, id) }
        })
        .collect();
    refs.sort();
    if refs.is_empty() { Observed::Empty } else { Observed::Value(Value::Refs(refs)) }
}

pub(super) fn entity(number: u128) -> EntityId {
    EntityId(Uuid::from_u128(number))
}

/// Seconds of a day that tests play in.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

pub(super) fn record(address: &str) -> RecordRef {
    address.parse().unwrap()
}

/// One entity under test.
pub(super) struct Case {
    pub(super) mapping: Mapping,
    pub(super) hood: Neighbourhood,
    pub(super) now: Timestamp,
}

impl Case {
    pub(super) fn of(kind: Kind) -> Self {
        Self::under(mapping(), kind)
    }

    pub(super) fn under(mapping: Mapping, kind: Kind) -> Self {
        let hood = Neighbourhood {
            entity: entity(1),
            kind,
            links: Vec::new(),
            snapshots: Vec::new(),
            targets: BTreeMap::new(),
            records_of: BTreeMap::new(),
            planned: BTreeSet::new(),
            organisation_by_domain: None,
            review: None,
            refusals: Vec::new(),
            parked: BTreeMap::new(),
            names: BTreeMap::new(),
            outlived: BTreeSet::new(),
            referred: BTreeMap::new(),
            waiting_since: None,
        };
        Self { mapping, hood, now: at(0) }
    }

    pub(super) fn model(mut self, edit: impl FnOnce(&mut KindModel)) -> Self {
        edit(self.mapping.kinds.get_mut(&self.hood.kind).unwrap());
        self
    }

    pub(super) fn attribute(self, name: &str, edit: impl FnOnce(&mut Attribute)) -> Self {
        self.model(|model| edit(model.attributes.iter_mut().find(|it| it.name.as_str() == name).unwrap()))
    }

    pub(super) fn edge(self, name: &str, edit: impl FnOnce(&mut Edge)) -> Self {
        self.model(|model| edit(model.edges.iter_mut().find(|it| it.name.as_str() == name).unwrap()))
    }

    /// The binding of an attribute on a connection, on all its objects.
    pub(super) fn bindings(self, name: &str, connection: &str, edit: impl Fn(&mut Binding)) -> Self {
        self.attribute(name, |attribute| {
            attribute.bindings.iter_mut().filter(|it| it.connection.as_str() == connection).for_each(edit);
        })
    }

    /// A linked record that has agreed on what it shows. Bound fields that are not given are empty.
    pub(super) fn agreed(self, address: &str, fields: &[(&str, Observed)]) -> Self {
        let digest = side_digest(&self.mapping, self.hood.kind, &record(address));
        self.linked(address, fields, Some(Base { mapping: digest, ..Base::default() }))
    }

    /// A linked record that has agreed on nothing.
    pub(super) fn fresh(self, address: &str, fields: &[(&str, Observed)]) -> Self {
        self.linked(address, fields, None)
    }

    fn linked(mut self, address: &str, fields: &[(&str, Observed)], base: Option<Base>) -> Self {
        let record = record(address);
        let mut all: BTreeMap<FieldName, Observed> = side_fields(&self.mapping, self.hood.kind, &record)
            .into_keys()
            .map(|field| (field, Observed::Empty))
            .collect();
        all.extend(fields.iter().map(|(field, value)| (FieldName::new(field), value.clone())));
        self.hood.links.push(Link {
            record: record.clone(),
            facet: self.hood.kind,
            entity: self.hood.entity,
            state: LinkState::Active,
            evidence: Evidence::First,
            since: JournalSeq(1),
            base,
        });
        self.hood.snapshots.push(Some(Snapshot {
            record,
            version: Some(Version("1".into())),
            modified: Some(at(-1000)),
            state: RecordState::Live,
            fields: all.into_iter().collect(),
        }));
        self
    }

    /// A link without a record in force.
    pub(super) fn link(mut self, address: &str, state: LinkState) -> Self {
        self = self.linked(address, &[], None);
        if let Some(link) = self.hood.links.last_mut() {
            link.state = state;
        }
        self
    }

    fn position(&self, address: &str) -> usize {
        self.hood.links.iter().position(|link| link.record == record(address)).unwrap()
    }

    pub(super) fn link_mut(&mut self, address: &str) -> &mut Link {
        let position = self.position(address);
        &mut self.hood.links[position]
    }

    /// The record is seen again at `second` with these fields, as the engine takes it in.
    pub(super) fn seen(mut self, address: &str, second: i64, fields: &[(&str, Observed)]) -> Self {
        let position = self.position(address);
        let seen = Observation {
            record: record(address),
            version: Some(Version(second.to_string().into())),
            modified: Some(at(second)),
            state: RecordState::Live,
            fields: fields.iter().map(|(field, value)| (FieldName::new(field), value.clone())).collect(),
        };
        let link = std::slice::from_mut(&mut self.hood.links[position]);
        let now = observe(self.hood.snapshots[position].as_ref(), link, &seen);
        self.hood.snapshots[position] = Some(now.snapshot);
        self
    }

    /// Another entity with its records in force, to be pointed to.
    pub(super) fn other(mut self, number: u128, addresses: &[&str]) -> Self {
        let records: BTreeMap<ConnectionName, RecordRef> =
            addresses.iter().map(|address| record(address)).map(|it| (it.connection.clone(), it)).collect();
        for it in records.values() {
            self.hood.targets.insert(it.clone(), Target::known(Some(entity(number))));
        }
        self.hood.records_of.insert(entity(number), records);
        self
    }

    pub(super) fn at(mut self, second: i64) -> Self {
        self.now = at(second);
        self
    }

    pub(super) fn plan(&self) -> EntityPlan {
        plan_in(&self.mapping, &self.hood, self.now)
    }
}

pub(super) fn plan_in(mapping: &Mapping, hood: &Neighbourhood, now: Timestamp) -> EntityPlan {
    plan_with(mapping, &Sides::of(mapping), hood, now)
}

/// With clocks that are a second off at most.
pub(super) fn plan_with(
    mapping: &Mapping,
    sides: &Sides,
    hood: &Neighbourhood,
    now: Timestamp,
) -> EntityPlan {
    let exact = ClockOffset { ahead: SignedDuration::ZERO, uncertainty: SignedDuration::from_secs(1) };
    let clocks = BTreeMap::from([(SF.into(), exact), (HS.into(), exact)]);
    plan_entity(&Context { mapping, sides, earlier: &BTreeMap::new(), clocks: &clocks, now }, hood)
}

/// Operations in words.
pub(super) fn operations(plan: &EntityPlan) -> Vec<String> {
    plan.operations
        .iter()
        .map(|draft| {
            let fields: Vec<String> = draft
                .action
                .fields()
                .iter()
                .map(|change| match &change.after {
                    After::Value(value) => format!("{}={value}", change.field),
                    After::Clear => format!("{}=", change.field),
                    After::Reference(entity) => format!("{}=#{}", change.field, entity.0.as_u128()),
                })
                .collect();
            let fields = fields.join(", ");
            match &draft.action {
                Action::Create { object, .. } => format!("create {}/{object} {fields}", draft.connection),
                Action::Update { record, .. } => format!("update {record} {fields}"),
                Action::Archive { record, .. } => format!("archive {record}"),
                Action::Associate(it) | Action::Dissociate(it) => {
                    let end = |end: &Endpoint| match end {
                        Endpoint::Record(record) => record.to_string(),
                        Endpoint::Entity(entity) => format!("#{}", entity.0.as_u128()),
                    };
                    let primary = if it.primary { " primary" } else { "" };
                    let role = it.role.as_ref().map(|role| format!(" as {role}")).unwrap_or_default();
                    let (word, from, to) = (draft.action.word(), end(&it.from), end(&it.to));
                    format!("{word} {from} {} {to}{primary}{role}", it.field)
                }
            }
        })
        .collect()
}

/// The cases that decided the fields written.
pub(super) fn reasons(plan: &EntityPlan) -> Vec<String> {
    let all = plan.operations.iter().flat_map(|draft| draft.action.fields());
    all.map(|change| {
        let from = change.reason.from.as_ref().map_or("-", ConnectionName::as_str);
        format!("{} {} {:?} {from}", change.field, change.reason.rule, change.reason.case)
    })
    .collect()
}

/// Held items in words: where, what, why, and what releases them.
pub(super) fn held(plan: &EntityPlan) -> Vec<String> {
    plan.held
        .iter()
        .map(|(held, wake)| {
            let what = held.attribute.as_ref().map_or("-", |it| it.as_str());
            let until = held.until.map(|until| format!(" until {}", until.as_second() - at(0).as_second()));
            format!(
                "{} {what} {}{} [{}]",
                held.connection,
                held.reason.name(),
                until.unwrap_or_default(),
                wake.join(" ")
            )
        })
        .collect()
}

/// Findings in words.
pub(super) fn findings(plan: &EntityPlan) -> Vec<String> {
    plan.findings.iter().map(|it| format!("{} {}", it.record, it.what)).collect()
}

/// Records whose base moves, with the fields that then still differ from it.
pub(super) fn bases(plan: &EntityPlan) -> Vec<String> {
    plan.bases
        .iter()
        .map(|(record, base)| {
            let open: Vec<&str> = base.entries.keys().map(FieldName::as_str).collect();
            format!("{record} [{}]", open.join(" "))
        })
        .collect()
}

/// An attribute whose clears stay.
pub(super) fn keep_clears(attribute: &mut Attribute) {
    attribute.clear = Clear::Keep;
}
