//! One call: its intent is stored, it is sent, and what is unknown of its rows is settled by reading.

use super::{Applier, OpenPayload, Turn, recover};
use crate::{ctx::Ctx, error::Error, planning::Pass, reread};
use syncline_kit::vendor::{Rejection, RejectionClass, RowOutcome, VendorError, WriteCall, WriteRow};
use syncline_model::{
    Action, ConnectionName, Endpoint, Operation, RecordRef,
    defect::{Defect, planted},
    journal::{CallId, Event, IntendedRow},
};
use syncline_store::{Batch, OpenCall};

/// A call whose intent is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Intent {
    pub(super) id: CallId,
    /// When, by our clock.
    pub(super) at: jiff::Timestamp,
    pub(super) turn: Turn,
    pub(super) unknown: Unknown,
}

/// What becomes of rows whose outcome nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// A read could not tell: creates wait for a person, the rest is decided by the next reading.
    Parked,
    /// Nobody could be asked: they stay open, as a call of their own.
    Open,
}

/// Rows that nobody could be asked about.
struct Unread {
    error: VendorError,
    /// What is known of the call's rows.
    outcomes: Vec<RowOutcome>,
}

impl Applier<'_> {
    /// One call: intent, send, answer, learn.
    pub(super) async fn call(
        &mut self,
        pass: &mut Pass<'_>,
        connection: &ConnectionName,
        mut call: WriteCall,
        mut operations: Vec<Operation>,
        turn: Turn,
    ) -> Result<(), Error> {
        self.ctx.lease.keep().await?;
        let intent = self.intend(connection, &call, &operations, turn).await?;
        let vendor = self.ctx.connection(connection)?.vendor.clone();
        self.written.insert(connection.clone());
        let (outcomes, moved) = match vendor.write(&call).await {
            Ok(outcomes) => {
                match self.settle_unknown(connection, &mut call, &mut operations, outcomes).await {
                    Ok(settled) => settled,
                    Err(Unread { error, outcomes }) => {
                        // What nothing is known of stays open: the next run settles it before anything else.
                        if !outcomes.iter().all(is_unknown) {
                            let intent = Intent { unknown: Unknown::Open, ..intent };
                            self.learn(pass, connection, intent, &call, &operations, outcomes).await?;
                        }
                        return Err(Error::vendor(connection, error));
                    }
                }
            }
            Err(error) => {
                let refused = refused_call(&error);
                let outcomes = call
                    .rows
                    .iter()
                    .map(|_| refused.clone().unwrap_or(RowOutcome::Again { why: error.to_string() }))
                    .collect();
                self.learn(pass, connection, intent, &call, &operations, outcomes).await?;
                return match refused {
                    Some(_) => Ok(()),
                    None => Err(Error::vendor(connection, error)),
                };
            }
        };
        reread::note_all(self.ctx, &moved).await?;
        self.learn(pass, connection, intent, &call, &operations, outcomes).await?;
        if !moved.is_empty() {
            reread::read(self.ctx).await?;
        }
        Ok(())
    }

    async fn intend(
        &self,
        connection: &ConnectionName,
        call: &WriteCall,
        operations: &[Operation],
        turn: Turn,
    ) -> Result<Intent, Error> {
        let mut batch = self.ctx.batch();
        let id = CallId(self.ctx.ids.next(batch.at));
        let intent = Intent { id, at: batch.at, turn, unknown: Unknown::Parked };
        let live = self.ctx.connection(connection)?;
        live.keep_pace(&mut batch);
        self.ctx.keep_renewed(live, &mut batch)?;
        let payload = OpenPayload { call: call.clone(), operations: operations.to_vec() };
        if planted(Defect::SecondCopy) {
            return Ok(intent);
        }
        open(&mut batch, intent, connection, &payload)?;
        self.ctx.store.commit(batch).await?;
        live.kept();
        Ok(intent)
    }

    /// Rows that nobody knows of are settled by reading (HUB-11). Also returns the records that were changed since.
    ///
    /// # Errors
    /// What the vendor said where it could not be read, with what is known of the other rows: what such a call wrote must not
    /// be taken for somebody's edit later.
    async fn settle_unknown(
        &self,
        connection: &ConnectionName,
        call: &mut WriteCall,
        operations: &mut [Operation],
        mut outcomes: Vec<RowOutcome>,
    ) -> Result<(Vec<RowOutcome>, Vec<RecordRef>), Unread> {
        let mut moved = Vec::new();
        // A call that answers fewer rows than it was sent says nothing about the rest.
        outcomes.resize(call.rows.len(), RowOutcome::Unknown { why: "no answer for this row".to_owned() });
        let unknown: Vec<usize> = outcomes
            .iter()
            .enumerate()
            .filter(|(_, outcome)| is_unknown(outcome))
            .map(|(position, _)| position)
            .collect();
        if unknown.is_empty() {
            return Ok((outcomes, moved));
        }
        let rows: Vec<WriteRow> = unknown.iter().map(|position| call.rows[*position].clone()).collect();
        let Ok(live) = self.ctx.connection(connection) else { return Ok((outcomes, moved)) };
        match live.vendor.probe(&rows).await {
            Ok(probes) => {
                for (position, probe) in unknown.into_iter().zip(probes) {
                    let sent = (call.rows.get_mut(position), operations.get_mut(position));
                    let (Some(row), Some(operation)) = sent else { continue };
                    if let Some(settled) = recover::settled(row, operation, probe, &mut moved) {
                        outcomes[position] = settled;
                    }
                }
            }
            Err(error) => return Err(Unread { error, outcomes }),
        }
        Ok((outcomes, moved))
    }
}

/// Opens a call of its own for rows that nobody could be asked about, in the transaction that ends theirs. It was sent when
/// theirs was.
pub(super) fn open_rest(
    ctx: &Ctx,
    batch: &mut Batch,
    connection: &ConnectionName,
    intent: Intent,
    rest: &OpenPayload,
) -> Result<(), Error> {
    let id = CallId(ctx.ids.next(batch.at));
    open(batch, Intent { id, ..intent }, connection, rest)
}

fn open(
    batch: &mut Batch,
    intent: Intent,
    connection: &ConnectionName,
    payload: &OpenPayload,
) -> Result<(), Error> {
    batch.calls_opened.push(OpenCall {
        call: intent.id,
        run: batch.run,
        connection: connection.clone(),
        at: intent.at,
        payload: serde_json::to_vec(payload).map_err(|error| Error::Internal(error.to_string()))?,
    });
    batch.journal.push(Event::CallIntended {
        call: intent.id,
        connection: connection.clone(),
        endpoint: payload.call.endpoint.as_str().into(),
        rows: payload.operations.iter().map(intended).collect(),
    });
    Ok(())
}

fn is_unknown(outcome: &RowOutcome) -> bool {
    matches!(outcome, RowOutcome::Unknown { .. })
}

/// A call that the vendor refused as a whole is a refusal of each of its rows; anything else may pass.
fn refused_call(error: &VendorError) -> Option<RowOutcome> {
    match error {
        VendorError::Refused { code, message } => Some(RowOutcome::Rejected(Rejection {
            class: RejectionClass::Other,
            code: code.clone(),
            message: message.clone(),
        })),
        VendorError::Permission(message) => Some(RowOutcome::Rejected(Rejection {
            class: RejectionClass::Permission,
            code: "PERMISSION".to_owned(),
            message: message.clone(),
        })),
        VendorError::Credentials(_)
        | VendorError::Limit { .. }
        | VendorError::Unavailable(_)
        | VendorError::OtherAccount { .. }
        | VendorError::Protocol(_) => None,
    }
}

fn intended(operation: &Operation) -> IntendedRow {
    let (record, object) = match &operation.action {
        Action::Create { object, .. } => (None, Some(object.clone())),
        Action::Update { record, .. } | Action::Archive { record, .. } => (Some(record.clone()), None),
        Action::Associate(association) | Action::Dissociate(association) => match &association.from {
            Endpoint::Record(record) => (Some(record.clone()), None),
            Endpoint::Entity(_) => (None, None),
        },
    };
    IntendedRow {
        operation: operation.id,
        entity: operation.entity,
        word: operation.action.word().into(),
        record,
        object,
        fields: operation.action.fields().iter().map(|change| change.field.as_str().into()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cycle, planning::Keep, testing::Bench};

    #[tokio::test]
    async fn a_token_that_was_renewed_before_is_kept_with_the_intent() {
        let bench = Bench::new().await;
        let mut ctx = bench.open().await.unwrap();
        cycle::claim(&mut ctx).await.unwrap();
        *bench.left.renewed.lock().unwrap() = Some(serde_json::json!({"t": "renewed"}));
        let call = WriteCall { endpoint: String::new(), shape: String::new(), rows: Vec::new() };
        let mut pass = Pass::start(&ctx, Keep::Stored).await.unwrap();
        Applier::new(&ctx).call(&mut pass, &"left".into(), call, Vec::new(), Turn::Last).await.unwrap();
        assert_eq!(bench.token_of("left").await, "renewed");
    }
}
