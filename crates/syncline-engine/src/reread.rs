//! Records to be read once more, because what is stored of them is what we wrote and somebody has changed them since. That is
//! kept until it was done: a sweep that has passed them by does not bring them again, and the power may go before they are read.

use crate::{capture, ctx::Ctx, error::Error};
use syncline_model::RecordRef;
use syncline_store::Batch;

/// Each of them.
const PREFIX: &str = "reread/";
/// Read in one go.
const PAGE: usize = 1_000;

/// Notes one in the transaction in which it is stored as we wrote it.
pub(crate) fn note(batch: &mut Batch, RecordRef { connection, object, id }: &RecordRef) {
    batch.puts.push((format!("{PREFIX}{connection}/{object}/{id}"), Some(Vec::new())));
}

/// Notes some before they are stored so.
///
/// # Errors
/// [`Error::Store`].
pub(crate) async fn note_all(ctx: &Ctx, records: &[RecordRef]) -> Result<(), Error> {
    if records.is_empty() {
        return Ok(());
    }
    let mut batch = ctx.batch();
    for record in records {
        note(&mut batch, record);
    }
    ctx.store.commit(batch).await?;
    Ok(())
}

/// Reads what was noted. What is of a connection that is gone is nobody's any more.
///
/// # Errors
/// [`Error::Store`]; [`Error::Vendor`].
pub(crate) async fn read(ctx: &Ctx) -> Result<(), Error> {
    for some in ctx.store.list(PREFIX).await?.chunks(PAGE) {
        let records = some.iter().filter_map(|(key, _)| record(key));
        let known: Vec<RecordRef> =
            records.filter(|record| ctx.connections.contains_key(&record.connection)).collect();
        capture::records(ctx, &known).await?;
        let mut batch = ctx.batch();
        batch.puts.extend(some.iter().map(|(key, _)| (key.clone(), None)));
        ctx.store.commit(batch).await?;
    }
    Ok(())
}

fn record(key: &str) -> Option<RecordRef> {
    let mut parts = key.strip_prefix(PREFIX)?.splitn(3, '/');
    Some(RecordRef::new(parts.next()?, parts.next()?, parts.next()?))
}
