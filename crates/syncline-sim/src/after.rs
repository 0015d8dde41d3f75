//! What is checked after everything that the engine did: no invention, one record a system, no resurrection, no silent
//! delete, writes within the plan, budget.

use crate::{
    attrs::{self, PLACEHOLDER, Type},
    ledger::{PARENT, Thing},
    picture::{At, Life, Parent, Picture, Record},
    player::Player,
    side::Side,
    world::{Broken, finish},
};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{
    Kind, LinkState,
    journal::{CallId, Event, IntendedRow, RowResult},
};
use syncline_store::JournalFilter;

/// What the journal says was to be written since a point.
#[derive(Debug, Default)]
pub(crate) struct Intended {
    /// Fields by record.
    fields: BTreeMap<(String, String, String), BTreeSet<String>>,
    /// Creates by connection and object.
    creates: BTreeMap<(String, String), usize>,
    archives: BTreeSet<(String, String, String)>,
    /// Records of which relations were to be made or ended.
    relations: BTreeSet<(String, String, String)>,
    /// Whether there were relations of records that were not there yet.
    of_new: bool,
}

impl Player<'_> {
    /// Looks at both systems after the engine did something.
    pub(crate) fn after_engine(&mut self) -> Result<(), Broken> {
        self.journal()?;
        let before = std::mem::take(&mut self.people.picture);
        let mut after = before.clone();
        for (side, seen) in Side::BOTH.into_iter().zip(&mut self.writes) {
            let sent = self.world.net.writes(side);
            if std::mem::replace(seen, sent) != sent {
                after = after.with(side, self.world.half(side)?);
            }
        }
        if after != before {
            let intended = std::mem::take(&mut self.intended);
            self.people.picture = after.clone();
            self.compare(&before, &after, &intended);
            self.intended = intended;
        }
        self.people.picture = after;
        self.tell_explained()?;
        self.budget()
    }

    fn budget(&mut self) -> Result<(), Broken> {
        let mut breaches = Vec::new();
        for side in Side::BOTH {
            let calls = self.world.calls(side)?;
            breaches.extend(calls.violations);
        }
        if breaches.len() > self.breaches {
            let news: Vec<String> = breaches.iter().skip(self.breaches).map(ToString::to_string).collect();
            self.breaches = breaches.len();
            self.violated("budget", news.join(", "));
        }
        Ok(())
    }

    /// Reads what was journalled since the engine began, counts it, and says what was to be written.
    fn journal(&mut self) -> Result<(), Broken> {
        let mut calls: BTreeMap<CallId, Vec<IntendedRow>> = BTreeMap::new();
        let mut after = self.since;
        loop {
            let filter = JournalFilter::default();
            let page = finish("the journal", self.world.store().journal(&filter, after, 500))?
                .map_err(|error| Broken::new("the journal", error))?;
            let Some(last) = page.last().map(|entry| entry.seq) else { break };
            after = last;
            for entry in page {
                match entry.event {
                    Event::CallIntended { call, connection, rows, .. } => {
                        for row in &rows {
                            self.intended.note(connection.as_str(), row);
                        }
                        calls.insert(call, rows);
                    }
                    Event::CallEnded { call, rows } => self.count(calls.get(&call), &rows),
                    Event::Linked { state: LinkState::MergedInto(_), .. } => {
                        self.world.net.cover(|coverage| coverage.operation("merge_followed", 1));
                    }
                    Event::Linked { state: LinkState::ConvertedTo(_), .. } => {
                        self.world.net.cover(|coverage| coverage.operation("conversion_followed", 1));
                    }
                    Event::RunStarted { .. }
                    | Event::RunEnded { .. }
                    | Event::Baseline { .. }
                    | Event::Changed { .. }
                    | Event::Linked { .. }
                    | Event::Confirmed { .. }
                    | Event::Review { .. }
                    | Event::Config { .. }
                    | Event::Erased { .. }
                    | Event::LetGo { .. } => {}
                }
            }
        }
        self.since = after;
        Ok(())
    }

    fn count(&self, intended: Option<&Vec<IntendedRow>>, results: &[RowResult]) {
        for (row, result) in intended.into_iter().flatten().zip(results) {
            let settled =
                matches!(result, RowResult::Confirmed { .. } | RowResult::Resolved { record: Some(_) });
            if settled {
                self.world.net.cover(|coverage| coverage.operation(&row.word, 1));
            }
        }
    }

    fn compare(&mut self, before: &Picture, after: &Picture, intended: &Intended) {
        // What an undo writes is held against how things stood before the run: `undone`.
        let undoing = self.undo.under_way;
        let mut created: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut broken: Vec<(&'static str, String)> = Vec::new();
        for (at, record) in after.records.iter() {
            let was = before.records.get(at);
            if was == Some(record) {
                continue;
            }
            match was {
                None if record.life == Life::Live => {
                    *created.entry((at.side.name().to_owned(), at.object.to_owned())).or_default() += 1;
                    broken.extend(self.born(at, record).filter(|_| !undoing));
                }
                Some(was) if record.life == Life::Gone && self.raced(at, was, intended) => {
                    let thing = record.token.as_deref().and_then(|token| self.people.ledger.get_mut(token));
                    if let Some(thing) = thing {
                        thing.ended.insert(at.side);
                        thing.was_ended = true;
                    }
                }
                Some(was) if was.life == Life::Live && record.life == Life::Gone => {
                    broken.extend(self.gone(at, record, intended).filter(|_| !undoing));
                }
                None | Some(_) => {}
            }
            if record.life == Life::Live {
                let changed = self.changed(at, was, record, intended).into_iter();
                let judged = |invariant| !undoing || matches!(invariant, "writes_in_plan" | "consent");
                broken.extend(changed.filter(|(invariant, _)| judged(*invariant)));
            }
        }
        for (key, count) in created {
            let allowed = intended.creates.get(&key).copied().unwrap_or_default();
            if count > allowed {
                broken.push((
                    "writes_in_plan",
                    format!("{count} new {} records at {}, {allowed} were planned", key.1, key.0),
                ));
            }
        }
        broken.extend(self.crowded(before, after));
        for (invariant, evidence) in broken {
            self.violated(invariant, evidence);
        }
    }

    /// A record that the engine made.
    fn born(&self, at: &At, record: &Record) -> Option<(&'static str, String)> {
        let token = record.token.as_deref()?;
        let thing = self.people.ledger.get(token)?;
        if thing.met && !thing.murky && thing.ended.contains(&at.side) {
            return Some(("no_resurrection", format!("{at} is {token} again, which people deleted there")));
        }
        if at.object == "Account" && !self.profile.creates_everywhere() {
            return Some(("model", format!("{at} was made of a HubSpot company ({token})")));
        }
        None
    }

    /// Whether a record went because another one, which was to be archived, was merged into it after the last look at that.
    fn raced(&self, at: &At, was: &Record, intended: &Intended) -> bool {
        let former = self.people.ledger.merged_meanwhile(at);
        let is_archived = former.iter().any(|former| intended.archives.contains(&key(former)));
        was.life == Life::Live && is_archived && self.profile.archives()
    }

    /// A record that the engine took away.
    fn gone(&self, at: &At, record: &Record, intended: &Intended) -> Option<(&'static str, String)> {
        let token = record.token.as_deref()?;
        let asked = intended.archives.contains(&key(at));
        let ended = self.people.ledger.get(token).is_some_and(|thing| thing.was_ended);
        if asked && ended && self.profile.archives() {
            return None;
        }
        Some(("no_silent_delete", format!("{at} ({token}) went, and nobody deleted its counterpart")))
    }

    /// Values that the engine wrote.
    fn changed(
        &self,
        at: &At,
        was: Option<&Record>,
        record: &Record,
        intended: &Intended,
    ) -> Vec<(&'static str, String)> {
        let mut broken = Vec::new();
        let Some(token) = record.token.as_deref() else { return broken };
        let Some(thing) = self.people.ledger.get(token) else {
            broken.push(("no_invention", format!("{at} carries {token}, which nobody made")));
            return broken;
        };
        if record.filler && !was.is_some_and(|was| was.filler) {
            broken.push((
                "no_invention",
                format!("{at} ({token}) says {PLACEHOLDER}, which nobody ever gave it"),
            ));
        }
        let blank = BTreeMap::new();
        let old = was.map_or(&blank, |was| &*was.values);
        let planned = |field: &str| {
            let fields = intended.fields.iter();
            fields.into_iter().any(|(place, fields)| self.is_meant(place, at) && fields.contains(field))
        };
        for attr in attrs::of_kind(record.kind) {
            let (from, to) = (old.get(attr.name), record.values.get(attr.name));
            if from == to {
                continue;
            }
            if attr.of == Type::Consent && was.is_some() && to.is_none() {
                broken.push(("consent", format!("{at} ({token}) had opted out, and no longer has")));
            }
            let known = match to {
                Some(value) => thing.was_ever(attr.name, Some(value)) || value == PLACEHOLDER,
                None => thing.was_ever(attr.name, None),
            };
            if !known && !self.is_of_part(thing, attr.name, to.map(String::as_str)) {
                let name = if to.is_none() { "permission_is_not_absence" } else { "no_invention" };
                let shown = to.map_or("nothing", String::as_str);
                broken.push((
                    name,
                    format!(
                        "{at} ({token}) {}: {from:?} became {shown}, which nobody ever gave it",
                        attr.name
                    ),
                ));
            }
            if let (Some(_), Some(field)) = (was, attr.field(at.side, at.object))
                && !planned(field)
            {
                broken.push((
                    "writes_in_plan",
                    format!("{at} ({token}) {field}: {from:?} became {to:?}, and no operation says so"),
                ));
            }
        }
        if let Some(was) = was {
            broken.extend(self.related(at, (was, record), intended, &planned));
        }
        let parent = was.map_or(&Parent::None, |was| &was.parent);
        if let (Parent::Thing(old), true) = (parent, *parent != record.parent)
            && !self.profile.archives()
            && thing.bereft.contains(&(at.side.other(), old.clone()))
            && !thing.murky
            && self.people.ledger.get(old).is_some_and(|it| !it.murky && it.ended.contains(&at.side.other()))
        {
            broken.push((
                "permission_is_not_absence",
                format!(
                    "{at} ({token}) no longer belongs to {old}, which somebody only deleted on the other side"
                ),
            ));
        }
        // Of a record's companies the only one that is left is its parent, though nobody ever marked it.
        let only = |new: &String| {
            let mut there = self.people.picture.live(Side::HubSpot, token);
            there.any(|(_, there)| there.parent == Parent::None && there.further.iter().eq([new]))
        };
        // What belonged to an account that had no name yet belongs to what the account is called now.
        let nameless = |new: &String| {
            let mut there = self.people.picture.live(Side::Salesforce, token);
            thing.was_ever(PARENT, Some(""))
                && there.any(|(_, there)| there.parent == Parent::Thing(new.clone()))
                && (at.side == Side::HubSpot || was.is_none_or(|was| was.under == record.under))
        };
        if let (Parent::Thing(new), true) = (&record.parent, *parent != record.parent)
            && !thing.was_ever(PARENT, Some(new))
            && !only(new)
            && !nameless(new)
            && !thing.murky
            // A merge may give the parent's record another thing's name.
            && self.people.ledger.get(new).is_some_and(|parent| !parent.murky)
        {
            broken.push(("no_invention", format!("{at} ({token}) now belongs to {new}, which nobody said")));
        }
        broken
    }

    /// Whether somebody gave this value to one of those it was merged with, or may be one with.
    fn is_of_part(&self, thing: &Thing, name: &str, value: Option<&str>) -> bool {
        let all = thing.parts.iter().chain(&thing.said_to_be);
        all.filter_map(|part| self.people.ledger.get(part)).any(|part| part.was_ever(name, value))
    }

    /// Whether an address is of this record: what HubSpot merged answers under its former ids.
    fn is_meant(&self, place: &(String, String, String), at: &At) -> bool {
        let alias = place.0 == at.side.name() && place.1 == at.object && !self.is_live(place);
        *place == key(at) || alias
    }

    /// Owners, parents and participants that the engine changed, and no operation says so.
    fn related(
        &self,
        at: &At,
        (was, record): (&Record, &Record),
        intended: &Intended,
        planned: &impl Fn(&str) -> bool,
    ) -> Vec<(&'static str, String)> {
        let mut broken = Vec::new();
        let mut found = |what: &str, is_planned: bool| {
            if !is_planned {
                broken.push(("writes_in_plan", format!("{at} has other {what}, and no operation says so")));
            }
        };
        let [owner, account] = match at.side {
            Side::Salesforce => ["OwnerId", "AccountId"],
            Side::HubSpot => ["hubspot_owner_id", ""],
        };
        // What goes takes its relations along. HubSpot's companies and contacts have the same ids.
        let there = |kind: Kind, id: &String| {
            let mut all = self.people.picture.of_side(at.side);
            all.any(|(other, record)| record.kind == kind && other.id == *id && record.life == Life::Live)
        };
        let mut relations = intended.relations.iter();
        let is_tied = planned(account) || intended.of_new || relations.any(|place| self.is_meant(place, at));
        if was.owner != record.owner {
            found("owners", planned(owner));
        }
        if was.under != record.under && was.under.as_ref().is_none_or(|id| there(Kind::Organisation, id)) {
            found("parents", is_tied);
        }
        if was.persons.symmetric_difference(&record.persons).any(|id| there(Kind::Person, id)) {
            found("people", is_tied);
        }
        broken
    }

    fn is_live(&self, (connection, object, id): &(String, String, String)) -> bool {
        self.people
            .picture
            .records
            .keys()
            .any(|at| at.side.name() == connection && at.object == object && at.id == *id)
    }

    /// Things that are there more often than people made them.
    fn crowded(&self, before: &Picture, after: &Picture) -> Vec<(&'static str, String)> {
        let mut live: BTreeMap<(&str, Side), Vec<&At>> = BTreeMap::new();
        for (at, record) in after.records.iter() {
            if let (Some(token), Life::Live) = (&record.token, record.life) {
                live.entry((token, at.side)).or_default().push(at);
            }
        }
        live.into_iter()
            .filter(|((token, side), all)| {
                // What people made twice on one side may be there twice on the other.
                let made = |side| self.people.ledger.allowed.get(&((*token).to_owned(), side)).copied();
                let allowed = made(*side).max(made(side.other()));
                // A merge may give a record another thing's name: only what came new was made a second time.
                let born = all.iter().any(|at| !before.records.contains_key(at));
                // A part of a merge is copied once more where an index shows it for the first time, and as it was before.
                let ledger = &self.people.ledger;
                let twofold = ledger.get(token).is_some_and(|it| it.twofold || ledger.was_missed(it));
                let parts = ledger.get(token).map(|it| &it.parts);
                let renamed = |at: &At| {
                    let was = before.records.get(at).and_then(|was| was.token.as_ref());
                    was.is_some_and(|was| was != token && parts.is_some_and(|parts| parts.contains(was)))
                };
                let there = all.iter().filter(|at| !renamed(at)).count();
                born && !twofold && there > allowed.unwrap_or_default().max(1)
            })
            .map(|((token, side), all)| {
                let all: Vec<String> = all.iter().map(|at| at.to_string()).collect();
                ("one_record", format!("{token} is at {} as {}", side.name(), all.join(" and ")))
            })
            .collect()
    }
}

fn key(at: &At) -> (String, String, String) {
    (at.side.name().to_owned(), at.object.to_owned(), at.id.clone())
}

impl Intended {
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.creates.is_empty() && self.archives.is_empty()
    }

    fn note(&mut self, connection: &str, row: &IntendedRow) {
        match (&row.record, &row.object) {
            (Some(record), _) => {
                let key =
                    (connection.to_owned(), record.object.as_str().to_owned(), record.id.as_str().to_owned());
                if &*row.word == "archive" {
                    self.archives.insert(key.clone());
                }
                if matches!(&*row.word, "associate" | "dissociate") {
                    self.relations.insert(key.clone());
                }
                self.fields.entry(key).or_default().extend(row.fields.iter().map(|field| field.to_string()));
            }
            (None, Some(object)) => {
                let key = (connection.to_owned(), object.as_str().to_owned());
                *self.creates.entry(key).or_default() += 1;
            }
            (None, None) => self.of_new = true,
        }
    }
}
