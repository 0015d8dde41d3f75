//! Rows of one object type: values with history, states, and the unique keys that strong reads use.

use super::pool::Sym;
use super::registry::{Prop, Registry};
use std::collections::{BTreeMap, BTreeSet};

/// A row's position; never reused.
pub(super) type Slot = u32;

/// Older versions kept per property.
const HISTORY: usize = 20;

/// Who or what wrote a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// An API call of an app.
    Integration,
    /// A person in the user interface.
    Person,
    /// A file (the seed).
    Import,
    /// HubSpot itself.
    Calculated,
    /// HubSpot's own automation.
    Automation,
    /// A merge.
    Merge,
}

impl Source {
    /// As history and webhooks print it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Integration => "INTEGRATION",
            Self::Person => "CRM_UI",
            Self::Import => "IMPORT",
            Self::Calculated => "CALCULATED",
            Self::Automation => "AUTOMATION_PLATFORM",
            Self::Merge => "MERGE_OBJECTS",
        }
    }
}

/// A property's value and when it was set. `None`: set once, cleared since.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) prop: Prop,
    pub(super) source: Source,
    pub(super) value: Option<Sym>,
    pub(super) at: i64,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// There.
    Live,
    /// In the recycle bin since.
    Archived(i64),
    /// Merged into another row.
    Merged(Slot),
    /// Deleted for privacy.
    Erased,
}

/// One record.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: u64,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) state: State,
    /// Sorted by property.
    values: Vec<Entry>,
    /// Older versions, oldest first.
    past: Vec<Entry>,
}

impl Row {
    /// The current value.
    pub(super) fn value(&self, prop: Prop) -> Option<Sym> {
        self.entry(prop).and_then(|entry| entry.value)
    }

    fn entry(&self, prop: Prop) -> Option<&Entry> {
        let at = self.values.binary_search_by_key(&prop, |entry| entry.prop).ok()?;
        self.values.get(at)
    }

    /// All properties that have a value now.
    pub(super) fn set_values(&self) -> impl Iterator<Item = (Prop, Sym)> + '_ {
        self.values.iter().filter_map(|entry| entry.value.map(|value| (entry.prop, value)))
    }

    /// All versions of a property, newest first.
    pub(super) fn versions(&self, prop: Prop) -> impl Iterator<Item = &Entry> {
        self.entry(prop).into_iter().chain(self.past.iter().rev().filter(move |entry| entry.prop == prop))
    }

    /// Every version of every property, oldest first per property.
    pub(super) fn all_versions(&self) -> impl Iterator<Item = &Entry> {
        self.past.iter().chain(&self.values)
    }

    /// Puts a version into the row; the one before goes to history.
    pub(super) fn put(&mut self, entry: Entry) {
        match self.values.binary_search_by_key(&entry.prop, |known| known.prop) {
            Ok(at) => {
                let Some(current) = self.values.get_mut(at) else { return };
                let old = std::mem::replace(current, entry);
                self.past.push(old);
                self.trim(entry.prop);
            }
            Err(at) => self.values.insert(at, entry),
        }
    }

    fn trim(&mut self, prop: Prop) {
        let versions = self.past.iter().filter(|entry| entry.prop == prop).count();
        if versions >= HISTORY
            && let Some(oldest) = self.past.iter().position(|entry| entry.prop == prop)
        {
            self.past.remove(oldest);
        }
    }

    /// Gives back memory that growing the row left over.
    pub(super) fn tighten(&mut self) {
        self.values.shrink_to_fit();
    }

    /// Forgets everything but the id.
    pub(super) fn erase(&mut self) {
        self.values.clear();
        self.past.clear();
        self.state = State::Erased;
    }
}

/// All rows of one object type.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) registry: Registry,
    rows: Vec<Row>,
    /// Counts what may have been changes of rows.
    pub(super) changes: u64,
    next_id: u64,
    /// (unique property, normalised value) of live rows; secondary e-mail addresses stand under `email`.
    unique: BTreeMap<(Prop, Sym), Slot>,
    /// Slots in the recycle bin.
    pub(super) bin: BTreeSet<Slot>,
}

impl Table {
    /// An empty table whose first id is `first_id`.
    pub(super) fn new(registry: Registry, first_id: u64) -> Self {
        Self {
            registry,
            rows: Vec::new(),
            changes: 0,
            next_id: first_id,
            unique: BTreeMap::new(),
            bin: BTreeSet::new(),
        }
    }

    /// Adds an empty live row with the next id.
    pub(super) fn push(&mut self, created: i64, updated: i64) -> Slot {
        let slot = Slot::try_from(self.rows.len()).unwrap_or(Slot::MAX);
        self.rows.push(Row {
            id: self.next_id,
            created,
            updated,
            state: State::Live,
            values: Vec::new(),
            past: Vec::new(),
        });
        self.next_id += 1;
        self.changes += 1;
        slot
    }

    /// A row.
    pub(super) fn row(&self, slot: Slot) -> Option<&Row> {
        self.rows.get(slot as usize)
    }

    /// A row to change.
    pub(super) fn row_mut(&mut self, slot: Slot) -> Option<&mut Row> {
        self.changes += 1;
        self.rows.get_mut(slot as usize)
    }

    /// The slot of an id, whatever became of the row.
    pub(super) fn slot(&self, id: u64) -> Option<Slot> {
        let at = self.rows.binary_search_by_key(&id, |row| row.id).ok()?;
        Slot::try_from(at).ok()
    }

    /// The slot of an id, through merges.
    pub(super) fn resolve(&self, id: u64) -> Option<Slot> {
        let mut slot = self.slot(id)?;
        while let Some(State::Merged(into)) = self.row(slot).map(|row| row.state) {
            slot = into;
        }
        Some(slot)
    }

    /// The live row of an id, through merges.
    pub(super) fn live(&self, id: u64) -> Option<Slot> {
        self.resolve(id).filter(|slot| self.is_live(*slot))
    }

    /// Whether a row is there for callers.
    pub(super) fn is_live(&self, slot: Slot) -> bool {
        self.row(slot).is_some_and(|row| row.state == State::Live)
    }

    /// The first slot whose id is at least `id`.
    pub(super) fn slot_from(&self, id: u64) -> Slot {
        Slot::try_from(self.rows.partition_point(|row| row.id < id)).unwrap_or(Slot::MAX)
    }

    /// Slots from `slot` on.
    pub(super) fn slots_from(&self, slot: Slot) -> impl Iterator<Item = Slot> + '_ {
        slot..Slot::try_from(self.rows.len()).unwrap_or(Slot::MAX)
    }

    /// Changes a row's state and the recycle bin with it.
    pub(super) fn set_state(&mut self, slot: Slot, state: State) {
        self.changes += 1;
        let Some(row) = self.rows.get_mut(slot as usize) else { return };
        if state == State::Erased {
            row.erase();
        } else {
            row.state = state;
        }
        match state {
            State::Archived(_) => self.bin.insert(slot),
            State::Live | State::Merged(_) | State::Erased => self.bin.remove(&slot),
        };
    }

    /// Who holds a unique value.
    pub(super) fn holder(&self, prop: Prop, value: Sym) -> Option<Slot> {
        self.unique.get(&(prop, value)).copied()
    }

    /// Takes a unique value for a row.
    pub(super) fn claim(&mut self, prop: Prop, value: Sym, slot: Slot) {
        self.unique.insert((prop, value), slot);
    }

    /// Gives a unique value back if this row holds it.
    pub(super) fn release(&mut self, prop: Prop, value: Sym, slot: Slot) {
        if self.holder(prop, value) == Some(slot) {
            self.unique.remove(&(prop, value));
        }
    }
}
