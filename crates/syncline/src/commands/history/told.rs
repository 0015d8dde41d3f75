//! Journal entries in words.

use syncline_engine::history::ToldValues;
use syncline_model::{
    Action,
    journal::{Event, IntendedRow, RowResult, RowValues},
};

/// An event in one line; calls in one line a row.
pub(super) fn sentence(event: &Event) -> String {
    match event {
        Event::RunStarted { plan, by } => format!("{by} began to apply plan {plan}"),
        Event::RunEnded { summary } => format!("the run ended: {summary}"),
        Event::Baseline { connection, object, rows, range: (first, last) } => {
            format!("{connection}/{object}: {rows} records first read, {first} to {last}")
        }
        Event::Changed { record, fields } => format!("{record} changed: {}", fields.join(", ")),
        Event::Linked { record, facet, entity, state, evidence } => {
            format!("{record} is {facet} {entity}: {state:?}, {evidence:?}")
        }
        Event::CallIntended { connection, endpoint, rows, .. } => {
            lines(format!("to send to {connection}: {endpoint}"), rows.iter().map(intended))
        }
        Event::CallEnded { call, rows } => lines(format!("answered ({})", call.0), rows.iter().map(result)),
        Event::Confirmed { what, who } => format!("{who} confirmed the {what}"),
        Event::Review { review, state } => format!("review {review}: {state:?}"),
        Event::Config { sha256 } => {
            format!("another configuration or schema is in force ({})", sha256.get(..12).unwrap_or(sha256))
        }
        Event::Erased { record, who } => format!("{who} had the past of {record} erased"),
        Event::LetGo { observed, entries } => format!(
            "kept long enough: observed values up to entry {}, entries up to {}",
            observed.0, entries.0
        ),
    }
}

/// The same, with the values of its rows.
pub(super) fn values(event: &Event, values: &[ToldValues]) -> String {
    let of = |row: usize| values.iter().find(|one| one.row as usize == row);
    match event {
        Event::Changed { record, .. } if of(0).is_some() => {
            lines(format!("{record} changed"), of(0).into_iter().flat_map(told))
        }
        Event::CallEnded { call, rows } => {
            let row = |(row, outcome): (usize, &RowResult)| {
                let values = of(row).map(told).unwrap_or_default();
                values.into_iter().fold(result(outcome), |text, value| text + "\n    " + &value)
            };
            lines(format!("answered ({})", call.0), rows.iter().enumerate().map(row))
        }
        Event::RunStarted { .. }
        | Event::RunEnded { .. }
        | Event::Baseline { .. }
        | Event::Changed { .. }
        | Event::Linked { .. }
        | Event::CallIntended { .. }
        | Event::Confirmed { .. }
        | Event::Review { .. }
        | Event::Config { .. }
        | Event::Erased { .. }
        | Event::LetGo { .. } => sentence(event),
    }
}

/// The values of one row, a line each.
fn told(row: &ToldValues) -> Vec<String> {
    let Some(values) = &row.values else { return vec!["(erased)".to_owned()] };
    match values {
        RowValues::Changed(moved) => {
            moved.iter().map(|one| format!("{}: {} -> {}", one.field, one.before, one.after)).collect()
        }
        RowValues::Written(written) => match &written.operation.action {
            Action::Create { fields, .. } | Action::Update { fields, .. } => {
                fields.iter().map(|one| format!("{}: {} -> {}", one.field, one.before, one.after)).collect()
            }
            Action::Associate(association) => {
                vec![format!("{}: related to {}", association.edge, association.to)]
            }
            Action::Dissociate(association) => {
                vec![format!("{}: no longer related to {}", association.edge, association.to)]
            }
            Action::Archive { .. } => vec!["archived".to_owned()],
        },
    }
}

fn lines(head: String, rows: impl Iterator<Item = String>) -> String {
    rows.fold(head, |text, row| text + "\n  " + &row)
}

fn intended(row: &IntendedRow) -> String {
    let what = match (&row.record, &row.object) {
        (Some(record), _) => record.to_string(),
        (None, Some(object)) => object.to_string(),
        (None, None) => row.entity.to_string(),
    };
    format!("{} {what}: {}", row.word, row.fields.join(", "))
}

fn result(row: &RowResult) -> String {
    match row {
        RowResult::Confirmed { record, created: true } => format!("created {record}"),
        RowResult::Confirmed { record, created: false } => format!("written {record}"),
        RowResult::Rejected { code, message } => format!("refused: {code}: {message}"),
        RowResult::Unknown { why } => format!("outcome unknown: {why}"),
        RowResult::NotSent { why } => format!("not sent: {why}"),
        RowResult::Resolved { record: Some(record) } => format!("a read found it done: {record}"),
        RowResult::Resolved { record: None } => "a read found that nothing was written".to_owned(),
        RowResult::Parked { why } => format!("undecidable, a person looks: {why}"),
    }
}
