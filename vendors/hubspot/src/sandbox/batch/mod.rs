//! `/crm/v3/objects/{type}/batch/…`: the five calls. Here: reading and archiving; the three that write stand in [`write`].

mod answer;
mod write;

use super::HubSpot;
use super::call::Call;
use super::kind::Kind;
use super::objects::{locate, wants_archived};
use super::record::{Record, Select};
use super::wire::{ApiError, Reply, list_at, text_at, texts_at};
use answer::missing_row;
use http::StatusCode;
use serde_json::Value;
use std::collections::BTreeSet;
use write::Verb;

/// Inputs of one call, and when property history is read [d25 usage-details].
const INPUTS: usize = 100;
const INPUTS_WITH_HISTORY: usize = 50;

impl HubSpot {
    /// One of the five batch calls.
    pub(super) fn batch(&mut self, kind: Kind, verb: &str, call: &Call<'_>) -> Result<Reply, ApiError> {
        match verb {
            "read" => self.batch_read(kind, call),
            "create" => self.batch_write(kind, Verb::Create, call),
            "update" => self.batch_write(kind, Verb::Update, call),
            "upsert" => self.batch_write(kind, Verb::Upsert, call),
            "archive" => self.batch_archive(kind, call),
            _ => Err(call.no_such_path()),
        }
    }

    fn batch_read(&self, kind: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let history = texts_at(&call.body, "propertiesWithHistory");
        let inputs = if history.is_empty() {
            inputs(&call.body, INPUTS)?
        } else {
            inputs(&call.body, INPUTS_WITH_HISTORY).map_err(|_| {
                ApiError::validation(
                    "The maximum number of inputs supported in a batch request for property histories is 50",
                )
            })?
        };
        let by = text_at(&call.body, "idProperty");
        let archived = wants_archived(call);
        let select = Select::new(&self.portal, kind, &texts_at(&call.body, "properties"), &history);
        let table = self.portal.table(kind);
        let (mut slots, mut missing) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for id in inputs.iter().filter_map(|input| text_at(input, "id")) {
            if !seen.insert(id.clone()) {
                continue;
            }
            let slot = if archived {
                id.parse().ok().and_then(|id| table.slot(id)).filter(|slot| table.bin.contains(slot))
            } else {
                match locate(&self.portal, kind, &id, by.as_deref()) {
                    Ok(slot) => slot,
                    Err(error) if error.status == StatusCode::NOT_FOUND => None,
                    Err(error) => return Err(error),
                }
            };
            match slot {
                Some(slot) => slots.push(slot),
                None => missing.push(id),
            }
        }
        let results =
            slots.iter().filter_map(|slot| Record::of(&self.portal, kind, *slot, &select)).collect();
        let errors = if missing.is_empty() { Vec::new() } else { vec![missing_row(kind, &missing, None)] };
        Ok(self.answer(StatusCode::OK, results, errors, call.now()))
    }

    fn batch_archive(&mut self, kind: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        for id in inputs(&call.body, INPUTS)?.iter().filter_map(|input| text_at(input, "id")) {
            if let Ok(Some(slot)) = locate(&self.portal, kind, &id, None) {
                self.portal.archive(kind, slot, &call.act);
            }
        }
        Ok(Reply::empty())
    }
}

/// The inputs of a body, at most `most`.
pub(super) fn inputs(body: &Value, most: usize) -> Result<&[Value], ApiError> {
    let inputs = list_at(body, "inputs");
    if inputs.len() > most {
        let message = format!("The maximum number of inputs supported in a batch request is {most}");
        return Err(ApiError::validation(&message));
    }
    Ok(inputs)
}
