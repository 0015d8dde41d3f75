//! What a run did, as the journal has it.

use super::PAGE;
use crate::error::Error;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{
    Action, After, Endpoint, EntityId, FieldName, JournalSeq, Observed, RecordRef, RunId, Snapshot, Value,
    journal::{CallId, Event, RowResult, RowValues, Written},
};
use syncline_store::{JournalFilter, Store};

/// A call that ended later than this after its intent was not answered: what came of it was read.
const LONGEST_CALL: SignedDuration = SignedDuration::from_secs(60);

/// What a run did, as the journal has it.
pub(super) struct Past {
    pub(super) run: RunId,
    pub(super) written: Vec<Written>,
    /// Records of which what was written is erased.
    pub(super) erased: BTreeSet<RecordRef>,
    /// Where and when the run wrote each record last.
    pub(super) last: BTreeMap<RecordRef, (JournalSeq, Timestamp)>,
    /// Where it wrote each field last; where it made a record, of those that it did not write afterwards.
    fields: BTreeMap<(RecordRef, FieldName), JournalSeq>,
    made: BTreeMap<RecordRef, JournalSeq>,
    /// Records whose create was learnt of long after it, by reading them: whatever their vendor fills in was read with them.
    pub(super) read_late: BTreeSet<RecordRef>,
    pub(super) began: JournalSeq,
}

impl Past {
    pub(super) async fn read(store: &dyn Store, run: RunId) -> Result<Self, Error> {
        let refused = |why: String| Error::Undo { run: run.to_string(), why };
        let mut past = Self {
            run,
            written: Vec::new(),
            erased: BTreeSet::new(),
            last: BTreeMap::new(),
            fields: BTreeMap::new(),
            made: BTreeMap::new(),
            read_late: BTreeSet::new(),
            began: JournalSeq::default(),
        };
        let mut sent: BTreeMap<CallId, Timestamp> = BTreeMap::new();
        let mut known = false;
        let mut lost = 0;
        let filter = JournalFilter { run: Some(run), record: None };
        let mut after = JournalSeq::default();
        loop {
            let page = store.journal(&filter, after, PAGE).await?;
            let Some(end) = page.last() else { break };
            after = end.seq;
            if let (false, Some(first)) = (known, page.first()) {
                // Half of a run is not taken back: what was let go of it came first.
                if !matches!(first.event, Event::RunStarted { .. }) {
                    return Err(refused("it is out of reach: its beginning is not kept any more".to_owned()));
                }
                past.began = first.seq;
                known = true;
            }
            for (entry, values) in page.iter().zip(store.journal_values(&page).await?) {
                if let Event::CallIntended { call, .. } = &entry.event {
                    sent.insert(*call, entry.at);
                }
                let Event::CallEnded { call, rows } = &entry.event else { continue };
                // The second end of a call tells what was found of it.
                let is_late =
                    sent.remove(call).is_none_or(|sent| entry.at.duration_since(sent) > LONGEST_CALL);
                let confirmed = rows.iter().filter(|row| matches!(row, RowResult::Confirmed { .. })).count();
                lost += confirmed.saturating_sub(values.len());
                for stored in values {
                    match stored.values {
                        Some(RowValues::Written(row)) => {
                            past.wrote(&row, entry.seq, entry.at);
                            if is_late && row.created {
                                past.read_late.insert(row.record.clone());
                            }
                            past.written.push(*row);
                        }
                        Some(RowValues::Changed(_)) => {}
                        None => drop(past.erased.insert(stored.record)),
                    }
                }
            }
        }
        if !known {
            return Err(refused("the journal knows no such run, or keeps it no longer".to_owned()));
        }
        if lost > 0 {
            return Err(refused(format!(
                "it is out of reach: what {lost} of its writes put in place is not kept any more"
            )));
        }
        Ok(past)
    }

    fn wrote(&mut self, row: &Written, seq: JournalSeq, at: Timestamp) {
        let record = row.asked();
        self.last.insert(record.clone(), (seq, at));
        let fields: Vec<&FieldName> = match &row.operation.action {
            Action::Create { .. } if row.created => {
                self.made.insert(record.clone(), seq);
                return;
            }
            Action::Create { fields, .. } | Action::Update { fields, .. } => {
                fields.iter().map(|change| &change.field).collect()
            }
            Action::Associate(association) | Action::Dissociate(association) => vec![&association.field],
            Action::Archive { .. } => return,
        };
        self.fields.extend(fields.into_iter().map(|field| ((record.clone(), field.clone()), seq)));
    }

    /// Whether an entry came after the run had written this field of one of its records last. What it did not write counts
    /// from when it made the record, else from when it wrote the record last.
    pub(super) fn is_before(&self, record: &RecordRef, field: &FieldName, seq: JournalSeq) -> bool {
        let field = self.fields.get(&(record.clone(), field.clone()));
        let record = || self.made.get(record).or_else(|| self.last.get(record).map(|(last, _)| last));
        field.or_else(record).is_some_and(|last| *last < seq)
    }

    /// What the records that the run archived referred to: what comes back is to refer to it again.
    pub(super) async fn beside_archived(&self, store: &dyn Store) -> Result<BTreeSet<RecordRef>, Error> {
        let archived =
            self.written.iter().filter(|row| matches!(row.operation.action, Action::Archive { .. }));
        let archived: Vec<RecordRef> = archived.map(|row| row.record.clone()).collect();
        let mut beside = BTreeSet::new();
        for chunk in archived.chunks(PAGE) {
            let stored = store.records(chunk).await?;
            beside.extend(stored.iter().filter_map(|stored| stored.snapshot.as_ref()).flat_map(referred));
        }
        Ok(beside)
    }

    /// Every record that the rows name, what fields referred to before included, and every entity.
    pub(super) fn named(&self) -> (BTreeSet<RecordRef>, BTreeSet<EntityId>) {
        let (mut records, mut entities) = (BTreeSet::new(), BTreeSet::new());
        for row in &self.written {
            records.extend([row.record.clone(), row.asked().clone()]);
            entities.insert(row.operation.entity);
            match &row.operation.action {
                Action::Associate(association) | Action::Dissociate(association) => {
                    for end in [&association.from, &association.to] {
                        match end {
                            Endpoint::Record(record) => drop(records.insert(record.clone())),
                            Endpoint::Entity(entity) => drop(entities.insert(*entity)),
                        }
                    }
                }
                Action::Create { fields, .. } | Action::Update { fields, .. } => {
                    for change in fields {
                        records.extend(targets(&row.record, &change.before));
                        if let After::Reference(entity) = change.after {
                            entities.insert(entity);
                        }
                    }
                }
                Action::Archive { .. } => {}
            }
        }
        (records, entities)
    }
}

/// The records that a record refers to.
pub(super) fn referred(snapshot: &Snapshot) -> impl Iterator<Item = RecordRef> {
    snapshot.fields.iter().flat_map(|(_, seen)| targets(&snapshot.record, seen))
}

/// The records that a value refers to.
pub(super) fn targets(beside: &RecordRef, seen: &Observed) -> Vec<RecordRef> {
    let Observed::Value(Value::Refs(refs)) = seen else { return Vec::new() };
    refs.iter()
        .map(|target| RecordRef {
            connection: beside.connection.clone(),
            object: target.object.clone(),
            id: target.id.clone(),
        })
        .collect()
}
