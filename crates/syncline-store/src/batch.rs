//! What is written together.

use crate::OpenCall;
use jiff::Timestamp;
use std::sync::Arc;
use syncline_model::{
    EntityId, JournalSeq, Kind, Link, RecordRef, RunId, Snapshot,
    journal::{CallId, Event, RowValues},
    plan::{Finding, Held},
    review::Review,
};

/// Everything that one step changes. Its parts count in this order: state, snapshots, keys, links, done, held, wake, dirty,
/// reviews, calls, journal, values, erase, let go. So what is done or held in a batch that also wakes or adds it is work afterwards: a cause is
/// never lost to the hold beside it.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// The engine's time; stamped on journal entries.
    pub at: Timestamp,
    /// The run, stamped on journal entries.
    pub run: Option<RunId>,
    /// Refuse the batch unless this claim is the lane's present one.
    pub fence: Option<Fence>,
    /// Small state to put; `None` removes the key.
    pub puts: Vec<(String, Option<Vec<u8>>)>,
    /// Records as they are now, whole.
    pub snapshots: Vec<Snapshot>,
    /// All matching keys of a record of a kind; replaces what was stored. Only live records should carry keys.
    pub keys: Vec<(RecordRef, Kind, Vec<MatchKey>)>,
    /// Links to put (by record and facet) or to remove.
    pub links: Vec<LinkWrite>,
    /// Work to add; each gets a new generation. All work that a batch adds or wakes gets the same one, and none comes
    /// twice in a store's life: work that was done and came back is not taken for the work that was done.
    pub dirty: Vec<DirtyKey>,
    /// Work that is done: removed if its generation is still this one.
    pub done: Vec<Dirty>,
    /// Everything that waits on one of these becomes work, in the same transaction. What is held stays held until it is
    /// replaced.
    pub wake: Vec<WakeKey>,
    /// Everything held with a time limit at or before this becomes work.
    pub wake_due: Option<Timestamp>,
    /// What is held of an entity; replaces what was held (empty lists remove it).
    pub held: Vec<HeldWrite>,
    /// Reviews to open or change.
    pub reviews: Vec<ReviewWrite>,
    /// Intents to keep until their end; one that is open already refuses the batch.
    pub calls_opened: Vec<OpenCall>,
    /// Calls that have ended.
    pub calls_ended: Vec<CallId>,
    /// Journal entries, in order.
    pub journal: Vec<Event>,
    /// Values of those entries' rows.
    pub values: Vec<JournalValue>,
    /// Records whose past is erased: the values of their journal rows, and what their rows were before. Entries stay, and
    /// so does what the record is now.
    pub erase: Vec<RecordRef>,
    /// What has been kept long enough.
    pub let_go: Option<LetGo>,
}

impl Batch {
    /// An empty batch at `at`.
    pub fn at(at: Timestamp) -> Self {
        Self { at, ..Self::default() }
    }

    /// Puts a link that says something else of a record than before, and writes that into the journal.
    pub fn link(&mut self, link: Link) {
        self.journal.push(Event::linked(&link));
        self.links.push(LinkWrite::Put(link));
    }
}

/// The values of one row of a journal entry of the same batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalValue {
    /// Which of the batch's entries, from 0. Beyond their number: the batch is refused.
    pub entry: usize,
    /// Which row of the entry, from 0; 0 where it has no rows.
    pub row: u32,
    /// The record that the values are of. It must be one that the entry's event names as changed or as written, by which
    /// it is found and erased: else the batch is refused.
    pub record: RecordRef,
    /// The values.
    pub values: RowValues,
}

/// Up to where the past is let go. Either goes back to the last checkpoint at or before it, so that what is left can still
/// be proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetGo {
    /// Of what was observed: values of changes, and what rows were before.
    pub observed: JournalSeq,
    /// Of everything: entries with all their values. Never more than `observed`.
    pub entries: JournalSeq,
}

/// What a commit assigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Journal position after the batch.
    pub seq: JournalSeq,
    /// Numbers of the reviews, in the batch's order.
    pub reviews: Vec<u64>,
}

/// A claim on a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The lane.
    pub lane: String,
    /// The claim's number.
    pub epoch: u64,
}

/// A key that records are matched by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MatchKey {
    /// `email`, `domain`, …
    pub name: Arc<str>,
    /// Its normalised value.
    pub value: Arc<str>,
}

/// A link to put or remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkWrite {
    /// Puts it; `since` is set by the store where it is 0.
    Put(Link),
    /// Removes it (only provisional links are ever removed).
    Remove(RecordRef, Kind),
}

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DirtyKey {
    /// A record without a link: to be identified.
    Record(Kind, RecordRef),
    /// An entity: to be planned.
    Entity(Kind, EntityId),
}

/// Work as stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dirty {
    /// What.
    pub key: DirtyKey,
    /// Raised each time the same work is added again.
    pub generation: u64,
}

/// What a held item waits on, besides time: `entity:<id>`, `record:<address>`, `schema:<connection>/<object>`,
/// `users:<connection>`, `config`.
pub type WakeKey = String;

/// What is held of an entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldWrite {
    /// Which.
    pub entity: EntityId,
    /// Its kind.
    pub kind: Kind,
    /// What waits; each with the keys that release it.
    pub held: Vec<(Held, Vec<WakeKey>)>,
    /// What there is to know.
    pub findings: Vec<Finding>,
}

/// A review to open or change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewWrite {
    /// Opens one, unless one with an equal question exists (open or answered): then that one's number is returned. One
    /// that settled by itself is opened again, under its number.
    Open(Review),
    /// Replaces one by its number. A number that is not there, or a question that another has, refuses the batch.
    Put(Review),
}
