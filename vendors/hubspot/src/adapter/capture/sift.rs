//! Rows of a page to observations: what is known is left out, what the index shows too old is not believed.

use super::Scene;
use crate::adapter::{
    HubSpot, edges,
    read::{Fate, is_bare},
    records::Row,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use syncline_kit::vendor::VendorError;
use syncline_model::{
    FieldName, Observation, Observed, RecordId, RecordState, Version,
    defect::{Defect, planted},
};

/// Which rows become observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Those whose version is not the known one.
    Changed,
    /// All: what is read of a record may have changed, the record has not.
    All,
}

impl Scene<'_> {
    /// Sifts a page, and reads the edges of what remains.
    pub(super) async fn sift(&self, rows: Vec<Row>, mode: Mode) -> Result<Vec<Observation>, VendorError> {
        // Of all rows: a survivor that was read by id, or that we wrote, is known already, and what it swallowed is not.
        let mut merges = self.merges(&rows).await;
        let (rows, buried) = self.current(rows, mode).await?;
        if rows.is_empty() {
            return Ok(merges.into_values().flatten().chain(buried).collect());
        }
        merges.extend(self.merges(&rows).await);
        let portal = self.hub.portal_currency().await?;
        let mut missing = false;
        let ids: Vec<RecordId> = rows.iter().map(|row| RecordId::from(row.id.as_str())).collect();
        // Edges move no stamp, so a row that only our own write moved tells nothing new of them. What is read anew is read
        // with them: the next sweep counts from there.
        let moved = |(row, id): &(&Row, &RecordId)| {
            let own =
                row.updated_at.is_some() && row.updated_at == self.hub.written_at(&self.want.object, id);
            mode == Mode::All || !own
        };
        let moved: Vec<RecordId> = rows.iter().zip(&ids).filter(moved).map(|(_, id)| id.clone()).collect();
        let mut related = self.related(&moved).await?;
        let gone = self.gone(&moved, &related).await?;
        let mut seen = Vec::with_capacity(rows.len());
        for (row, id) in rows.iter().zip(ids).filter(|(_, id)| !gone.contains(id)) {
            let mut lacks = false;
            let mut fields = HubSpot::fields(self.want, &self.schema, row, portal, &mut lacks);
            fields.extend(related.remove(&id).unwrap_or_default());
            seen.extend(merges.remove(&id).unwrap_or_default());
            let observation = self.hub.observation(&self.want.object, row, fields);
            // What was not read whole is not known as it is now: it is read again, whatever is shown by then.
            let version = observation.version.clone().filter(|_| !lacks);
            seen.push(Observation { version, ..observation });
            missing |= lacks;
        }
        seen.extend(merges.into_values().flatten());
        seen.extend(buried);
        if missing {
            self.forget_schema();
        }
        Ok(seen)
    }

    /// The rows to believe: not the known ones, not those that the index shows older than they are known to be, and not those
    /// of strangers that have been merged or deleted while it still shows them. Nothing tells how old a stranger's row is: it is
    /// read by id, but for a page of nothing else, of a first load. So is the row of what is known to be deleted: a
    /// restore moves no stamp, so nothing tells it from a late index.
    ///
    /// In the second place: tombstones of the strangers that have been deleted. Somebody may restore them, which no search would
    /// show.
    async fn current(&self, rows: Vec<Row>, mode: Mode) -> Result<(Vec<Row>, Vec<Observation>), VendorError> {
        let object = &self.want.object;
        let ids: Vec<RecordId> = rows.iter().map(|row| RecordId::from(row.id.as_str())).collect();
        let versions = self.known.versions(object, &ids).await;
        let is_first = mode == Mode::All && versions.iter().all(Option::is_none);
        let mut kept = Vec::with_capacity(rows.len());
        let mut outdated = Vec::new();
        let mut strangers = Vec::new();
        for ((row, id), version) in rows.into_iter().zip(ids).zip(versions) {
            let known_at = version.as_ref().and_then(stamp).max(self.hub.written_at(object, &id));
            if known_at.is_some_and(|known| row.updated_at.is_some_and(|shown| shown < known)) {
                outdated.push(id);
            } else if version.is_none() && !is_first {
                strangers.push(id);
            } else if mode == Mode::All || version != row.version() {
                kept.push(row);
            }
        }
        if !is_first {
            self.without_deleted(&mut kept).await?;
        }
        let mut buried = Vec::new();
        let survivors = self.strangers(&strangers, &mut kept, &mut buried).await?;
        let ids: Vec<RecordId> = survivors.iter().map(|row| RecordId::from(row.id.as_str())).collect();
        let versions = self.known.versions(object, &ids).await;
        let news = survivors.into_iter().zip(versions).filter(|(row, known)| *known != row.version());
        kept.extend(news.map(|(row, _)| row));
        if mode == Mode::All {
            kept.extend(self.hub.read_batch(object, &outdated, &self.properties).await?);
        }
        Ok((kept, buried))
    }

    /// Takes the rows of what is known to be deleted for what they are by id: those that are not there go.
    async fn without_deleted(&self, rows: &mut Vec<Row>) -> Result<(), VendorError> {
        let object = &self.want.object;
        let ids: Vec<RecordId> = rows.iter().map(|row| RecordId::from(row.id.as_str())).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let deleted = self.known.deleted(object, &ids).await;
        rows.retain(|row| !deleted.contains(row.id.as_str()));
        let asked: Vec<RecordId> = deleted.iter().cloned().collect();
        let back = self.hub.read_batch(object, &asked, &self.properties).await?;
        rows.extend(back.into_iter().filter(|row| deleted.contains(row.id.as_str())));
        Ok(())
    }

    /// Strangers read by id: those that are there go to `kept`, those that are not to `buried`, and what others were merged into
    /// comes back. No search may show it yet, and until it is known what they stood for would be made once more.
    async fn strangers(
        &self,
        ids: &[RecordId],
        kept: &mut Vec<Row>,
        buried: &mut Vec<Observation>,
    ) -> Result<Vec<Row>, VendorError> {
        let object = &self.want.object;
        let read = self.hub.read_batch(object, ids, &self.properties).await?;
        let (asked, mut survivors): (Vec<Row>, Vec<Row>) =
            read.into_iter().partition(|row| ids.iter().any(|id| id.as_str() == row.id));
        let answered = |id: &RecordId| {
            asked.iter().any(|row| row.id == id.as_str())
                || survivors.iter().any(|row| row.merged().contains(id))
        };
        // A batch may also leave out what was merged.
        let missing: Vec<RecordId> = ids.iter().filter(|id| !answered(id)).cloned().collect();
        for id in missing {
            match self.hub.fate(object, &id, &self.properties).await? {
                Fate::Live(_) => {}
                Fate::Merged(row) => survivors.push(row),
                Fate::Gone(at) => buried.push(self.hub.tombstone(object, id, at, RecordState::Deleted)),
            }
        }
        kept.extend(asked);
        survivors.retain(|row| kept.iter().all(|other| other.id != row.id));
        survivors.sort_by(|one, other| one.id.cmp(&other.id));
        survivors.dedup_by(|one, other| one.id == other.id);
        Ok(survivors)
    }

    /// Known records that these rows say were merged into them, by survivor.
    async fn merges(&self, rows: &[Row]) -> BTreeMap<RecordId, Vec<Observation>> {
        let pairs: Vec<(RecordId, RecordId, Option<Timestamp>)> = rows
            .iter()
            .flat_map(|row| {
                row.merged().into_iter().map(|old| (old, RecordId::from(row.id.as_str()), row.updated_at))
            })
            .collect();
        let mut merges: BTreeMap<RecordId, Vec<Observation>> = BTreeMap::new();
        if pairs.is_empty() || planted(Defect::MergeMissed) {
            return merges;
        }
        let old: Vec<RecordId> = pairs.iter().map(|(old, ..)| old.clone()).collect();
        let versions = self.known.versions(&self.want.object, &old).await;
        for ((old, survivor, at), version) in pairs.into_iter().zip(versions) {
            if version.is_some() {
                let state = RecordState::MergedInto(survivor.clone());
                merges.entry(survivor).or_default().push(self.hub.tombstone(
                    &self.want.object,
                    old,
                    at,
                    state,
                ));
            }
        }
        merges
    }

    /// Those of these records that are not there any more though a search shows them still. Of such a record it is said that
    /// nothing is associated with it: nobody has taken that away. Asked by id only where a relation went that was known.
    async fn gone(
        &self,
        ids: &[RecordId],
        related: &BTreeMap<RecordId, Vec<(FieldName, Observed)>>,
    ) -> Result<BTreeSet<RecordId>, VendorError> {
        let object = &self.want.object;
        let bare: Vec<RecordId> = ids.iter().filter(|id| is_bare(related.get(*id))).cloned().collect();
        if bare.is_empty() {
            return Ok(BTreeSet::new());
        }
        let known = self.known.relations(object, &bare).await;
        let lost = |(id, known): &(RecordId, BTreeSet<FieldName>)| {
            let shown = related.get(id).into_iter().flatten();
            shown.filter(|(_, seen)| *seen == Observed::Empty).any(|(name, _)| known.contains(name))
        };
        let lost = bare.into_iter().zip(known).filter(lost).map(|(id, _)| id);
        self.hub.absent(object, lost.collect()).await
    }

    /// The wanted edges of these records, as fields.
    pub(super) async fn related(
        &self,
        ids: &[RecordId],
    ) -> Result<BTreeMap<RecordId, Vec<(FieldName, Observed)>>, VendorError> {
        self.hub.read_wanted_edges(&self.want.edges, ids).await
    }
}

impl HubSpot {
    /// These sorts of edges of these records, as fields by record.
    pub(in crate::adapter) async fn read_wanted_edges(
        &self,
        wanted: &[FieldName],
        ids: &[RecordId],
    ) -> Result<BTreeMap<RecordId, Vec<(FieldName, Observed)>>, VendorError> {
        let mut related: BTreeMap<RecordId, Vec<(FieldName, Observed)>> = BTreeMap::new();
        for field in wanted {
            let Some(edge) = edges::named(field) else { continue };
            for (id, refs) in self.read_edges(edge, ids).await? {
                related.entry(id).or_default().push((field.clone(), edges::observed(&refs)));
            }
        }
        Ok(related)
    }
}

/// A version is the printed `updatedAt`.
fn stamp(version: &Version) -> Option<Timestamp> {
    version.0.parse().ok()
}
