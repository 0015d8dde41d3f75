//! What people did, as seen in the two systems around each of their acts. It is the oracle's only memory: nothing in it
//! comes from the engine or its store.

use crate::{
    picture::{At, Life, Parent, Picture, Record},
    side::Side,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::Kind;

/// A value that a person gave, on which side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) side: Side,
    /// `None`: cleared.
    pub(crate) value: Option<String>,
    /// In which stretch between two looks at everything.
    pub(crate) stretch: u32,
    pub(crate) at: Timestamp,
}

/// A real thing of the simulated company.
#[derive(Debug, Clone)]
pub(crate) struct Thing {
    pub(crate) kind: Kind,
    pub(crate) token: String,
    /// Sides on which a person deleted it, or merged it away.
    pub(crate) ended: BTreeSet<Side>,
    /// Somebody made it twice on one side, or merged it with something: identity is a matter for people.
    pub(crate) murky: bool,
    /// What was merged with it.
    pub(crate) parts: BTreeSet<String>,
    /// In which stretch it became a contact, if it did: what is blank from the first sight on is not cleared.
    pub(crate) converted: Option<u32>,
    /// In which stretch a new record of it took the place of one that was deleted on the same side, if one did: what was said
    /// on that one last may have been read, or not.
    pub(crate) replaced: Option<u32>,
    /// A lead of another company was converted into it when it was new, or it had an account before: whether the two are one
    /// is a matter for people.
    pub(crate) disputed: bool,
    /// What nameless accounts of its people showed as they were made: it may have been meant by them.
    pub(crate) lent: BTreeSet<Lent>,
    /// Somebody made it twice on one side, or nothing tells any more that what both sides have is one thing.
    pub(crate) twofold: bool,
    /// When it was merged in HubSpot, if no run had read it by then.
    pub(crate) merged_unread: Option<Timestamp>,
    /// A company that was made with a web site, by which it can be known.
    pub(crate) sited: bool,
    /// A person deleted it on some side at some time.
    pub(crate) was_ended: bool,
    /// Both sides were seen to have it, once all was quiet.
    pub(crate) met: bool,
    /// Values on which both sides were seen to agree when all was quiet.
    pub(crate) agreed: BTreeMap<&'static str, Option<String>>,
    edits: BTreeMap<&'static str, Vec<Edit>>,
}

/// The pseudo-attribute of a record's parent.
pub(crate) const PARENT: &str = "@parent";
/// The pseudo-attribute of a record's owner.
pub(crate) const OWNER: &str = "@owner";

/// After this every index shows an edit.
const INDEXED: SignedDuration = SignedDuration::from_secs(400);
/// A run is over after this, also one that slept.
const WORKING: SignedDuration = SignedDuration::from_hours(1);

/// Whether a run was at work when an index did not show something of this time yet.
fn overlaps(run: Timestamp, at: Timestamp) -> bool {
    let after = run.duration_since(at);
    after < INDEXED && -after < WORKING
}

/// All things and what people did to them.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) things: Vec<Thing>,
    by_token: BTreeMap<String, usize>,
    pub(crate) stretch: u32,
    /// The time of what people do next.
    pub(crate) now: Timestamp,
    /// When the engine began to do something.
    pub(crate) runs: Vec<Timestamp>,
    /// From when to when each of them was at work, cut or not.
    pub(crate) work: Vec<(Timestamp, Timestamp)>,
    /// When the plan began that is applied next.
    planned: Option<Timestamp>,
    /// What was there at the first time was decided on by the second: runs that came to their end, and plans that were
    /// applied.
    decided: Vec<(Timestamp, Timestamp)>,
    /// Live records of each thing on each side after the last act of a person: more may not come by themselves.
    pub(crate) allowed: BTreeMap<(String, Side), usize>,
    /// Every place where people let somebody take part in a deal: (deal, person).
    pub(crate) involved: BTreeSet<(String, String)>,
    /// Merges in HubSpot, by survivor: when, and what answers for it since under its former id.
    pub(crate) swallowed: BTreeMap<At, (Timestamp, [At; 2])>,
}

impl Thing {
    pub(crate) fn edits(&self, attribute: &str) -> &[Edit] {
        self.edits.get(attribute).map_or(&[], Vec::as_slice)
    }

    /// Whether a person ever gave this value (or blank) on some side.
    pub(crate) fn was_ever(&self, attribute: &str, value: Option<&str>) -> bool {
        let lent = |value: &str| self.lent.iter().any(|it| it.name == attribute && it.value == value);
        self.edits(attribute).iter().any(|edit| edit.value.as_deref() == value) || value.is_some_and(lent)
    }

    /// The last edit of a side in this stretch.
    pub(crate) fn last(&self, attribute: &str, side: Side, stretch: u32) -> Option<&Edit> {
        self.edits(attribute).iter().rev().find(|edit| edit.side == side && edit.stretch == stretch)
    }
}

/// A value of a nameless account that one of a company's people was converted into.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lent {
    pub(crate) by: At,
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) stretch: u32,
}

impl Ledger {
    /// The former records of one that came of a merge while a run was at work. HubSpot takes what is done to one of them for
    /// the survivor, and no archive can say which it means.
    pub(crate) fn merged_meanwhile(&self, survivor: &At) -> &[At] {
        match self.swallowed.get(survivor) {
            Some((at, former)) if self.runs.last().is_some_and(|run| run <= at) => former,
            Some(_) | None => &[],
        }
    }

    /// Whether the last edit of a side may have been written over with this: a run read before an index showed that edit, or
    /// was at work when it was made, and the other side held this then, whenever it had said so.
    pub(crate) fn raced(&self, thing: &Thing, attribute: &str, side: Side, value: Option<&str>) -> bool {
        let Some(last) = thing.last(attribute, side, self.stretch) else { return false };
        let others: Vec<&Edit> = thing.edits(attribute).iter().filter(|edit| edit.side != side).collect();
        self.runs.iter().filter(|run| overlaps(**run, last.at)).any(|run| {
            let found = others.iter().rfind(|edit| edit.at <= *run);
            let said = others.iter().filter(|edit| edit.at > *run && edit.at.duration_since(*run) < WORKING);
            found.into_iter().chain(said).any(|edit| edit.value.as_deref() == value)
        })
    }

    /// A plan was written that took in what was there at a time.
    pub(crate) fn planned(&mut self, began: Timestamp) {
        self.planned = Some(began);
    }

    /// The plan that was written last was applied to its end.
    pub(crate) fn applied(&mut self, until: Timestamp) {
        self.decided.extend(self.planned.take().map(|began| (began, until)));
    }

    /// A run came to its end.
    pub(crate) fn ran(&mut self, began: Timestamp, until: Timestamp) {
        self.decided.push((began, until));
    }

    /// Whether a run that found it on a side came to its end before a time. One that was cut, or was to carry out a plan
    /// from before, may have read it and agreed on nothing.
    pub(crate) fn was_decided_before(&self, thing: &Thing, side: Side, at: Timestamp) -> bool {
        let there = thing.edits.values().flatten().filter(|edit| edit.side == side);
        let first = there.map(|edit| edit.at).min();
        first.is_some_and(|first| self.decided.iter().any(|(began, until)| first <= *began && *until <= at))
    }

    /// Whether the last word of a side came while a run was at work that may have filled the blank that it had said before.
    pub(crate) fn was_filled_meanwhile(&self, thing: &Thing, attribute: &str, side: Side) -> bool {
        let edits = thing.edits(attribute).iter().filter(|it| it.side == side && it.stretch == self.stretch);
        let edits: Vec<&Edit> = edits.collect();
        let [.., blank, last] = edits.as_slice() else { return false };
        let at_work = self.work.iter().any(|(began, until)| *began <= last.at && last.at <= *until);
        blank.value.is_none() && at_work
    }

    /// Whether a run may have found a value on a side that people gave there, or that both sides had: one was at work while
    /// it stood. What came and went between two runs left the blank that was there.
    pub(crate) fn was_found(&self, thing: &Thing, attribute: &str, side: Side) -> bool {
        let said: Vec<&Edit> = thing.edits(attribute).iter().filter(|edit| edit.side == side).collect();
        let stood = |edit: &Edit, next: Option<&&Edit>| {
            let at_work = |(began, until): &(Timestamp, Timestamp)| {
                edit.at <= *until && next.is_none_or(|next| *began < next.at)
            };
            self.work.iter().any(at_work)
        };
        let found =
            said.iter().enumerate().any(|(at, edit)| edit.value.is_some() && stood(edit, said.get(at + 1)));
        found || thing.agreed.get(attribute).is_some_and(Option::is_some)
    }

    /// Whether no run that came to its end began late enough after it was made to find it in an index: what another has read
    /// it has not copied.
    pub(crate) fn is_unread(&self, thing: &Thing) -> bool {
        let first = thing.edits.values().flatten().map(|edit| edit.at).min();
        let found =
            |first: Timestamp| self.decided.iter().any(|(began, _)| began.duration_since(first) >= INDEXED);
        first.is_none_or(|first| !found(first))
    }

    /// Whether it was merged before any run had copied it, and a run may have been shown it as it was before: the first one,
    /// or one that was at work.
    pub(crate) fn was_missed(&self, thing: &Thing) -> bool {
        let Some(at) = thing.merged_unread else { return false };
        let loading = self.runs.first().is_some_and(|first| overlaps(*first, at));
        loading || self.runs.iter().any(|run| *run <= at && at.duration_since(*run) < WORKING)
    }

    /// A new thing; its token.
    pub(crate) fn thing(&mut self, kind: Kind) -> String {
        let token = format!("q{}", self.things.len() + 1);
        self.by_token.insert(token.clone(), self.things.len());
        self.things.push(Thing {
            kind,
            token: token.clone(),
            ended: BTreeSet::new(),
            murky: false,
            parts: BTreeSet::new(),
            converted: None,
            replaced: None,
            disputed: false,
            lent: BTreeSet::new(),
            twofold: false,
            merged_unread: None,
            sited: false,
            was_ended: false,
            met: false,
            agreed: BTreeMap::new(),
            edits: BTreeMap::new(),
        });
        token
    }

    pub(crate) fn get(&self, token: &str) -> Option<&Thing> {
        self.things.get(*self.by_token.get(token)?)
    }

    pub(crate) fn get_mut(&mut self, token: &str) -> Option<&mut Thing> {
        self.things.get_mut(*self.by_token.get(token)?)
    }

    /// Things that were merged, each with those it was merged with.
    pub(crate) fn parts(&self) -> BTreeMap<String, BTreeSet<String>> {
        let merged = self.things.iter().filter(|thing| !thing.parts.is_empty());
        merged.map(|thing| (thing.token.clone(), thing.parts.clone())).collect()
    }

    /// Two things were merged: what was said of the parts of either is said of both.
    pub(crate) fn merge(&mut self, token: &str, other: &str) {
        let parts: BTreeSet<String> = [token, other]
            .into_iter()
            .flat_map(|token| {
                let known = self.get(token).into_iter().flat_map(|thing| thing.parts.iter().cloned());
                known.chain([token.to_owned()]).collect::<Vec<_>>()
            })
            .collect();
        for token in [token, other] {
            if let Some(thing) = self.get_mut(token) {
                thing.parts.extend(parts.iter().filter(|part| *part != token).cloned());
            }
        }
    }

    fn note(&mut self, token: &str, attribute: &'static str, side: Side, value: Option<String>) {
        let (stretch, at) = (self.stretch, self.now);
        if let Some(thing) = self.get_mut(token) {
            thing.edits.entry(attribute).or_default().push(Edit { side, value, stretch, at });
        }
    }

    /// Takes in what an act of a person (and the vendor's own answer to it) changed.
    pub(crate) fn absorb(&mut self, before: &Picture, after: &Picture) {
        for (at, record) in after.records.iter() {
            let Some(token) = &record.token else { continue };
            let was = before.records.get(at);
            if was == Some(record) {
                continue;
            }
            let came = was.is_none_or(|was| was.life != Life::Live) && record.life == Life::Live;
            let went = was.is_some_and(|was| was.life == Life::Live) && record.life == Life::Gone;
            let stretch = self.stretch;
            if let (Life::Converted, Some(thing)) = (record.life, self.get_mut(token)) {
                thing.converted = Some(stretch);
            }
            if record.life == Life::Converted && was.is_some_and(|was| was.life == Life::Live) {
                self.dispute(before, after, token);
            }
            if record.life == Life::Live {
                self.values(at.side, token, was.filter(|_| !came), record);
            }
            if let Some(thing) = self.get_mut(token) {
                if came {
                    if was.is_none() && before.bins(at.side, token) {
                        thing.replaced = Some(stretch);
                    }
                    thing.ended.remove(&at.side);
                    // A lead that is converted into no account makes one, also of a company that is there already.
                    thing.murky |= was.is_none() && after.live(at.side, token).nth(1).is_some();
                } else if went {
                    thing.was_ended = true;
                    if after.live(at.side, token).next().is_none() {
                        thing.ended.insert(at.side);
                    }
                }
            }
        }
        // What a vendor removes for good (HubSpot's merged records) shows by its absence.
        for (at, record) in before.records.iter() {
            let (Some(token), Life::Live) = (&record.token, record.life) else { continue };
            if !after.records.contains_key(at)
                && after.live(at.side, token).next().is_none()
                && let Some(thing) = self.get_mut(token)
            {
                thing.ended.insert(at.side);
                thing.was_ended = true;
            }
        }
        self.count(after);
    }

    /// Who converts a lead into a new account, though the person has a company of another name, may mean that one. Of an
    /// account without a name nobody can say it was meant otherwise: what it shows is said of the person's companies.
    fn dispute(&mut self, before: &Picture, after: &Picture, person: &str) {
        let parts = self.get(person).into_iter().flat_map(|person| &person.parts);
        let all: Vec<&str> = parts.map(String::as_str).chain([person]).collect();
        let edits = all.iter().filter_map(|token| self.get(token)).flat_map(|one| one.edits(PARENT));
        let said = edits.filter(|edit| edit.side == Side::HubSpot).filter_map(|edit| edit.value.clone());
        // It may have come there by a merge with somebody whose company a run gave him.
        let there = all.iter().flat_map(|token| before.live(Side::HubSpot, token));
        let shown = there.filter_map(|(_, contact)| match &contact.parent {
            Parent::Thing(company) => Some(company.clone()),
            Parent::None | Parent::Nameless => None,
        });
        let companies: BTreeSet<String> = said.chain(shown).collect();
        let contacts = after.live(Side::Salesforce, person).filter(|(at, _)| at.object == "Contact");
        for (_, contact) in contacts.filter(|(at, _)| !before.records.contains_key(at)) {
            let at = contact.under.as_ref().map(|id| At {
                side: Side::Salesforce,
                object: "Account",
                id: id.clone(),
            });
            match (&contact.parent, at.as_ref().and_then(|at| after.records.get(at))) {
                (Parent::Thing(account), _) => {
                    let is_new = before.live(Side::Salesforce, account).next().is_none();
                    let of_another = companies.iter().any(|company| company != account);
                    // The lead may call its company as that was called before.
                    let name =
                        |side| after.live(side, account).next().and_then(|(_, it)| it.values.get("name"));
                    let renamed =
                        name(Side::HubSpot).is_some_and(|there| Some(there) != name(Side::Salesforce));
                    // Or its own account is in the bin.
                    let otherwise = of_another || renamed || before.bins(Side::Salesforce, account);
                    if let (true, true, Some(account)) = (is_new, otherwise, self.get_mut(account)) {
                        account.disputed = true;
                    }
                }
                (Parent::Nameless, Some(account)) => {
                    let Some(by) = &at else { continue };
                    let lent = account.values.iter().map(|(name, value)| Lent {
                        by: by.clone(),
                        name,
                        value: value.clone(),
                        stretch: self.stretch,
                    });
                    let lent: Vec<Lent> = lent.collect();
                    for company in companies.iter().filter_map(|token| self.by_token.get(token)) {
                        self.things[*company].lent.extend(lent.iter().cloned());
                    }
                }
                (Parent::Nameless | Parent::None, _) => {}
            }
        }
    }

    fn values(&mut self, side: Side, token: &str, was: Option<&Record>, record: &Record) {
        let old = was.map(|was| was.values.clone()).unwrap_or_default();
        let names: BTreeSet<&'static str> = old.keys().chain(record.values.keys()).copied().collect();
        for name in names {
            if old.get(name) != record.values.get(name) {
                self.note(token, name, side, record.values.get(name).cloned());
            }
        }
        let parent = |record: &Record| match &record.parent {
            Parent::None => None,
            Parent::Thing(token) => Some(token.clone()),
            Parent::Nameless => Some(String::new()),
        };
        let old = was.and_then(parent);
        if old != parent(record) {
            self.note(token, PARENT, side, parent(record));
        }
        let old = was.and_then(|was| was.owner.clone());
        if old != record.owner {
            self.note(token, OWNER, side, record.owner.clone());
        }
        let known: BTreeSet<String> = was.map(|was| was.people.clone()).unwrap_or_default();
        for person in record.people.difference(&known) {
            self.involved.insert((token.to_owned(), person.clone()));
        }
        for person in known.difference(&record.people) {
            self.involved.remove(&(token.to_owned(), person.clone()));
        }
    }

    /// How many live records of each thing there are, which are allowed from now on.
    fn count(&mut self, picture: &Picture) {
        self.allowed.clear();
        for (at, record) in picture.records.iter() {
            if let (Some(token), Life::Live) = (&record.token, record.life) {
                *self.allowed.entry((token.clone(), at.side)).or_default() += 1;
            }
        }
    }
}
