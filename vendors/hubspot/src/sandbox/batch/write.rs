//! The batches that write: all or nothing, or row by row when every input carries its own trace id.

use super::{
    INPUTS,
    answer::{Done, error_row, missing_row},
    inputs,
};
use crate::sandbox::{
    HubSpot,
    call::Call,
    kind::Kind,
    objects::{WantedTie, given, locate, refused, wanted_ties},
    table::Slot,
    wire::{ApiError, Reply, text_at},
    write::{Given, Prepared, Refusal},
};
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a writing batch does with an input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Update,
    Upsert,
}

/// One input of a writing batch.
struct Input {
    id: String,
    by: Option<String>,
    trace: Option<String>,
    given: Given,
    ties: Vec<WantedTie>,
}

impl HubSpot {
    pub(super) fn batch_write(&mut self, kind: Kind, verb: Verb, call: &Call<'_>) -> Result<Reply, ApiError> {
        let raw = inputs(&call.body, INPUTS)?;
        let traces: Vec<Option<String>> =
            raw.iter().map(|input| text_at(input, "objectWriteTraceId")).collect();
        let distinct: BTreeSet<&String> = traces.iter().flatten().collect();
        let row_by_row = !raw.is_empty() && distinct.len() == raw.len();
        if verb != Verb::Create {
            let ids: Vec<String> = raw.iter().map(|input| text_at(input, "id").unwrap_or_default()).collect();
            if ids.iter().any(|id| id.trim().is_empty()) {
                return Err(ApiError::validation("Some ids in the batch input are null or blank"));
            }
            no_duplicates(&ids)?;
        }
        let mut all = Vec::new();
        let mut errors = Vec::new();
        for (input, trace) in raw.iter().zip(traces) {
            let ties =
                if verb == Verb::Create { wanted_ties(&self.portal, kind, input) } else { Ok(Vec::new()) };
            let input = Input {
                id: text_at(input, "id").unwrap_or_default(),
                by: text_at(input, "idProperty"),
                trace,
                given: given(input),
                ties: match ties {
                    Ok(ties) => ties,
                    Err(error) if row_by_row => {
                        let trace = text_at(input, "objectWriteTraceId");
                        errors.push(error_row(error, trace.as_deref(), None));
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            all.push(input);
        }
        let done = if row_by_row {
            self.row_by_row(kind, verb, all, &mut errors, call)?
        } else {
            self.all_or_nothing(kind, verb, all, &mut errors, call)?
        };
        Ok(self.written(kind, verb, done, errors, call))
    }

    fn row_by_row(
        &mut self,
        kind: Kind,
        verb: Verb,
        all: Vec<Input>,
        errors: &mut Vec<Value>,
        call: &Call<'_>,
    ) -> Result<Vec<Done>, ApiError> {
        let mut done = Vec::new();
        for mut input in all {
            let Some(target) = self.target(kind, verb, &mut input, errors)? else { continue };
            match self.portal.prepare(kind, target, &input.given) {
                Ok(prepared) => done.push(self.carry_out(kind, verb, target, input, prepared, call)),
                Err(refusal) => {
                    let existing = conflict_id(&refusal);
                    let error = refused(&self.portal, kind, refusal);
                    errors.push(error_row(error, input.trace.as_deref(), existing));
                }
            }
        }
        Ok(done)
    }

    fn all_or_nothing(
        &mut self,
        kind: Kind,
        verb: Verb,
        all: Vec<Input>,
        errors: &mut Vec<Value>,
        call: &Call<'_>,
    ) -> Result<Vec<Done>, ApiError> {
        let mut ready = Vec::new();
        let mut invalid = Vec::new();
        let mut first = None;
        let mut claimed = BTreeSet::new();
        for mut input in all {
            let Some(target) = self.target(kind, verb, &mut input, errors)? else { continue };
            match self.portal.prepare(kind, target, &input.given) {
                Ok(prepared) => {
                    let twice = prepared.claims.iter().any(|claim| !claimed.insert(claim.clone()));
                    if twice {
                        first = first.or(Some(Refusal::Conflict(0)));
                    }
                    ready.push((target, input, prepared));
                }
                Err(Refusal::Invalid(more)) => invalid.extend(more),
                Err(refusal) => first = first.or(Some(refusal)),
            }
        }
        if !invalid.is_empty() {
            return Err(ApiError::invalid(self.portal.id, &invalid));
        }
        match first {
            // Without trace ids the message names no record [amp err-conflict].
            Some(Refusal::Conflict(_)) => {
                return Err(
                    ApiError::new(StatusCode::CONFLICT, "Contact already exists").category("CONFLICT")
                );
            }
            Some(refusal) => return Err(refused(&self.portal, kind, refusal)),
            None => {}
        }
        Ok(ready
            .into_iter()
            .map(|(target, input, prepared)| self.carry_out(kind, verb, target, input, prepared, call))
            .collect())
    }

    /// Finds the record of an input. `Ok(None)`: there is none, and the verb makes one.
    fn target(
        &self,
        kind: Kind,
        verb: Verb,
        input: &mut Input,
        errors: &mut Vec<Value>,
    ) -> Result<Option<Option<Slot>>, ApiError> {
        if verb == Verb::Create {
            return Ok(Some(None));
        }
        let found = match locate(&self.portal, kind, &input.id, input.by.as_deref()) {
            Ok(found) => found,
            Err(error) if error.status == StatusCode::NOT_FOUND => None,
            Err(error) => return Err(error),
        };
        if found.is_some() {
            return Ok(Some(found));
        }
        let key = input.by.clone().filter(|by| by != "hs_object_id");
        match key {
            Some(by) if verb == Verb::Upsert => {
                if !input.given.iter().any(|(name, _)| *name == by) {
                    input.given.push((by, Some(input.id.clone())));
                }
                Ok(Some(None))
            }
            _ => {
                errors.push(missing_row(kind, std::slice::from_ref(&input.id), input.trace.as_deref()));
                Ok(None)
            }
        }
    }

    fn carry_out(
        &mut self,
        kind: Kind,
        verb: Verb,
        target: Option<Slot>,
        input: Input,
        prepared: Prepared,
        call: &Call<'_>,
    ) -> Done {
        let names = input.given.iter().map(|(name, _)| name.clone()).collect();
        let new = (verb == Verb::Upsert).then_some(target.is_none());
        let slot = match target {
            Some(slot) => {
                self.portal.update(kind, slot, prepared, &call.act);
                self.portal.auto_company((kind, slot), &call.act);
                slot
            }
            None => {
                let slot = self.portal.create(kind, prepared, &call.act);
                self.tie_new((kind, slot), &input.ties, call);
                slot
            }
        };
        Done { slot, trace: input.trace, new, names }
    }
}

/// 400 when an id stands twice in a batch [amp batch/update/err-duplicate-ids].
fn no_duplicates(ids: &[String]) -> Result<(), ApiError> {
    let mut seen = BTreeSet::new();
    let mut twice: Vec<&String> = ids.iter().filter(|id| !seen.insert(id.to_lowercase())).collect();
    twice.sort();
    twice.dedup();
    if twice.is_empty() {
        return Ok(());
    }
    let list = twice.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(", ");
    Err(ApiError::validation(&format!("Duplicate IDs found in batch input: [{list}]. IDs must be unique"))
        .with("context", json!({"ids": twice})))
}

fn conflict_id(refusal: &Refusal) -> Option<u64> {
    match refusal {
        Refusal::Conflict(id) => Some(*id),
        Refusal::Invalid(_) | Refusal::Missing(_) => None,
    }
}
