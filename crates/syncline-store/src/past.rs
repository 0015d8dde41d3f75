//! What is kept of the past, as it is stored: what proof, erasure and letting go work on.

use crate::{
    LetGo, StoreError, codec,
    ledger::{Books, Former, Hash, Present, RowKey, decode_former},
    rows::Head,
};
use jiff::Timestamp;
use syncline_model::{JournalSeq, RecordRef};

/// How the account stood after a journal entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// After this entry.
    pub seq: JournalSeq,
    /// When.
    pub at: Timestamp,
    pub(crate) books: Books,
}

impl Checkpoint {
    pub(crate) fn stored(seq: i64, at: i64, books: &[u8]) -> Result<Self, StoreError> {
        let (seq, at) = (JournalSeq(codec::unsigned(seq)?), codec::time_of(at)?);
        Ok(Self { seq, at, books: Books::decode(books)? })
    }
}

/// The account as it stands, and how it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    pub(crate) head: Head,
    pub(crate) checkpoints: Vec<Checkpoint>,
}

impl Ledger {
    /// The last journal entry.
    pub fn seq(&self) -> JournalSeq {
        JournalSeq(self.head.seq)
    }

    /// Journal entries up to here were let go.
    pub fn gone(&self) -> JournalSeq {
        JournalSeq(self.head.gone)
    }

    /// The checkpoints that are still there, oldest first. The first is where the journal's chain begins.
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }

    /// What of `until` there is to let go: the checkpoints that it goes back to, where one is further than what was let go
    /// before.
    pub fn lets_go(&self, until: LetGo) -> Option<LetGo> {
        let last = |seq: JournalSeq| {
            let before = self.checkpoints.iter().rev().find(|checkpoint| checkpoint.seq <= seq);
            before.map_or(JournalSeq(self.head.gone), |checkpoint| checkpoint.seq)
        };
        let observed = last(until.observed);
        let entries = last(until.entries.min(until.observed));
        let further = self.rebuilt_from().is_some_and(|from| from.seq < observed) || entries > self.gone();
        further.then_some(LetGo { observed, entries })
    }

    /// The oldest checkpoint to which records and links can be taken back.
    pub fn rebuilt_from(&self) -> Option<&Checkpoint> {
        self.checkpoints.iter().find(|checkpoint| checkpoint.books.step >= self.head.books.from)
    }
}

/// Where a record stands in the order of [`crate::Store::past`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(pub(crate) i32, pub(crate) Vec<u8>);

/// Everything kept of one record: what it and its links are and were, and the values of its journal rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// The record.
    pub record: RecordRef,
    /// Its place: the next page begins after it.
    pub place: Place,
    pub(crate) rows: Vec<PastRow>,
    pub(crate) values: Vec<PastValues>,
}

/// One row of a record: the record itself, or a link of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PastRow {
    pub(crate) facet: i16,
    pub(crate) present: Option<Present>,
    /// What it was, by the step that replaced it.
    pub(crate) formers: Vec<(u64, Vec<u8>)>,
}

impl PastRow {
    /// Puts rows that are there together with those that were.
    pub(crate) fn join(present: Vec<(i16, Present)>, formers: Vec<(i16, u64, Vec<u8>)>) -> Vec<Self> {
        let mut rows: std::collections::BTreeMap<i16, Self> = std::collections::BTreeMap::new();
        let empty = |facet| Self { facet, present: None, formers: Vec::new() };
        for (facet, row) in present {
            rows.entry(facet).or_insert_with(|| empty(facet)).present = Some(row);
        }
        for (facet, step, body) in formers {
            rows.entry(facet).or_insert_with(|| empty(facet)).formers.push((step, body));
        }
        rows.into_values().collect()
    }
}

/// The values of one journal row as kept; `None`: erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PastValues {
    pub(crate) seq: i64,
    pub(crate) row: i64,
    pub(crate) body: Option<Vec<u8>>,
}

/// A journal entry as the chain is made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEntry {
    /// Its position.
    pub seq: JournalSeq,
    pub(crate) at: i64,
    pub(crate) run: Option<Vec<u8>>,
    pub(crate) event: Vec<u8>,
}

impl ChainEntry {
    /// The chain after it.
    pub(crate) fn after(&self, chain: &[u8; 32]) -> [u8; 32] {
        crate::ledger::linked(chain, self.seq.0 as i64, self.at, self.run.as_deref(), &self.event)
    }
}

/// What a row held from one step until another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) from: u64,
    /// `None`: still.
    pub(crate) until: Option<u64>,
    pub(crate) hash: Hash,
}

impl Life {
    /// Whether the row was so after `step`.
    pub(crate) fn covers(&self, step: u64) -> bool {
        self.from <= step && self.until.is_none_or(|until| step < until)
    }
}

/// What a row was, newest first.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    pub(crate) lives: Vec<Life>,
    /// What it is now is not what was written.
    pub(crate) altered: bool,
    /// The step before which it could not be taken back, though former rows say that it was there.
    pub(crate) broken: Option<u64>,
}

/// Takes a row back through everything that it was.
pub(crate) fn lives(
    key: RowKey<'_>,
    present: Option<&Present>,
    formers: &[(u64, Vec<u8>)],
) -> Result<Lives, StoreError> {
    let mut found = Lives::default();
    let mut after: Option<(Vec<u8>, u64)> = None;
    if let Some(present) = present.filter(|present| present.step > 0) {
        let hash = key.hash(&present.image);
        found.altered = hash.mark() != present.mark;
        found.lives.push(Life { from: present.step, until: None, hash });
        after = Some((present.image.clone(), present.step));
    }
    for (step, body) in formers.iter().rev() {
        let former: Former = decode_former(body)?;
        let next = after.as_ref().filter(|(_, from)| from == step).map(|(image, _)| image.as_slice());
        let Some(image) = former.image(key, next) else {
            found.broken = Some(*step);
            return Ok(found);
        };
        found.lives.push(Life { from: former.step, until: Some(*step), hash: key.hash(&image) });
        after = Some((image, former.step));
    }
    Ok(found)
}

/// Takes what a row was out of the checkpoints that it was part of; those that changed are told apart by `changed`.
pub(crate) fn strike(lives: &Lives, checkpoints: &mut [(Checkpoint, bool)]) {
    for life in lives.lives.iter().filter(|life| life.until.is_some()) {
        for (checkpoint, changed) in checkpoints.iter_mut() {
            if life.covers(checkpoint.books.step) {
                checkpoint.books.state.take(&life.hash);
                checkpoint.books.rows = checkpoint.books.rows.saturating_sub(1);
                *changed = true;
            }
        }
    }
}
