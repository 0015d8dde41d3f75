//! Answers as outcomes of rows.

use super::super::{composite::Reply, errors::ApiError, ids, schema::Described, value};
use super::slot::{self, Slot, Sort};
use serde_json::Value as Json;
use syncline_kit::vendor::{EdgeWrite, Probe, Rejection, RejectionClass, RowOutcome, Write, WriteRow};
use syncline_model::{
    ConnectionName, FieldName, Observation, Observed, RecordRef, RecordState, Ref, Value,
    defect::{Defect, planted},
};

/// What is known of one row after one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It ended so.
    Settled(Box<RowOutcome>),
    /// Another transaction holds its record.
    Locked,
}

/// Which rows are the reason of a refusal as a whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// Some row that is not told.
    OneRow,
    /// Those that write these fields.
    Fields(Vec<FieldName>),
    /// None in particular.
    All,
}

fn settled(outcome: RowOutcome) -> Verdict {
    Verdict::Settled(Box::new(outcome))
}

/// What one subrequest came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// Row by row.
    Rows(Vec<Verdict>),
    /// The subrequest was refused as a whole; each row has this to show for it.
    Refused(Verdict, Blame),
}

impl Judged {
    pub(super) fn into_rows(self, count: usize) -> Vec<Verdict> {
        match self {
            Self::Rows(rows) => rows,
            Self::Refused(verdict, _) => vec![verdict; count],
        }
    }
}

pub(super) fn judge(connection: &ConnectionName, rows: &[WriteRow], slot: &Slot, reply: &Reply) -> Judged {
    let row_at = |index: usize| slot.rows.get(index).and_then(|position| rows.get(*position));
    if reply.status >= 500 || reply.status < 200 {
        let why = format!("HTTP {} within the call: {}", reply.status, reply.error().message);
        return Judged::Rows(vec![settled(RowOutcome::Unknown { why }); slot.rows.len()]);
    }
    if slot.sort == Sort::Alone {
        return Judged::Rows(row_at(0).map(|row| alone(connection, row, reply)).into_iter().collect());
    }
    if !reply.ok() {
        let error = reply.error();
        let verdict = match row_at(0) {
            Some(row) => refusal(connection, row, &error, false),
            None => settled(RowOutcome::Again { why: error.message }),
        };
        let blame = match error.code.as_str() {
            "JSON_PARSER_ERROR" | "MALFORMED_ID" => Blame::OneRow,
            _ if !error.fields.is_empty() => Blame::Fields(error.fields),
            _ => Blame::All,
        };
        return Judged::Refused(verdict, blame);
    }
    let entries: Vec<Json> = reply.parse().unwrap_or_default();
    let judged = (0..slot.rows.len()).map(|index| match (row_at(index), entries.get(index)) {
        (Some(row), Some(entry)) => one(connection, row, &slot.sort, entry),
        _ => settled(RowOutcome::Unknown { why: "the answer has no word on this row".to_owned() }),
    });
    Judged::Rows(judged.collect())
}

/// One row of a collection's answer.
fn one(connection: &ConnectionName, row: &WriteRow, sort: &Sort, entry: &Json) -> Verdict {
    if entry.get("success").and_then(Json::as_bool) == Some(true) {
        let created = entry.get("created").and_then(Json::as_bool).unwrap_or(*sort == Sort::Role);
        let id = entry.get("id").and_then(Json::as_str);
        return confirmed(connection, row, id, created);
    }
    if planted(Defect::PartialBatch) && !matches!(row.write, Write::Create { .. }) {
        return confirmed(connection, row, None, false);
    }
    match entry.get("errors").and_then(ApiError::of) {
        Some(error) => refusal(connection, row, &error, true),
        None => settled(RowOutcome::Unknown { why: "a refusal without a reason".to_owned() }),
    }
}

/// The answer to a request for one row.
fn alone(connection: &ConnectionName, row: &WriteRow, reply: &Reply) -> Verdict {
    match reply.status {
        200..300 => {
            let body = reply.json();
            let created = body.get("created").and_then(Json::as_bool).unwrap_or(reply.status == 201);
            confirmed(connection, row, body.get("id").and_then(Json::as_str), created)
        }
        412 => settled(RowOutcome::Rejected(Rejection {
            class: RejectionClass::Moved,
            code: "PRECONDITION_FAILED".to_owned(),
            message: "the record changed since the version given".to_owned(),
        })),
        _ => refusal(connection, row, &reply.error(), true),
    }
}

fn confirmed(connection: &ConnectionName, row: &WriteRow, id: Option<&str>, created: bool) -> Verdict {
    let record = match &row.write {
        Write::Create { object, .. } => {
            let Some(id) = id else {
                let why = "a create was answered without an id".to_owned();
                return settled(RowOutcome::Unknown { why });
            };
            RecordRef::new(connection.clone(), object.clone(), ids::canonical(id))
        }
        Write::Update { record, .. } | Write::Archive { record } => record.clone(),
        Write::Associate(edge) | Write::Dissociate(edge) => edge.from.clone(),
    };
    settled(RowOutcome::Confirmed { record, created, observation: None })
}

/// What is said of a row whose refusal nobody looked at. A create cannot be mistaken so: there is no id to go on with.
pub(super) fn as_if_written(connection: &ConnectionName, row: &WriteRow) -> RowOutcome {
    match confirmed(connection, row, None, false) {
        Verdict::Settled(outcome) => *outcome,
        Verdict::Locked => RowOutcome::Again { why: "locked".to_owned() },
    }
}

/// A refusal of a row. `own`: it was spoken of this row and not of its whole collection.
fn refusal(connection: &ConnectionName, row: &WriteRow, error: &ApiError, own: bool) -> Verdict {
    if error.code == "UNABLE_TO_LOCK_ROW" {
        return Verdict::Locked;
    }
    if error.passes() || error.is_limit() {
        return settled(RowOutcome::Again { why: format!("{}: {}", error.code, error.message) });
    }
    let gone = own
        && matches!(error.code.as_str(), "ENTITY_IS_DELETED" | "NOT_FOUND" | "INVALID_CROSS_REFERENCE_KEY");
    let removes = slot::sort(row, false) == Sort::Delete;
    if gone && removes {
        let record = match &row.write {
            Write::Dissociate(edge) => edge.from.clone(),
            Write::Archive { record } | Write::Update { record, .. } => record.clone(),
            Write::Associate(edge) => edge.from.clone(),
            Write::Create { object, .. } => RecordRef::new(connection.clone(), object.clone(), ""),
        };
        return settled(RowOutcome::Confirmed { record, created: false, observation: None });
    }
    let target = own && slot::target(row).is_some();
    settled(RowOutcome::Rejected(error.rejection(connection, &slot::object(row), target)))
}

/// Whether a record as it is now shows that a write took effect.
pub(super) fn compare(described: &Described, row: &WriteRow, now: &Observation) -> Probe {
    let field =
        |name: &str| now.fields.iter().find(|(field, _)| field.as_str() == name).map(|(_, seen)| seen);
    let live = matches!(now.state, RecordState::Live | RecordState::Converted { .. });
    let role = |edge: &EdgeWrite, primary: bool| match field(edge.field.as_str()) {
        Some(Observed::Value(Value::Refs(refs))) => {
            Some(refs.iter().any(|to| is_role(to, edge) && (to.primary || !primary)))
        }
        Some(Observed::Empty) => Some(false),
        _ => None,
    };
    let holds = |(name, wanted): &(FieldName, Option<Value>)| {
        field(name.as_str()).is_some_and(|seen| value::holds(described, name.as_str(), seen, wanted.as_ref()))
    };
    let written = match &row.write {
        Write::Archive { .. } => Some(!live),
        Write::Update { fields, .. } if live => {
            let held: Vec<&FieldName> = fields.iter().filter(|it| holds(it)).map(|(name, _)| name).collect();
            if !held.is_empty() && held.len() < fields.len() {
                let shown = now.fields.iter().filter(|(name, _)| held.contains(&name)).cloned().collect();
                let seen = Observation { version: None, modified: None, fields: shown, ..now.clone() };
                return Probe::Partly(Box::new(seen));
            }
            Some(!held.is_empty() || fields.is_empty())
        }
        Write::Associate(edge) if slot::is_role(edge) && live => role(edge, edge.primary),
        Write::Dissociate(edge) if slot::is_role(edge) && live => role(edge, false).map(|there| !there),
        Write::Associate(edge) | Write::Dissociate(edge) if live && !slot::is_role(edge) => {
            let wanted = matches!(&row.write, Write::Associate(_))
                .then(|| Value::Refs(vec![Ref::to(edge.to.object.clone(), edge.to.id.clone())]));
            field(edge.field.as_str())
                .map(|seen| value::holds(described, edge.field.as_str(), seen, wanted.as_ref()))
        }
        // A record that is gone shows nothing of what was written to it; sending again learns that it is gone.
        Write::Update { .. } | Write::Associate(_) | Write::Dissociate(_) | Write::Create { .. } => {
            Some(false)
        }
    };
    match written {
        Some(true) => Probe::Written(Box::new(now.clone())),
        Some(false) => Probe::NotWritten,
        None => Probe::Undecided { why: "the relation cannot be seen".to_owned() },
    }
}

fn is_role(to: &Ref, edge: &EdgeWrite) -> bool {
    match (&edge.row, &to.row) {
        (Some(wanted), Some(row)) if matches_id(wanted.as_str(), row.as_str()) => {}
        (Some(_), _) => return false,
        (None, _) => {}
    }
    to.id == edge.to.id && edge.role.as_ref().is_none_or(|role| to.role.as_ref() == Some(role))
}

fn matches_id(a: &str, b: &str) -> bool {
    ids::canonical(a) == ids::canonical(b)
}
