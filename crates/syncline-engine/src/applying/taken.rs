//! Creates whose planted key a record carries that is not the entity's own in force: the vendor would find it by the key and
//! write over it. A merge takes the key along, and a person's word may take the record elsewhere after it, leave it out, or call
//! it a second one.

use super::{
    Applier,
    learn::{found_elsewhere, link_existing},
};
use crate::{error::Error, planning::Pass};
use std::collections::BTreeMap;
use syncline_core::identify::planted_key;
use syncline_model::{Action, Kind, Operation, RecordRef};
use syncline_store::MatchKey;

impl Applier<'_> {
    /// Leaves out such creates. A person is asked what they are, and they are not tried again until that record changes.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Vendor`] where the record could not be read.
    pub(super) async fn without_taken(
        &mut self,
        pass: &mut Pass<'_>,
        operations: Vec<Operation>,
    ) -> Result<Vec<Operation>, Error> {
        let carriers = self.carriers(&operations).await?;
        let mut free = Vec::with_capacity(operations.len());
        for (place, operation) in operations.into_iter().enumerate() {
            let Some(carrier) = carriers.get(&place) else {
                free.push(operation);
                continue;
            };
            self.tally.postponed += 1;
            let found = found_elsewhere(carrier);
            link_existing(self.ctx, &mut pass.surroundings, operation, &found, carrier.clone()).await?;
        }
        Ok(free)
    }

    /// The record that carries the key of a create, by the create's place.
    async fn carriers(&self, operations: &[Operation]) -> Result<BTreeMap<usize, RecordRef>, Error> {
        let mut keyed: BTreeMap<Kind, Vec<(usize, &Operation, MatchKey)>> = BTreeMap::new();
        for (place, operation) in operations.iter().enumerate() {
            let Action::Create { object, .. } = &operation.action else { continue };
            if self.key_field(&operation.connection, object).is_some() {
                let key = planted_key(operation.entity);
                let key = MatchKey { name: key.name, value: key.value };
                keyed.entry(operation.kind).or_default().push((place, operation, key));
            }
        }
        let mut carriers = BTreeMap::new();
        for (kind, keyed) in keyed {
            let keys: Vec<MatchKey> = keyed.iter().map(|(_, _, key)| key.clone()).collect();
            for ((place, operation, _), known) in keyed.iter().zip(self.ctx.store.by_keys(kind, &keys).await?)
            {
                let known: Vec<RecordRef> =
                    known.into_iter().filter(|it| it.connection == operation.connection).collect();
                for (record, stored) in known.iter().zip(self.ctx.store.records(&known).await?) {
                    let other_than_made = stored.links.iter().any(|link| {
                        link.facet == kind && !(link.state.is_active() && link.entity == operation.entity)
                    });
                    if other_than_made && stored.snapshot.is_some_and(|snapshot| snapshot.is_live()) {
                        carriers.insert(*place, record.clone());
                    }
                }
            }
        }
        Ok(carriers)
    }
}
