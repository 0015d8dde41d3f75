//! What a batch answers: a row for each input that was done, and one for each error.

use super::write::Verb;
use crate::sandbox::{
    HubSpot,
    call::Call,
    kind::Kind,
    record::{Record, Select},
    stamp,
    table::Slot,
    wire::{ApiError, Reply},
};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// What one input did.
pub(super) struct Done {
    pub(super) slot: Slot,
    pub(super) trace: Option<String>,
    pub(super) new: Option<bool>,
    pub(super) names: Vec<String>,
}

/// The answer of a batch.
#[derive(serde::Serialize)]
struct Answer<'a> {
    status: &'static str,
    results: Vec<Record<'a>>,
    #[serde(rename = "startedAt")]
    started_at: String,
    #[serde(rename = "completedAt")]
    completed_at: String,
    #[serde(rename = "numErrors", skip_serializing_if = "Option::is_none")]
    num_errors: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Value>,
}

impl HubSpot {
    pub(super) fn written(
        &mut self,
        kind: Kind,
        verb: Verb,
        mut done: Vec<Done>,
        errors: Vec<Value>,
        call: &Call<'_>,
    ) -> Reply {
        if self.portal.knobs.shuffle_batch_results {
            let mut random = self.portal.random.clone();
            done.sort_by_cached_key(|_| random.next());
            self.portal.random = random;
        }
        let selects: Vec<Select> = done
            .iter()
            .map(|done| match (verb, done.new) {
                (Verb::Create, _) | (_, Some(true)) => Select::everything(&self.portal, kind),
                _ => Select::new(&self.portal, kind, &done.names, &[]),
            })
            .collect();
        let results = done
            .iter()
            .zip(&selects)
            .filter_map(|(done, select)| {
                let mut record = Record::of(&self.portal, kind, done.slot, select)?;
                if let Some(new) = done.new {
                    record = record.with("new", json!(new));
                }
                Some(match &done.trace {
                    Some(trace) => record.with("objectWriteTraceId", json!(trace)),
                    None => record,
                })
            })
            .collect();
        let status = if verb == Verb::Create { StatusCode::CREATED } else { StatusCode::OK };
        self.answer(status, results, errors, call.now())
    }

    pub(super) fn answer(
        &self,
        status: StatusCode,
        results: Vec<Record<'_>>,
        errors: Vec<Value>,
        now: i64,
    ) -> Reply {
        let failed = !errors.is_empty();
        let answer = Answer {
            status: "COMPLETE",
            results,
            started_at: stamp::text(now),
            completed_at: stamp::text(now),
            num_errors: failed.then_some(errors.len()),
            errors,
        };
        Reply::json(if failed { StatusCode::MULTI_STATUS } else { status }, &answer)
    }
}

/// A row of `errors`: an error body without its correlation id.
pub(super) fn error_row(error: ApiError, trace: Option<&str>, existing: Option<u64>) -> Value {
    let mut row: Map<String, Value> =
        error.body.into_iter().filter(|(name, _)| name != "correlationId" && name != "errors").collect();
    let context = row.entry("context").or_insert_with(|| json!({}));
    if let Some(context) = context.as_object_mut() {
        if let Some(trace) = trace {
            context.insert("objectWriteTraceId".to_owned(), json!([trace]));
        }
        if let Some(id) = existing {
            context.insert("existingId".to_owned(), json!([id.to_string()]));
        }
    }
    Value::Object(row)
}

/// The row for records that are not there [amp batch/update].
pub(super) fn missing_row(kind: Kind, ids: &[String], trace: Option<&str>) -> Value {
    let what = kind.singular().to_uppercase();
    let mut context = json!({"ids": ids});
    if let (Some(trace), Some(context)) = (trace, context.as_object_mut()) {
        context.insert("objectWriteTraceId".to_owned(), json!([trace]));
    }
    json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": format!("Could not get some {what} objects, they may be deleted or not exist. Check that ids are valid."),
        "context": context,
    })
}
