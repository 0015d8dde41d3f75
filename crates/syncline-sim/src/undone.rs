//! Whether a run was taken back: from four pictures (before the run, after it, when the undo began, when it ended) and
//! what the undo's plan listed.
//!
//! A place is an attribute, parent, owner or participant of a record. Where the run changed it and it still holds that, it
//! is again what it was; everything else is as it was found. What stays otherwise must be listed, for a reason that the
//! pictures bear out; and no reason may be listed that they do not.

mod excuses;
mod note;
mod places;

pub(crate) use excuses::Excuses;
pub(crate) use note::Note;
pub(crate) use places::{attribute_of, changed, difference};

use crate::{
    ledger::PARENT,
    picture::{At, Life, Picture},
    side::Side,
};
use note::Why;
use places::{PEOPLE, is_about, live, moved, places, places_of, regrouped};
use std::collections::{BTreeMap, BTreeSet};

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
