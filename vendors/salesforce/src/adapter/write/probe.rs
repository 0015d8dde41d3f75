//! Settling rows whose outcome is unknown, by strong reads.

use super::{outcome, slot};
use crate::adapter::{Salesforce, composite::Part, ids, origin::maker, reading::Reading, soql};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use syncline_kit::vendor::{Maker, ObjectWant, Probe, VendorError, Write, WriteRow};
use syncline_model::{FieldName, ObjectName, Observation, RecordId, RecordState};

/// Keys or ids in one query.
const KEYS: usize = 150;

impl Salesforce {
    pub(in crate::adapter) async fn probe_rows(&self, rows: &[WriteRow]) -> Result<Vec<Probe>, VendorError> {
        let mut found: Vec<Option<Probe>> = vec![None; rows.len()];
        let mut keyed: BTreeMap<(ObjectName, FieldName), Vec<usize>> = BTreeMap::new();
        let mut by_id: BTreeMap<ObjectName, Vec<usize>> = BTreeMap::new();
        for (position, row) in rows.iter().enumerate() {
            match &row.write {
                Write::Create { object, key_field: Some(key), .. } => {
                    keyed.entry((object.clone(), key.clone())).or_default().push(position);
                }
                Write::Create { key_field: None, .. } => {
                    found[position] =
                        Some(undecided("a record without a planted key cannot be told from others"));
                }
                Write::Update { record, .. } | Write::Archive { record } => {
                    by_id.entry(record.object.clone()).or_default().push(position);
                }
                Write::Associate(edge) | Write::Dissociate(edge) => {
                    by_id.entry(edge.from.object.clone()).or_default().push(position);
                }
            }
        }
        let objects: BTreeSet<ObjectName> =
            keyed.keys().map(|(object, _)| object.clone()).chain(by_id.keys().cloned()).collect();
        self.ensure_some(objects).await?;
        for ((object, key), positions) in keyed {
            self.probe_keys(rows, &object, &key, &positions, &mut found).await?;
        }
        for (object, positions) in by_id {
            self.probe_ids(rows, &object, &positions, &mut found).await?;
        }
        Ok(found
            .into_iter()
            .map(|probe| probe.unwrap_or_else(|| undecided("it was not looked for")))
            .collect())
    }

    /// Creates: a query on the key is a strong read. What was made may be deleted or merged by now, and its row tells that.
    /// An upsert finds no such row: sent again it would make a second record.
    async fn probe_keys(
        &self,
        rows: &[WriteRow],
        object: &ObjectName,
        key: &FieldName,
        positions: &[usize],
        found: &mut [Option<Probe>],
    ) -> Result<(), VendorError> {
        let mut want = slot::want_of(object, positions.iter().map(|position| &rows[*position]));
        want.fields.push(key.clone());
        let Some(reading) = self.reading(want).filter(|_| self.sees(object, key.as_str())) else {
            for position in positions {
                found[*position] = Some(undecided("the key field cannot be seen"));
            }
            return Ok(());
        };
        let mut parts = Vec::new();
        for chunk in positions.chunks(KEYS) {
            let keys: Vec<String> = chunk.iter().map(|position| rows[*position].entity.to_string()).collect();
            let condition = soql::one_of(key.as_str(), keys.iter().map(String::as_str));
            let select = reading.selects(condition.len()).into_iter().next().unwrap_or_default();
            parts.push(Part::query_all(&format!("{select} WHERE {condition}")));
        }
        let (_, replies) = self.client.read_parts(parts).await?;
        let mut by_key: BTreeMap<String, Vec<Observation>> = BTreeMap::new();
        for reply in replies {
            for row in self.all_rows(reply).await? {
                let value = row.get(key.as_str()).and_then(Json::as_str).map(str::to_ascii_lowercase);
                let currency = self.currency_of(&reading, std::iter::once(&row)).await?;
                let seen = reading.observe(&self.connection, &row, currency);
                if let (Some(value), Some(seen)) = (value, seen) {
                    by_key.entry(value).or_default().push(seen);
                }
            }
        }
        let deleted = by_key.values().flatten().filter(|seen| seen.state == RecordState::Deleted);
        let deleted: Vec<RecordId> = deleted.map(|seen| seen.record.id.clone()).collect();
        let deleters = self.deleters(object, &deleted).await?;
        for position in positions {
            let seen = by_key.get(&rows[*position].entity.to_string()).map_or(&[][..], Vec::as_slice);
            found[*position] = Some(came_of_a_create(seen, &deleters));
        }
        Ok(())
    }

    /// Who deleted these: a delete counts as the last change of its record (README, *Doubts*).
    async fn deleters(
        &self,
        object: &ObjectName,
        deleted: &[RecordId],
    ) -> Result<BTreeMap<RecordId, Maker>, VendorError> {
        if deleted.is_empty() {
            return Ok(BTreeMap::new());
        }
        let us = self.user().await?;
        let parts = deleted.chunks(KEYS).map(|ids| {
            let condition = soql::one_of("Id", ids.iter().map(RecordId::as_str));
            Part::query_all(&format!("SELECT Id,LastModifiedById FROM {object} WHERE {condition}"))
        });
        let (_, replies) = self.client.read_parts(parts.collect()).await?;
        let mut deleters = BTreeMap::new();
        for reply in replies {
            for row in self.all_rows(reply).await? {
                let id = |field: &str| row.get(field).and_then(Json::as_str).map(ids::canonical);
                deleters.extend(id("Id").map(|record| (record, maker(id("LastModifiedById"), us.as_ref()))));
            }
        }
        Ok(deleters)
    }

    async fn probe_ids(
        &self,
        rows: &[WriteRow],
        object: &ObjectName,
        positions: &[usize],
        found: &mut [Option<Probe>],
    ) -> Result<(), VendorError> {
        let want = slot::want_of(object, positions.iter().map(|position| &rows[*position]));
        let (Some(reading), Some(described)) = (self.reading(want), self.described(object)) else {
            for position in positions {
                found[*position] = Some(undecided("the object cannot be seen"));
            }
            return Ok(());
        };
        let ids: BTreeSet<_> =
            positions.iter().filter_map(|position| slot::target(&rows[*position])).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let (seen, _) = self.read_rows(&reading, &ids).await?;
        for position in positions {
            let row = &rows[*position];
            let now =
                slot::target(row).and_then(|id| seen.iter().find(|observation| observation.record.id == id));
            found[*position] = Some(match now {
                Some(now) => outcome::compare(&described, row, now),
                None => undecided("the record cannot be seen"),
            });
        }
        Ok(())
    }

    fn reading(&self, want: ObjectWant) -> Option<Reading> {
        let described = self.described(&want.object)?;
        Some(Reading::new(&want, described))
    }

    fn sees(&self, object: &ObjectName, field: &str) -> bool {
        self.described(object).is_some_and(|described| described.has(field))
    }
}

/// What the records with a create's key tell of it. We take nothing away between a create and the look for it: what we
/// have deleted is an earlier record of the same entity, which an undo makes again under its key.
fn came_of_a_create(seen: &[Observation], deleters: &BTreeMap<RecordId, Maker>) -> Probe {
    let mut gone = Probe::NotWritten;
    for seen in seen {
        let written = || Probe::Written(Box::new(seen.clone()));
        match (&seen.state, deleters.get(&seen.record.id)) {
            (RecordState::Live | RecordState::Converted { .. }, _) => return written(),
            (RecordState::MergedInto(_), _) | (RecordState::Deleted, Some(Maker::Other)) => gone = written(),
            (RecordState::Deleted, Some(Maker::Us)) => {}
            (RecordState::Deleted, Some(Maker::Unknown) | None) => {
                if gone == Probe::NotWritten {
                    gone = undecided("a record with its key is deleted, and nobody says by whom");
                }
            }
        }
    }
    gone
}

fn undecided(why: &str) -> Probe {
    Probe::Undecided { why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syncline_model::RecordRef;

    #[test]
    fn a_deleted_record_proves_a_create_unless_we_have_deleted_it() {
        let seen = |id: &str, state| Observation {
            record: RecordRef::new("sf", "Account", id),
            version: None,
            modified: None,
            state,
            fields: Vec::new(),
        };
        let deleted = |id: &str| seen(id, RecordState::Deleted);
        let by = |makers: &[(&str, Maker)]| {
            makers.iter().map(|(id, maker)| (RecordId::from(*id), *maker)).collect::<BTreeMap<_, _>>()
        };
        let probe = |seen: &[Observation], makers: &[(&str, Maker)]| came_of_a_create(seen, &by(makers));
        let written = |seen: Observation| Probe::Written(Box::new(seen));
        assert_eq!(probe(&[], &[]), Probe::NotWritten);
        assert_eq!(probe(&[deleted("a")], &[("a", Maker::Us)]), Probe::NotWritten);
        assert!(matches!(probe(&[deleted("a")], &[("a", Maker::Unknown)]), Probe::Undecided { .. }));
        assert!(matches!(probe(&[deleted("a")], &[]), Probe::Undecided { .. }));
        let both = [("a", Maker::Us), ("b", Maker::Other)];
        assert_eq!(probe(&[deleted("a"), deleted("b")], &both), written(deleted("b")));
        let live = seen("c", RecordState::Live);
        assert_eq!(probe(&[live.clone(), deleted("b")], &both), written(live));
    }
}
