//! What bears out that an undo left something as it is.

use super::{
    TakenBack,
    note::{Note, Why},
    places::{PEOPLE, changed, is_about, is_live, live, moved, places_of, regrouped},
};
use crate::{
    attrs,
    ledger::PARENT,
    people::People,
    picture::{At, Life, Parent, Record},
    profile::Change,
    side::Side,
};
use std::collections::{BTreeMap, BTreeSet};

/// What people and administrators did, by which reasons are judged.
pub(crate) struct Excuses<'a> {
    pub(crate) people: &'a People,
    pub(crate) changes: &'a [Change],
    pub(crate) archives: bool,
}

impl Excuses<'_> {
    /// Whether a side's users may not write a place.
    pub(super) fn keeps(&self, at: &At, record: &Record, place: &str) -> bool {
        let closed = self
            .people
            .rights
            .access
            .keys()
            .any(|(side, kind, name)| *side == at.side && *kind == record.kind && *name == place);
        closed || (place == "industry" && !self.people.rights.industries.is_empty())
    }

    /// Whether a place of a record that comes back leads to something that does not.
    pub(super) fn is_gone(&self, taken: &TakenBack<'_>, side: Side, record: &Record, place: &str) -> bool {
        let target = match (&record.parent, place.strip_prefix(PEOPLE)) {
            (_, Some(person)) => person,
            (Parent::Thing(parent), None) if place == PARENT => parent,
            (Parent::Nameless, None) if place == PARENT => return true,
            _ => return false,
        };
        taken.left.live(side, target).next().is_none()
    }

    /// Whether an administrator took options of this attribute away.
    pub(super) fn is_withdrawn(&self, note: &Note) -> bool {
        note.attribute.as_deref() == Some("industry") && !self.people.rights.industries.is_empty()
    }

    fn was_ever_closed(&self, at: &At, record: &Record, place: &str) -> bool {
        let name = |known: &str| known == place;
        self.keeps(at, record, place)
            || self.people.rights.touched.iter().any(|(kind, known)| *kind == record.kind && name(known))
    }

    pub(super) fn bears_out(&self, taken: &TakenBack<'_>, note: &Note) -> bool {
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
            Why::Consent => note.attribute.as_deref() == Some(attrs::CONSENT),
            Why::Other(_) => false,
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
