//! What an act of a person changed in the two systems.

use super::{Ledger, Lent, OWNER, PARENT};
use crate::{
    picture::{At, Life, Parent, Picture, Record},
    side::Side,
};
use std::collections::BTreeSet;

impl Ledger {
    /// Takes in what an act of a person (and the vendor's own answer to it) changed.
    pub(crate) fn absorb(&mut self, before: &Picture, after: &Picture) {
        let mut gone_with = Vec::new();
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
                self.values(at.side, token, (was.filter(|_| !came), record), after);
            }
            if let Some(thing) = self.get_mut(token) {
                if came {
                    // What was deleted with something else may come back without those who were on it.
                    let back = was.is_some();
                    gone_with.extend(back.then(|| (token.clone(), record.people.clone())));
                    if was.is_none() && before.bins(at.side, token) {
                        thing.replaced = Some(stretch);
                    }
                    thing.ended.remove(&at.side);
                    // A lead that is converted into no account makes one, also of a company that is there already; what is restored
                    // may stand beside what was made in its place.
                    thing.murky |= after.live(at.side, token).nth(1).is_some();
                } else if went {
                    thing.was_ended = true;
                    if after.live(at.side, token).next().is_none() {
                        thing.ended.insert(at.side);
                    }
                }
            }
        }
        for (deal, people) in gone_with {
            self.involved.retain(|(of, person)| *of != deal || people.contains(person));
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

    fn values(
        &mut self,
        side: Side,
        token: &str,
        (was, record): (Option<&Record>, &Record),
        after: &Picture,
    ) {
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
        let (old, new) = (was.and_then(parent), parent(record));
        if old != new {
            // A parent that went in the same act took the relation along.
            let taken = old.filter(|old| new.is_none() && after.live(side, old).next().is_none());
            if let Some(thing) = self.get_mut(token) {
                thing.bereft.retain(|(at, _)| *at != side);
                thing.bereft.extend(taken.map(|old| (side, old)));
            }
            self.note(token, PARENT, side, new);
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
