//! Strong reads by id.

use super::{
    ROLE_FIELD, Salesforce,
    capture::{log_ids, log_part, log_start, tombstone},
    client::Call,
    composite::{Part, Reply, refused},
    ids,
    reading::{Reading, role_set, roles_query},
    soql,
};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use syncline_kit::vendor::{CaptureWant, ObjectWant, VendorError};
use syncline_model::{FieldName, ObjectName, Observation, RecordId, RecordRef, RecordState};

/// Ids in one query; with their quotes they take about half of what an address may be long.
const IDS: usize = 350;
/// How many merges are followed one after the other.
const MERGES: usize = 5;

impl Salesforce {
    /// Reads records by id, deleted ones included: observations, and ids for which there is no row.
    pub(super) async fn read_rows(
        &self,
        reading: &Reading,
        ids: &[RecordId],
    ) -> Result<(Vec<Observation>, Vec<RecordId>), VendorError> {
        if ids.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let mut parts = Vec::new();
        let mut width = 0;
        for chunk in ids.chunks(IDS) {
            let condition = soql::one_of("Id", chunk.iter().map(RecordId::as_str));
            let selects = reading.selects(condition.len());
            width = selects.len();
            parts.extend(
                selects.into_iter().map(|select| Part::query_all(&format!("{select} WHERE {condition}"))),
            );
        }
        let (_, replies) = self.client.read_parts(parts).await?;
        let mut rows: BTreeMap<String, Json> = BTreeMap::new();
        for (position, reply) in replies.into_iter().enumerate() {
            for row in self.all_rows(reply).await? {
                let Some(id) = row.get("Id").and_then(Json::as_str).map(|id| ids::canonical(id).to_string())
                else {
                    continue;
                };
                if position % width.max(1) == 0 {
                    rows.insert(id, row);
                } else if let (Some(Json::Object(columns)), Json::Object(more)) = (rows.get_mut(&id), row) {
                    columns.extend(more);
                }
            }
        }
        let partial: Vec<&str> =
            rows.iter().filter(|(_, row)| reading.lacks_roles(row)).map(|(id, _)| id.as_str()).collect();
        let roles = self.roles_of(&partial).await?;
        let currency = self.currency_of(reading, rows.values()).await?;
        let mut seen = Vec::new();
        for (id, row) in &rows {
            let Some(mut observation) = reading.observe(&self.connection, row, currency) else { continue };
            if let Some(set) = roles.get(id) {
                observation.fields.push((FieldName::from(ROLE_FIELD), role_set(set)));
                observation.fields.sort_by(|(a, _), (b, _)| a.cmp(b));
            }
            seen.push(observation);
        }
        let absent = ids.iter().filter(|id| !rows.contains_key(id.as_str())).cloned().collect();
        Ok((seen, absent))
    }

    /// All rows of a query's answer, further pages included; for queries that are bounded by ids.
    pub(super) async fn all_rows(&self, reply: Reply) -> Result<Vec<Json>, VendorError> {
        let mut page = reply.page()?;
        let mut rows = std::mem::take(&mut page.records);
        while let (false, Some(path)) = (page.done, page.next_records_url.take()) {
            let call = Call { method: http::Method::GET, path, headers: Vec::new(), body: None };
            let answer = self.client.read(&call).await?;
            if let Some(error) = answer.error().filter(|_| answer.status >= 300) {
                return Err(refused(error));
            }
            page = answer.parse()?;
            rows.append(&mut page.records);
        }
        Ok(rows)
    }

    /// Contact roles of these opportunities; an opportunity without any has an empty list.
    pub(super) async fn roles_of(
        &self,
        opportunities: &[&str],
    ) -> Result<BTreeMap<String, Vec<Json>>, VendorError> {
        let mut by_parent: BTreeMap<String, Vec<Json>> =
            opportunities.iter().map(|id| ((*id).to_owned(), Vec::new())).collect();
        let parts = opportunities.chunks(IDS).map(|chunk| Part::query(&roles_query(chunk.iter().copied())));
        let (_, replies) = self.client.read_parts(parts.collect()).await?;
        for reply in replies {
            for row in self.all_rows(reply).await? {
                let parent = row.get("OpportunityId").and_then(Json::as_str).map(ids::canonical);
                if let Some(set) = parent.and_then(|parent| by_parent.get_mut(parent.as_str())) {
                    set.push(row);
                }
            }
        }
        Ok(by_parent)
    }

    pub(super) async fn read_records(
        &self,
        want: &CaptureWant,
        records: &[RecordRef],
    ) -> Result<Vec<Observation>, VendorError> {
        let mut todo: BTreeMap<ObjectName, BTreeSet<RecordId>> = BTreeMap::new();
        for record in records {
            todo.entry(record.object.clone()).or_default().insert(ids::canonical(record.id.as_str()));
        }
        let bare = |object: &ObjectName| ObjectWant {
            object: object.clone(),
            fields: Vec::new(),
            edges: Vec::new(),
        };
        let wanted = |object: &ObjectName| {
            want.objects
                .iter()
                .find(|wanted| wanted.object == *object)
                .cloned()
                .unwrap_or_else(|| bare(object))
        };
        self.ensure_for(&todo.keys().map(wanted).collect::<Vec<_>>()).await?;
        let mut found = Vec::new();
        let mut absent: BTreeMap<ObjectName, Vec<RecordId>> = BTreeMap::new();
        for (object, ids) in todo {
            let Some(described) = self.described(&object) else { continue };
            let reading = Reading::new(&wanted(&object), described);
            let mut read: BTreeSet<RecordId> = BTreeSet::new();
            let mut next: Vec<RecordId> = ids.into_iter().collect();
            for hop in 0..=MERGES {
                let (seen, lacking) = self.read_rows(&reading, &next).await?;
                read.extend(next);
                if hop == 0 && !lacking.is_empty() {
                    absent.insert(object.clone(), lacking);
                }
                let survivors: BTreeSet<RecordId> = seen.iter().filter_map(survivor).collect();
                found.extend(seen);
                next = survivors.difference(&read).cloned().collect();
                if next.is_empty() {
                    break;
                }
            }
        }
        found.extend(self.tombstones(absent).await?);
        Ok(found)
    }

    /// Of records without a row, those that the log of deletions names. The rest may be hidden from this user: nothing
    /// is said of them (decisions §3, *Absence*).
    async fn tombstones(
        &self,
        absent: BTreeMap<ObjectName, Vec<RecordId>>,
    ) -> Result<Vec<Observation>, VendorError> {
        if absent.is_empty() {
            return Ok(Vec::new());
        }
        let end = self.client.server_time();
        let parts = absent.keys().map(|object| log_part(object.as_str(), log_start(end), end));
        let (_, replies) = self.client.read_parts(parts.collect()).await?;
        let mut gone = Vec::new();
        for ((object, ids), reply) in absent.into_iter().zip(replies).filter(|(_, reply)| reply.ok()) {
            let logged: BTreeSet<RecordId> = log_ids(&reply.json()).into_iter().collect();
            gone.extend(ids.into_iter().filter(|id| logged.contains(id)).map(|id| {
                tombstone(RecordRef { connection: self.connection.clone(), object: object.clone(), id })
            }));
        }
        Ok(gone)
    }
}

fn survivor(observation: &Observation) -> Option<RecordId> {
    match &observation.state {
        RecordState::MergedInto(master) => Some(master.clone()),
        RecordState::Live | RecordState::Deleted | RecordState::Converted { .. } => None,
    }
}
