//! Whether a run was taken back: from four pictures (before the run, after it, when the undo began, when it ended) and
//! what the undo's plan listed.
//!
//! A place is an attribute, parent, owner or participant of a record. Where the run changed it and it still holds that, it
//! is again what it was; everything else is as it was found. What stays otherwise must be listed, for a reason that the
//! pictures bear out; and no reason may be listed that they do not.

use crate::{
    attrs,
    ledger::{OWNER, PARENT},
    people::People,
    picture::{At, Life, Parent, Picture, Record},
    profile::Change,
    side::Side,
};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::plan::{Finding, FindingKind};

/// A participant's place: this and its token.
const PEOPLE: &str = "@people:";

/// What is looked at.
pub(crate) struct TakenBack<'a> {
    /// Before the run.
    pub(crate) before: &'a Picture,
    /// After it.
    pub(crate) after: &'a Picture,
    /// When the first attempt of the undo began.
    pub(crate) origin: &'a Picture,
    /// When this attempt began.
    pub(crate) found: &'a Picture,
    /// When it ended.
    pub(crate) left: &'a Picture,
    /// Places that anything changed between the run and the undo; `*` for coming and going.
    pub(crate) touched: &'a BTreeSet<(At, String)>,
    /// Things that people merged, each with those it was merged with.
    pub(crate) parts: &'a BTreeMap<String, BTreeSet<String>>,
}

/// What people and administrators did, by which reasons are judged.
pub(crate) struct Excuses<'a> {
    pub(crate) people: &'a People,
    pub(crate) changes: &'a [Change],
    pub(crate) archives: bool,
}

/// Something that the undo's plan listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    /// Which record; `None`: not one of those that the oracle reads.
    at: Option<At>,
    /// The attribute or edge, as the configuration names it.
    attribute: Option<String>,
    why: Why,
}

/// The reasons of `docs/undo.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    ChangedSince,
    Consent,
    FormerUnknown,
    FormerGone(String),
    NotWritable,
    RecordGone,
    OthersHang(String),
    WasThere,
    StaysPrimary,
    ArchivedByRule,
    Refused,
    Archived,
    MadeAgain,
    /// What stays at every vendor after every write.
    Stamps,
    Other(String),
}

impl Note {
    pub(crate) fn of(finding: Finding) -> Self {
        let (attribute, why) = match finding.what {
            FindingKind::NotUndone { attribute, why } => (attribute, why),
            FindingKind::Residue { why } => (None, why),
            FindingKind::NoParent { .. } | FindingKind::ContactBeatsLead { .. } | FindingKind::NoIdentity => {
                (None, "a finding that no undo makes".into())
            }
        };
        let record = finding.record;
        let at = Side::of_connection(record.connection.as_str()).and_then(|side| {
            let object = Picture::object(side, record.object.as_str())?;
            Some(At { side, object, id: record.id.as_str().to_owned() })
        });
        Self { at, attribute: attribute.map(|name| name.as_str().to_owned()), why: Why::of(&why) }
    }
}

impl Why {
    fn of(text: &str) -> Self {
        let first = text.split([';', ',']).next().unwrap_or_default();
        match first {
            "it was changed since" => Self::ChangedSince,
            "consent is never undone" => Self::Consent,
            "what it was before is not known" => Self::FormerUnknown,
            "it may not be written so" => Self::NotWritable,
            "the record is gone" => Self::RecordGone,
            "the record was there before" => Self::WasThere,
            "it was there before" => Self::StaysPrimary,
            "it was archived with its counterpart" => Self::ArchivedByRule,
            "it is archived" => Self::Archived,
            "it comes back as a new record under another id" => Self::MadeAgain,
            "stamps of change" => Self::Stamps,
            _ if first.ends_with(" refused it") => Self::Refused,
            _ if text.ends_with("which it referred to, is gone") => Self::FormerGone(first.to_owned()),
            _ if text.ends_with("which stays, refers to it") => Self::OthersHang(first.to_owned()),
            _ => Self::Other(text.to_owned()),
        }
    }
}

/// What a record shows, by place.
fn places(record: &Record) -> BTreeMap<String, String> {
    let mut places: BTreeMap<String, String> =
        record.values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    match &record.parent {
        Parent::None => {}
        Parent::Thing(token) => drop(places.insert(PARENT.to_owned(), token.clone())),
        Parent::Nameless => drop(places.insert(PARENT.to_owned(), "?".to_owned())),
    }
    places.extend(record.owner.clone().map(|owner| (OWNER.to_owned(), owner)));
    places.extend(record.people.iter().map(|person| (format!("{PEOPLE}{person}"), "there".to_owned())));
    places
}

fn places_of(record: Option<&Record>) -> BTreeMap<String, String> {
    record.map(places).unwrap_or_default()
}

/// The places in which two states of a record differ.
pub(crate) fn changed(was: Option<&Record>, is: Option<&Record>) -> BTreeSet<String> {
    let (was, is) = (places_of(was), places_of(is));
    let names = was.keys().chain(is.keys());
    names.filter(|name| was.get(*name) != is.get(*name)).cloned().collect()
}

/// Whether a record belongs to another record now, which may have the same name: what came of its parent in a merge.
fn moved(was: Option<&Record>, is: Option<&Record>) -> bool {
    was.zip(is).is_some_and(|(was, is)| was.under != is.under)
}

/// Whether other records take part in a record now, which may have the same names: what came of its people in a merge.
fn regrouped(was: Option<&Record>, is: Option<&Record>) -> bool {
    was.zip(is).is_some_and(|(was, is)| was.persons != is.persons)
}

/// The configuration's name of a place.
pub(crate) fn attribute_of(place: &str) -> &str {
    match place {
        PARENT => "account",
        OWNER => "owner",
        _ if place.starts_with(PEOPLE) => "contacts",
        _ => place,
    }
}

/// Whether a note of this attribute is about this place.
fn is_about(attribute: &str, place: &str) -> bool {
    attribute_of(place) == attribute || (place == PARENT && attribute == "company")
}

/// Two pictures' differences, in words.
pub(crate) fn difference(before: &Picture, after: &Picture) -> String {
    let all: BTreeSet<&At> = before.records.keys().chain(after.records.keys()).collect();
    let mut words = Vec::new();
    for at in all {
        let (was, is) = (before.records.get(at), after.records.get(at));
        if was == is {
            continue;
        }
        let life = |record: Option<&Record>| record.map(|it| it.life);
        if life(was) != life(is) {
            words.push(format!("{at} went from {:?} to {:?}", life(was), life(is)));
        }
        let (old, new) = (places_of(was), places_of(is));
        for name in changed(was, is) {
            words.push(format!("{at} {name}: {:?} became {:?}", old.get(&name), new.get(&name)));
        }
    }
    words.join("; ")
}

fn live<'a>(picture: &'a Picture, at: &At) -> Option<&'a Record> {
    picture.records.get(at).filter(|record| record.life == Life::Live)
}

/// How far an attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    Whole,
    Stopped,
}

impl TakenBack<'_> {
    /// Whether the parent that the run gave is there as the one that it was merged into since.
    fn goes_on(&self, place: &str, wrote: Option<&String>, found: Option<&String>) -> bool {
        let (Some(wrote), Some(found), true) = (wrote, found, place == PARENT) else { return false };
        self.parts.get(wrote).is_some_and(|parts| parts.contains(found))
    }

    /// Whether a relation only seems to have changed, or to have stayed: what it leads to was given another thing's name (a
    /// merge does that), and is the same record.
    fn renames(&self, side: Side, place: &str, values: &[Option<&String>]) -> bool {
        let named: Vec<&str> = match place.strip_prefix(PEOPLE) {
            Some(person) => vec![person],
            None if place == PARENT => values.iter().copied().flatten().map(String::as_str).collect(),
            None => return false,
        };
        let pictures = [self.before, self.after, self.origin, self.found, self.left];
        self.after.records.keys().filter(|at| at.side == side).any(|at| {
            let tokens: BTreeSet<&str> =
                pictures.iter().filter_map(|picture| live(picture, at)?.token.as_deref()).collect();
            tokens.len() > 1 && named.iter().any(|name| tokens.contains(name))
        })
    }
}

/// What no attempt may do, also one that something stopped: change what the run did not write or what was changed since,
/// or leave a value that is neither what it found nor what was there before the run.
pub(crate) fn half(taken: &TakenBack<'_>, attempt: Attempt) -> Vec<String> {
    let mut broken = Vec::new();
    for at in taken.found.records.keys().chain(taken.left.records.keys()).collect::<BTreeSet<_>>() {
        let [before, after, found, left] =
            [taken.before, taken.after, taken.found, taken.left].map(|picture| live(picture, at));
        match (found, left) {
            (None, None) => {}
            (None, Some(left)) => {
                let again = taken.before.records.iter().any(|(was_at, was)| {
                    was.life == Life::Live
                        && was.token == left.token
                        && was_at.object == at.object
                        && live(taken.after, was_at).is_none()
                });
                if !again {
                    broken.push(format!(
                        "the undo made {at} ({:?}), which was not there before the run",
                        left.token
                    ));
                }
            }
            (Some(found), None) => {
                if before.is_some() || after.is_none() {
                    broken.push(format!(
                        "the undo took {at} ({:?}) away, which the run had not made",
                        found.token
                    ));
                } else if let Some(name) =
                    changed(after, Some(found)).iter().find(|name| match name.as_str() {
                        PARENT => moved(after, Some(found)),
                        // Who took part in it is called otherwise since a merge.
                        name if name.starts_with(PEOPLE) => regrouped(after, Some(found)),
                        _ => true,
                    })
                {
                    broken.push(format!("the undo took {at} away, whose {name} was changed since the run"));
                }
            }
            (Some(found), Some(left)) => {
                let origin = places_of(live(taken.origin, at));
                // The same parent, which has its former name again.
                let stays = found.under.is_some() && found.under == left.under;
                let [before, after, found, left] = [before, after, Some(found), Some(left)].map(places_of);
                for name in found.keys().chain(left.keys()).collect::<BTreeSet<_>>() {
                    let [was, wrote, found, left] =
                        [&before, &after, &found, &left].map(|places| places.get(name));
                    // Also what an earlier attempt found so, and left halfway.
                    let written = was != wrote
                        && (found == wrote || origin.get(name) == wrote || taken.goes_on(name, wrote, found));
                    // A parent is replaced in two calls.
                    let between = attempt == Attempt::Stopped && name == PARENT && left.is_none();
                    let may_be =
                        left == found || (written && (left == was || between)) || (name == PARENT && stays);
                    if !may_be && !taken.renames(at.side, name, &[was, wrote, found, left]) {
                        broken.push(format!(
                            "{at} {name} was {was:?} before the run and {wrote:?} after it; the undo found {found:?} and left {left:?}"
                        ));
                    }
                }
            }
        }
    }
    broken
}

/// All that is to be said of an undo that went through.
pub(crate) fn check(taken: &TakenBack<'_>, notes: &[Note], excuses: &Excuses<'_>) -> Vec<String> {
    let mut broken = half(taken, Attempt::Whole);
    let said = |at: &At, place: Option<&str>| {
        notes.iter().any(|note| {
            note.at.as_ref() == Some(at)
                && match (&note.attribute, place) {
                    (None, _) => !matches!(note.why, Why::Archived | Why::Stamps),
                    (Some(attribute), Some(place)) => is_about(attribute, place),
                    (Some(_), None) => false,
                }
        })
    };
    for at in taken.after.records.keys().chain(taken.before.records.keys()).collect::<BTreeSet<_>>() {
        let [before, after, found, left] =
            [taken.before, taken.after, taken.found, taken.left].map(|picture| live(picture, at));
        match (before, after) {
            (None, Some(record)) => {
                // Made by the run.
                if found.is_some() && left.is_some() && !said(at, None) {
                    broken.push(format!(
                        "{at} ({:?}), which the run had made, stays, and nothing says why",
                        record.token
                    ));
                }
            }
            (Some(record), None) => {
                let came = taken.left.records.iter().filter(|(new, it)| {
                    let came = live(taken.found, new).is_none();
                    came && new.object == at.object && it.life == Life::Live && it.token == record.token
                });
                // Of doubles that came back, its own is the one that is most like it.
                let again = came.min_by_key(|(_, it)| changed(Some(record), Some(it)).len());
                match again {
                    None if said(at, None) || record.token.is_none() => {}
                    None => broken
                        .push(format!("{at} ({:?}), which the run took away, is not back", record.token)),
                    Some((new, again)) => {
                        for name in changed(Some(record), Some(again)) {
                            if !excuses.keeps(at, record, &name)
                                && !excuses.is_gone(taken, at.side, record, &name)
                            {
                                broken.push(format!(
                                    "{new} was made again in place of {at}, and its {name} is {:?} instead of {:?}",
                                    places(again).get(&name),
                                    places(record).get(&name)
                                ));
                            }
                        }
                    }
                }
            }
            (Some(_), Some(_)) => {
                let (Some(_), Some(_)) = (found, left) else { continue };
                let origin = places_of(live(taken.origin, at));
                let [before, after, left] = [before, after, left].map(places_of);
                for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
                    let [was, wrote, found, left] =
                        [&before, &after, &origin, &left].map(|places| places.get(name));
                    let with_it = taken.before.records.get(at).is_some_and(|record| {
                        wrote.is_none() && excuses.is_gone(taken, at.side, record, name)
                    });
                    let lost = was != wrote && found == wrote && left != was && !with_it;
                    let renamed = taken.renames(at.side, name, &[was, wrote, found, left]);
                    if lost && !renamed && !said(at, Some(name)) {
                        broken.push(format!(
                            "{at} {name} was {was:?} before the run, which made it {wrote:?}; the undo left {left:?}, and nothing says why"
                        ));
                    }
                }
            }
            (None, None) => {}
        }
    }
    for note in notes {
        if !excuses.bears_out(taken, note) {
            broken.push(format!("the undo lists what the dumps do not bear out: {note:?}"));
        }
    }
    broken
}

impl Excuses<'_> {
    /// Whether a side's users may not write a place.
    fn keeps(&self, at: &At, record: &Record, place: &str) -> bool {
        let closed = self
            .people
            .rights
            .access
            .keys()
            .any(|(side, kind, name)| *side == at.side && *kind == record.kind && *name == place);
        closed || (place == "industry" && !self.people.rights.industries.is_empty())
    }

    /// Whether a place of a record that comes back leads to something that does not.
    fn is_gone(&self, taken: &TakenBack<'_>, side: Side, record: &Record, place: &str) -> bool {
        let target = match (&record.parent, place.strip_prefix(PEOPLE)) {
            (_, Some(person)) => person,
            (Parent::Thing(parent), None) if place == PARENT => parent,
            (Parent::Nameless, None) if place == PARENT => return true,
            _ => return false,
        };
        taken.left.live(side, target).next().is_none()
    }

    /// Whether an administrator took options of this attribute away.
    fn is_withdrawn(&self, note: &Note) -> bool {
        note.attribute.as_deref() == Some("industry") && !self.people.rights.industries.is_empty()
    }

    fn was_ever_closed(&self, at: &At, record: &Record, place: &str) -> bool {
        let name = |known: &str| known == place;
        self.keeps(at, record, place)
            || self.people.rights.touched.iter().any(|(kind, known)| *kind == record.kind && name(known))
    }

    fn bears_out(&self, taken: &TakenBack<'_>, note: &Note) -> bool {
        let Some(at) = &note.at else { return note.why == Why::Stamps };
        let [before, after, found, left] =
            [taken.before, taken.after, taken.found, taken.left].map(|picture| live(picture, at));
        let known = taken.found.records.get(at);
        let places: Vec<String> = match &note.attribute {
            Some(attribute) => {
                let all = [before, after, found, left].map(places_of);
                let named: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
                named.into_iter().filter(|place| is_about(attribute, place)).cloned().collect()
            }
            None => Vec::new(),
        };
        let touched = |place: &str| {
            taken.touched.contains(&(at.clone(), place.to_owned()))
                || places_of(after).get(place) != places_of(live(taken.origin, at)).get(place)
        };
        let seen = note.attribute.as_deref().is_none_or(|name| {
            matches!(name, "account" | "company" | "owner" | "contacts")
                || known.is_some_and(|record| attrs::named(record.kind, name).is_some())
        });
        match &note.why {
            Why::ChangedSince if note.attribute.is_some() => {
                let parents = places.iter().any(|place| place == PARENT);
                // A further company moves no stamp: one that nobody had read cannot be told from one that came since.
                let beside = |record: Option<&Record>| record.is_some_and(|it| !it.further.is_empty());
                !seen
                    || places.iter().any(|place| touched(place))
                    || (parents && (moved(after, found) || beside(before) || beside(after)))
                    || (places.iter().any(|place| place.starts_with(PEOPLE)) && regrouped(after, found))
            }
            Why::ChangedSince => {
                // Saved without a change is touched too: the engine sees it by the stamp alone, and is careful.
                taken.touched.iter().any(|(of, _)| of == at)
                    || !changed(after, found).is_empty()
                    || moved(after, found)
                    || regrouped(after, found)
                    || self.people.saved.contains(&(at.side, at.id.clone()))
            }
            Why::Consent | Why::Other(_) => false,
            Why::FormerUnknown => {
                !seen
                    || known.is_some_and(|record| {
                        places.iter().any(|place| self.was_ever_closed(at, record, place))
                    })
            }
            Why::FormerGone(target) => !is_live(taken.found, target),
            Why::NotWritable => {
                let dropped =
                    note.attribute.as_deref() == Some("city") && self.changes.contains(&Change::DropCity);
                dropped
                    || !seen
                    || self.is_withdrawn(note)
                    || known.is_some_and(|record| {
                        note.attribute.as_deref().is_some_and(|name| self.was_ever_closed(at, record, name))
                    })
            }
            Why::RecordGone => {
                let ended = known.and_then(|record| self.people.ledger.get(record.token.as_deref()?));
                found.is_none() || ended.is_none_or(|thing| thing.murky || !thing.ended.is_empty())
            }
            Why::OthersHang(child) => is_live(taken.left, child),
            Why::WasThere => before.is_some(),
            Why::StaysPrimary => note.attribute.as_deref().is_some_and(|name| is_about(name, PARENT)),
            Why::ArchivedByRule => self.archives && before.is_some() && after.is_none(),
            // What is to be there once only is another record's by now, or the user may not write it.
            Why::Refused => {
                places.iter().any(|place| {
                    let was = places_of(before).get(place).cloned();
                    let others = taken.left.of_side(at.side).filter(|(other, it)| {
                        *other != at
                            && it.kind == known.map_or(it.kind, |known| known.kind)
                            && it.life == Life::Live
                    });
                    let mut values = others.map(|(_, it)| places_of(Some(it)).get(place).cloned());
                    was.is_some() && place == "email" && values.any(|value| value == was)
                }) || self.is_withdrawn(note)
                    || known.is_some_and(|record| {
                        note.attribute.as_deref().is_some_and(|name| self.was_ever_closed(at, record, name))
                    })
            }
            Why::Archived => before.is_none() && left.is_none(),
            Why::MadeAgain => before.is_some() && after.is_none(),
            Why::Stamps => true,
        }
    }
}

/// Whether the record of an address in words is live.
fn is_live(picture: &Picture, address: &str) -> bool {
    picture.records.iter().any(|(at, record)| record.life == Life::Live && at.to_string() == address)
}
