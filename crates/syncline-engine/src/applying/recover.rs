//! What a crash left open: calls whose intent is stored and whose end is not. Each of their rows is settled by a strong
//! read before anything else happens.

use super::{Applier, Intent, Tally, Turn, calling::Unknown, learn::payload};
use crate::{
    ctx::Ctx,
    error::Error,
    planning::{Keep, Pass},
    reread,
};
use std::collections::BTreeSet;
use syncline_kit::vendor::{Probe, RowOutcome, Write, WriteRow};
use syncline_model::{
    Action, AttributeName, FieldName, Observation, Observed, Operation, RecordRef,
    defect::{Defect, planted},
};

/// Settles every open call, and reads what one before it left to be read.
///
/// # Errors
/// [`Error::Vendor`] where a vendor cannot be read now: then nothing new may be written either.
pub async fn recover(ctx: &Ctx) -> Result<Tally, Error> {
    reread::read(ctx).await?;
    let open = ctx.store.open_calls().await?;
    let mut applier = Applier::new(ctx);
    if open.is_empty() {
        return Ok(applier.tally);
    }
    let mut pass = Pass::start(ctx, Keep::Stored).await?;
    for call in open {
        let mut payload = payload(&call.payload)?;
        let rows = &payload.call.rows;
        let (probes, why) = match ctx.connections.get(&call.connection) {
            Some(live) => {
                let probes = live.vendor.probe(rows).await;
                let probes = probes.map_err(|error| Error::vendor(&call.connection, error))?;
                (probes, "the program ended before the answer came")
            }
            // Nobody can be asked any more, and a call without an end would stand before every run.
            None => {
                let why = "its connection is not in the configuration any more";
                (vec![Probe::Undecided { why: why.to_owned() }; rows.len()], why)
            }
        };
        let (mut outcomes, mut moved) = (Vec::new(), Vec::new());
        let sent = payload.call.rows.iter_mut().zip(&mut payload.operations);
        for ((row, operation), probe) in sent.zip(probes) {
            outcomes.push(
                settled(row, operation, probe, &mut moved)
                    .unwrap_or_else(|| RowOutcome::Unknown { why: why.to_owned() }),
            );
        }
        applier.run = call.run;
        let intent = Intent { id: call.call, at: call.at, turn: Turn::Last, unknown: Unknown::Parked };
        reread::note_all(ctx, &moved).await?;
        applier
            .learn(&mut pass, &call.connection, intent, &payload.call, &payload.operations, outcomes)
            .await?;
        reread::read(ctx).await?;
    }
    Ok(applier.tally)
}

/// What a strong read makes of a row; `None`: it stays unknown. Records that somebody has changed since are added to
/// `moved`, to be read once what was written is known. Of an update of which only some fields are there, the row and its
/// operation keep these: they are agreed whoever wrote them, and are no edit that could win over a later one; the rest is
/// planned anew.
pub(super) fn settled(
    row: &mut WriteRow,
    operation: &mut Operation,
    probe: Probe,
    moved: &mut Vec<RecordRef>,
) -> Option<RowOutcome> {
    match probe {
        Probe::Partly(seen) => {
            keep_held(row, operation, &seen);
            if operation.action.fields().is_empty() {
                return Some(not_written());
            }
            let record = seen.record.clone();
            moved.push(record.clone());
            Some(RowOutcome::Confirmed { record, created: false, observation: Some(*seen) })
        }
        Probe::Written(observation) => {
            let record = match &row.write {
                Write::Associate(edge) | Write::Dissociate(edge) => edge.from.clone(),
                Write::Create { .. } | Write::Update { .. } | Write::Archive { .. } => {
                    observation.record.clone()
                }
            };
            // The record is proof of the create, and what it shows is later than it: another value is somebody's edit, not
            // what the vendor made of ours.
            let observation = if shows_others(row, &observation) {
                moved.push(record.clone());
                None
            } else {
                Some(*observation)
            };
            let created = matches!(row.write, Write::Create { .. });
            Some(RowOutcome::Confirmed { record, created, observation })
        }
        Probe::NotWritten => Some(not_written()),
        Probe::Undecided { why } if planted(Defect::BlindRetry) => Some(RowOutcome::Again { why }),
        Probe::Undecided { .. } => None,
    }
}

fn not_written() -> RowOutcome {
    RowOutcome::Again { why: "a read proved that nothing was written".to_owned() }
}

/// Leaves of an update what is there of it: the attributes of which every field holds what was written (a stage is no stage
/// without its pipeline).
fn keep_held(row: &mut WriteRow, operation: &mut Operation, seen: &Observation) {
    let held = |field: &FieldName| seen.fields.iter().any(|(name, _)| name == field);
    let Action::Update { fields: changes, .. } = &mut operation.action else { return };
    let missing = changes.iter().filter(|change| !held(&change.field));
    let missing: BTreeSet<AttributeName> = missing.map(|change| change.attribute.clone()).collect();
    changes.retain(|change| !missing.contains(&change.attribute));
    if let Write::Update { fields, .. } = &mut row.write {
        fields.retain(|(field, _)| changes.iter().any(|change| change.field == *field));
    }
}

/// Whether the record of a create shows other values than those it was made with.
fn shows_others(row: &WriteRow, seen: &Observation) -> bool {
    let Write::Create { fields, .. } = &row.write else { return false };
    fields.iter().any(|(field, written)| {
        let shown = seen.fields.iter().find(|(name, _)| name == field).map(|(_, shown)| shown);
        shown.is_some_and(|shown| shown.is_known() && *shown != Observed::from(written.clone()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{applying::OpenPayload, cycle, testing::Bench};
    use syncline_kit::vendor::WriteCall;
    use syncline_model::{ConnectionName, EntityId, Kind, OperationId, journal::CallId, review::Question};
    use syncline_store::{OpenCall, OpenOnly};
    use uuid::Uuid;

    /// A create and an update whose answer is lost.
    fn sent(connection: &ConnectionName) -> OpenPayload {
        let record = RecordRef::new(connection.as_str(), "contacts", "1");
        let create = Write::Create { object: "contacts".into(), key_field: None, fields: Vec::new() };
        let update = Write::Update { record: record.clone(), version: None, fields: Vec::new() };
        let created = Action::Create { object: "contacts".into(), fields: Vec::new() };
        let updated = Action::Update { record, fields: Vec::new() };
        let (mut rows, mut operations) = (Vec::new(), Vec::new());
        for (number, (write, action)) in (1..).zip([(create, created), (update, updated)]) {
            let (id, entity) = (OperationId(number), EntityId(Uuid::from_u128(number.into())));
            rows.push(WriteRow { operation: id, entity, write });
            operations.push(Operation {
                id,
                entity,
                kind: Kind::Person,
                connection: connection.clone(),
                action,
                preconditions: Vec::new(),
                bundle: None,
            });
        }
        OpenPayload { call: WriteCall { endpoint: "POST /".into(), shape: String::new(), rows }, operations }
    }

    #[tokio::test]
    async fn an_open_call_of_a_connection_that_is_gone_ends_and_its_create_is_asked_about() {
        let bench = Bench::new().await;
        let mut ctx = bench.open().await.unwrap();
        let connection = ConnectionName::from("former");
        let mut batch = ctx.batch();
        batch.calls_opened.push(OpenCall {
            call: CallId(Uuid::from_u128(9)),
            run: None,
            connection: connection.clone(),
            at: batch.at,
            payload: serde_json::to_vec(&sent(&connection)).unwrap(),
        });
        ctx.store.commit(batch).await.unwrap();
        cycle::look(&mut ctx).await.unwrap();
        assert_eq!(ctx.store.open_calls().await.unwrap(), []);
        let asked = ctx.store.reviews(OpenOnly::Yes, 0, 10).await.unwrap();
        let asked: Vec<_> = asked.into_iter().map(|review| review.question).collect();
        assert!(
            matches!(asked.as_slice(), [Question::Parked { entity, .. }] if *entity == EntityId(Uuid::from_u128(1))),
            "{asked:?}"
        );
    }
}
