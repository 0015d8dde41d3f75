//! What a crash left open: calls whose intent is stored and whose end is not. Each of their rows is settled by a strong
//! read before anything else happens.

use super::{Applier, Tally, learn::payload};
use crate::{
    ctx::Ctx,
    error::Error,
    planning::{Keep, Pass},
};
use syncline_kit::vendor::{Probe, RowOutcome, Write, WriteRow};
use syncline_model::defect::{Defect, planted};

/// Settles every open call.
///
/// # Errors
/// [`Error::Vendor`] where a vendor cannot be read now: then nothing new may be written either.
pub async fn recover(ctx: &Ctx) -> Result<Tally, Error> {
    let open = ctx.store.open_calls().await?;
    let mut applier = Applier::new(ctx);
    if open.is_empty() {
        return Ok(applier.tally);
    }
    let mut pass = Pass::start(ctx, Keep::Stored).await?;
    for call in open {
        let payload = payload(&call.payload)?;
        let live = ctx.connection(&call.connection)?;
        let probes = live
            .vendor
            .probe(&payload.call.rows)
            .await
            .map_err(|error| Error::vendor(&call.connection, error))?;
        let outcomes = payload
            .call
            .rows
            .iter()
            .zip(probes)
            .map(|(row, probe)| {
                settled(row, probe).unwrap_or(RowOutcome::Unknown {
                    why: "the program ended before the answer came".to_owned(),
                })
            })
            .collect();
        applier
            .learn(&mut pass, &call.connection, call.call, &payload.call, &payload.operations, outcomes)
            .await?;
    }
    Ok(applier.tally)
}

/// What a strong read makes of a row; `None`: it stays unknown.
pub(super) fn settled(row: &WriteRow, probe: Probe) -> Option<RowOutcome> {
    match probe {
        Probe::Written(observation) => Some(RowOutcome::Confirmed {
            record: match &row.write {
                Write::Associate(edge) | Write::Dissociate(edge) => edge.from.clone(),
                Write::Create { .. } | Write::Update { .. } | Write::Archive { .. } => {
                    observation.record.clone()
                }
            },
            created: matches!(row.write, Write::Create { .. }),
            observation: Some(*observation),
        }),
        Probe::NotWritten => {
            Some(RowOutcome::Again { why: "a read proved that nothing was written".to_owned() })
        }
        Probe::Undecided { why } if planted(Defect::BlindRetry) => Some(RowOutcome::Again { why }),
        Probe::Undecided { .. } => None,
    }
}
