//! `/crm/v3/objects/{type}/batch/…`: all or nothing, or row by row when every input carries its own trace id.

use super::HubSpot;
use super::call::Call;
use super::kind::Kind;
use super::objects::{WantedTie, given, locate, refused, wanted_ties, wants_archived};
use super::portal::Portal;
use super::record::{Record, Select};
use super::stamp;
use super::table::Slot;
use super::wire::{ApiError, Reply, list_at, text_at, texts_at};
use super::write::{Given, Prepared, Refusal};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Inputs of one call, and when property history is read [d25 usage-details].
const INPUTS: usize = 100;
const INPUTS_WITH_HISTORY: usize = 50;

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

/// One input of a writing batch.
struct Input {
    id: String,
    by: Option<String>,
    trace: Option<String>,
    given: Given,
    ties: Vec<WantedTie>,
}

/// What one input did.
struct Done {
    slot: Slot,
    trace: Option<String>,
    new: Option<bool>,
    names: Vec<String>,
}

/// What a writing batch does with an input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Create,
    Update,
    Upsert,
}

/// A row of `errors`: an error body without its correlation id.
fn error_row(error: ApiError, trace: Option<&str>, existing: Option<u64>) -> Value {
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
fn missing_row(kind: Kind, ids: &[String], trace: Option<&str>) -> Value {
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

/// The inputs of a body, at most `most`.
pub(super) fn inputs(body: &Value, most: usize) -> Result<&[Value], ApiError> {
    let inputs = list_at(body, "inputs");
    if inputs.len() > most {
        let message = format!("The maximum number of inputs supported in a batch request is {most}");
        return Err(ApiError::validation(&message));
    }
    Ok(inputs)
}

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

    fn batch_write(&mut self, kind: Kind, verb: Verb, call: &Call<'_>) -> Result<Reply, ApiError> {
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

    fn written(
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

    fn answer(&self, status: StatusCode, results: Vec<Record<'_>>, errors: Vec<Value>, now: i64) -> Reply {
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

fn conflict_id(refusal: &Refusal) -> Option<u64> {
    match refusal {
        Refusal::Conflict(id) => Some(*id),
        Refusal::Invalid(_) | Refusal::Missing(_) => None,
    }
}

impl Portal {
    /// Finds or makes a company for a contact's e-mail domain, where the account wants that (switch).
    pub(super) fn auto_company(&mut self, (kind, slot): super::edges::End, act: &super::portal::Act) {
        if kind != Kind::Contacts || !self.knobs.company_auto_create {
            return;
        }
        let Some(domain) = self.text(kind, slot, "hs_email_domain").filter(|domain| !is_freemail(domain))
        else {
            return;
        };
        if self.edges.of((kind, slot), Kind::Companies, 0).next().is_some() {
            return;
        }
        let counts = (self.written, self.unchanged);
        let act = super::portal::Act { source: super::table::Source::Automation, ..*act };
        let named = self.pool.find(&domain).and_then(|sym| self.domains.get(&sym));
        let company = named
            .and_then(|slots| slots.iter().copied().find(|slot| self.table(Kind::Companies).is_live(*slot)))
            .or_else(|| {
                let given =
                    vec![("domain".to_owned(), Some(domain.clone())), ("name".to_owned(), Some(domain))];
                let prepared = self.prepare(Kind::Companies, None, &given).ok()?;
                Some(self.create(Kind::Companies, prepared, &act))
            });
        if let Some(company) = company {
            let end = (Kind::Companies, company);
            self.associate((kind, slot), end, &[279], super::links::Tie::Add, &act);
        }
        (self.written, self.unchanged) = counts;
    }
}

fn is_freemail(domain: &str) -> bool {
    [
        "gmail.com",
        "googlemail.com",
        "hotmail.com",
        "outlook.com",
        "yahoo.com",
        "icloud.com",
        "aol.com",
        "gmx.de",
        "gmx.net",
    ]
    .contains(&domain)
}
