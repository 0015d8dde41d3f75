//! What a run can have known: whether it was shown something, and whether it came to its end.

use super::{Edit, Ledger, Thing};
use crate::{picture::At, side::Side};
use jiff::{SignedDuration, Timestamp};

/// After this every index shows an edit.
const INDEXED: SignedDuration = SignedDuration::from_secs(400);
/// A run is over after this, also one that slept.
const WORKING: SignedDuration = SignedDuration::from_hours(1);

/// Whether a run was at work when an index did not show something of this time yet.
fn overlaps(run: Timestamp, at: Timestamp) -> bool {
    let after = run.duration_since(at);
    after < INDEXED && -after < WORKING
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

    /// Whether anything was decided yet: not before the first contact is through.
    pub(crate) fn has_decided(&self) -> bool {
        !self.decided.is_empty()
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
}
