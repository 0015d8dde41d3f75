//! The proof that the journal and what is kept beside it tell how the present state came about (invariant 13).
//!
//! Every row is taken back through what it was, to the oldest checkpoint that is still in reach, and from there its lives
//! are played forward: what all rows amount to at each checkpoint, and now, must be what was noted then. Rows are looked
//! at one record at a time; in memory is a page of records and a number a checkpoint.

use crate::{
    Store, StoreError,
    ledger::{Fingerprint, RowKey, values_hash},
    past::{ChainEntry, Checkpoint, Ledger, Past, PastRow, Place, lives},
};
use syncline_model::{JournalSeq, RecordRef};

/// Records, or entries, looked at in one go.
const PAGE: usize = 1_000;
/// Problems that are listed; more are only counted.
const LISTED: usize = 100;

/// What was proved, and what contradicts it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audit {
    /// The journal was read from after this entry on.
    pub journal_from: JournalSeq,
    /// Records and links were taken back to how they stood after this entry.
    pub state_from: JournalSeq,
    /// Up to this entry.
    pub to: JournalSeq,
    /// Journal entries read.
    pub entries: u64,
    /// Checkpoints whose state was built again and compared.
    pub checkpoints: u64,
    /// Records and links that are there.
    pub rows: u64,
    /// Of those, the ones that are older than the account and not in it.
    pub unaccounted: u64,
    /// What rows were before.
    pub formers: u64,
    /// Journal rows whose values are kept.
    pub values: u64,
    /// Journal rows whose values were erased.
    pub erased: u64,
    /// What contradicts the journal, at most a hundred.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more: u64,
}

/// One contradiction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The record, where it is one's.
    pub record: Option<RecordRef>,
    /// What is wrong.
    pub what: String,
}

impl Audit {
    /// Whether nothing contradicts the journal.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// Notes a contradiction.
    pub fn problem(&mut self, record: Option<&RecordRef>, what: impl Into<String>) {
        if self.problems.len() < LISTED {
            self.problems.push(Problem { record: record.cloned(), what: what.into() });
        } else {
            self.more += 1;
        }
    }
}

/// Proves the journal from the last checkpoint at or before `from`, or as far back as it goes. `None`: somebody wrote
/// meanwhile; what was read does not belong together.
///
/// # Errors
/// [`StoreError::Corrupt`] where the store cannot be read at all, or the journal's end is lost; [`StoreError::Engine`].
pub async fn audit(store: &dyn Store, from: Option<JournalSeq>) -> Result<Option<Audit>, StoreError> {
    let ledger = store.ledger().await?;
    let mut audit = Audit { to: ledger.seq(), ..Audit::default() };
    entries(store, &ledger, from, &mut audit).await?;
    state(store, &ledger, from, &mut audit).await?;
    Ok((store.ledger().await? == ledger).then_some(audit))
}

/// The last of `checkpoints` at or before `from`, else the first.
fn start(checkpoints: &[Checkpoint], from: Option<JournalSeq>) -> usize {
    let after = checkpoints.iter().position(|checkpoint| from.is_none_or(|from| checkpoint.seq > from));
    after.unwrap_or(checkpoints.len()).saturating_sub(1)
}

/// Follows the chain through the journal.
async fn entries(
    store: &dyn Store,
    ledger: &Ledger,
    from: Option<JournalSeq>,
    audit: &mut Audit,
) -> Result<(), StoreError> {
    let checkpoints = &ledger.checkpoints[start(&ledger.checkpoints, from)..];
    let Some((first, mut rest)) = checkpoints.split_first() else {
        audit.problem(None, "no checkpoint is left to begin from");
        return Ok(());
    };
    audit.journal_from = first.seq;
    let (mut chain, mut at, mut since) = (first.books.chain, first.seq, first.seq);
    let mut compare = |at: JournalSeq, noted: &[u8; 32], chain: &mut [u8; 32], audit: &mut Audit| {
        if chain != noted {
            let what = format!("the journal's entries {} to {} are not what was written", since.0 + 1, at.0);
            audit.problem(None, what);
            *chain = *noted;
        }
        since = at;
    };
    loop {
        let page: Vec<ChainEntry> = store.chain(at, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for entry in page {
            let next = at.0 + 1;
            if entry.seq.0 != next {
                let what = match entry.seq.0 - next {
                    1 => format!("the journal's entry {next} is missing"),
                    _ => format!("the journal's entries {next} to {} are missing", entry.seq.0 - 1),
                };
                audit.problem(None, what);
            }
            while let Some((checkpoint, others)) = rest.split_first()
                && checkpoint.seq < entry.seq
            {
                compare(checkpoint.seq, &checkpoint.books.chain, &mut chain, audit);
                rest = others;
            }
            chain = entry.after(&chain);
            at = entry.seq;
            audit.entries += 1;
        }
    }
    for checkpoint in rest {
        compare(checkpoint.seq, &checkpoint.books.chain, &mut chain, audit);
    }
    compare(ledger.seq(), &ledger.head.books.chain, &mut chain, audit);
    Ok(())
}

/// What all rows amount to at each checkpoint: each life is added where it begins and taken away where it ends.
struct Lanes<'a> {
    checkpoints: &'a [Checkpoint],
    sums: Vec<Fingerprint>,
    rows: Vec<i64>,
}

impl<'a> Lanes<'a> {
    fn new(checkpoints: &'a [Checkpoint]) -> Self {
        let count = checkpoints.len() + 1;
        Self { checkpoints, sums: vec![Fingerprint::default(); count], rows: vec![0; count] }
    }

    fn add(&mut self, life: &crate::past::Life) {
        let first = |step: u64| self.checkpoints.partition_point(|checkpoint| checkpoint.books.step < step);
        let (begin, end) = (first(life.from), life.until.map(first));
        if end.is_some_and(|end| end <= begin) {
            return;
        }
        self.sums[begin].add(&life.hash);
        self.rows[begin] += 1;
        if let Some(end) = end {
            self.sums[end].take(&life.hash);
            self.rows[end] -= 1;
        }
    }

    /// Plays forward; the last is the present.
    fn forward(self) -> Vec<(Fingerprint, i64)> {
        let mut now = (Fingerprint::default(), 0);
        let step = |(sum, rows): (Fingerprint, i64)| {
            now.0.merge(&sum);
            now.1 += rows;
            now
        };
        self.sums.into_iter().zip(self.rows).map(step).collect()
    }
}

async fn state(
    store: &dyn Store,
    ledger: &Ledger,
    from: Option<JournalSeq>,
    audit: &mut Audit,
) -> Result<(), StoreError> {
    let reach = |checkpoint: &&Checkpoint| checkpoint.books.step >= ledger.head.books.from;
    let reachable: Vec<Checkpoint> = ledger.checkpoints.iter().filter(reach).cloned().collect();
    let checkpoints = &reachable[start(&reachable, from)..];
    audit.state_from = checkpoints.first().map_or(ledger.seq(), |checkpoint| checkpoint.seq);
    let earliest = checkpoints.first().map_or(0, |checkpoint| checkpoint.books.step);
    let mut lanes = Lanes::new(checkpoints);
    let mut kept = Fingerprint::default();
    let mut after: Option<Place> = None;
    loop {
        let page = store.past(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.place.clone());
        for past in &page {
            record(past, earliest, &mut lanes, &mut kept, audit);
        }
    }
    if kept != ledger.head.books.kept {
        audit.problem(None, "values or former rows are missing, altered or not ours");
    }
    let built = lanes.forward();
    compare_states(ledger, checkpoints, &built, audit);
    Ok(())
}

/// Takes one record back.
fn record(past: &Past, earliest: u64, lanes: &mut Lanes<'_>, kept: &mut Fingerprint, audit: &mut Audit) {
    let Place(stream, id) = &past.place;
    for values in &past.values {
        kept.add(&values_hash(*stream, id, values.seq, values.row, values.body.as_deref()));
        match values.body {
            Some(_) => audit.values += 1,
            None => audit.erased += 1,
        }
    }
    for PastRow { facet, present, formers } in &past.rows {
        let key = RowKey { stream: *stream, id, facet: *facet };
        for (step, body) in formers {
            kept.add(&key.former_hash(*step, body));
        }
        audit.formers += formers.len() as u64;
        audit.rows += u64::from(present.is_some());
        audit.unaccounted += u64::from(present.as_ref().is_some_and(|row| row.step == 0));
        let what = if *facet == crate::ledger::RECORD { "what is stored of it" } else { "its link" };
        match lives(key, present.as_ref(), formers) {
            Err(error) => audit.problem(Some(&past.record), error.to_string()),
            Ok(found) => {
                if found.altered {
                    audit.problem(Some(&past.record), format!("{what} is not what was written"));
                }
                if found.broken.is_some_and(|step| step > earliest) {
                    audit.problem(Some(&past.record), format!("{what} cannot be taken back to what it was"));
                }
                found.lives.iter().for_each(|life| lanes.add(life));
            }
        }
    }
}

/// Holds what was built against what was noted; neighbouring checkpoints that differ are named as one stretch.
fn compare_states(
    ledger: &Ledger,
    checkpoints: &[Checkpoint],
    built: &[(Fingerprint, i64)],
    audit: &mut Audit,
) {
    let noted = checkpoints.iter().map(|checkpoint| (checkpoint.seq, &checkpoint.books));
    let noted = noted.chain([(ledger.seq(), &ledger.head.books)]);
    let mut stretch: Option<(JournalSeq, JournalSeq)> = None;
    let mut stretches = Vec::new();
    for ((seq, books), (sum, rows)) in noted.zip(built) {
        audit.checkpoints += 1;
        if *sum == books.state && i64::try_from(books.rows) == Ok(*rows) {
            stretches.extend(stretch.take());
        } else {
            let what = stretch.get_or_insert((seq, seq));
            what.1 = seq;
        }
    }
    audit.checkpoints = audit.checkpoints.saturating_sub(1);
    stretches.extend(stretch);
    for (first, last) in stretches {
        let what = if first == last && first == ledger.seq() {
            "records and links are not what the journal's account says that they are now".to_owned()
        } else if first == last {
            format!("records and links after entry {} are not what was noted then", first.0)
        } else {
            let (first, last) = (first.0, last.0);
            format!("records and links after the entries {first} to {last} are not what was noted then")
        };
        audit.problem(None, what);
    }
}
