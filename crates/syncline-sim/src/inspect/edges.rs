//! Owners, parents and participants at rest: both sides have the same, and it is what people said last.

use super::{Fault, recent};
use crate::{
    judged::Judged,
    ledger::{Edit, OWNER, PARENT, Thing},
    picture::{At, Parent, Picture, Record},
    player::Player,
    side::Side,
};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::Kind;

type Agreed = BTreeMap<&'static str, Option<String>>;

impl Player<'_> {
    pub(super) fn parents(
        &self,
        picture: &Picture,
        thing: &Thing,
        at: &At,
        salesforce: &Record,
        hubspot: &Record,
    ) -> Option<Fault> {
        if at.object == "Lead" || thing.kind == Kind::Organisation {
            return None;
        }
        let there = |side: Side, parent: &Parent| match parent {
            // A parent that is not once on both sides is a matter of its own.
            Parent::Thing(token) => {
                picture.live(side, token).count() == 1
                    && picture.live(side.other(), token).count() == 1
                    && self.people.ledger.get(token).is_some_and(|thing| !thing.murky)
            }
            Parent::Nameless => false,
            Parent::None => true,
        };
        if salesforce.parent == hubspot.parent || only(salesforce, hubspot) {
            self.looked(Judged::Parents);
            return self.parent_stands(picture, thing, &salesforce.parent);
        }
        let counts = match (&hubspot.parent, hubspot.further.first()) {
            (Parent::None, Some(token)) if hubspot.further.len() == 1 => &Parent::Thing(token.clone()),
            (parent, _) => parent,
        };
        if !there(Side::Salesforce, &salesforce.parent) || !there(Side::HubSpot, counts) {
            self.looked(Judged::ParentsUncertain);
            return None;
        }
        self.looked(Judged::Parents);
        let invariant = if salesforce.parent == Parent::None || hubspot.parent == Parent::None {
            "no_orphan"
        } else {
            "no_loss"
        };
        let evidence = format!(
            "{} belongs to {:?} in Salesforce and to {:?} in HubSpot; people said {:?}",
            thing.token,
            salesforce.parent,
            hubspot.parent,
            recent(thing, PARENT, self.people.ledger.stretch),
        );
        Some(Fault { invariant, attribute: Some(PARENT), evidence })
    }

    pub(super) fn participants(
        &self,
        picture: &Picture,
        thing: &Thing,
        salesforce: &Record,
        hubspot: &Record,
    ) -> Option<Fault> {
        self.looked(Judged::Participants);
        let both = |token: &String| {
            let mut there = picture.live(Side::Salesforce, token);
            let contact =
                there.next().is_some_and(|(at, _)| at.object == "Contact") && there.next().is_none();
            let murky = self.people.ledger.get(token).is_none_or(|thing| thing.murky);
            contact && picture.live(Side::HubSpot, token).count() == 1 && !murky
        };
        let said =
            |token: &String| self.people.ledger.involved.contains(&(thing.token.clone(), token.clone()));
        let apart: BTreeSet<&String> = salesforce
            .people
            .symmetric_difference(&hubspot.people)
            .filter(|token| both(token) && said(token))
            .collect();
        if apart.is_empty() {
            return self.nowhere(thing, salesforce, hubspot, both);
        }
        let evidence = format!("of the people of {} only one side has {apart:?}", thing.token);
        Some(Fault { invariant: "no_loss", attribute: Some("contacts"), evidence })
    }

    /// Whether the parent that both sides have is what people said last.
    fn parent_stands(&self, picture: &Picture, thing: &Thing, parent: &Parent) -> Option<Fault> {
        let value = token_of(parent)?;
        // Who waits for a parent, or lost one, has reasons of its own.
        let stretch = self.people.ledger.stretch;
        let agreed = thing.agreed.get(PARENT);
        let counts = |edit: &&Edit| edit.stretch == stretch || agreed.is_none();
        let said = thing.edits(PARENT).iter().filter(counts);
        let clear = |token: &String| {
            Side::BOTH.iter().all(|side| picture.live(*side, token).count() == 1)
                && self.people.ledger.get(token).is_some_and(|it| !it.murky && !it.was_ended)
        };
        if !said.filter_map(|edit| edit.value.as_ref()).chain(agreed.into_iter().flatten()).all(clear) {
            return None;
        }
        self.stands(thing, PARENT, value, "parent")
    }

    pub(super) fn owners(&self, thing: &Thing, salesforce: &Record, hubspot: &Record) -> Option<Fault> {
        let (Some(left), Some(right)) = (&salesforce.owner, &hubspot.owner) else {
            self.looked(Judged::OwnersUnknown);
            return None;
        };
        self.looked(Judged::Owners);
        if left == right {
            return self.stands(thing, OWNER, Some(left), "owner");
        }
        let evidence = format!("the owner of {} is {left} and {right}", thing.token);
        Some(Fault { invariant: "no_loss", attribute: Some(OWNER), evidence })
    }

    /// Whether what both sides have is what people said since all was quiet, or what both had then.
    fn stands(&self, thing: &Thing, edge: &'static str, value: Option<&str>, name: &str) -> Option<Fault> {
        let stretch = self.people.ledger.stretch;
        if thing.replaced == Some(stretch) || thing.converted == Some(stretch) {
            return None;
        }
        let last = |side| thing.last(edge, side, stretch).map(|edit| edit.value.as_deref());
        let agreed = thing.agreed.get(edge).map(Option::as_deref);
        let is_right = match (last(Side::Salesforce), last(Side::HubSpot), agreed) {
            (None, None, Some(agreed)) => value == agreed,
            (Some(said), None, Some(_)) | (None, Some(said), Some(_)) => value == said,
            (Some(one), Some(other), Some(_)) => value == one || value == other,
            // Not agreed before: either may have had something from earlier. Salesforce gives a new record to who makes it.
            // What belonged to an account that had no name yet belongs to what that is called now.
            (_, _, None) => {
                let nameless = edge == PARENT && thing.was_ever(edge, Some(""));
                value.is_none() || edge == OWNER || nameless || thing.was_ever(edge, value)
            }
        };
        if is_right {
            return None;
        }
        let evidence = format!(
            "the {name} of {} is {value:?} on both sides; agreed was {agreed:?}, and then people said {:?}",
            thing.token,
            recent(thing, edge, stretch),
        );
        Some(Fault { invariant: "no_loss", attribute: Some(edge), evidence })
    }

    /// People whom somebody put on a deal, and nobody took off it.
    fn nowhere(
        &self,
        thing: &Thing,
        salesforce: &Record,
        hubspot: &Record,
        both: impl Fn(&String) -> bool,
    ) -> Option<Fault> {
        let involved = self.people.ledger.involved.iter().filter(|(deal, _)| *deal == thing.token);
        let lost: Vec<&String> = involved
            .map(|(_, person)| person)
            .filter(|person| !salesforce.people.contains(*person) && !hubspot.people.contains(*person))
            .filter(|person| both(person))
            .collect();
        if lost.is_empty() {
            return None;
        }
        let evidence = format!("{lost:?} are on {} on neither side, and nobody took them off", thing.token);
        Some(Fault { invariant: "no_loss", attribute: Some("contacts"), evidence })
    }
}

/// The only company of a record counts as its parent whether it is marked or not (docs/configuration.md), unless it was left
/// when the parent was cleared.
fn only(salesforce: &Record, hubspot: &Record) -> bool {
    match &salesforce.parent {
        Parent::Thing(token) => hubspot.parent == Parent::None && hubspot.further.iter().eq([token]),
        Parent::None | Parent::Nameless => false,
    }
}

/// The parent's token, if it has one to be known by.
fn token_of(parent: &Parent) -> Option<Option<&str>> {
    match parent {
        Parent::None => Some(None),
        Parent::Thing(token) => Some(Some(token)),
        Parent::Nameless => None,
    }
}

/// What both sides have alike is agreed from now on.
pub(super) fn agree(known: &mut Agreed, salesforce: &Record, hubspot: &Record) {
    let same = salesforce.parent == hubspot.parent || only(salesforce, hubspot);
    let parent = token_of(&salesforce.parent).filter(|_| same);
    put(known, PARENT, parent.map(|parent| parent.map(str::to_owned)));
    let owner = salesforce.owner.clone().filter(|owner| hubspot.owner.as_ref() == Some(owner));
    put(known, OWNER, owner.map(Some));
}

fn put(known: &mut Agreed, edge: &'static str, agreed: Option<Option<String>>) {
    match agreed {
        Some(agreed) => known.insert(edge, agreed),
        None => known.remove(edge),
    };
}
