//! Writing: one call, and what each of its rows came to.

mod associations;
mod currency;
mod objects;

use super::{HubSpot, client::Failure, fault::Fault, pack::Shape};
pub(super) use objects::{answered, fields};
use std::ops::Range;
use syncline_kit::vendor::{RowOutcome, VendorError, WriteCall, WriteRow};
use syncline_model::ObjectName;

/// What one HTTP call came to.
enum Attempt {
    /// The vendor answered row by row.
    Rows(Vec<RowOutcome>),
    /// The vendor refused the call; nothing was written.
    Refused(Fault),
}

impl HubSpot {
    /// Makes one call. A call that is refused as a whole is repeated in halves, so that one bad row fails alone.
    pub(super) async fn write_call(&self, call: &WriteCall) -> Result<Vec<RowOutcome>, VendorError> {
        let Some(first) = call.rows.first() else { return Ok(Vec::new()) };
        let rows: Vec<&WriteRow> = call.rows.iter().collect();
        let shape = Shape::of(&first.write);
        match &shape {
            Shape::Unlabel(field) => self.unlabel(field, &rows).await,
            Shape::Create(_)
            | Shape::Upsert(..)
            | Shape::Update(_)
            | Shape::Archive(_)
            | Shape::Associate(_)
            | Shape::Dissociate(_) => self.write_rows(&shape, &rows).await,
        }
    }

    async fn write_rows(&self, shape: &Shape, rows: &[&WriteRow]) -> Result<Vec<RowOutcome>, VendorError> {
        let mut outcomes: Vec<Option<RowOutcome>> = rows.iter().map(|_| None).collect();
        let everything: Range<usize> = 0..rows.len();
        let mut open = Vec::from([everything]);
        while let Some(range) = open.pop() {
            let attempt = self.attempt(shape, &rows[range.clone()]).await;
            let same = |outcome: RowOutcome| vec![outcome; range.len()];
            let settled = match attempt {
                Ok(Attempt::Rows(list)) => list,
                Ok(Attempt::Refused(fault)) if range.len() > 1 && fault.status != 403 => {
                    let middle = range.start + range.len() / 2;
                    open.push(middle..range.end);
                    open.push(range.start..middle);
                    continue;
                }
                Ok(Attempt::Refused(fault)) => {
                    let rejection = fault.rejection(&self.connection, &object(rows[range.start]));
                    same(RowOutcome::Rejected(rejection))
                }
                Err(Failure::Unknown(why)) => same(RowOutcome::Unknown { why }),
                Err(Failure::Locked(why)) => same(RowOutcome::Again { why }),
                Err(Failure::Nothing(error)) if range.len() == rows.len() => return Err(error),
                Err(Failure::Nothing(error)) => same(RowOutcome::Again { why: error.to_string() }),
            };
            for (slot, outcome) in outcomes[range].iter_mut().zip(settled) {
                *slot = Some(outcome);
            }
        }
        let unsaid = || RowOutcome::Unknown { why: "the answer does not speak of this row".to_owned() };
        Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unsaid)).collect())
    }

    async fn attempt(&self, shape: &Shape, rows: &[&WriteRow]) -> Result<Attempt, Failure> {
        match shape {
            Shape::Create(object) => self.put_objects(shape, object, None, rows).await,
            Shape::Upsert(object, key) => self.put_objects(shape, object, Some(key), rows).await,
            Shape::Update(object) => self.put_objects(shape, object, None, rows).await,
            Shape::Archive(object) => self.archive(shape, object, rows).await,
            Shape::Associate(field) => self.associate(shape, field, rows).await,
            Shape::Dissociate(_) | Shape::Unlabel(_) => self.dissociate(shape, rows).await,
        }
    }
}

/// The object that a row writes to (an edge: of the child).
fn object(row: &WriteRow) -> ObjectName {
    use syncline_kit::vendor::Write;
    match &row.write {
        Write::Create { object, .. } => object.clone(),
        Write::Update { record, .. } | Write::Archive { record } => record.object.clone(),
        Write::Associate(edge) | Write::Dissociate(edge) => edge.from.object.clone(),
    }
}
