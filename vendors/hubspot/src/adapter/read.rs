//! Strong reads by id: what is there, what is gone, and what became of it.

use super::{HubSpot, client::Call, codec::OWNERS, records::Row};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::{BTreeMap, BTreeSet};
use syncline_kit::vendor::{CaptureWant, ObjectWant, VendorError};
use syncline_model::{
    FieldName, ObjectName, Observation, Observed, RecordId, RecordRef, RecordState,
    defect::{Defect, planted},
};

/// What is deleted between two requests of a read is asked for again; more often than this it is left to the next cycle.
const ROUNDS: usize = 3;

/// An id as one path segment.
pub(super) fn segment(id: &str) -> String {
    utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()
}

/// What became of one id.
pub(super) enum Fate {
    Live(Row),
    /// The id answers with another record: it was merged into it.
    Merged(Row),
    Gone(Option<jiff::Timestamp>),
}

/// Whether it is said that a record has no relation of some sort.
pub(super) fn is_bare(related: Option<&Vec<(FieldName, Observed)>>) -> bool {
    related.into_iter().flatten().any(|(_, seen)| *seen == Observed::Empty)
}

impl HubSpot {
    /// Reads these records as they are now; objects that are not wanted are left out.
    pub(super) async fn read_records(
        &self,
        want: &CaptureWant,
        records: &[RecordRef],
    ) -> Result<Vec<Observation>, VendorError> {
        let mut by_object: BTreeMap<&ObjectName, Vec<RecordId>> = BTreeMap::new();
        for record in records {
            by_object.entry(&record.object).or_default().push(record.id.clone());
        }
        let mut seen = Vec::with_capacity(records.len());
        for (object, ids) in by_object {
            let Some(want) = want.objects.iter().find(|one| one.object == *object) else { continue };
            if object.as_str() == OWNERS {
                let owners = self.read_owners().await?;
                let asked = owners.iter().filter(|owner| ids.contains(&owner.id()));
                seen.extend(asked.map(|owner| self.owner(want, owner)));
            } else {
                self.read_object(want, &ids, &mut seen).await?;
            }
        }
        Ok(seen)
    }

    async fn read_object(
        &self,
        want: &ObjectWant,
        ids: &[RecordId],
        seen: &mut Vec<Observation>,
    ) -> Result<(), VendorError> {
        let object = &want.object;
        let schema = self.schema(object).await?;
        let properties = self.properties(want, &schema);
        let portal = self.portal_currency().await?;
        let mut open = ids.to_vec();
        for _ in 0..ROUNDS {
            if open.is_empty() {
                break;
            }
            let fates = self.fates(object, &open, &properties).await?;
            let live: Vec<RecordId> = fates
                .values()
                .filter_map(|fate| match fate {
                    Fate::Live(row) | Fate::Merged(row) => Some(RecordId::from(row.id.as_str())),
                    Fate::Gone(_) => None,
                })
                .collect();
            let related = self.read_wanted_edges(&want.edges, &live).await?;
            let bare = live.into_iter().filter(|id| is_bare(related.get(id)));
            let gone = self.absent(object, bare.collect()).await?;
            let observe = |row: &Row| {
                let mut lacks = false;
                let mut fields = Self::fields(want, &schema, row, portal, &mut lacks);
                fields.extend(related.get(row.id.as_str()).cloned().unwrap_or_default());
                let observation = self.observation(object, row, fields);
                // What was not read whole is not known as it is now.
                let version = observation.version.clone().filter(|_| !lacks);
                Observation { version, ..observation }
            };
            open.clear();
            for (id, fate) in fates {
                match fate {
                    Fate::Live(row) | Fate::Merged(row) if gone.contains(row.id.as_str()) => open.push(id),
                    Fate::Live(row) => {
                        seen.extend(self.swallowed(object, &row, ids));
                        seen.push(observe(&row));
                    }
                    Fate::Merged(row) => {
                        let state = RecordState::MergedInto(RecordId::from(row.id.as_str()));
                        if !planted(Defect::MergeMissed) {
                            seen.push(self.tombstone(object, id, row.updated_at, state));
                        }
                        seen.extend(self.swallowed(object, &row, ids));
                        seen.push(observe(&row));
                    }
                    Fate::Gone(at) => seen.push(self.tombstone(object, id, at, RecordState::Deleted)),
                }
            }
        }
        Ok(())
    }

    /// Those of these records that are not there any more. Of such a record it is said that nothing is associated with it,
    /// which nobody has taken away.
    pub(super) async fn absent(
        &self,
        object: &ObjectName,
        mut ids: BTreeSet<RecordId>,
    ) -> Result<BTreeSet<RecordId>, VendorError> {
        let asked: Vec<RecordId> = ids.iter().cloned().collect();
        for row in self.read_batch(object, &asked, &["hs_object_id".to_owned()]).await? {
            ids.remove(row.id.as_str());
        }
        Ok(ids)
    }

    /// The records that were merged into this one, as it says; those that were asked for speak for themselves.
    fn swallowed(&self, object: &ObjectName, row: &Row, asked: &[RecordId]) -> Vec<Observation> {
        if planted(Defect::MergeMissed) {
            return Vec::new();
        }
        let state = RecordState::MergedInto(RecordId::from(row.id.as_str()));
        let tombstone = |id| self.tombstone(object, id, row.updated_at, state.clone());
        row.merged().into_iter().filter(|id| !asked.contains(id)).map(tombstone).collect()
    }

    /// Batches first; an id that they do not know is asked for alone, since only that tells a merge from a deletion.
    async fn fates(
        &self,
        object: &ObjectName,
        ids: &[RecordId],
        properties: &[String],
    ) -> Result<BTreeMap<RecordId, Fate>, VendorError> {
        let mut fates: BTreeMap<RecordId, Fate> = BTreeMap::new();
        for row in self.read_batch(object, ids, properties).await? {
            fates.insert(RecordId::from(row.id.as_str()), Fate::Live(row));
        }
        fates.retain(|id, _| ids.contains(id));
        for id in ids {
            if !fates.contains_key(id) {
                let fate = self.fate(object, id, properties).await?;
                fates.insert(id.clone(), fate);
            }
        }
        let gone: Vec<&str> = fates
            .iter()
            .filter(|(_, fate)| matches!(fate, Fate::Gone(_)))
            .map(|(id, _)| id.as_str())
            .collect();
        if gone.is_empty() {
            return Ok(fates);
        }
        let name = ["hs_object_id".to_owned()];
        for row in self.read_by(object, None, gone.into_iter(), &name, true).await? {
            if let Some(fate) = fates.get_mut(row.id.as_str()) {
                *fate = Fate::Gone(row.archived_at);
            }
        }
        Ok(fates)
    }

    /// What became of one record.
    pub(super) async fn fate(
        &self,
        object: &ObjectName,
        id: &RecordId,
        properties: &[String],
    ) -> Result<Fate, VendorError> {
        // The whole list could make the address too long: the survivor is read by batch.
        let path = format!("/crm/v3/objects/{object}/{}?properties=hs_object_id", segment(id.as_str()));
        let answer = self.client.send(Call::get(path)).await?;
        if answer.status == 404 {
            return Ok(Fate::Gone(None));
        }
        if !answer.is_success() {
            return Err(answer.fault().into_error());
        }
        let short: Row = answer.parse()?;
        if short.archived {
            return Ok(Fate::Gone(short.archived_at));
        }
        let survivor = [RecordId::from(short.id.as_str())];
        let row = self.read_batch(object, &survivor, properties).await?.pop().unwrap_or(short);
        Ok(if row.id == id.as_str() { Fate::Live(row) } else { Fate::Merged(row) })
    }
}
