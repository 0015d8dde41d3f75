//! Records that were deleted and may be back: taking one out of a recycle bin moves no stamp everywhere (HubSpot), so no
//! sweep shows it. As long as a recycle bin may hold it, a deleted record is looked at once a day, by id (CRM-12), also one that
//! nobody had read before.

use crate::{capture, ctx::Ctx, error::Error};
use jiff::{SignedDuration, Timestamp};
use syncline_core::mapping::Mapping;
use syncline_model::{RecordRef, RecordState, Snapshot};

/// When it was looked last.
const SLOT: &str = "restored/at";
/// Deleted records, each with the time when that was seen.
const DELETED: &str = "deleted/";
const EVERY: SignedDuration = SignedDuration::from_hours(24);
/// The longest that a vendor keeps what was deleted: HubSpot [KB]. In Salesforce it is 15 days, and restoring moves the stamp.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Records read in one go.
const PAGE: usize = 1_000;

/// The small state to keep of a record that was just seen deleted, or was and is no more.
pub(crate) fn noted(mapping: &Mapping, seen: &Snapshot, at: Timestamp) -> Option<(String, Option<Vec<u8>>)> {
    let RecordRef { connection, object, id } = &seen.record;
    let mut kinds = mapping
        .kinds
        .values()
        .filter(|kind| kind.objects.get(connection).is_some_and(|objects| objects.contains(object)));
    kinds.next()?;
    let since = (seen.state == RecordState::Deleted).then(|| at.to_string().into_bytes());
    Some((format!("{DELETED}{connection}/{object}/{id}"), since))
}

/// Reads the records again that were deleted and may have been restored, where that is due.
///
/// # Errors
/// [`Error::Vendor`]; [`Error::Store`].
pub(crate) async fn look(ctx: &Ctx) -> Result<(), Error> {
    let last = ctx.store.get(SLOT).await?;
    let last = last.and_then(|bytes| time(&bytes));
    let now = ctx.now();
    if last.is_some_and(|last| now.duration_since(last) < EVERY) {
        return Ok(());
    }
    let mut batch = ctx.batch();
    let mut deleted = Vec::new();
    for (key, since) in ctx.store.list(DELETED).await? {
        match record(&key).filter(|_| time(&since).is_some_and(|since| now.duration_since(since) < KEPT)) {
            Some(record) if ctx.connections.contains_key(&record.connection) => deleted.push(record),
            // Its connection is not in the configuration now, and may be again.
            Some(_) => {}
            None => batch.puts.push((key, None)),
        }
    }
    for some in deleted.chunks(PAGE) {
        capture::records(ctx, some).await?;
    }
    batch.puts.push((SLOT.to_owned(), Some(now.to_string().into_bytes())));
    ctx.store.commit(batch).await?;
    Ok(())
}

fn time(bytes: &[u8]) -> Option<Timestamp> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn record(key: &str) -> Option<RecordRef> {
    let mut parts = key.strip_prefix(DELETED)?.splitn(3, '/');
    Some(RecordRef::new(parts.next()?, parts.next()?, parts.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    #[tokio::test]
    async fn what_was_deleted_in_a_connection_that_is_gone_is_kept_and_stands_in_nobodys_way() {
        let bench = Bench::new().await;
        let ctx = bench.open().await.unwrap();
        let key = "deleted/former/contacts/1".to_owned();
        let mut batch = ctx.batch();
        batch.puts.push((key.clone(), Some(ctx.now().to_string().into_bytes())));
        ctx.store.commit(batch).await.unwrap();
        for (days, is_kept) in [(89, true), (1, false)] {
            bench.advance(SignedDuration::from_hours(24 * days));
            look(&ctx).await.unwrap();
            assert_eq!(ctx.store.get(&key).await.unwrap().is_some(), is_kept, "{days}");
        }
    }
}
