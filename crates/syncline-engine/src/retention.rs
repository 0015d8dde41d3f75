//! What has been kept long enough is let go, once a day at the end of a run; and what a record was is erased when somebody
//! asks for it (decisions §2, §3).

use crate::{ctx::Ctx, error::Error};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use syncline_model::{JournalSeq, RecordRef, journal::Event};
use syncline_store::{Batch, JournalFilter, LetGo, Store};

/// When it is looked at next.
const SLOT: &str = "retention/next";
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Lets go of what is older than the configuration keeps it. Between two looks this costs one look-up.
///
/// # Errors
/// [`Error::Store`].
pub async fn keep(ctx: &Ctx) -> Result<(), Error> {
    let now = ctx.now();
    if next(&*ctx.store).await?.is_some_and(|next| now < next) {
        return Ok(());
    }
    let keep = ctx.workspace.config.journal;
    let mut batch = ctx.batch();
    let after = now.checked_add(DAY).unwrap_or(now);
    batch.puts.push((SLOT.to_owned(), Some(after.as_microsecond().to_string().into_bytes())));
    let ledger = ctx.store.ledger().await?;
    let range = (ledger.gone(), ledger.seq());
    let until = LetGo {
        observed: last_before(&*ctx.store, range, now, keep.observed).await?,
        entries: last_before(&*ctx.store, range, now, keep.entries).await?,
    };
    if let Some(until) = ledger.lets_go(until) {
        batch.journal.push(Event::LetGo { observed: until.observed, entries: until.entries });
        batch.let_go = Some(until);
    }
    ctx.store.commit(batch).await?;
    Ok(())
}

async fn next(store: &dyn Store) -> Result<Option<Timestamp>, Error> {
    let Some(bytes) = store.get(SLOT).await? else { return Ok(None) };
    let micros = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
    Ok(micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
}

/// The last entry between two that is older than `age`. Entries are in the order of their times, but for a clock that was
/// set back; halving the range then finds a place nearby.
async fn last_before(
    store: &dyn Store,
    (gone, head): (JournalSeq, JournalSeq),
    now: Timestamp,
    age: SignedDuration,
) -> Result<JournalSeq, Error> {
    let limit = now.checked_sub(age).unwrap_or(Timestamp::MIN);
    let (mut older, mut newer) = (gone.0, head.0 + 1);
    while newer - older > 1 {
        let middle = older + (newer - older) / 2;
        let page = store.journal(&JournalFilter::default(), JournalSeq(middle - 1), 1).await?;
        match page.first() {
            Some(entry) if entry.at < limit => older = middle,
            Some(_) | None => newer = middle,
        }
    }
    Ok(JournalSeq(older))
}

/// Erases the values of a record's journal rows and what its rows were before. The entries stay, and so does what the
/// record is now. It is one transaction, which a run that is under way does not mind.
///
/// # Errors
/// [`Error::Store`].
pub async fn erase(
    store: &dyn Store,
    now: Timestamp,
    record: &RecordRef,
    who: Arc<str>,
) -> Result<Known, Error> {
    let stored = store.records(std::slice::from_ref(record)).await?;
    let filter = JournalFilter { record: Some(record.clone()), ..JournalFilter::default() };
    let known = stored.iter().any(|stored| stored.snapshot.is_some() || !stored.links.is_empty());
    if !known && store.journal(&filter, JournalSeq(0), 1).await?.is_empty() {
        return Ok(Known::No);
    }
    let mut batch = Batch::at(now);
    batch.erase.push(record.clone());
    batch.journal.push(Event::Erased { record: record.clone(), who });
    store.commit(batch).await?;
    Ok(Known::Yes)
}

/// Whether anything was kept of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It was, and is erased.
    Yes,
    /// Nothing was: the address leads nowhere.
    No,
}
