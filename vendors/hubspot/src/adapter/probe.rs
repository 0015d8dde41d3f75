//! Settling unknown outcomes by strong reads: unique properties, ids, and associations read from the child.

use super::{
    HubSpot, edges,
    pack::{Shape, address, key_value},
    records::{DEAL_CURRENCY, Row},
    write::{answered, fields},
};
use std::collections::BTreeMap;
use syncline_kit::vendor::{EdgeWrite, Probe, VendorError, Write, WriteRow};
use syncline_model::{
    FieldName, ObjectName, ObjectSchema, Observation, Observed, RecordId, RecordState, Ref, Value,
};

const EMAIL: &str = "email";

impl HubSpot {
    /// What became of each row.
    pub(super) async fn probe_rows(&self, rows: &[WriteRow]) -> Result<Vec<Probe>, VendorError> {
        let mut groups: Vec<(Shape, Vec<usize>)> = Vec::new();
        for (position, row) in rows.iter().enumerate() {
            let shape = Shape::of(&row.write);
            match groups.iter_mut().find(|(known, _)| *known == shape) {
                Some((_, positions)) => positions.push(position),
                None => groups.push((shape, vec![position])),
            }
        }
        let mut probes: Vec<Option<Probe>> = rows.iter().map(|_| None).collect();
        for (shape, positions) in groups {
            let group: Vec<&WriteRow> = positions.iter().map(|position| &rows[*position]).collect();
            let found = match &shape {
                Shape::Create(object) => self.probe_addresses(object, &group).await,
                Shape::Upsert(object, key) => self.probe_keys(object, key, &group).await,
                Shape::Update(object) => self.probe_updates(object, &group).await,
                Shape::Archive(object) => self.probe_archived(object, &group).await,
                Shape::Associate(field) | Shape::Dissociate(field) | Shape::Unlabel(field) => {
                    self.probe_edges(field, &group).await
                }
            };
            let found = match found {
                // An object or a key that may not be seen any more settles nothing, and stands in nobody's way.
                Err(VendorError::Permission(why) | VendorError::Refused { message: why, .. }) => {
                    group.iter().map(|_| Probe::Undecided { why: why.clone() }).collect()
                }
                found => found?,
            };
            for (position, probe) in positions.into_iter().zip(found) {
                probes[position] = Some(probe);
            }
        }
        Ok(probes.into_iter().map(|probe| probe.unwrap_or_else(keyless)).collect())
    }

    /// New contacts without a key, by their address: HubSpot takes each only once, so where nobody has it, or somebody has it
    /// as a further one, nothing of ours is there, and the create can be sent again. Whose first it is may be ours.
    async fn probe_addresses(
        &self,
        object: &ObjectName,
        rows: &[&WriteRow],
    ) -> Result<Vec<Probe>, VendorError> {
        let addresses: Vec<&str> = rows.iter().filter_map(|row| address(row)).collect();
        if addresses.is_empty() {
            return Ok(rows.iter().map(|_| keyless()).collect());
        }
        let schema = self.schema(object).await?;
        let properties = asked(rows, None);
        let found = self.read_by(object, Some(EMAIL), addresses.into_iter(), &properties, false).await?;
        let mut probes = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(address) = address(row) else {
                probes.push(keyless());
                continue;
            };
            let is_first = |found: &&Row| holds(found, &FieldName::from(EMAIL), address);
            probes.push(match found.iter().find(is_first) {
                None => Probe::NotWritten,
                Some(found) => match self.compared(object, &schema, row, found, false).await? {
                    Probe::NotWritten => Probe::Undecided {
                        why: "somebody has the address and not what was written".to_owned(),
                    },
                    told @ (Probe::Written(_) | Probe::Partly(_) | Probe::Undecided { .. }) => told,
                },
            });
        }
        Ok(probes)
    }

    /// By the unique property, which proves the create.
    async fn probe_keys(
        &self,
        object: &ObjectName,
        key: &FieldName,
        rows: &[&WriteRow],
    ) -> Result<Vec<Probe>, VendorError> {
        let schema = self.schema(object).await?;
        let keys: Vec<String> = rows.iter().map(|row| key_value(row, key)).collect();
        let properties = asked(rows, Some(key));
        let found = self
            .read_by(object, Some(key.as_str()), keys.iter().map(String::as_str), &properties, false)
            .await?;
        let mut probes = Vec::with_capacity(rows.len());
        for (row, value) in rows.iter().zip(&keys) {
            let found = found.iter().find(|found| holds(found, key, value));
            probes.push(match found {
                Some(found) => self.compared(object, &schema, row, found, true).await?,
                None => Probe::NotWritten,
            });
        }
        Ok(probes)
    }

    /// An update that is not there can be sent again: it sets the same values.
    async fn probe_updates(
        &self,
        object: &ObjectName,
        rows: &[&WriteRow],
    ) -> Result<Vec<Probe>, VendorError> {
        let schema = self.schema(object).await?;
        let ids: Vec<RecordId> = rows.iter().filter_map(|row| record_id(row)).collect();
        let found = self.read_batch(object, &ids, &asked(rows, None)).await?;
        let found: BTreeMap<&str, &Row> = found.iter().map(|row| (row.id.as_str(), row)).collect();
        let mut probes = Vec::with_capacity(rows.len());
        for row in rows {
            let found = record_id(row).and_then(|id| found.get(id.as_str()).copied());
            probes.push(match found {
                Some(found) => self.compared(object, &schema, row, found, false).await?,
                None => Probe::NotWritten,
            });
        }
        Ok(probes)
    }

    async fn probe_archived(
        &self,
        object: &ObjectName,
        rows: &[&WriteRow],
    ) -> Result<Vec<Probe>, VendorError> {
        let ids: Vec<RecordId> = rows.iter().filter_map(|row| record_id(row)).collect();
        let name = ["hs_object_id".to_owned()];
        let found = self.read_by(object, None, ids.iter().map(RecordId::as_str), &name, true).await?;
        let probe = |row: &&WriteRow| {
            let gone = record_id(row).and_then(|id| found.iter().find(|found| found.id == id.as_str()));
            gone.map_or(Probe::NotWritten, |gone| {
                let state = RecordState::Deleted;
                Probe::Written(Box::new(self.tombstone(object, gone.id.as_str(), gone.archived_at, state)))
            })
        };
        Ok(rows.iter().map(probe).collect())
    }

    async fn probe_edges(&self, field: &FieldName, rows: &[&WriteRow]) -> Result<Vec<Probe>, VendorError> {
        let Some(edge) = edges::named(field) else { return Ok(rows.iter().map(|_| keyless()).collect()) };
        let children: Vec<RecordId> =
            rows.iter().filter_map(|row| Some(edge_write(row)?.0.from.id.clone())).collect();
        let present = self.read_edges(edge, &children).await?;
        let probe = |row: &&WriteRow| {
            let Some((write, wanted)) = edge_write(row) else { return keyless() };
            let Some(refs) = present.get(&write.from.id) else {
                return Probe::Undecided {
                    why: "the associations of the record could not be read".to_owned(),
                };
            };
            if refs.iter().any(|one| is_same(one, write)) != wanted {
                return Probe::NotWritten;
            }
            Probe::Written(Box::new(Observation {
                fields: vec![(field.clone(), edges::observed(refs))],
                ..self.tombstone(&write.from.object, write.from.id.clone(), None, RecordState::Live)
            }))
        };
        Ok(rows.iter().map(probe).collect())
    }

    /// Whether the record holds what the row writes; `by_key` settles it whatever it holds by now.
    async fn compared(
        &self,
        object: &ObjectName,
        schema: &ObjectSchema,
        row: &WriteRow,
        found: &Row,
        by_key: bool,
    ) -> Result<Probe, VendorError> {
        let portal = self.portal_currency().await?;
        let seen = answered(object, schema, portal, fields(row), found);
        let holds = |(field, value): &&(FieldName, Option<Value>)| {
            let seen = seen.iter().find(|(name, _)| name == field).map(|(_, seen)| seen);
            seen.is_some_and(|seen| is_equal(seen, value.as_ref()))
        };
        let held: Vec<&FieldName> = fields(row).iter().filter(holds).map(|(name, _)| name).collect();
        if !by_key && held.len() < fields(row).len() {
            if held.is_empty() || !matches!(row.write, Write::Update { .. }) {
                return Ok(Probe::NotWritten);
            }
            let shown = seen.iter().filter(|(name, _)| held.contains(&name)).cloned().collect();
            let observation = self.observation(object, found, shown);
            return Ok(Probe::Partly(Box::new(Observation { version: None, modified: None, ..observation })));
        }
        self.note_written(object, &RecordId::from(found.id.as_str()), found.updated_at);
        let observation = Observation { version: None, ..self.observation(object, found, seen) };
        Ok(Probe::Written(Box::new(observation)))
    }
}

fn keyless() -> Probe {
    Probe::Undecided { why: "a create without a key can only be looked for in the search index".to_owned() }
}

/// Properties to read: what the rows write, and what tells them apart.
fn asked(rows: &[&WriteRow], key: Option<&FieldName>) -> Vec<String> {
    let mut names: Vec<String> =
        rows.iter().flat_map(|row| fields(row)).map(|(field, _)| field.to_string()).collect();
    names.extend(key.map(ToString::to_string));
    names.push(DEAL_CURRENCY.to_owned());
    names.sort_unstable();
    names.dedup();
    names
}

fn holds(row: &Row, key: &FieldName, value: &str) -> bool {
    row.text(key.as_str()).is_some_and(|text| text.eq_ignore_ascii_case(value))
}

fn record_id(row: &WriteRow) -> Option<RecordId> {
    match &row.write {
        Write::Update { record, .. } | Write::Archive { record } => Some(record.id.clone()),
        Write::Create { .. } | Write::Associate(_) | Write::Dissociate(_) => None,
    }
}

/// The edge, and whether it is to be there.
fn edge_write(row: &WriteRow) -> Option<(&EdgeWrite, bool)> {
    match &row.write {
        Write::Associate(edge) => Some((edge, true)),
        Write::Dissociate(edge) => Some((edge, false)),
        Write::Create { .. } | Write::Update { .. } | Write::Archive { .. } => None,
    }
}

/// Whether this relation is the one written; a first company may have become primary by itself.
fn is_same(one: &Ref, write: &EdgeWrite) -> bool {
    let role = match &write.role {
        None => true,
        Some(role) => one.role.as_deref().is_some_and(|label| label.eq_ignore_ascii_case(role)),
    };
    one.id == write.to.id && role && (one.primary || !write.primary)
}

fn is_equal(seen: &Observed, written: Option<&Value>) -> bool {
    match (seen, written) {
        (Observed::Empty, None) => true,
        (Observed::Value(seen), Some(written)) => is_same_value(seen, written),
        _ => false,
    }
}

/// HubSpot stores addresses in lower case, and texts of other types as their type spells them.
fn is_same_value(seen: &Value, written: &Value) -> bool {
    use super::codec::encode;
    if let (Value::Money(seen), Value::Money(written)) = (seen, written) {
        return seen == written;
    }
    seen == written || encode(Some(seen)).eq_ignore_ascii_case(encode(Some(written)).trim())
}
