//! In which order what was planned is sent.

use super::{Applier, Turn};
use crate::{error::Error, planning::Pass};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{Action, Endpoint, EntityId, FieldName, Kind, Operation};

impl Applier<'_> {
    /// Sends everything: first records, then the relations between them, those first that end: one that takes the place of
    /// another comes after it (`plan::edges::one`), and a call carries only one sort. Before them comes what comes beside one
    /// that goes.
    ///
    /// # Errors
    /// [`Error::Vendor`] where a vendor cannot be written any further now; [`Error::Store`]. What was confirmed is kept.
    pub async fn finish_level(&mut self, pass: &mut Pass<'_>) -> Result<(), Error> {
        self.send_fields(pass).await?;
        let (ending, beginning): (Vec<Operation>, Vec<Operation>) = std::mem::take(&mut self.relations)
            .into_iter()
            .partition(|operation| matches!(operation.action, Action::Dissociate(_)));
        let going = primary_ends(&ending);
        let (beside, beginning): (Vec<Operation>, Vec<Operation>) =
            beginning.into_iter().partition(|operation| comes_beside(operation, &going));
        self.send(pass, beside, Turn::Early).await?;
        self.send(pass, ending, Turn::Early).await?;
        let (waiting, beginning): (Vec<Operation>, Vec<Operation>) = beginning
            .into_iter()
            .partition(|operation| self.clinging.contains(&(operation.entity, operation.connection.clone())));
        self.tally.postponed += waiting.len() as u64;
        self.send(pass, beginning, Turn::Early).await?;
        let waiting = self.archives.iter().chain(&self.displaced);
        let waiting: BTreeSet<EntityId> = waiting.map(|operation| operation.entity).collect();
        self.dirty.retain(|entity, _| waiting.contains(entity));
        Ok(())
    }

    /// Sends what is left and then takes away what is to go, kinds upwards from deals: by then nothing that goes too refers
    /// to it. Last come the updates that others stood in the way of.
    ///
    /// # Errors
    /// As for [`Applier::finish_level`].
    pub async fn finish(&mut self, pass: &mut Pass<'_>) -> Result<(), Error> {
        self.finish_level(pass).await?;
        let mut archives = std::mem::take(&mut self.archives);
        for kind in Kind::ALL.into_iter().rev() {
            let (level, rest): (Vec<Operation>, Vec<Operation>) =
                archives.into_iter().partition(|operation| operation.kind == kind);
            archives = rest;
            let ready = self.seen_to_archive(level).await?;
            self.send(pass, ready, Turn::Early).await?;
        }
        self.send_displaced(pass).await?;
        self.dirty.clear();
        Ok(())
    }

    pub(super) async fn send_fields(&mut self, pass: &mut Pass<'_>) -> Result<(), Error> {
        let fields = std::mem::take(&mut self.fields);
        self.send(pass, fields, Turn::Early).await
    }

    /// An address that passes from hand to hand comes free one hand at a time, for as long as any does.
    async fn send_displaced(&mut self, pass: &mut Pass<'_>) -> Result<(), Error> {
        let mut before = usize::MAX;
        while !self.displaced.is_empty() {
            let displaced = std::mem::take(&mut self.displaced);
            let turn = if displaced.len() > 1 && displaced.len() < before { Turn::Early } else { Turn::Last };
            before = displaced.len();
            self.send(pass, displaced, turn).await?;
        }
        Ok(())
    }
}

/// Where the primary relations lead that end, by whose and of which field they are.
fn primary_ends(ending: &[Operation]) -> BTreeMap<(Endpoint, FieldName), Endpoint> {
    let primary = |operation: &Operation| {
        let Action::Dissociate(going) = &operation.action else { return None };
        going.primary.then(|| ((going.from.clone(), going.field.clone()), going.to.clone()))
    };
    ending.iter().filter_map(primary).collect()
}

/// Whether a relation comes beside the primary one, which ends: as the only one HubSpot would make it the primary one.
fn comes_beside(operation: &Operation, going: &BTreeMap<(Endpoint, FieldName), Endpoint>) -> bool {
    let Action::Associate(coming) = &operation.action else { return false };
    let goes = || going.get(&(coming.from.clone(), coming.field.clone()));
    !coming.primary && goes().is_some_and(|to| *to != coming.to)
}
