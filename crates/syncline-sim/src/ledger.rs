//! What people did, as seen in the two systems around each of their acts. It is the oracle's only memory: nothing in it
//! comes from the engine or its store.

mod absorb;
mod known;

use crate::{picture::At, side::Side};
use jiff::Timestamp;
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
    /// What somebody said that it is, though it may have been another one.
    pub(crate) said_to_be: BTreeSet<String>,
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
    /// Where it lost this parent because somebody deleted that one, and nobody has given it another since.
    pub(crate) bereft: BTreeSet<(Side, String)>,
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
            said_to_be: BTreeSet::new(),
            converted: None,
            replaced: None,
            disputed: false,
            lent: BTreeSet::new(),
            twofold: false,
            merged_unread: None,
            sited: false,
            was_ended: false,
            bereft: BTreeSet::new(),
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
}
