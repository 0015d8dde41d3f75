//! What moves no stamp and is looked up once a day: the recycle bin, and edges that changed alone.

use super::{
    PAGE, Scene,
    cursor::{ObjectState, Task},
};
use crate::adapter::{
    client::Call,
    records::{BATCH, List, Row},
};
use std::collections::BTreeMap;
use syncline_kit::vendor::{CaptureWant, VendorError};
use syncline_model::{
    FieldName, Observation, Observed, RecordId, RecordRef, RecordState, Version,
    defect::{Defect, planted},
};

impl Scene<'_> {
    /// One page of the recycle bin; it comes in order of ids, so all of it is read [gh airbyte#35017].
    pub(super) async fn bin(
        &self,
        after: Option<String>,
        since: i64,
        started: i64,
        state: &mut ObjectState,
    ) -> Result<(Vec<Observation>, Option<Task>), VendorError> {
        let object = &self.want.object;
        let mut path =
            format!("/crm/v3/objects/{object}?archived=true&limit={BATCH}&properties=hs_object_id");
        if let Some(after) = &after {
            path.push_str("&after=");
            path.extend(form_urlencoded::byte_serialize(after.as_bytes()));
        }
        let list: List<Row> = self.hub.client.fetch(Call::get(path)).await?;
        let next = list.next().map(str::to_owned).filter(|next| Some(next) != after.as_ref());
        let fresh = list
            .results
            .into_iter()
            .filter(|row| row.archived && row.archived_at.is_none_or(|at| at.as_millisecond() >= since));
        let seen = fresh
            .map(|row| self.hub.tombstone(object, row.id.as_str(), row.archived_at, RecordState::Deleted))
            .collect();
        if next.is_some() {
            return Ok((seen, Some(Task::Bin { after: next, since, started })));
        }
        state.bin_at = started;
        Ok((seen, None))
    }

    /// One page of an edge sweep: observations that speak of the edge alone.
    pub(super) async fn sweep(
        &self,
        field: FieldName,
        after: Option<RecordId>,
        started: i64,
        state: &mut ObjectState,
    ) -> Result<(Vec<Observation>, Option<Task>), VendorError> {
        let object = &self.want.object;
        let ids = self.known.ids(object, after, PAGE).await;
        let mut related = self.hub.read_wanted_edges(std::slice::from_ref(&field), &ids).await?;
        let mut seen = self.vanished(&field, &ids, &mut related).await?;
        seen.extend(related.into_iter().map(|(id, fields)| Observation {
            fields,
            ..self.hub.tombstone(object, id, None, RecordState::Live)
        }));
        if let Some(last) = ids.last().filter(|_| ids.len() >= PAGE) {
            return Ok((seen, Some(Task::Edges { field, after: Some(last.clone()), started })));
        }
        state.swept.insert(field, started);
        Ok((seen, None))
    }

    /// "No associations" is also what is said of a record that is gone, perhaps without a trace in the bin (a privacy
    /// deletion, a merge): those without edges are looked up by id, and what is not there is read for what became of it. So is
    /// what has another version: an edit that the index lost (the record was archived before anybody searched, and restored,
    /// which moves no stamp). With the first sort of edge every record is looked up: no edit that a search never showed stays
    /// unseen for longer than a day.
    async fn vanished(
        &self,
        field: &FieldName,
        ids: &[RecordId],
        related: &mut BTreeMap<RecordId, Vec<(FieldName, Observed)>>,
    ) -> Result<Vec<Observation>, VendorError> {
        if planted(Defect::NoBin) {
            return Ok(Vec::new());
        }
        let object = &self.want.object;
        let has_edges = |id: &RecordId| {
            related.get(id).is_some_and(|fields| {
                fields.iter().any(|(name, seen)| name == field && seen.value().is_some())
            })
        };
        let is_first = self.want.edges.first() == Some(field) && !planted(Defect::OnePass);
        let asked: Vec<RecordId> = ids.iter().filter(|id| is_first || !has_edges(id)).cloned().collect();
        let name = ["hs_object_id".to_owned()];
        let rows = self.hub.read_batch(object, &asked, &name).await?;
        let versions = self.known.versions(object, &asked).await;
        let present: BTreeMap<&str, Option<Version>> =
            rows.iter().map(|row| (row.id.as_str(), row.version())).collect();
        let unlike: Vec<RecordRef> = asked
            .into_iter()
            .zip(versions)
            .filter(|(id, known)| present.get(id.as_str()) != Some(known))
            .map(|(id, _)| id)
            .inspect(|id| drop(related.remove(id)))
            .map(|id| self.hub.record(object.clone(), id))
            .collect();
        self.hub.read_records(&CaptureWant { objects: vec![self.want.clone()] }, &unlike).await
    }
}
