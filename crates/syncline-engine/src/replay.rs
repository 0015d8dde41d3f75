//! `replay`: whether the journal and what is kept beside it tell how the present state came about (invariant 13, HUB-6).

use crate::error::Error;
use serde::Serialize;
use std::collections::BTreeSet;
use syncline_model::{
    JournalSeq, RecordRef,
    journal::{Event, JournalEntry, RowResult},
};
use syncline_store::{
    JournalFilter, Store, StoreError,
    audit::{Audit, audit},
};

/// Entries looked at in one go.
const PAGE: usize = 1_000;
/// Times that reading begins again where somebody writes meanwhile.
const TRIES: u32 = 5;

/// What was proved, and what contradicts it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// Whether nothing contradicts the journal.
    pub same: bool,
    /// The journal was read from after this entry on.
    pub journal_from: JournalSeq,
    /// Records and links were taken back to how they stood after this entry, and forward again.
    pub state_from: JournalSeq,
    /// Up to this entry.
    pub to: JournalSeq,
    /// Entries read.
    pub entries: u64,
    /// Checkpoints at which the state was built again and compared, besides the present.
    pub checkpoints: u64,
    /// Records and links there are.
    pub rows: u64,
    /// Of those, the ones that an earlier release stored and nothing changed since: nothing is known of their past.
    pub unaccounted: u64,
    /// Former rows that were used.
    pub formers: u64,
    /// Journal rows whose values are kept.
    pub values: u64,
    /// Journal rows whose values were erased.
    pub erased: u64,
    /// What contradicts the journal.
    pub differs: Vec<Difference>,
    /// Contradictions that are not listed.
    pub more: u64,
}

/// One contradiction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The record, where it is one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordRef>,
    /// What is wrong.
    pub what: String,
}

/// Proves the journal, from the last checkpoint at or before `from` or as far back as it goes.
///
/// # Errors
/// [`Error::Store`], with [`StoreError::Corrupt`] where the journal's end is lost; [`Error::Busy`] where others write all
/// the time.
pub async fn replay(store: &dyn Store, from: Option<JournalSeq>) -> Result<Replay, Error> {
    for _ in 0..TRIES {
        if let Some(mut audit) = audit(store, from).await? {
            values_are_there(store, &mut audit).await?;
            return Ok(report(audit));
        }
    }
    Err(Error::Busy)
}

fn report(audit: Audit) -> Replay {
    let same = audit.is_clean();
    let differs = audit.problems.into_iter();
    Replay {
        same,
        journal_from: audit.journal_from,
        state_from: audit.state_from,
        to: audit.to,
        entries: audit.entries,
        checkpoints: audit.checkpoints,
        rows: audit.rows,
        unaccounted: audit.unaccounted,
        formers: audit.formers,
        values: audit.values,
        erased: audit.erased,
        differs: differs.map(|problem| Difference { record: problem.record, what: problem.what }).collect(),
        more: audit.more,
    }
}

/// Every confirmed row has the values that it wrote, and every change what it was, unless they were erased or let go.
async fn values_are_there(store: &dyn Store, audit: &mut Audit) -> Result<(), Error> {
    let observed = store.ledger().await?.rebuilt_from().map_or(audit.to, |checkpoint| checkpoint.seq);
    let mut after = audit.journal_from;
    while after < audit.to {
        let page = match store.journal(&JournalFilter::default(), after, PAGE).await {
            Ok(page) => page,
            // A gap is noted already; what comes after it is read on.
            Err(StoreError::Corrupt(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        let values = store.journal_values(&page).await?;
        for (entry, stored) in page.iter().zip(values) {
            let there: BTreeSet<u32> = stored.iter().map(|values| values.row).collect();
            for (row, record) in with_values(entry, observed) {
                if !there.contains(&row) {
                    let what = format!("the values of its row in entry {} are missing", entry.seq.0);
                    audit.problem(Some(record), what);
                }
            }
        }
    }
    Ok(())
}

/// The rows of an entry that must have values.
fn with_values(entry: &JournalEntry, observed: JournalSeq) -> Vec<(u32, &RecordRef)> {
    match &entry.event {
        Event::Changed { record, .. } if entry.seq > observed => vec![(0, record)],
        Event::CallEnded { rows, .. } => (0..)
            .zip(rows)
            .filter_map(|(row, result)| match result {
                RowResult::Confirmed { record, .. } => Some((row, record)),
                RowResult::Rejected { .. }
                | RowResult::Unknown { .. }
                | RowResult::NotSent { .. }
                | RowResult::Resolved { .. }
                | RowResult::Parked { .. } => None,
            })
            .collect(),
        Event::RunStarted { .. }
        | Event::RunEnded { .. }
        | Event::Baseline { .. }
        | Event::Changed { .. }
        | Event::Linked { .. }
        | Event::CallIntended { .. }
        | Event::Confirmed { .. }
        | Event::Review { .. }
        | Event::Config { .. }
        | Event::Erased { .. }
        | Event::LetGo { .. } => Vec::new(),
    }
}
