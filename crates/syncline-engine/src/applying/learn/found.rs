//! What came of a create whose answer was lost, once its record was read: it is learnt as if the answer had arrived then.

use super::{Learnt, Lesson, written::unagreed};
use crate::{
    ctx::Ctx,
    error::Error,
    hoods::Surroundings,
    parked::{self, Sent},
    referring, reread,
};
use std::sync::Arc;
use syncline_kit::vendor::RowOutcome;
use syncline_model::{
    Observation, Observed, RecordRef, Snapshot,
    journal::{Event, RowResult, RowValues, Written},
};
use syncline_store::{Dirty, DirtyKey, JournalValue};

/// A record that a create of ours made.
pub(crate) struct Found<'a> {
    pub(crate) sent: &'a Sent,
    pub(crate) record: &'a RecordRef,
    /// As it was read, where it is still as it was made. Else somebody has edited it since: that is read, and counts as a
    /// change of what was written.
    pub(crate) unedited: Option<&'a Snapshot>,
    /// The work of identifying it.
    pub(crate) work: Dirty,
}

/// Learns it; in one transaction with the end of the question what the record is.
///
/// # Errors
/// [`Error::Store`]; [`Error::Vendor`] where an edited record could not be read.
pub(crate) async fn found(
    ctx: &Ctx,
    surroundings: &mut Surroundings,
    found: &Found<'_>,
) -> Result<(), Error> {
    let Found { sent, record, unedited, work } = found;
    let operation = &sent.operation;
    // Relations of their own may have been made since and moved no stamp: a create makes none, so they are read, and count as
    // changes, like all of a record that was edited.
    let (related, fields): (Vec<_>, Vec<_>) = unedited
        .iter()
        .flat_map(|seen| seen.fields.iter().cloned())
        .partition(|(field, _)| referring::is_association(ctx, record, field));
    let unread = unedited.is_none() || related.iter().any(|(_, seen)| matches!(seen, Observed::Value(_)));
    let observation = unedited.map(|seen| Observation {
        record: seen.record.clone(),
        version: seen.version.clone(),
        modified: seen.modified,
        state: seen.state.clone(),
        fields,
    });
    let outcome =
        RowOutcome::Confirmed { record: (*record).clone(), created: true, observation: observation.clone() };
    surroundings.unpark(operation.entity, &operation.connection);
    let operations = std::slice::from_ref(operation);
    let mut lesson = Lesson::load(ctx, surroundings, operations, &[outcome]).await?;
    lesson.batch.run = sent.run.or(lesson.batch.run);
    lesson.base_sources(ctx, sent);
    let learnt = lesson.confirmed(ctx, surroundings, operation, &sent.row, record, observation.as_ref());
    lesson.replan(ctx, surroundings);
    lesson.batch.puts.push((parked::key(&(operation.entity, operation.connection.clone())), None));
    lesson.batch.done.push(work.clone());
    lesson.batch.dirty.push(DirtyKey::Entity(operation.kind, operation.entity));
    if learnt == Learnt::Created {
        lesson.journal_found(sent, record);
    }
    if unread {
        reread::note(&mut lesson.batch, record);
    }
    ctx.store.commit(lesson.batch).await?;
    if unread {
        reread::read(ctx).await?;
    }
    Ok(())
}

impl Lesson {
    /// What was sent was agreed with the records that it came from, as they were then.
    fn base_sources(&mut self, ctx: &Ctx, sent: &Sent) {
        let Some(hood) = self.hoods.get_mut(&sent.operation.entity) else { return };
        let kind = hood.kind;
        for (link, snapshot) in hood.links.iter_mut().zip(&hood.snapshots) {
            let Some(snapshot) = snapshot.as_ref().filter(|_| link.facet == kind && link.state.is_active())
            else {
                continue;
            };
            let before = link.base.clone();
            sent.base_source(link, snapshot, |record| unagreed(ctx, kind, record));
            if link.base != before {
                self.touched.insert(link.record.clone());
            }
        }
    }

    /// The call ends once more, for this row.
    fn journal_found(&mut self, sent: &Sent, record: &RecordRef) {
        let why: Arc<str> = "told in another entry".into();
        let mut rows = vec![RowResult::Unknown { why }; sent.rows.max(sent.place + 1)];
        rows[sent.place] = RowResult::Confirmed { record: record.clone(), created: true };
        let entry = self.batch.journal.len();
        self.batch.journal.push(Event::CallEnded { call: sent.call, rows });
        let written = Written::of(&sent.operation, record.clone(), true);
        let values = RowValues::Written(Box::new(written));
        let row = u32::try_from(sent.place).unwrap_or(u32::MAX);
        self.batch.values.push(JournalValue { entry, row, record: record.clone(), values });
    }
}
