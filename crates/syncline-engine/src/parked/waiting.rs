//! Records that may have come of a parked create, and that wait for a person's word on it. Where the create ends in
//! another way, nobody is asked any more.

use super::Place;
use crate::{ctx::Ctx, error::Error, identifying::pending_key};
use std::collections::BTreeSet;
use syncline_model::{
    Kind, Link, LinkState, RecordRef, Snapshot,
    journal::Event,
    review::{Review, ReviewState},
};
use syncline_store::{Batch, DirtyKey, HeldWrite, LinkWrite, ReviewWrite};

const PREFIX: &str = "outcome-of/";

/// What one waits for.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Waiting {
    pub(crate) record: RecordRef,
    pub(crate) kind: Kind,
    /// The creates that it may have come of.
    pub(crate) of: Vec<Place>,
}

pub(crate) fn waiting_key(kind: Kind, record: &RecordRef) -> String {
    format!("{PREFIX}{kind}/{record}")
}

/// Lets go what waits for none of `open` any more.
///
/// # Errors
/// [`Error::Store`].
pub(super) async fn release(ctx: &Ctx, open: &BTreeSet<Place>) -> Result<(), Error> {
    for (key, bytes) in ctx.store.list(PREFIX).await? {
        let waiting: Waiting = serde_json::from_slice(&bytes)
            .map_err(|error| syncline_store::StoreError::Corrupt(format!("{key}: {error}")))?;
        let stored = ctx.store.records(std::slice::from_ref(&waiting.record)).await?.pop();
        let Some(stored) = stored else { continue };
        let link = stored.links.iter().find(|link| link.facet == waiting.kind);
        let live = stored.snapshot.as_ref().is_some_and(Snapshot::is_live);
        let asked = link.filter(|link| link.state == LinkState::Pending);
        if asked.is_some() && live && waiting.of.iter().any(|place| open.contains(place)) {
            continue;
        }
        let mut batch = ctx.batch();
        batch.puts.push((key, None));
        if let Some(link) = asked {
            forget(ctx, &mut batch, link).await?;
            if live {
                batch.dirty.push(DirtyKey::Record(waiting.kind, waiting.record));
            }
        }
        ctx.store.commit(batch).await?;
    }
    Ok(())
}

/// Takes a pending link away, with what was asked and held because of it.
pub(crate) async fn forget(ctx: &Ctx, batch: &mut Batch, link: &Link) -> Result<(), Error> {
    let slot = pending_key(link.entity);
    let number = ctx.store.get(&slot).await?;
    let number: Option<u64> = number.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse().ok());
    if let Some(number) = number
        && let Some(review) = ctx.store.review(number).await?.filter(|it| it.state == ReviewState::Open)
    {
        let state = ReviewState::Settled { at: batch.at };
        batch.journal.push(Event::Review { review: review.id, state: state.clone() });
        batch.reviews.push(ReviewWrite::Put(Review { state, ..review }));
    }
    batch.puts.push((slot, None));
    batch.held.push(HeldWrite {
        entity: link.entity,
        kind: link.facet,
        held: Vec::new(),
        findings: Vec::new(),
    });
    batch.links.push(LinkWrite::Remove(link.record.clone(), link.facet));
    Ok(())
}
