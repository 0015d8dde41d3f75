//! Questions whose cause went away by itself: both sides agree again, a deleted record is back, a write whose outcome was
//! unknown was found (CRM-19). Nobody is asked any more; if the cause returns, so does the question.

use crate::{ctx::Ctx, error::Error};
use syncline_model::{
    journal::Event,
    plan::{Held, HeldReason},
    review::{Question, Review, ReviewState},
};
use syncline_store::{OpenOnly, ReviewWrite};

/// Reviews looked at in one transaction.
const PAGE: usize = 1_000;

/// Closes what is moot. Only where everything was planned: what waits is stored then, and nothing else does.
///
/// # Errors
/// [`Error::Store`].
pub(crate) async fn settle(ctx: &Ctx) -> Result<(), Error> {
    if ctx.store.dirty_count().await? > 0 {
        return Ok(());
    }
    let mut after = 0;
    loop {
        let page = ctx.store.reviews(OpenOnly::Yes, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        let mut batch = ctx.batch();
        for review in page {
            if is_moot(ctx, &review).await? {
                let state = ReviewState::Settled { at: batch.at };
                batch.journal.push(Event::Review { review: review.id, state: state.clone() });
                batch.reviews.push(ReviewWrite::Put(Review { state, ..review }));
            }
        }
        if !batch.reviews.is_empty() {
            ctx.store.commit(batch).await?;
        }
    }
}

/// Whether nothing waits for the answer. Whether records are the same is a question for good.
async fn is_moot(ctx: &Ctx, review: &Review) -> Result<bool, Error> {
    let (entity, waits): (_, fn(&Held, &Question) -> bool) = match &review.question {
        Question::Conflict { entity, .. } => (*entity, waits_for_conflict),
        Question::Deleted { entity, .. } => {
            // Of a relation it is the delete of another thing.
            (*entity, |held, _| {
                held.attribute.is_none() && matches!(held.reason, HeldReason::DeletedElsewhere { .. })
            })
        }
        Question::Oscillates { entity, .. } => (*entity, waits_for_calm),
        Question::Parked { entity, .. } => {
            (*entity, |held, _| matches!(held.reason, HeldReason::Parked { .. }))
        }
        Question::SameThing { .. } | Question::Duplicate { .. } => return Ok(false),
    };
    let stored = ctx.store.held(Some(entity), None, 1).await?;
    Ok(!stored.iter().flat_map(|stored| &stored.held).any(|held| waits(held, &review.question)))
}

fn waits_for_conflict(held: &Held, question: &Question) -> bool {
    let Question::Conflict { attribute, .. } = question else { return false };
    held.reason == HeldReason::ManualConflict
        && held.attribute.as_ref().is_some_and(|name| name.as_str() == &**attribute)
}

fn waits_for_calm(held: &Held, question: &Question) -> bool {
    let Question::Oscillates { attribute, .. } = question else { return false };
    held.reason == HeldReason::Oscillates
        && held.attribute.as_ref().is_some_and(|name| name.as_str() == &**attribute)
}
