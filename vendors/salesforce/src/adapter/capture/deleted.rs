//! Records that are gone without leaving a row: the vendor's log of deletions daily, and a comparison with what is
//! stored when the log does not reach back far enough.

use super::super::{
    Salesforce,
    composite::{Part, Reply},
    ids,
    reading::Reading,
    soql, time,
};
use super::place::{Place, RETENTION};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use syncline_kit::vendor::{CapturePage, Known, VendorError};
use syncline_model::{
    ObjectName, Observation, RecordId, RecordRef, RecordState,
    defect::{Defect, planted},
};

/// How often the log is read.
const EVERY: SignedDuration = SignedDuration::from_hours(24);
/// The log is written with a delay; windows overlap by this.
const LOG_LAG: SignedDuration = SignedDuration::from_hours(1);
/// Stored ids compared in one page: five queries of 500.
const COMPARED: usize = 2500;

/// A read of one object's log.
pub(super) struct Log {
    object: String,
    end: Timestamp,
    start: Timestamp,
    pub(super) part: Part,
}

/// A read of an object's deletion log, `start` before `end` and at most 15 days back [doc: research §5].
pub(in super::super) fn log_part(object: &str, start: Timestamp, end: Timestamp) -> Part {
    let stamp = |at: Timestamp| soql::encode(&format!("{}+00:00", at.strftime("%Y-%m-%dT%H:%M:%S")));
    Part::new("GET", &format!("/sobjects/{object}/deleted?start={}&end={}", stamp(start), stamp(end)))
}

/// How far back the log may be asked.
pub(in super::super) fn log_start(server: Timestamp) -> Timestamp {
    server.checked_sub(RETENTION.saturating_sub(LOG_LAG)).unwrap_or(server)
}

/// Ids in a log's answer.
pub(in super::super) fn log_ids(body: &Json) -> Vec<RecordId> {
    let entries = body.get("deletedRecords").and_then(Json::as_array);
    entries
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(ids::canonical(entry.get("id")?.as_str()?)))
        .collect()
}

/// A record that is gone.
pub(in super::super) fn tombstone(record: RecordRef) -> Observation {
    Observation { record, version: None, modified: None, state: RecordState::Deleted, fields: Vec::new() }
}

impl Salesforce {
    /// The logs that are due.
    pub(super) fn deletion_parts(&self, place: &Place, readings: &BTreeMap<String, Reading>) -> Vec<Log> {
        let server = self.client.server_time();
        readings
            .keys()
            .filter(|name| name.as_str() != super::USER && !planted(Defect::NoDeletes))
            .filter_map(|name| {
                let stream = place.streams.get(name)?;
                let read = stream.checkpoint.and(stream.deleted)?;
                if server.duration_since(read) < EVERY {
                    return None;
                }
                let start = read.checked_sub(LOG_LAG).unwrap_or(read).max(log_start(server));
                Some(Log { object: name.clone(), end: server, start, part: log_part(name, start, server) })
            })
            .collect()
    }

    /// Looks at logged records that are stored: they may have been restored, merged or purged.
    pub(super) async fn deletions(
        &self,
        logs: Vec<(Log, Reply)>,
        place: &mut Place,
        readings: &BTreeMap<String, Reading>,
        known: &dyn Known,
        page: &mut CapturePage,
    ) -> Result<(), VendorError> {
        for (log, reply) in logs {
            let (Some(reading), Some(stream)) =
                (readings.get(&log.object), place.streams.get_mut(&log.object))
            else {
                continue;
            };
            if !reply.ok() {
                continue; // An object without a log; the next cycle asks again, in a call that is made anyway.
            }
            let body = reply.json();
            let date = |name: &str| body.get(name).and_then(Json::as_str).and_then(time::instant);
            if date("earliestDateAvailable").is_some_and(|earliest| earliest > log.start) {
                stream.compare.get_or_insert_default();
            }
            stream.deleted = Some(date("latestDateCovered").unwrap_or(log.end).min(log.end));
            let logged = log_ids(&body);
            let stored = known.versions(&reading.object, &logged).await;
            let ids: Vec<RecordId> =
                logged.into_iter().zip(stored).filter_map(|(id, version)| version.map(|_| id)).collect();
            let (seen, absent) = self.read_rows(reading, &ids).await?;
            page.observations.extend(seen);
            page.observations.extend(absent.into_iter().map(|id| self.gone(&reading.object, id)));
        }
        Ok(())
    }

    /// Compares stored ids with the vendor's, a page at a time. A 404 by id proves absence (decisions §3).
    pub(super) async fn compare(
        &self,
        place: &mut Place,
        readings: &BTreeMap<String, Reading>,
        known: &dyn Known,
        page: &mut CapturePage,
    ) -> Result<(), VendorError> {
        let due = place.streams.iter().find_map(|(name, stream)| {
            let after = stream.compare.clone().filter(|_| stream.sweep.is_none())?;
            Some((name.clone(), after))
        });
        let Some((name, after)) = due else { return Ok(()) };
        let Some(stream) = place.streams.get_mut(&name) else { return Ok(()) };
        let Some(reading) = readings.get(&name) else {
            stream.compare = None;
            return Ok(());
        };
        let from = (!after.is_empty()).then(|| RecordId::from(after));
        let stored = known.ids(&reading.object, from, COMPARED).await;
        stream.compare = if stored.len() < COMPARED { None } else { stored.last().map(ToString::to_string) };
        let (seen, absent) = self.read_rows(reading, &stored).await?;
        page.observations.extend(seen);
        let parts =
            absent.iter().map(|id| Part::new("GET", &format!("/sobjects/{}/{id}?fields=Id", reading.object)));
        let (_, replies) = self.client.read_parts(parts.collect()).await?;
        let gone = absent.into_iter().zip(replies).filter(|(_, reply)| reply.status == 404);
        page.observations.extend(gone.map(|(id, _)| self.gone(&reading.object, id)));
        Ok(())
    }

    fn gone(&self, object: &ObjectName, id: RecordId) -> Observation {
        tombstone(RecordRef { connection: self.connection.clone(), object: object.clone(), id })
    }
}
