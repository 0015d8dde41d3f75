//! The places of a record, each with what is there.

use crate::{
    ledger::{OWNER, PARENT},
    picture::{At, Life, Parent, Picture, Record},
};
use std::collections::{BTreeMap, BTreeSet};

/// A participant's place: this and its token.
pub(super) const PEOPLE: &str = "@people:";

/// What a record shows, by place.
pub(super) fn places(record: &Record) -> BTreeMap<String, String> {
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

pub(super) fn places_of(record: Option<&Record>) -> BTreeMap<String, String> {
    record.map(places).unwrap_or_default()
}

/// The places in which two states of a record differ.
pub(crate) fn changed(was: Option<&Record>, is: Option<&Record>) -> BTreeSet<String> {
    let (was, is) = (places_of(was), places_of(is));
    let names = was.keys().chain(is.keys());
    names.filter(|name| was.get(*name) != is.get(*name)).cloned().collect()
}

/// Whether a record belongs to another record now, which may have the same name: what came of its parent in a merge.
pub(super) fn moved(was: Option<&Record>, is: Option<&Record>) -> bool {
    was.zip(is).is_some_and(|(was, is)| was.under != is.under)
}

/// Whether other records take part in a record now, which may have the same names: what came of its people in a merge.
pub(super) fn regrouped(was: Option<&Record>, is: Option<&Record>) -> bool {
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
pub(super) fn is_about(attribute: &str, place: &str) -> bool {
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

pub(super) fn live<'a>(picture: &'a Picture, at: &At) -> Option<&'a Record> {
    picture.records.get(at).filter(|record| record.life == Life::Live)
}

/// Whether the record of an address in words is live.
pub(super) fn is_live(picture: &Picture, address: &str) -> bool {
    picture.records.iter().any(|(at, record)| record.life == Life::Live && at.to_string() == address)
}
