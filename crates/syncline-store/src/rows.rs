//! What both databases derive from a batch in the same way.

use crate::{
    Batch, DirtyKey, HeldWrite, LinkWrite, MatchKey, StoreError, StoredValues, codec, ledger::Books,
};
use std::collections::BTreeSet;
use syncline_model::{
    RecordRef,
    journal::Event,
    plan::{Finding, Held},
};

/// Refuses a batch with a name that cannot be stored, or with values that no entry of it has.
pub(crate) fn check(batch: &Batch) -> Result<(), StoreError> {
    let work =
        batch.dirty.iter().chain(batch.done.iter().map(|done| &done.key)).filter_map(|key| match key {
            DirtyKey::Record(_, record) => Some(record),
            DirtyKey::Entity(..) => None,
        });
    for record in records_named(batch).chain(work) {
        codec::check_name(record.connection.as_str())?;
        codec::check_name(record.object.as_str())?;
    }
    for key in batch.keys.iter().flat_map(|(_, _, keys)| keys) {
        codec::check_name(&key.name)?;
    }
    for value in &batch.values {
        let event = batch.journal.get(value.entry);
        if !event.is_some_and(|event| codec::valued(event).contains(&value.record)) {
            return Err(StoreError::Engine("values do not belong to an entry of their batch".to_owned()));
        }
    }
    batch.calls_opened.iter().try_for_each(|call| codec::check_name(call.connection.as_str()))
}

/// Records whose streams need numbers.
pub(crate) fn records_named(batch: &Batch) -> impl Iterator<Item = &RecordRef> {
    let snapshots = batch.snapshots.iter().map(|snapshot| &snapshot.record);
    let keys = batch.keys.iter().map(|(record, _, _)| record);
    let links = batch.links.iter().map(|link| match link {
        LinkWrite::Put(link) => &link.record,
        LinkWrite::Remove(record, _) => record,
    });
    let journal = batch.journal.iter().flat_map(|event| codec::named(event).records);
    snapshots.chain(keys).chain(links).chain(journal)
}

/// The end of the range of keys that begin with `prefix`. No byte of a text is 0xff.
pub(crate) fn after_prefix(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    match end.last_mut() {
        Some(last) => *last = last.saturating_add(1),
        None => end.push(u8::MAX),
    }
    end
}

/// A page's size as databases count.
pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A record's keys of one kind, sorted and without doubles.
pub(crate) fn sorted_keys(keys: &[MatchKey]) -> BTreeSet<&MatchKey> {
    keys.iter().collect()
}

/// A row of held items.
pub(crate) struct HeldRow {
    /// The earliest limit, in microseconds.
    pub(crate) until: Option<i64>,
    /// How many items wait.
    pub(crate) items: i64,
    /// How many findings there are.
    pub(crate) findings: i64,
    /// Items and findings.
    pub(crate) data: Vec<u8>,
    /// What releases them.
    pub(crate) wake: BTreeSet<[u8; 16]>,
}

/// The row of `write`; `None` where nothing is left to keep.
pub(crate) fn held_row(write: &HeldWrite) -> Result<Option<HeldRow>, StoreError> {
    if write.held.is_empty() && write.findings.is_empty() {
        return Ok(None);
    }
    let held: Vec<&Held> = write.held.iter().map(|(held, _)| held).collect();
    Ok(Some(HeldRow {
        until: held.iter().filter_map(|held| held.until).min().map(codec::micros_up),
        items: held.len() as i64,
        findings: write.findings.len() as i64,
        data: codec::encode_json(&(held, &write.findings))?,
        wake: write.held.iter().flat_map(|(_, keys)| keys).map(|key| wake_digest(key)).collect(),
    }))
}

/// What stands for a waking key in its index: short, whatever the key. Were two ever equal, an entity would be planned once
/// too often.
pub(crate) fn wake_digest(key: &str) -> [u8; 16] {
    codec::digest(key.as_bytes())
}

/// The items and findings of a stored row.
pub(crate) fn held_of(data: &[u8]) -> Result<(Vec<Held>, Vec<Finding>), StoreError> {
    codec::decode_json(data, "list of held items")
}

/// A row's values as stored; `body` is `None` where they were erased.
pub(crate) fn stored_values(
    record: &RecordRef,
    row: i64,
    body: Option<&[u8]>,
) -> Result<StoredValues, StoreError> {
    let row =
        u32::try_from(row).map_err(|_| StoreError::Corrupt(format!("a journal row has the number {row}")))?;
    let values = body.map(|body| codec::decode_values(record, body)).transpose()?;
    Ok(StoredValues { row, record: record.clone(), values })
}

/// Where the store's counters stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The last journal entry.
    pub(crate) seq: u64,
    /// The last generation of work.
    pub(crate) generation: u64,
    /// The last review.
    pub(crate) review: u64,
    /// Held items.
    pub(crate) held: u64,
    /// Findings.
    pub(crate) findings: u64,
    /// Journal entries up to here were let go.
    pub(crate) gone: u64,
    /// The account of what is kept.
    pub(crate) books: Books,
}

/// The counters as columns: seq, generation, review, held, findings, gone.
pub(crate) type HeadColumns = [i64; 6];

impl Head {
    /// Checks the counters against the journal's own last entry, so that a lost entry is noticed at once.
    pub(crate) fn checked(columns: HeadColumns, books: &[u8], last: Option<i64>) -> Result<Self, StoreError> {
        let [seq, generation, review, held, findings, gone] = columns;
        let last = last.unwrap_or(gone);
        if last != seq {
            return Err(StoreError::Corrupt(format!("the journal ends at {last}, but {seq} was written")));
        }
        Ok(Self {
            seq: codec::unsigned(seq)?,
            generation: codec::unsigned(generation)?,
            review: codec::unsigned(review)?,
            held: codec::unsigned(held)?,
            findings: codec::unsigned(findings)?,
            gone: codec::unsigned(gone)?,
            books: Books::decode(books)?,
        })
    }

    /// An entity's items and findings are about to be replaced.
    pub(crate) fn holds_less(&mut self, (held, findings): (i64, i64)) -> Result<(), StoreError> {
        let fewer = |all: u64, some: i64| {
            let some = codec::unsigned(some)?;
            all.checked_sub(some).ok_or_else(|| {
                StoreError::Corrupt(format!("{some} items are held, but {all} were counted in all"))
            })
        };
        self.held = fewer(self.held, held)?;
        self.findings = fewer(self.findings, findings)?;
        Ok(())
    }

    /// An entity has these items and findings now.
    pub(crate) fn holds_more(&mut self, (held, findings): (i64, i64)) -> Result<(), StoreError> {
        self.held += codec::unsigned(held)?;
        self.findings += codec::unsigned(findings)?;
        Ok(())
    }
}

/// Entries after which the account is noted, if no run ended before.
const STRETCH: u64 = 5_000;

/// Whether the account is noted after `batch`: where a run ends, and where a stretch of entries is full.
pub(crate) fn is_checkpoint(batch: &Batch, before: u64) -> bool {
    let ends = batch.journal.iter().any(|event| matches!(event, Event::RunEnded { .. }));
    let after = before + batch.journal.len() as u64;
    ends || before / STRETCH < after / STRETCH
}

/// Refuses a journal page in which entries are missing.
pub(crate) fn without_gaps(
    after: u64,
    gone: u64,
    entries: &[syncline_model::journal::JournalEntry],
) -> Result<(), StoreError> {
    for (expected, entry) in (after.max(gone) + 1..).zip(entries) {
        if entry.seq.0 != expected {
            return Err(StoreError::Corrupt(format!("the journal has no entry {expected}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_just_above_all_that_begin_with_it() {
        assert_eq!(after_prefix("a/"), b"a0");
        assert_eq!(after_prefix(""), b"\xff");
        assert!(after_prefix("\u{10ffff}").as_slice() > "\u{10ffff}\u{10ffff}".as_bytes());
        assert!(after_prefix("\u{7f}").as_slice() <= "\u{80}".as_bytes());
    }

    #[test]
    fn a_journal_that_ends_early_is_damaged() {
        let head = |seq, gone, last| Head::checked([seq, 0, 0, 0, 0, gone], &[], last);
        assert!(head(3, 0, Some(3)).is_ok());
        assert!(head(0, 0, None).is_ok());
        assert!(head(3, 3, None).is_ok(), "all entries were let go");
        for (seq, gone, last) in [(3, 0, Some(2)), (3, 0, None), (2, 0, Some(3)), (3, 2, None)] {
            assert!(matches!(head(seq, gone, last), Err(StoreError::Corrupt(_))));
        }
    }
}
