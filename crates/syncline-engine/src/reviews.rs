//! Answers to reviews. What a person decided is for good: links with a person as evidence, or pairs kept apart.

mod linking;

use crate::{entropy::Ids, error::Error};
use jiff::Timestamp;
use linking::{identify_again, leave_out, put_links};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_model::{
    EntityId, Kind, Link, LinkState, RecordRef, Rest,
    journal::Event,
    review::{Question, Review, ReviewState},
};
use syncline_store::{Batch, DirtyKey, LinkWrite, ReviewWrite, Store};

/// Where it stands that two records are not the same; the same key for either order.
pub fn apart_key(one: &RecordRef, other: &RecordRef) -> String {
    let (first, second) = if one <= other { (one, other) } else { (other, one) };
    format!("apart/{first}|{second}")
}

/// Who answers, and when.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The review's number.
    pub id: u64,
    /// Who answers.
    pub who: Arc<str>,
}

/// Says that the records of a review are one thing: all of them, or those named. Where several of one system are named,
/// the first is the one to be written, the others are its duplicates.
///
/// # Errors
/// [`Error::Review`] where there is no such open review or it cannot be answered so; [`Error::Store`].
pub async fn link(
    store: &dyn Store,
    ids: &Ids,
    answer: &Answer,
    named: &[RecordRef],
    now: Timestamp,
) -> Result<EntityId, Error> {
    let review = open_review(store, answer.id).await?;
    let refused = |why: String| Error::Review { id: answer.id, why };
    let mut asked = Vec::new();
    let (kind, records) = match &review.question {
        Question::SameThing { kind, records, .. } => {
            let heirs = heirs(store, *kind, records).await?;
            asked = by_now(&heirs, records);
            (*kind, choose(&asked, &by_now(&heirs, named)).map_err(refused)?)
        }
        Question::Duplicate { entity, candidates } => {
            let entity = store.entities(&[*entity]).await?.pop();
            let links = entity.map(|entity| entity.links).unwrap_or_default();
            let kind = links.first().map(|link| link.facet);
            let kind = kind
                .ok_or_else(|| refused("what was to be created is not linked to anything any more".into()))?;
            let own = links.into_iter().filter(|link| link.facet == kind && link.state.is_active());
            let own: Vec<_> = own.map(|link| link.record).collect();
            (kind, [own, choose(candidates, named).map_err(refused)?].concat())
        }
        Question::Deleted { .. }
        | Question::Conflict { .. }
        | Question::Oscillates { .. }
        | Question::Parked { .. } => {
            return Err(refused("it does not ask whether records are the same".to_owned()));
        }
    };
    if named.is_empty() {
        one_of_each_system(&records).map_err(refused)?;
    }
    let mut batch = Batch::at(now);
    let entity = put_links(store, ids, kind, (&records, named), answer, &mut batch).await?;
    leave_out(store, kind, &records, &asked, answer, &mut batch).await?;
    close(&review, ReviewState::Linked { who: answer.who.clone(), at: now }, &mut batch);
    store.commit(batch).await?;
    Ok(entity)
}

/// Says no for good: the records of the review are kept apart, or what it asks for is not done.
///
/// # Errors
/// As for [`link`].
pub async fn reject(store: &dyn Store, answer: &Answer, now: Timestamp) -> Result<(), Error> {
    let review = open_review(store, answer.id).await?;
    let mut batch = Batch::at(now);
    match &review.question {
        Question::SameThing { kind, records, .. } => {
            let records = &by_now(&heirs(store, *kind, records).await?, records);
            let links = links_of(store, records, *kind).await?;
            let known = |at: usize| links[at].as_ref().map(|link| link.entity);
            for (at, one) in records.iter().enumerate() {
                for (further, other) in records.iter().enumerate().skip(at + 1) {
                    let linked = known(at).is_some() && known(at) == known(further);
                    if !linked {
                        batch.puts.push((apart_key(one, other), Some(Vec::new())));
                    }
                }
            }
            for (record, link) in records.iter().zip(&links) {
                match link {
                    Some(link) if link.state == LinkState::Pending => identify_again(link, &mut batch),
                    Some(link) => batch.dirty.push(DirtyKey::Entity(*kind, link.entity)),
                    None => batch.dirty.push(DirtyKey::Record(*kind, record.clone())),
                }
            }
        }
        Question::Duplicate { entity, candidates } => {
            let links =
                store.entities(&[*entity]).await?.pop().map(|entity| entity.links).unwrap_or_default();
            for link in &links {
                batch.puts.extend(
                    candidates.iter().map(|candidate| (apart_key(&link.record, candidate), Some(Vec::new()))),
                );
                batch.dirty.push(DirtyKey::Entity(link.facet, link.entity));
            }
        }
        // It stays parked: only a release, or sides that agree, ends that.
        Question::Oscillates { .. } => {}
        Question::Deleted { entity, .. }
        | Question::Conflict { entity, .. }
        | Question::Parked { entity, .. } => {
            if matches!(review.question, Question::Parked { .. }) {
                // A person has looked and found nothing: it may be created.
                let parked = store.list(&format!("parked/{entity}/")).await?;
                batch.puts.extend(parked.into_iter().map(|(key, _)| (key, None)));
            }
            let links =
                store.entities(&[*entity]).await?.pop().map(|entity| entity.links).unwrap_or_default();
            batch.dirty.extend(links.iter().map(|link| DirtyKey::Entity(link.facet, link.entity)));
        }
    }
    close(&review, ReviewState::Rejected { who: answer.who.clone(), at: now }, &mut batch);
    store.commit(batch).await?;
    Ok(())
}

/// Lets what was parked be written again: a field that something kept setting back (also one whose review was rejected
/// before), or a create whose outcome nobody could tell and that a person has looked for.
///
/// # Errors
/// As for [`link`].
pub async fn release(store: &dyn Store, answer: &Answer, now: Timestamp) -> Result<(), Error> {
    let found = store.review(answer.id).await?;
    let refused = |why: &str| Error::Review { id: answer.id, why: why.to_owned() };
    let review = found.ok_or_else(|| refused("there is no review of this number"))?;
    let kept = matches!(review.state, ReviewState::Open | ReviewState::Rejected { .. });
    let mut batch = Batch::at(now);
    let entity = match &review.question {
        Question::Oscillates { entity, attribute, .. } if kept => {
            for link in links_of_entity(store, *entity).await? {
                if let Some(link) = without_rest(link, attribute) {
                    batch.links.push(LinkWrite::Put(link));
                }
            }
            *entity
        }
        Question::Parked { entity, .. } if review.state == ReviewState::Open => {
            let parked = store.list(&format!("parked/{entity}/")).await?;
            batch.puts.extend(parked.into_iter().map(|(key, _)| (key, None)));
            *entity
        }
        Question::Oscillates { .. } | Question::Parked { .. } => {
            return Err(refused("it is answered already"));
        }
        Question::SameThing { .. }
        | Question::Deleted { .. }
        | Question::Conflict { .. }
        | Question::Duplicate { .. } => return Err(refused("nothing is parked by it")),
    };
    let links = links_of_entity(store, entity).await?;
    batch.dirty.extend(links.iter().map(|link| DirtyKey::Entity(link.facet, link.entity)));
    close(&review, ReviewState::Released { who: answer.who.clone(), at: now }, &mut batch);
    store.commit(batch).await?;
    Ok(())
}

async fn links_of_entity(store: &dyn Store, entity: EntityId) -> Result<Vec<Link>, Error> {
    Ok(store.entities(&[entity]).await?.pop().map(|entity| entity.links).unwrap_or_default())
}

/// The link with what was remembered of an oscillating attribute dropped; `None`: nothing was.
fn without_rest(mut link: Link, oscillating: &str) -> Option<Link> {
    let base = link.base.as_mut()?;
    let before = base.watches.len();
    base.watches.retain(|_, watch| {
        !matches!(&watch.rest, Some(Rest::Oscillates { attribute, .. }) if attribute.as_str() == oscillating)
    });
    (base.watches.len() < before).then_some(link)
}

async fn open_review(store: &dyn Store, id: u64) -> Result<Review, Error> {
    let review = store.review(id).await?;
    let review =
        review.ok_or_else(|| Error::Review { id, why: "there is no review of this number".to_owned() })?;
    match review.state {
        ReviewState::Open => Ok(review),
        ReviewState::Linked { .. }
        | ReviewState::Rejected { .. }
        | ReviewState::Released { .. }
        | ReviewState::Settled { .. } => Err(Error::Review { id, why: "it is answered already".to_owned() }),
    }
}

/// The records named, in the order named; all where none is.
fn choose(records: &[RecordRef], named: &[RecordRef]) -> Result<Vec<RecordRef>, String> {
    if let Some(foreign) = named.iter().find(|record| !records.contains(record)) {
        return Err(format!("{foreign} is not one of its records"));
    }
    Ok(if named.is_empty() { records } else { named }.to_vec())
}

/// What stands in the place of those that were merged or converted since they were asked about: it is asked about by now.
async fn heirs(
    store: &dyn Store,
    kind: Kind,
    records: &[RecordRef],
) -> Result<BTreeMap<RecordRef, RecordRef>, Error> {
    let mut heirs = BTreeMap::new();
    for (record, link) in records.iter().zip(links_of(store, records, kind).await?) {
        let went_on =
            |link: &Link| matches!(link.state, LinkState::MergedInto(_) | LinkState::ConvertedTo(_));
        let Some(link) = link.filter(went_on) else { continue };
        let heir = links_of_entity(store, link.entity).await?.into_iter().find(|heir| {
            let stands = heir.state == LinkState::Pending || heir.state.is_active();
            stands && heir.facet == kind && heir.record.connection == record.connection
        });
        heirs.extend(heir.map(|heir| (record.clone(), heir.record)));
    }
    Ok(heirs)
}

/// Records as they are called by now, each once.
fn by_now(heirs: &BTreeMap<RecordRef, RecordRef>, records: &[RecordRef]) -> Vec<RecordRef> {
    let mut now: Vec<RecordRef> = Vec::with_capacity(records.len());
    for record in records.iter().map(|record| heirs.get(record).unwrap_or(record)) {
        if !now.contains(record) {
            now.push(record.clone());
        }
    }
    now
}

fn one_of_each_system(records: &[RecordRef]) -> Result<(), String> {
    let mut systems = BTreeSet::new();
    match records.iter().find(|record| !systems.insert(&record.connection)) {
        Some(second) => Err(format!(
            "it has more than one record of {}: name those that are the same, the one to be written first",
            second.connection
        )),
        None => Ok(()),
    }
}

async fn links_of(store: &dyn Store, records: &[RecordRef], kind: Kind) -> Result<Vec<Option<Link>>, Error> {
    let stored = store.records(records).await?;
    Ok(stored.into_iter().map(|it| it.links.into_iter().find(|link| link.facet == kind)).collect())
}

fn close(review: &Review, state: ReviewState, batch: &mut Batch) {
    batch.journal.push(Event::Review { review: review.id, state: state.clone() });
    batch.reviews.push(ReviewWrite::Put(Review { state, ..review.clone() }));
}

#[cfg(test)]
mod tests;
