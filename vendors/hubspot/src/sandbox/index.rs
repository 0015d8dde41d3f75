//! The search index: a second view of a table that receives images of rows later than the table itself.

use super::pool::Sym;
use super::registry::Prop;
use super::sorted::Sorted;
use super::table::Slot;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A row as the index holds it.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) created: i64,
    pub(super) updated: i64,
    /// Sorted by property.
    pub(super) values: Box<[(Prop, Sym)]>,
    /// Keyed properties with their value in lower case.
    pub(super) keys: Box<[(Prop, Sym)]>,
}

impl Image {
    /// A value.
    pub(super) fn value(&self, prop: Prop) -> Option<Sym> {
        let at = self.values.binary_search_by_key(&prop, |(known, _)| *known).ok()?;
        self.values.get(at).map(|(_, value)| *value)
    }
}

/// An image, or nothing: the row is not (or no longer) found.
type Seen = Option<Arc<Image>>;

#[derive(Debug)]
struct Applied {
    at: i64,
    slot: Slot,
    before: Seen,
}

/// The index of one object type.
#[derive(Debug, Default)]
pub(super) struct Index {
    images: Vec<Seen>,
    /// (modified, slot)
    pub(super) by_modified: Sorted<(i64, Slot)>,
    /// (created, slot)
    pub(super) by_created: Sorted<(i64, Slot)>,
    /// (0, slot): slot order is id order
    pub(super) by_id: Sorted<(i64, Slot)>,
    /// Properties whose values can be looked up.
    keyed: BTreeSet<Prop>,
    /// (keyed property, value in lower case, slot)
    keys: BTreeSet<(Prop, Sym, Slot)>,
    /// Changes on their way: (visible at, order) → row.
    pending: BTreeMap<(i64, u64), (Slot, Seen)>,
    /// The latest arrival time announced per row: a row's own changes never overtake each other.
    announced: BTreeMap<Slot, i64>,
    order: u64,
    /// Recently applied changes, to answer as of a while ago.
    recent: VecDeque<Applied>,
}

impl Index {
    /// Makes a property's values findable without a scan. Only before rows carry it.
    pub(super) fn key_by(&mut self, prop: Prop) {
        self.keyed.insert(prop);
    }

    /// Whether [`Index::holders`] knows a property.
    pub(super) fn is_keyed(&self, prop: Prop) -> bool {
        self.keyed.contains(&prop)
    }

    /// Announces a row's new image, to be seen from `visible_at` on.
    pub(super) fn announce(&mut self, slot: Slot, image: Seen, now: i64, visible_at: i64) {
        let at = self.announced.get(&slot).copied().unwrap_or(i64::MIN).max(visible_at);
        if at <= now {
            self.apply(slot, image, now);
            return;
        }
        self.announced.insert(slot, at);
        self.order += 1;
        self.pending.insert((at, self.order), (slot, image));
    }

    /// Applies an image at once and forgets that it ever was otherwise (seed rows).
    pub(super) fn load(&mut self, slot: Slot, image: Seen) {
        self.swap(slot, image);
    }

    /// Lets changes in that are due.
    pub(super) fn settle(&mut self, now: i64, keep_ms: i64) {
        while let Some((&(at, order), _)) = self.pending.first_key_value() {
            if at > now {
                break;
            }
            if let Some((slot, image)) = self.pending.remove(&(at, order)) {
                if self.announced.get(&slot) == Some(&at) {
                    self.announced.remove(&slot);
                }
                self.apply(slot, image, at);
            }
        }
        while self.recent.front().is_some_and(|applied| applied.at < now - keep_ms) {
            self.recent.pop_front();
        }
    }

    /// Runs `search` on the index as it was at `then`.
    pub(super) fn as_of<R>(&mut self, then: i64, search: impl FnOnce(&Self) -> R) -> R {
        let mut undone = Vec::new();
        while self.recent.back().is_some_and(|applied| applied.at > then) {
            let Some(applied) = self.recent.pop_back() else { break };
            let after = self.swap(applied.slot, applied.before.clone());
            undone.push((applied, after));
        }
        let result = search(self);
        for (applied, after) in undone.into_iter().rev() {
            self.swap(applied.slot, after);
            self.recent.push_back(applied);
        }
        result
    }

    /// A row as the index sees it.
    pub(super) fn image(&self, slot: Slot) -> Option<&Image> {
        self.images.get(slot as usize)?.as_deref()
    }

    /// Rows whose keyed property has a value (given in lower case).
    pub(super) fn holders(&self, prop: Prop, value: Sym) -> impl Iterator<Item = Slot> + '_ {
        self.keys.range((prop, value, 0)..=(prop, value, Slot::MAX)).map(|(_, _, slot)| *slot)
    }

    fn apply(&mut self, slot: Slot, image: Seen, at: i64) {
        let before = self.swap(slot, image);
        self.recent.push_back(Applied { at, slot, before });
    }

    fn swap(&mut self, slot: Slot, image: Seen) -> Seen {
        let place = slot as usize;
        if self.images.len() <= place {
            self.images.resize(place + 1, None);
        }
        if let Some(old) = self.images.get(place).cloned().flatten() {
            self.by_modified.remove(&(old.updated, slot));
            self.by_created.remove(&(old.created, slot));
            self.by_id.remove(&(0, slot));
            for (prop, value) in &old.keys {
                self.keys.remove(&(*prop, *value, slot));
            }
        }
        if let Some(new) = &image {
            self.by_modified.insert((new.updated, slot));
            self.by_created.insert((new.created, slot));
            self.by_id.insert((0, slot));
            for (prop, value) in &new.keys {
                self.keys.insert((*prop, *value, slot));
            }
        }
        self.images.get_mut(place).and_then(|known| std::mem::replace(known, image))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(updated: i64) -> Seen {
        Some(Arc::new(Image { created: 1, updated, values: Box::default(), keys: Box::default() }))
    }

    #[test]
    fn changes_appear_late_and_in_order_per_row() {
        let mut index = Index::default();
        index.announce(0, image(10), 10, 50);
        index.announce(0, image(11), 11, 20);
        index.settle(49, 1000);
        assert_eq!(index.by_id.len(), 0);
        index.settle(50, 1000);
        assert_eq!(index.image(0).map(|image| image.updated), Some(11));
    }

    #[test]
    fn an_older_view_can_be_asked_and_leaves_no_trace() {
        let mut index = Index::default();
        index.announce(0, image(10), 10, 10);
        index.announce(0, image(20), 20, 20);
        index.announce(1, image(21), 21, 21);
        let seen = index.as_of(15, |old| (old.by_id.len(), old.image(0).map(|image| image.updated)));
        assert_eq!(seen, (1, Some(10)));
        assert_eq!(index.by_id.len(), 2);
        assert_eq!(index.image(0).map(|image| image.updated), Some(20));
    }
}
