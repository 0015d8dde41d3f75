//! Records that were deleted and may be back: taking one out of a recycle bin moves no stamp everywhere (HubSpot), so no
//! sweep shows it. As long as a person is asked about a delete, its record is looked at once a day, by id (CRM-12).

use crate::{capture, ctx::Ctx, error::Error};
use jiff::{SignedDuration, Timestamp};
use syncline_model::{RecordRef, review::Question};
use syncline_store::OpenOnly;

/// When it was looked last.
const SLOT: &str = "restored/at";
const EVERY: SignedDuration = SignedDuration::from_hours(24);
/// Reviews looked at in one go.
const PAGE: usize = 1_000;

/// Reads the records again whose deletion waits for an answer, where that is due.
///
/// # Errors
/// [`Error::Vendor`]; [`Error::Store`].
pub(crate) async fn look(ctx: &Ctx) -> Result<(), Error> {
    let last = ctx.store.get(SLOT).await?;
    let last = last.and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<Timestamp>().ok());
    let now = ctx.now();
    if last.is_some_and(|last| now.duration_since(last) < EVERY) {
        return Ok(());
    }
    let mut after = 0;
    loop {
        let page = ctx.store.reviews(OpenOnly::Yes, after, PAGE).await?;
        let Some(end) = page.last().map(|review| review.id) else { break };
        after = end;
        let deleted: Vec<RecordRef> = page
            .into_iter()
            .filter_map(|review| match review.question {
                Question::Deleted { record, .. } => Some(record),
                Question::SameThing { .. }
                | Question::Conflict { .. }
                | Question::Duplicate { .. }
                | Question::Oscillates { .. }
                | Question::Parked { .. } => None,
            })
            .collect();
        capture::records(ctx, &deleted).await?;
    }
    let mut batch = ctx.batch();
    batch.puts.push((SLOT.to_owned(), Some(now.to_string().into_bytes())));
    ctx.store.commit(batch).await?;
    Ok(())
}
