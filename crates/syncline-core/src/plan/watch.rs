//! Fields that something keeps setting back (decisions §1.4): each confirmed write of a field is remembered for a while, and
//! a write that would put back what was taken back too often is not made.
//!
//! A *flip* is a write of ours that was undone from outside: the field no longer holds what we wrote last and shows again a
//! value that one of our writes replaced; or, where a ruling side's value was written back, any other value. A person who
//! edits one side makes no flips, however often: what we wrote on the other side stays until we replace it ourselves.

use super::{ActiveSide, Draftsman, edges::picked};
use crate::{
    decide::Stand,
    mapping::{
        Attribute, Binding, ConnectionModel, Mapping, Oscillation,
        codec::{Meaning, decode, normalise},
    },
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use syncline_model::{
    AttributeName, Base, ConnectionName, FieldName, Kind, Observed, RecordRef, Rest, RunId, Value, Watch,
    operation::Case, plan::HeldReason, review::Question,
};

/// Writes of one field that are remembered: more than any guard counts makes no difference.
const REMEMBERED: usize = 16;

/// A confirmed write of one field, as it is remembered.
#[derive(Debug, Clone, Copy)]
pub struct Wrote<'a> {
    /// The field.
    pub field: &'a FieldName,
    /// What it held when the write was planned.
    pub before: &'a Observed,
    /// What was sent.
    pub sent: &'a Observed,
    /// What it shows now, as the vendor made of it.
    pub shows: &'a Observed,
    /// Why it was written.
    pub case: Case,
    /// When, on our clock.
    pub at: Timestamp,
}

/// Remembers a write in the base of its record's link. Fields that the mapping does not bind are not remembered.
pub fn note_write(mapping: &Mapping, kind: Kind, record: &RecordRef, base: &mut Base, wrote: Wrote<'_>) {
    let digest = |seen| digest(mapping, kind, record, wrote.field, seen);
    let (Some(before), Some(sent), Some(shows)) =
        (digest(wrote.before), digest(wrote.sent), digest(wrote.shows))
    else {
        return;
    };
    let limit = mapping.guard.oscillation;
    let watch = base.watches.entry(wrote.field.clone()).or_default();
    prune(watch, limit, wrote.at);
    if was_taken_back(watch, before, wrote.case) {
        watch.flips.push(wrote.at);
    }
    watch.replaced.push((before, wrote.at));
    if watch.replaced.len() > REMEMBERED {
        watch.replaced.remove(0);
    }
    (watch.sent, watch.wrote) = (sent, shows);
}

/// A value or relation that a person took back.
#[derive(Debug, Clone, Copy)]
pub struct TakenBack<'a> {
    /// The field.
    pub field: &'a FieldName,
    /// The attribute or edge.
    pub attribute: &'a AttributeName,
    /// What it held until then.
    pub held: &'a Observed,
    /// The run that took it back.
    pub by: RunId,
}

/// Notes that a person takes back what we had written to a field, before that is noted as a write: it rests until a side moves.
/// What is written together with the attribute's own field does not rest by itself.
pub fn note_undone(
    mapping: &Mapping,
    kind: Kind,
    record: &RecordRef,
    base: &mut Base,
    TakenBack { field, attribute, held, by }: TakenBack<'_>,
) {
    let model = mapping.kinds.get(&kind);
    let known = model.into_iter().flat_map(|model| &model.attributes).find(|it| it.name == *attribute);
    let took = match known {
        None => None,
        Some(known) => {
            let connection = mapping.connections.get(&record.connection);
            let binding = known.binding(&record.connection, &record.object);
            let (Some(connection), Some(binding)) = (connection, binding.filter(|it| it.field == *field))
            else {
                return;
            };
            // What was sent, where that is remembered: a vendor may make something else of it.
            let sent = base.watches.get(field).filter(|watch| !watch.replaced.is_empty());
            Some(sent.map_or_else(|| short(&meaning(known, binding, connection, held)), |watch| watch.sent))
        }
    };
    let watch = base.watches.entry(field.clone()).or_default();
    watch.rest = Some(Rest::Undone { attribute: attribute.clone(), run: by, took });
}

/// Remembers a step of a write that may take two: a relation taken away, then the new one made. A step that goes on from
/// what our last one left is the same write still.
pub fn note_step(mapping: &Mapping, kind: Kind, record: &RecordRef, base: &mut Base, wrote: Wrote<'_>) {
    let before = digest(mapping, kind, record, wrote.field, wrote.before);
    let shows = digest(mapping, kind, record, wrote.field, wrote.shows);
    match (base.watches.get_mut(wrote.field), shows) {
        (Some(watch), Some(shows)) if !watch.replaced.is_empty() && before == Some(watch.wrote) => {
            (watch.sent, watch.wrote) = (shows, shows);
        }
        _ => note_write(mapping, kind, record, base, wrote),
    }
}

/// Whether what a field holds now says that our last write of it was undone.
fn was_taken_back(watch: &Watch, now: u64, case: Case) -> bool {
    now != watch.wrote
        && !watch.replaced.is_empty()
        && (case == Case::WrittenBack || watch.replaced.iter().any(|(before, _)| *before == now))
}

/// Forgets what is older than the window. Returns whether anything is left.
fn prune(watch: &mut Watch, limit: Oscillation, now: Timestamp) -> bool {
    let fresh = |at: &Timestamp| now.duration_since(*at) < limit.window;
    watch.replaced.retain(|(_, at)| fresh(at));
    watch.flips.retain(fresh);
    watch.rest.is_some() || !watch.replaced.is_empty()
}

/// Whether a field that shows these two shows the same but for how the vendor spells it; letter by letter where the
/// mapping does not bind the field.
pub fn shows_same(
    mapping: &Mapping,
    kind: Kind,
    record: &RecordRef,
    field: &FieldName,
    one: &Observed,
    other: &Observed,
) -> bool {
    if one == other {
        return true;
    }
    let normal = |seen| digest(mapping, kind, record, field, seen);
    matches!((normal(one), normal(other)), (Some(one), Some(other)) if one == other)
}

/// What a field shows, in normal form, as a number to compare. `None`: the mapping does not bind the field.
fn digest(
    mapping: &Mapping,
    kind: Kind,
    record: &RecordRef,
    field: &FieldName,
    seen: &Observed,
) -> Option<u64> {
    let model = mapping.kinds.get(&kind)?;
    let connection = mapping.connections.get(&record.connection)?;
    let attribute = model.attributes.iter().find_map(|attribute| {
        let binding = attribute.binding(&record.connection, &record.object)?;
        (binding.field == *field).then_some((attribute, binding))
    });
    let normal = if let Some((attribute, binding)) = attribute {
        meaning(attribute, binding, connection, seen)
    } else {
        let mut bindings =
            model.edges.iter().filter_map(|edge| edge.binding(&record.connection, &record.object));
        let binding = bindings.find(|binding| binding.field == *field)?;
        if let Observed::Value(Value::Refs(refs)) = seen {
            let mut targets: Vec<String> = picked(refs, binding.pick)
                .map(|target| format!("{}/{} ", target.object, target.id))
                .collect();
            // A target with several labels is one target.
            targets.dedup();
            targets.concat()
        } else {
            format!("{seen:?}")
        }
    };
    Some(short(&normal))
}

/// What a field means for an attribute, in normal form.
fn meaning(
    attribute: &Attribute,
    binding: &Binding,
    connection: &ConnectionModel,
    seen: &Observed,
) -> String {
    match decode(attribute, binding, connection, seen) {
        Meaning::Known(Observed::Value(value)) => spelled(Some(&normalise(attribute.value_type, &value))),
        Meaning::Known(Observed::Empty) => spelled(None),
        Meaning::Known(other) => format!("{other:?}"),
        Meaning::Unmapped(text) => format!("unmapped {text}"),
    }
}

fn spelled(value: Option<&Value>) -> String {
    value.map_or_else(|| format!("{:?}", Observed::Empty), |value| format!("{value:?}"))
}

fn short(text: &str) -> u64 {
    Sha256::digest(text).iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A field of a side that rests.
pub(super) struct Resting {
    pub(super) connection: ConnectionName,
    rest: Rest,
}

impl Draftsman<'_> {
    /// Forgets old writes, so that what is remembered does not grow.
    pub(super) fn prune_watches(&mut self) {
        let (limit, now) = (self.context.mapping.guard.oscillation, self.context.now);
        for base in &mut self.bases {
            base.watches.retain(|_, watch| prune(watch, limit, now));
        }
    }

    /// Why these fields of an attribute or edge rest; a field that two attributes read rests for the one that was taken back. Where the sides agree nothing rests any more; what a person took back
    /// does not either once a side moves. A side that shows what was taken back has not moved since that was written: it only could not travel on (another side may not be written).
    pub(super) fn resting(
        &mut self,
        name: &AttributeName,
        fields: &[(usize, FieldName, Moving<'_>)],
        agree: Agree,
    ) -> Option<Resting> {
        let mut found = None;
        for (position, field, _) in fields {
            let Some(watch) = self.bases[*position].watches.get(field) else { continue };
            let Some(rest) = watch.rest.clone().filter(|rest| rest.attribute() == name) else { continue };
            let over = match rest {
                Rest::Undone { took, .. } => {
                    let mut sides = fields.iter().map(|(at, _, moving)| (at == position, moving));
                    sides.any(|(rests, moving)| match moving {
                        Moving::No => false,
                        Moving::Yes => true,
                        Moving::To(value) => rests || took != Some(short(&spelled(*value))),
                    })
                }
                Rest::Oscillates { .. } => false,
            };
            if agree == Agree::Yes || over {
                self.bases[*position].watches.remove(field);
            } else if found.is_none() {
                found = Some(Resting { connection: self.sides[*position].record.connection.clone(), rest });
            }
        }
        found
    }

    /// Lists an attribute that rests.
    pub(super) fn hold_resting(&mut self, resting: Resting) {
        let Resting { connection, rest } = resting;
        match rest {
            Rest::Oscillates { attribute, since } => self.hold_oscillating(&attribute, &connection, since),
            Rest::Undone { attribute, run, took: _ } => {
                self.hold(Some(&attribute), &connection, HeldReason::Undone { run }, Vec::new());
            }
        }
    }

    fn hold_oscillating(&mut self, attribute: &AttributeName, connection: &ConnectionName, since: Timestamp) {
        self.plan.questions.push(Question::Oscillates {
            entity: self.hood.entity,
            attribute: Arc::from(attribute.as_str()),
            since,
        });
        self.hold(Some(attribute), connection, HeldReason::Oscillates, Vec::new());
    }

    /// Whether a field shows what our last write of it left there.
    pub(super) fn is_left_by_us(&self, position: usize, field: &FieldName, shows: &Observed) -> bool {
        let ActiveSide { record, .. } = self.sides[position];
        let shown = digest(self.context.mapping, self.hood.kind, record, field, shows);
        let watch = self.bases[position].watches.get(field).filter(|watch| !watch.replaced.is_empty());
        shown.is_some() && shown == watch.map(|watch| watch.wrote)
    }

    /// Whether this write would be one too many; then the field is parked instead.
    pub(super) fn parks(
        &mut self,
        position: usize,
        attribute: &AttributeName,
        field: &FieldName,
        shows: &Observed,
        case: Case,
    ) -> bool {
        let (mapping, now) = (self.context.mapping, self.context.now);
        let ActiveSide { record, .. } = self.sides[position];
        let shown = digest(mapping, self.hood.kind, record, field, shows);
        let (Some(watch), Some(shown)) = (self.bases[position].watches.get_mut(field), shown) else {
            return false;
        };
        let with_this = watch.flips.len() as u64 + 1;
        if !was_taken_back(watch, shown, case) || with_this < mapping.guard.oscillation.flips {
            return false;
        }
        watch.rest = Some(Rest::Oscillates { attribute: attribute.clone(), since: now });
        let connection = record.connection.clone();
        self.hold_oscillating(attribute, &connection, now);
        true
    }
}

/// Whether a side moved away from what was agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moving<'v> {
    No,
    /// It did.
    Yes,
    /// To this value of an attribute.
    To(Option<&'v Value>),
}

impl<'v> Moving<'v> {
    /// Looks at how a side of an edge stands.
    pub(super) fn of<V>(stand: &Stand<V>) -> Self {
        match stand {
            Stand::Changed { .. } | Stand::NoBase(_) => Self::Yes,
            Stand::Unknown | Stand::Same(_) => Self::No,
        }
    }

    /// Looks at how a side of an attribute stands.
    pub(super) fn to(stand: &'v Stand<Value>) -> Self {
        match stand {
            Stand::Changed { now: value, .. } | Stand::NoBase(value) => Self::To(value.as_ref()),
            Stand::Unknown | Stand::Same(_) => Self::No,
        }
    }
}

/// Whether all sides that can be read show the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agree {
    Yes,
    No,
}

impl Agree {
    /// Compares what the sides show; one side alone agrees with nobody.
    pub(super) fn of<V: Eq>(shown: impl IntoIterator<Item = V>) -> Self {
        let mut shown = shown.into_iter();
        let Some(first) = shown.next() else { return Self::No };
        let mut others = shown.peekable();
        if others.peek().is_some() && others.all(|other| other == first) { Self::Yes } else { Self::No }
    }
}
