//! Settling rows whose outcome is unknown, by strong reads.

use super::{outcome, slot};
use crate::adapter::{Salesforce, composite::Part, reading::Reading, soql};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use syncline_kit::vendor::{ObjectWant, Probe, VendorError, Write, WriteRow};
use syncline_model::{FieldName, ObjectName};

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

    /// Creates: a query on the key is a strong read. Deleted rows do not count: the key of an earlier record that was
    /// deleted proves nothing, and an upsert does not find it.
    async fn probe_keys(
        &self,
        rows: &[WriteRow],
        object: &ObjectName,
        key: &FieldName,
        positions: &[usize],
        found: &mut [Option<Probe>],
    ) -> Result<(), VendorError> {
        const KEYS: usize = 150;
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
            parts.push(Part::query(&format!("{select} WHERE {condition}")));
        }
        let (_, replies) = self.client.read_parts(parts).await?;
        let mut by_key = BTreeMap::new();
        for reply in replies {
            for row in self.all_rows(reply).await? {
                if let Some(value) = row.get(key.as_str()).and_then(Json::as_str).map(str::to_ascii_lowercase)
                {
                    by_key.insert(value, row);
                }
            }
        }
        for position in positions {
            let row = by_key.get(&rows[*position].entity.to_string());
            let seen = row.and_then(|row| reading.observe(&self.connection, row, self.currency()));
            found[*position] = Some(seen.map_or(Probe::NotWritten, |seen| Probe::Written(Box::new(seen))));
        }
        Ok(())
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

fn undecided(why: &str) -> Probe {
    Probe::Undecided { why: why.to_owned() }
}
