//! What happens to an entity beside edits: reviews, refusals, clocks, earlier mappings, other rules.

use super::printed::Situation;
use crate::{
    mapping::{
        Attribute, AttributeType, Binding, Clear, Codec, Direction, FieldState, OnDelete, Predicate, Rule,
    },
    plan::{
        ClockOffset, Refusal, RefusedPart, TakenBack, Wrote, note_undone, note_write, side_fields,
        tests::world::{HS, SF, at, entity, text},
    },
};
use jiff::SignedDuration;
use proptest::prelude::*;
use syncline_model::{
    Action, BaseEntry, ConnectionName, Evidence, FieldName, JournalSeq, Kind, Link, LinkState, Observed,
    RecordRef, RunId, Value, operation::Case,
};
use uuid::Uuid;

/// Raw material; what it means is settled against the situation that it meets.
#[derive(Debug, Clone)]
pub(super) struct Twist {
    what: u8,
    which: u8,
    how: u8,
}

impl Arbitrary for Twist {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> BoxedStrategy<Self> {
        any::<(u8, u8, u8)>().prop_map(|(what, which, how)| Self { what, which, how }).boxed()
    }
}

/// One thing that happens.
pub(super) fn twist(it: &mut Situation, &Twist { what, which, how }: &Twist) {
    let side: ConnectionName = if which.is_multiple_of(2) { SF.into() } else { HS.into() };
    let link = usize::from(which) % it.hood.links.len().max(1);
    match what % 14 {
        0 => review(it, link, how),
        1 => refuse(it, how),
        2 => drop(it.hood.parked.insert(side, "a create".into())),
        3 => domain(it, side, how),
        4 => it.hood.waiting_since = Some(at(-86_400 * i64::from(how % 3))),
        5 => it.clocks = [(SF.into(), clock(how)), (HS.into(), clock(which))].into(),
        6 => remap(it, link, how),
        7 => watch(it, link, how),
        8 => state(it, link, how),
        9 => rule(it, which, how),
        10 => bound(it, which, how),
        11 => scope(it, how),
        12 => planned(it, side),
        _ => it.now = at(i64::from(how) * 3_000),
    }
}

fn review(it: &mut Situation, link: usize, how: u8) {
    it.hood.review = Some(u64::from(how));
    if let Some(link) = it.hood.links.get_mut(link) {
        link.state = LinkState::Pending;
    }
}

/// The vendor refuses what would be written: one field of it, or all of it.
fn refuse(it: &mut Situation, how: u8) {
    for draft in it.plan().operations {
        let fields = draft.action.fields();
        let Some(change) = fields.get(usize::from(how) % fields.len().max(1)) else { continue };
        it.hood.refusals.push(Refusal {
            connection: draft.connection.clone(),
            part: match (&draft.action, how.is_multiple_of(2)) {
                (_, true) => RefusedPart::Field(change.field.clone()),
                (Action::Create { .. }, false) => RefusedPart::Create,
                (_, false) => RefusedPart::Together,
            },
            after: fields.iter().map(|change| (change.field.clone(), change.after.clone())).collect(),
            code: "NO".into(),
            message: "not this".into(),
            wake: "schema:x".to_owned(),
        });
    }
}

/// The organisation whose domain the address has, known by name and here or not.
fn domain(it: &mut Situation, side: ConnectionName, how: u8) {
    let (id, object) = (entity(700), if side.as_str() == SF { "Account" } else { "companies" });
    it.hood.organisation_by_domain = Some(id);
    it.hood.names.insert(id, "Domain Ltd".into());
    if how.is_multiple_of(2) {
        let record = RecordRef::new(side.clone(), object, "700");
        it.hood.records_of.entry(id).or_default().insert(side, record);
    }
    // A lead's company is a text of its own, which stands for the account that a contact has.
    let model = it.mapping.kinds.get_mut(&Kind::Person).unwrap();
    let attribute = model.attributes.iter_mut().find(|it| it.name.as_str() == "title").unwrap();
    attribute.bindings.retain(|binding| binding.object.as_str() != "Contact");
    attribute.bindings[0].placeholder = Value::text("[not provided]");
    show(it, "jobtitle", &Observed::Empty);
}

/// All records show this in a field, as if they always had.
fn show(it: &mut Situation, field: &str, value: &Observed) {
    for snapshot in it.hood.snapshots.iter_mut().flatten() {
        snapshot
            .fields
            .iter_mut()
            .filter(|(name, _)| name.as_str() == field)
            .for_each(|(_, seen)| *seen = value.clone());
    }
}

fn clock(how: u8) -> ClockOffset {
    let seconds = |number: u8| SignedDuration::from_secs(i64::from(number));
    ClockOffset { ahead: seconds(how % 4), uncertainty: seconds(how / 128) }
}

/// A base that was agreed under an earlier mapping, of which one field was bound otherwise, or of which nothing is known.
fn remap(it: &mut Situation, link: usize, how: u8) {
    let Some(Link { record, base: Some(base), .. }) = it.hood.links.get_mut(link) else { return };
    let mut fields = side_fields(&it.mapping, it.hood.kind, record);
    let number = usize::from(how) % fields.len();
    if let Some(digest) = fields.values_mut().nth(number) {
        *digest += 1;
    }
    base.mapping = 7_000 + u32::from(how);
    if !how.is_multiple_of(4) {
        it.earlier.insert(base.mapping, fields);
    }
}

/// A field that was written and taken back, or taken back by an undo.
fn watch(it: &mut Situation, link: usize, how: u8) {
    let Some(snapshot) = it.hood.snapshots.get(link).cloned().flatten() else { return };
    let Some(Link { record, base: Some(base), .. }) = it.hood.links.get_mut(link) else { return };
    let names: Vec<FieldName> = side_fields(&it.mapping, it.hood.kind, record).into_keys().collect();
    let name = it.mapping.kinds[&it.hood.kind].attributes.iter().find(|it| it.name.as_str() == "name");
    let bound = |record: &RecordRef| Some(name?.binding(&record.connection, &record.object)?.field.clone());
    let own = bound(record).filter(|_| how > 150);
    let field = own.as_ref().unwrap_or(&names[usize::from(how) % names.len()]);
    if how > 150 {
        let taken = TakenBack {
            field,
            attribute: &"name".into(),
            held: snapshot.field(field.as_str()),
            by: RunId(Uuid::from_u128(1)),
        };
        note_undone(&it.mapping, it.hood.kind, record, base, taken);
        base.entries.clear();
        // What another side shows was not agreed on.
        for (at, other) in it.hood.links.iter_mut().enumerate().filter(|_| how > 200) {
            if let (Some(field), Some(base), true) = (bound(&other.record), &mut other.base, at != link) {
                let former = BaseEntry { agreed: Some(text("former")), ..BaseEntry::NEVER };
                base.entries.insert(field, former);
            }
        }
        return show(it, field.as_str(), &text("apart"));
    }
    let before = snapshot.field(field.as_str()).clone();
    for round in 0..4 {
        let shows = Observed::Value(Value::option(if how > 100 { "New" } else { "ours" }));
        let wrote = Wrote {
            field,
            before: &before,
            sent: &shows,
            shows: &shows,
            case: Case::WrittenBack,
            at: it.now,
        };
        note_write(&it.mapping, it.hood.kind, record, base, wrote);
        if round > 1 && how.is_multiple_of(3) {
            break;
        }
    }
}

fn state(it: &mut Situation, link: usize, how: u8) {
    let model = it.mapping.kinds.get_mut(&it.hood.kind).unwrap();
    model.on_delete = [OnDelete::Review, OnDelete::Archive, OnDelete::Unlink][usize::from(how) % 3];
    let Some(link) = it.hood.links.get_mut(link) else { return };
    match how % 6 {
        0 => link.evidence = Evidence::Created,
        1 => link.since = JournalSeq(9),
        2 => link.state = LinkState::Undone(RunId(Uuid::from_u128(2))),
        3 => link.state = LinkState::DuplicateOf("other".into()),
        4 => link.base = None,
        _ => link.state = LinkState::Deleted,
    }
}

fn attribute(it: &mut Situation, which: u8) -> &mut Attribute {
    let attributes = &mut it.mapping.kinds.get_mut(&it.hood.kind).unwrap().attributes;
    let number = usize::from(which) % attributes.len();
    &mut attributes[number]
}

/// Another rule for an attribute or an edge.
fn rule(it: &mut Situation, which: u8, how: u8) {
    let rules = [
        Rule::TwoWay,
        Rule::Always(HS.into()),
        Rule::Prefer(SF.into()),
        Rule::Manual,
        Rule::Off,
        Rule::Union,
        Rule::Prefer(HS.into()),
    ];
    let attribute = attribute(it, which);
    attribute.rule = rules[usize::from(how) % rules.len()].clone();
    attribute.tie = Some(if how.is_multiple_of(2) { HS } else { SF }.into());
    attribute.clear = if how > 128 { Clear::Keep } else { Clear::Travel };
    let value = declared(attribute.value_type);
    match how % 5 {
        0 => attribute.default = Some(value),
        1 => attribute.constant = Some(value),
        _ => {}
    }
    let edges = &mut it.mapping.kinds.get_mut(&it.hood.kind).unwrap().edges;
    let number = usize::from(which) % edges.len();
    edges[number].required = how.is_multiple_of(7);
    edges[number].tie = Some(HS.into());
}

fn declared(value_type: AttributeType) -> Value {
    match value_type {
        AttributeType::Bool => Value::Bool(true),
        AttributeType::Decimal | AttributeType::Money => Value::Decimal("70.55".parse().unwrap()),
        AttributeType::Option => Value::option("won"),
        AttributeType::Text
        | AttributeType::Email
        | AttributeType::Phone
        | AttributeType::Url
        | AttributeType::Date
        | AttributeType::Instant
        | AttributeType::Options => Value::text("declared").unwrap(),
    }
}

/// A side that is written or read only, or whose field is not what it was.
fn bound(it: &mut Situation, which: u8, how: u8) {
    if how.is_multiple_of(8) {
        it.mapping.connections.values_mut().for_each(|connection| connection.currency = None);
    }
    let attribute = attribute(it, which);
    let number = usize::from(how) % attribute.bindings.len();
    attribute.bindings[number].direction =
        [Direction::In, Direction::Out, Direction::Both, Direction::Both][usize::from(which / 64)];
    if matches!(attribute.value_type, AttributeType::Money | AttributeType::Decimal) {
        attribute.constant = how.is_multiple_of(3).then(|| declared(attribute.value_type));
    }
    for Binding { field_state, codec, .. } in &mut attribute.bindings {
        let FieldState::Present { max_length, scale, restricted_to, updateable, createable, .. } =
            field_state
        else {
            continue;
        };
        match how / 16 {
            0..3 => *max_length = Some(1),
            3..6 => *scale = Some(0),
            6..9 => (*restricted_to, *codec) = (Some(vec!["s1".into()]), Codec::Plain),
            9..11 => *updateable = false,
            11..13 => *createable = false,
            13 => *field_state = FieldState::Missing,
            _ => {}
        }
    }
}

fn scope(it: &mut Situation, how: u8) {
    let model = it.mapping.kinds.get_mut(&it.hood.kind).unwrap();
    let name = model.attributes[usize::from(how) % model.attributes.len()].name.clone();
    let value = declared(model.attributes[usize::from(how) % model.attributes.len()].value_type);
    let predicate = match how % 4 {
        0 => Predicate::Has(name),
        1 => Predicate::Equals(name, value),
        2 => Predicate::Not(Box::new(Predicate::In(name, vec![value]))),
        _ => Predicate::Any(vec![Predicate::Constant(false), Predicate::Has(name)]),
    };
    model.scope.values_mut().for_each(|scope| *scope = predicate.clone());
}

/// What it points to is made in the same plan.
fn planned(it: &mut Situation, side: ConnectionName) {
    let targets: Vec<_> = it.hood.targets.values().filter_map(|target| target.entity).collect();
    it.hood.planned.extend(targets.into_iter().map(|target| (target, side.clone())));
}
