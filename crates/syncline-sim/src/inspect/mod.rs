//! What is checked once all is quiet: no loss, no orphan, nothing missing without a reason that people gave (invariants
//! 2, 3, 6). What excuses a difference is in `excuses.rs`.

mod edges;

use crate::{
    attrs::{self, Attr},
    judged::Judged,
    ledger::Thing,
    picture::{At, Parent, Picture, Record},
    player::Player,
    profile::{Change, Ruler},
    script::Access,
    side::Side,
    world::Broken,
};
use syncline_model::Kind;

/// What is wrong with a thing.
pub(crate) struct Fault {
    pub(crate) invariant: &'static str,
    /// The attribute or edge; `None`: the whole thing.
    pub(crate) attribute: Option<&'static str>,
    pub(crate) evidence: String,
}

impl Player<'_> {
    /// Looks at everything.
    pub(crate) fn inspect(&mut self) -> Result<(), Broken> {
        let picture = self.people.picture.clone();
        for at in 0..self.people.ledger.things.len() {
            let thing = self.people.ledger.things[at].clone();
            let live = Side::BOTH.map(|side| picture.live(side, &thing.token).collect::<Vec<_>>());
            self.looked(thing_judged(&thing, [live[0].len(), live[1].len()]));
            let faults = match [live[0].as_slice(), live[1].as_slice()] {
                _ if thing.murky => Vec::new(),
                [[salesforce], [hubspot]] => self.pair(&picture, &thing, *salesforce, *hubspot),
                [[one], []] | [[], [one]] => self.alone(&picture, &thing, *one).into_iter().collect(),
                _ => Vec::new(),
            };
            let seen: Vec<&At> = live.iter().flatten().map(|(at, _)| *at).collect();
            // Of what people made murky no values are expected at rest; what the engine writes of it is judged all the same, and
            // it says what it waits for.
            if thing.murky {
                self.tells(&thing, &seen)?;
                continue;
            }
            for fault in faults {
                self.judge(&thing, &seen, fault)?;
            }
        }
        self.waits()?;
        self.settle(&picture);
        self.people.rights.looked_at();
        Ok(())
    }

    /// Counts what was judged, or left out.
    pub(crate) fn looked(&self, judged: Judged) {
        self.world.net.cover(|coverage| coverage.judge(judged));
    }

    /// A thing that both sides have once.
    fn pair(
        &self,
        picture: &Picture,
        thing: &Thing,
        (at, salesforce): (&At, &Record),
        (_, hubspot): (&At, &Record),
    ) -> Vec<Fault> {
        let mut faults = Vec::new();
        for attr in attrs::of_kind(thing.kind) {
            if attr.name == "city" && thing.kind == Kind::Organisation && self.dropped(Change::DropCity) {
                self.looked(Judged::ValuesNotConfigured);
                continue;
            }
            let (left, right) = (salesforce.values.get(attr.name), hubspot.values.get(attr.name));
            let ruled = self.profile.ruler(thing.kind, attr.name) == Some(Ruler::AlwaysSalesforce);
            // The ruling side's clear travels; its blank blanks nothing, neither what was there before it spoke nor what
            // was said on the other side after it (decisions §1.4). What it cleared before anything was agreed, or before
            // anybody read it, is a blank.
            let ledger = &self.people.ledger;
            let last = thing.edits(attr.name).last();
            // While nothing could be written nothing was agreed either, and a blank is a blank then.
            let closed = self.people.rights.touched.contains(&(thing.kind, attr.name))
                && thing.agreed.get(attr.name).is_none_or(Option::is_none);
            // What stood so when all was quiet, and was right then, stands.
            let said = thing.last(attr.name, Side::Salesforce, ledger.stretch).is_some();
            let ever = said
                && !closed
                && ledger.was_found(thing, attr.name, Side::Salesforce)
                && thing.edits(attr.name).iter().any(|edit| {
                    edit.side == Side::Salesforce && ledger.was_decided_before(thing, edit.side, edit.at)
                });
            let after = last.is_some_and(|edit| edit.side == Side::HubSpot && edit.value.as_ref() == right);
            if ruled && left.is_none() && (!ever || after) {
                self.looked(Judged::ValuesOfARulersBlank);
                continue;
            }
            let agreed = thing.agreed.contains_key(attr.name);
            self.looked(if agreed { Judged::Values } else { Judged::ValuesNeverAgreed });
            if left != right {
                let evidence = format!(
                    "{} of {} is {left:?} in Salesforce and {right:?} in HubSpot",
                    attr.name, thing.token
                );
                faults.push(Fault { invariant: "no_loss", attribute: Some(attr.name), evidence });
                continue;
            }
            let value = left.map(String::as_str);
            // Where the nameless account of one of its people became its account, what that showed was said of it then.
            let lent = thing.lent.iter().any(|it| {
                it.by == *at
                    && it.stretch == self.people.ledger.stretch
                    && it.name == attr.name
                    && Some(it.value.as_str()) == value
            });
            if !lent && !self.may_be(thing, attr, value) {
                let evidence = format!(
                    "{} of {} is {value:?} on both sides; agreed was {:?}, and then people said {:?}",
                    attr.name,
                    thing.token,
                    thing.agreed.get(attr.name),
                    recent(thing, attr.name, self.people.ledger.stretch),
                );
                faults.push(Fault { invariant: "no_loss", attribute: Some(attr.name), evidence });
            }
        }
        faults.extend(self.parents(picture, thing, at, salesforce, hubspot));
        faults.extend(self.owners(thing, salesforce, hubspot));
        if thing.kind == Kind::Deal {
            faults.extend(self.participants(picture, thing, salesforce, hubspot));
        }
        faults
    }

    pub(crate) fn dropped(&self, change: Change) -> bool {
        self.world.changes.contains(&change)
    }

    /// Whether both sides may hold this value now.
    fn may_be(&self, thing: &Thing, attr: &Attr, value: Option<&str>) -> bool {
        let stretch = self.people.ledger.stretch;
        let last = |side| thing.last(attr.name, side, stretch).map(|edit| edit.value.as_deref());
        let (salesforce, hubspot) = (last(Side::Salesforce), last(Side::HubSpot));
        let agreed = thing.agreed.get(attr.name).map(Option::as_deref);
        let any = || thing.was_ever(attr.name, value) || value.is_none();
        let filled = || {
            thing.edits(attr.name).iter().any(|edit| {
                edit.side == Side::Salesforce && edit.stretch == stretch && edit.value.as_deref() == value
            })
        };
        if thing.replaced == Some(stretch) {
            return any();
        }
        match self.profile.ruler(thing.kind, attr.name) {
            Some(Ruler::AlwaysSalesforce) => match (salesforce, agreed) {
                (Some(said), _) => value == said,
                (None, Some(agreed)) => value == agreed,
                (None, None) => any(),
            },
            Some(Ruler::PreferHubSpot) => match (hubspot, salesforce, agreed) {
                // What was said on a record that was deleted before anything was agreed rules no other one.
                (_, _, None) if thing.was_ended => any(),
                // Who writes over what no index shows yet loses a race that is nobody's rule; what won it is HubSpot's then,
                // and what Salesforce says after it is set back.
                (Some(Some(said)), _, _) => {
                    value == Some(said) || self.people.ledger.raced(thing, attr.name, Side::HubSpot, value)
                }
                // What Salesforce says may have filled the blank before it says something else, and is HubSpot's then.
                (Some(None), _, _) => value.is_none() || filled(),
                (None, said, Some(Some(agreed))) => {
                    value == Some(agreed) || (said.is_none() && value == Some(agreed))
                }
                // What was said first may have got there before the second word.
                (None, Some(_), Some(None)) => filled(),
                (None, None, Some(None)) => value.is_none(),
                (None, _, None) => any(),
            },
            // Who said so on one side wants none, until it is taken back on both before a run has read one of them.
            Some(Ruler::Strictest) => match value {
                Some(_) => thing.was_ever(attr.name, value),
                None => {
                    let said = |side| thing.edits(attr.name).iter().rfind(|edit| edit.side == side);
                    let wants = |side| said(side).is_some_and(|edit| edit.value.is_some());
                    let took_back = [salesforce, hubspot].iter().all(|last| *last == Some(None));
                    !Side::BOTH.into_iter().any(wants) && (agreed.flatten().is_none() || took_back)
                }
            },
            None => match (salesforce, hubspot, agreed) {
                (None, None, Some(agreed)) => value == agreed,
                (None, None, None) => any(),
                (Some(None), _, _) if thing.converted == Some(stretch) => any(),
                // A contact's blank is no clear of its lead's: who fills it while a run does so may lose the race.
                (Some(Some(said)), None, Some(agreed)) if thing.converted == Some(stretch) => {
                    let filled = self.people.ledger.was_filled_meanwhile(thing, attr.name, Side::Salesforce);
                    value == Some(said) || (filled && value == agreed)
                }
                (Some(said), None, Some(_)) | (None, Some(said), Some(_)) => value == said,
                // Not agreed before: the other side may have had something from earlier.
                (Some(_), None, None) | (None, Some(_), None) => any(),
                (Some(one), Some(other), _) => value == one || value == other,
            },
        }
    }

    /// A thing that only one side has.
    fn alone(&self, picture: &Picture, thing: &Thing, (at, record): (&At, &Record)) -> Option<Fault> {
        let missing = at.side.other();
        if thing.ended.contains(&missing) {
            // What is left of it waits for somebody's word, where it was not archived with it.
            return thing.met.then(|| Fault {
                invariant: "no_loss",
                attribute: None,
                evidence: format!(
                    "{} was deleted at {}, and {at} is as if nothing had happened",
                    thing.token,
                    missing.name()
                ),
            });
        }
        let expected = match (thing.kind, at.side) {
            (Kind::Organisation, Side::HubSpot) => self.profile.creates_everywhere(),
            (Kind::Organisation, Side::Salesforce) => true,
            (Kind::Person, _) => record.values.contains_key("email"),
            (Kind::Deal, side) => {
                // What may not be seen is unknown, and unknown is not in scope.
                let seen = (at.side, Kind::Deal, "amount");
                let amount = record.values.contains_key("amount")
                    && self.people.rights.access.get(&seen) != Some(&Access::Hidden);
                let scoped = !self.dropped(Change::ScopeOfDeals) || amount;
                let account = match &record.parent {
                    Parent::Thing(token) => picture.live(Side::Salesforce, token).count() == 1,
                    Parent::None | Parent::Nameless => false,
                };
                scoped && (side == Side::Salesforce || account || self.profile.creates_everywhere())
            }
            (Kind::User, _) => false,
        };
        expected.then(|| Fault {
            invariant: "no_loss",
            attribute: None,
            evidence: format!("{} is at {at} and not at {}", thing.token, missing.name()),
        })
    }

    /// Everything was looked at: what both sides hold alike is agreed from now on.
    fn settle(&mut self, picture: &Picture) {
        let rights = &self.people.rights;
        for thing in &mut self.people.ledger.things {
            let live = Side::BOTH.map(|side| picture.live(side, &thing.token).collect::<Vec<_>>());
            let [[(_, salesforce)], [(_, hubspot)]] = [live[0].as_slice(), live[1].as_slice()] else {
                thing.agreed.clear();
                continue;
            };
            thing.met = true;
            for attr in attrs::of_kind(thing.kind) {
                let (left, right) = (salesforce.values.get(attr.name), hubspot.values.get(attr.name));
                // What may not be seen on a side is agreed only where it was before.
                let hidden = Side::BOTH
                    .iter()
                    .any(|side| rights.access.get(&(*side, thing.kind, attr.name)) == Some(&Access::Hidden));
                let known = thing.agreed.get(attr.name).map(Option::as_ref) == Some(left);
                if left == right && (known || !hidden) {
                    thing.agreed.insert(attr.name, left.cloned());
                } else {
                    thing.agreed.remove(attr.name);
                }
            }
            edges::agree(&mut thing.agreed, salesforce, hubspot);
        }
        self.people.ledger.stretch += 1;
    }
}

/// What becomes of a thing that is live so often on each side.
fn thing_judged(thing: &Thing, live: [usize; 2]) -> Judged {
    match live {
        [0, 0] => Judged::ThingsGone,
        _ if thing.murky => Judged::ThingsMurky,
        [1, 1] => Judged::Things,
        [0, 1] | [1, 0] => Judged::ThingsOnOneSide,
        [_, _] => Judged::ThingsDoubled,
    }
}

fn recent(thing: &Thing, attribute: &str, stretch: u32) -> Vec<String> {
    thing
        .edits(attribute)
        .iter()
        .filter(|edit| edit.stretch == stretch)
        .map(|edit| format!("{} {:?}", edit.side.name(), edit.value))
        .collect()
}
