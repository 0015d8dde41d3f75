//! What happened to a run's records after it had written them last, as the journal has it.

use super::{PAGE, past::Past};
use crate::{ctx::Ctx, error::Error, referring};
use std::collections::{BTreeMap, BTreeSet};
use syncline_core::undo::Standing;
use syncline_model::{
    Action, Association, Endpoint, FieldName, ObjectName, Observed, RecordId, RecordRef, Value,
    journal::{CallId, Event, IntendedRow, JournalEntry, RowResult, RowValues},
    operation::Case,
};
use syncline_store::{JournalFilter, StoredValues};

/// What others, later runs and undos did of the fields of a run's records.
#[derive(Default)]
pub(super) struct Since {
    /// Fields that were changed: outside, or by another run.
    pub(super) changed: BTreeMap<RecordRef, BTreeSet<FieldName>>,
    /// Relations that an undo ended, of fields that nothing has moved since.
    pub(super) ended: BTreeSet<(RecordRef, FieldName, RecordRef)>,
    /// Calls of the run itself that are not known to have ended: what they were to write may be there.
    open: BTreeMap<CallId, Vec<IntendedRow>>,
}

impl Since {
    pub(super) async fn read(
        ctx: &Ctx,
        past: &Past,
        records: &BTreeMap<RecordRef, Standing>,
    ) -> Result<Self, Error> {
        let mut since = Self::default();
        let mut after = past.began;
        loop {
            let page: Vec<JournalEntry> = ctx.store.journal(&JournalFilter::default(), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            let values = ctx.store.journal_values(&page).await?;
            for (entry, values) in page.iter().zip(values) {
                since.hear(past, entry, values);
            }
        }
        let open: Vec<IntendedRow> = std::mem::take(&mut since.open).into_values().flatten().collect();
        open.iter().for_each(|row| since.intended(row, |_, _| true));
        // What a vendor fills in when it makes a record (its owner) is first seen by the next reading; only the record's
        // own stamp tells that from an edit. Relations move no stamp everywhere.
        let made = past.written.iter().filter(|row| row.created).map(|row| &row.record);
        for record in made.filter(|record| !past.read_late.contains(*record)) {
            if let (Some(fields), false) =
                (since.changed.get_mut(record), is_touched(ctx, past, records, record))
            {
                fields.retain(|field| referring::is_association(ctx, record, field));
            }
        }
        Ok(since)
    }

    fn hear(&mut self, past: &Past, entry: &JournalEntry, values: Vec<StoredValues>) {
        let later = |record: &RecordRef, field: &FieldName| past.is_before(record, field, entry.seq);
        match &entry.event {
            Event::Changed { record, fields } => {
                let moved: Vec<FieldName> = match values.into_iter().find_map(|it| it.values) {
                    Some(RowValues::Changed(moved)) => {
                        let moved = moved.into_iter().filter(|it| !is_same_refs(&it.before, &it.after));
                        moved.map(|it| it.field).collect()
                    }
                    Some(RowValues::Written(_)) | None => fields.iter().map(FieldName::new).collect(),
                };
                self.moved(record, moved.into_iter().filter(|field| later(record, field)));
            }
            Event::CallIntended { call, rows, .. } if entry.run == Some(past.run) => {
                self.open.insert(*call, rows.clone());
            }
            Event::CallIntended { rows, .. } => {
                rows.iter().for_each(|row| self.intended(row, later));
            }
            // An intent names the fields of records, not relations.
            Event::CallEnded { call, rows } => {
                // What the run wrote is known, and what was refused is not there.
                for (row, result) in self.open.remove(call).iter().flatten().zip(rows) {
                    if matches!(result, RowResult::Unknown { .. } | RowResult::Parked { .. }) {
                        self.intended(row, later);
                    }
                }
                for stored in values {
                    let Some(RowValues::Written(row)) = stored.values else { continue };
                    let relation = match &row.operation.action {
                        Action::Associate(it) => Some((it, None)),
                        Action::Dissociate(it) => Some((it, ended_by_undo(it))),
                        Action::Create { .. } | Action::Update { .. } | Action::Archive { .. } => None,
                    };
                    let record = row.asked();
                    if let Some((it, ended)) = relation.filter(|(it, _)| later(record, &it.field)) {
                        self.moved(record, std::iter::once(it.field.clone()));
                        let ended = ended.map(|to| (record.clone(), it.field.clone(), to.clone()));
                        self.ended.extend(ended);
                    }
                }
            }
            Event::RunStarted { .. }
            | Event::RunEnded { .. }
            | Event::Baseline { .. }
            | Event::Linked { .. }
            | Event::Confirmed { .. }
            | Event::Review { .. }
            | Event::Erased { .. }
            | Event::LetGo { .. }
            | Event::Config { .. } => {}
        }
    }

    /// What a row is to write has moved, or may have.
    fn intended(&mut self, row: &IntendedRow, later: impl Fn(&RecordRef, &FieldName) -> bool) {
        let Some(record) = &row.record else { return };
        let fields = row.fields.iter().map(FieldName::new);
        self.moved(record, fields.filter(|field| later(record, field)));
    }

    fn moved(&mut self, record: &RecordRef, fields: impl Iterator<Item = FieldName>) {
        let fields: BTreeSet<FieldName> = fields.collect();
        if fields.is_empty() {
            return;
        }
        self.ended.retain(|(from, field, _)| from != record || !fields.contains(field));
        self.changed.entry(record.clone()).or_default().extend(fields);
    }
}

/// Whom a relation led to that an undo ended.
fn ended_by_undo(association: &Association) -> Option<&RecordRef> {
    match &association.to {
        Endpoint::Record(to) if association.reason.case == Case::Undone => Some(to),
        Endpoint::Record(_) | Endpoint::Entity(_) => None,
    }
}

/// Whether two values are references to the same records, whatever row carries them.
fn is_same_refs(before: &Observed, after: &Observed) -> bool {
    let refs = |seen: &Observed| -> Option<BTreeSet<(ObjectName, RecordId)>> {
        let Observed::Value(Value::Refs(refs)) = seen else { return None };
        Some(refs.iter().map(|it| (it.object.clone(), it.id.clone())).collect())
    };
    refs(before).is_some_and(|before| refs(after).is_some_and(|after| after == before))
}

/// Whether the vendor stamped a record later than the run can have written it.
fn is_touched(ctx: &Ctx, past: &Past, records: &BTreeMap<RecordRef, Standing>, record: &RecordRef) -> bool {
    let snapshot = records.get(record).and_then(|standing| standing.snapshot.as_ref());
    let (Some(modified), Some((_, at))) = (snapshot.and_then(|it| it.modified), past.last.get(record)) else {
        return true;
    };
    let clock = ctx.connection(&record.connection).ok().and_then(|live| live.vendor.clock_offset());
    let clock = clock.map_or_else(syncline_core::plan::ClockOffset::default, |offset| {
        syncline_core::plan::ClockOffset {
            ahead: offset.ahead,
            uncertainty: offset.uncertainty.saturating_add(crate::hoods::RESOLUTION),
        }
    });
    let ours = modified.checked_sub(clock.ahead).unwrap_or(modified);
    ours.duration_since(*at) > clock.uncertainty
}
