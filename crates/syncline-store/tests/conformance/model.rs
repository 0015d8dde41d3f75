//! What a store is, in the fewest words: maps in memory. The databases must answer as it does.

use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{
    EntityId, JournalSeq, Kind, Link, RecordRef, RecordState, Snapshot,
    journal::{CallId, Event, JournalEntry, RowResult, RowValues},
    review::{Review, ReviewState},
};
use syncline_store::{
    Batch, Committed, Dirty, DirtyKey, HeldWrite, JournalFilter, LinkWrite, MatchKey, OpenCall, ReviewWrite,
    StoredEntity, StoredHeld, StoredRecord, StoredValues,
};

#[derive(Debug, Clone)]
pub struct Model {
    pub state: BTreeMap<String, Vec<u8>>,
    pub snapshots: BTreeMap<RecordRef, Snapshot>,
    pub keys: BTreeMap<(RecordRef, Kind), BTreeSet<MatchKey>>,
    pub links: BTreeMap<(RecordRef, Kind), Link>,
    pub dirty: BTreeMap<DirtyKey, u64>,
    pub generation: u64,
    pub held: BTreeMap<EntityId, HeldWrite>,
    pub reviews: BTreeMap<u64, Review>,
    pub calls: BTreeMap<CallId, OpenCall>,
    pub journal: Vec<JournalEntry>,
    pub values: BTreeMap<(JournalSeq, u32, RecordRef), Option<RowValues>>,
    /// The last journal position.
    pub seq: u64,
    /// Positions at which a run ended, and 0.
    pub checkpoints: BTreeSet<u64>,
    pub gone: u64,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            state: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            keys: BTreeMap::new(),
            links: BTreeMap::new(),
            dirty: BTreeMap::new(),
            generation: 0,
            held: BTreeMap::new(),
            reviews: BTreeMap::new(),
            calls: BTreeMap::new(),
            journal: Vec::new(),
            values: BTreeMap::new(),
            seq: 0,
            checkpoints: BTreeSet::from([0]),
            gone: 0,
        }
    }
}

impl Model {
    /// The state after `batch`, or `None` where it cannot be written.
    pub fn commit(&self, batch: &Batch) -> Option<(Self, Committed)> {
        let mut next = self.clone();
        for event in &batch.journal {
            next.seq += 1;
            let seq = JournalSeq(next.seq);
            next.journal.push(JournalEntry { seq, at: batch.at, run: batch.run, event: event.clone() });
        }
        let seq = JournalSeq(next.seq);
        for value in &batch.values {
            let entry = JournalSeq(self.seq + value.entry as u64 + 1);
            next.values.insert((entry, value.row, value.record.clone()), Some(value.values.clone()));
        }
        for (key, value) in &batch.puts {
            match value {
                Some(value) => next.state.insert(key.clone(), value.clone()),
                None => next.state.remove(key),
            };
        }
        for snapshot in &batch.snapshots {
            next.snapshots.insert(snapshot.record.clone(), snapshot.clone());
        }
        for (record, kind, keys) in &batch.keys {
            next.keys.insert((record.clone(), *kind), keys.iter().cloned().collect());
        }
        for write in &batch.links {
            match write {
                LinkWrite::Put(link) => {
                    let mut link = link.clone();
                    if link.since == JournalSeq(0) {
                        link.since = seq;
                    }
                    next.links.insert((link.record.clone(), link.facet), link);
                }
                LinkWrite::Remove(record, facet) => {
                    next.links.remove(&(record.clone(), *facet));
                }
            }
        }
        next.work(batch);
        let reviews = next.review(batch)?;
        for call in &batch.calls_opened {
            if next.calls.insert(call.call, call.clone()).is_some() {
                return None;
            }
        }
        for call in &batch.calls_ended {
            next.calls.remove(call);
        }
        next.forget(batch);
        Some((next, Committed { seq, reviews }))
    }

    fn forget(&mut self, batch: &Batch) {
        for ((_, _, record), values) in &mut self.values {
            if batch.erase.contains(record) {
                *values = None;
            }
        }
        if batch.journal.iter().any(|event| matches!(event, Event::RunEnded { .. })) {
            self.checkpoints.insert(self.seq);
        }
        let Some(until) = batch.let_go else { return };
        let last = |all: &BTreeSet<u64>, until: JournalSeq| all.range(..=until.0).next_back().copied();
        let Some(observed) = last(&self.checkpoints, until.observed) else { return };
        let entries = last(&self.checkpoints, until.entries.min(until.observed));
        self.gone = self.gone.max(entries.unwrap_or_default());
        let gone = self.gone;
        self.journal.retain(|entry| entry.seq.0 > gone);
        self.checkpoints.retain(|seq| *seq >= gone);
        self.values.retain(|(seq, ..), values| {
            seq.0 > gone && (seq.0 > observed || !matches!(values, Some(RowValues::Changed(_))))
        });
    }

    fn work(&mut self, batch: &Batch) {
        for done in &batch.done {
            if self.dirty.get(&done.key) == Some(&done.generation) {
                self.dirty.remove(&done.key);
            }
        }
        for write in &batch.held {
            if write.held.is_empty() && write.findings.is_empty() {
                self.held.remove(&write.entity);
            } else {
                self.held.insert(write.entity, write.clone());
            }
        }
        let mut work: BTreeSet<DirtyKey> = batch.dirty.iter().cloned().collect();
        for write in self.held.values() {
            let woken = write.held.iter().any(|(_, keys)| keys.iter().any(|key| batch.wake.contains(key)));
            let due = batch.wake_due.is_some_and(|due| earliest(write).is_some_and(|until| until <= due));
            if woken || due {
                work.insert(DirtyKey::Entity(write.kind, write.entity));
            }
        }
        if !work.is_empty() {
            self.generation += 1;
        }
        for key in work {
            self.dirty.insert(key, self.generation);
        }
    }

    fn review(&mut self, batch: &Batch) -> Option<Vec<u64>> {
        let mut numbers = Vec::new();
        for write in &batch.reviews {
            match write {
                ReviewWrite::Open(review) => {
                    let same = self.reviews.values().find(|one| one.question == review.question);
                    let (id, write) = match same {
                        Some(one) => (one.id, matches!(one.state, ReviewState::Settled { .. })),
                        None => (self.reviews.len() as u64 + 1, true),
                    };
                    if write {
                        self.reviews.insert(id, Review { id, ..review.clone() });
                    }
                    numbers.push(id);
                }
                ReviewWrite::Put(review) => {
                    let taken =
                        self.reviews.values().any(|o| o.id != review.id && o.question == review.question);
                    if taken || !self.reviews.contains_key(&review.id) {
                        return None;
                    }
                    self.reviews.insert(review.id, review.clone());
                    numbers.push(review.id);
                }
            }
        }
        Some(numbers)
    }

    pub fn record(&self, record: &RecordRef) -> StoredRecord {
        StoredRecord {
            snapshot: self.snapshots.get(record).cloned(),
            links: self.links.values().filter(|link| link.record == *record).cloned().collect(),
        }
    }

    pub fn entity(&self, entity: EntityId) -> StoredEntity {
        let links: Vec<Link> = self.links.values().filter(|link| link.entity == entity).cloned().collect();
        let snapshots = links.iter().map(|link| self.snapshots.get(&link.record).cloned()).collect();
        StoredEntity { entity, links, snapshots }
    }

    pub fn live(&self) -> impl Iterator<Item = &Snapshot> {
        self.snapshots.values().filter(|snapshot| snapshot.is_live())
    }

    pub fn by_key(&self, kind: Kind, key: &MatchKey) -> Vec<RecordRef> {
        let has =
            |record: &RecordRef| self.keys.get(&(record.clone(), kind)).is_some_and(|k| k.contains(key));
        let tells = |snapshot: &&Snapshot| {
            matches!(snapshot.state, RecordState::Live | RecordState::Converted { .. })
        };
        let records = self.snapshots.values().filter(tells).map(|snapshot| snapshot.record.clone());
        records.filter(has).collect()
    }

    pub fn dirty(&self) -> Vec<Dirty> {
        let one = |(key, generation): (&DirtyKey, &u64)| Dirty { key: key.clone(), generation: *generation };
        self.dirty.iter().map(one).collect()
    }

    pub fn stored_held(&self) -> Vec<StoredHeld> {
        let one = |write: &HeldWrite| StoredHeld {
            entity: write.entity,
            held: write.held.iter().map(|(held, _)| held.clone()).collect(),
            findings: write.findings.clone(),
        };
        self.held.values().map(one).collect()
    }

    pub fn next_due(&self) -> Option<Timestamp> {
        self.held.values().filter_map(earliest).min()
    }

    pub fn values(&self, entry: &JournalEntry) -> Vec<StoredValues> {
        let (from, to) = (entry.seq, JournalSeq(entry.seq.0 + 1));
        self.values
            .iter()
            .filter(|((seq, ..), _)| (from..to).contains(seq))
            .map(|((_, row, record), values)| StoredValues {
                row: *row,
                record: record.clone(),
                values: values.clone(),
            })
            .collect()
    }

    pub fn journal(&self, filter: &JournalFilter) -> Vec<JournalEntry> {
        let entities: BTreeSet<EntityId> = self
            .links
            .values()
            .filter(|link| Some(&link.record) == filter.record.as_ref())
            .map(|link| link.entity)
            .collect();
        let names = |event: &Event| {
            filter.record.as_ref().is_none_or(|record| match event {
                Event::Changed { record: one, .. } => one == record,
                Event::Linked { record: one, entity, .. } => one == record || entities.contains(entity),
                Event::CallIntended { rows, .. } => rows
                    .iter()
                    .any(|row| row.record.as_ref() == Some(record) || entities.contains(&row.entity)),
                Event::CallEnded { rows, .. } => rows.iter().any(|row| match row {
                    RowResult::Confirmed { record: one, .. } | RowResult::Resolved { record: Some(one) } => {
                        one == record
                    }
                    _ => false,
                }),
                _ => false,
            })
        };
        let calls: BTreeSet<CallId> =
            self.journal.iter().filter(|entry| names(&entry.event)).filter_map(call_of).collect();
        self.journal
            .iter()
            .filter(|entry| names(&entry.event) || call_of(entry).is_some_and(|call| calls.contains(&call)))
            .filter(|entry| filter.run.is_none() || entry.run == filter.run)
            .cloned()
            .collect()
    }
}

fn call_of(entry: &JournalEntry) -> Option<CallId> {
    match &entry.event {
        Event::CallIntended { call, .. } | Event::CallEnded { call, .. } => Some(*call),
        _ => None,
    }
}

fn earliest(write: &HeldWrite) -> Option<Timestamp> {
    write.held.iter().filter_map(|(held, _)| held.until).min()
}
