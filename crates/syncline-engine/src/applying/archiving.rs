//! What is to be taken away is seen once more before it goes.

use super::Applier;
use crate::{capture, error::Error, referring};
use std::collections::BTreeSet;
use syncline_model::{Action, Operation, RecordRef, Snapshot, operation::Case};

impl Applier<'_> {
    /// A record is taken away only as it is seen at this moment: an id may have come to stand for another record since the
    /// last reading (HubSpot answers a merged record's id with its survivor), an index shows an edit late, and somebody may
    /// have related something to it, which moves no stamp. What reads otherwise now is work of the next round.
    pub(super) async fn seen_to_archive(
        &mut self,
        operations: Vec<Operation>,
    ) -> Result<Vec<Operation>, Error> {
        let records: Vec<RecordRef> = operations
            .iter()
            .filter_map(|operation| archived(operation).map(|(record, _)| record.clone()))
            .collect();
        if records.is_empty() {
            return Ok(operations);
        }
        let referrers = referring::look(self.ctx, &records).await?;
        // Last, with nothing asked between this and the call: what is merged since takes its survivor along.
        let before = self.ctx.store.records(&records).await?;
        capture::records(self.ctx, &records).await?;
        let after = self.ctx.store.records(&records).await?;
        // An earlier call of this run may have told already that it is not there any more.
        let mut going: BTreeSet<RecordRef> = records
            .iter()
            .zip(before.into_iter().zip(after))
            .filter(|(_, (before, after))| {
                before.snapshot == after.snapshot && after.snapshot.as_ref().is_some_and(Snapshot::is_live)
            })
            .map(|(record, _)| record.clone())
            .collect();
        let mut batch = self.ctx.batch();
        // Whoever stays keeps what it refers to, until nothing more has to stay.
        while let Some(keeper) =
            referrers.iter().find(|it| going.contains(&it.parent) && !going.contains(&it.child))
        {
            going.remove(&keeper.parent);
            // What is taken back is listed by the next plan of it; of the rest a person is asked.
            let by_rule = |it: &Operation| {
                archived(it).is_some_and(|it| it.0 == &keeper.parent && it.1 != Case::Undone)
            };
            if operations.iter().any(by_rule) {
                batch.puts.push(referring::noted(&keeper.parent, Some(keeper))?);
                self.kept += 1;
            }
        }
        for record in &going {
            batch.puts.push(referring::noted(record, None)?);
        }
        if !batch.puts.is_empty() {
            self.ctx.store.commit(batch).await?;
        }
        let (ready, waiting): (Vec<Operation>, Vec<Operation>) = operations
            .into_iter()
            .partition(|operation| archived(operation).is_none_or(|(record, _)| going.contains(record)));
        self.tally.postponed += waiting.len() as u64;
        Ok(ready)
    }
}

/// What an operation takes away, and why.
fn archived(operation: &Operation) -> Option<(&RecordRef, Case)> {
    match &operation.action {
        Action::Archive { record, reason } => Some((record, reason.case)),
        Action::Create { .. } | Action::Update { .. } | Action::Associate(_) | Action::Dissociate(_) => None,
    }
}
