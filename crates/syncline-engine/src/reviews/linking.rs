//! Links by a person's word: which records are one thing, and what becomes of those that were not named.

use super::{Answer, apart_key, links_of};
use crate::{companies, entropy::Ids, error::Error, identifying::pending_key};
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{
    EntityId, Evidence, JournalSeq, Kind, Link, LinkState, RecordRef, RecordState, Snapshot,
};
use syncline_store::{Batch, DirtyKey, LinkWrite, Store};

/// Puts all records under one entity: of the first that agreed on values, else that is in force, else that is known, else a
/// new one; where nobody named them in an order, first of all that of one which is in step with a record elsewhere. Whoever
/// is linked to one of them is the same thing, and comes along.
pub(super) async fn put_links(
    store: &dyn Store,
    ids: &Ids,
    kind: Kind,
    (records, named): (&[RecordRef], &[RecordRef]),
    answer: &Answer,
    batch: &mut Batch,
) -> Result<EntityId, Error> {
    if records.len() < 2 {
        return Err(Error::Review { id: answer.id, why: "name at least two of its records".to_owned() });
    }
    let stored = store.records(records).await?;
    let own = |links: Vec<Link>| links.into_iter().find(|link| link.facet == kind);
    let known: Vec<(Option<Snapshot>, Option<Link>)> =
        stored.into_iter().map(|it| (it.snapshot, own(it.links))).collect();
    for (record, (snapshot, link)) in records.iter().zip(&known) {
        if let Some(what) = gone_since(snapshot.as_ref(), link.as_ref()) {
            let why = format!("{record} {what}: name those that are there, or reject it");
            return Err(Error::Review { id: answer.id, why });
        }
    }
    let links: Vec<Option<Link>> = known.into_iter().map(|(_, link)| link).collect();
    let entities: Vec<EntityId> =
        links.iter().flatten().map(|link| link.entity).collect::<BTreeSet<_>>().into_iter().collect();
    let members: BTreeMap<EntityId, Vec<Link>> =
        store.entities(&entities).await?.into_iter().map(|it| (it.entity, it.links)).collect();
    let known = || links.iter().flatten();
    let is_met = |link: &&Link| {
        let elsewhere = |other: &&Link| other.record.connection != link.record.connection;
        link.base.is_some() && link.state.is_active() && in_force(&members, link).any(|it| elsewhere(&it))
    };
    let first = if named.is_empty() { known().find(is_met) } else { None };
    let entity = first
        .or_else(|| known().find(|link| link.base.is_some()))
        .or_else(|| known().find(|link| link.state.is_active()))
        .or_else(|| known().next())
        .map_or_else(|| ids.entity(batch.at), |link| link.entity);
    // One active record per system (invariant 5): whoever is there stays, what comes later is its duplicate.
    let there = members.get(&entity).into_iter().flatten();
    let mut active: Vec<RecordRef> = there
        .filter(|link| link.facet == kind && link.state.is_active() && !records.contains(&link.record))
        .map(|link| link.record.clone())
        .collect();
    let left: BTreeSet<EntityId> = known().map(|link| link.entity).filter(|of| *of != entity).collect();
    let along = left
        .iter()
        .flat_map(|of| members.get(of).into_iter().flatten())
        .filter(|link| link.facet == kind && link.state.is_active() && !records.contains(&link.record));
    let mut moving: Vec<(RecordRef, Option<Link>)> =
        records.iter().cloned().zip(links.iter().cloned()).collect();
    moving.extend(along.map(|link| (link.record.clone(), Some(link.clone()))));
    let evidence = Evidence::Person { who: answer.who.clone() };
    for (record, before) in &moving {
        let state = match (before, active.iter().find(|there| there.connection == record.connection)) {
            // What was deleted is that thing, and stays deleted.
            (Some(Link { state: gone @ (LinkState::Deleted | LinkState::Undone(_)), .. }), _) => gone.clone(),
            (_, Some(there)) => LinkState::DuplicateOf(there.id.clone()),
            (_, None) => LinkState::Active,
        };
        if state.is_active() {
            active.push(record.clone());
        }
        let stays = before.as_ref().filter(|link| link.entity == entity);
        batch.link(Link {
            record: record.clone(),
            facet: kind,
            entity,
            state,
            evidence: evidence.clone(),
            since: JournalSeq(0),
            base: stays.and_then(|link| link.base.clone()),
        });
        batch.wake.push(format!("record:{record}"));
    }
    let moved: Vec<RecordRef> = moving.into_iter().map(|(record, _)| record).collect();
    for of in left {
        if kind == Kind::Organisation {
            companies::follow(batch, members.get(&of).map_or(&[][..], Vec::as_slice), &moved, entity);
        }
        batch.dirty.push(DirtyKey::Entity(kind, of));
        batch.wake.push(format!("entity:{of}"));
    }
    batch.dirty.push(DirtyKey::Entity(kind, entity));
    batch.wake.push(format!("entity:{entity}"));
    Ok(entity)
}

/// The other records in force of a link's entity.
fn in_force<'m>(
    members: &'m BTreeMap<EntityId, Vec<Link>>,
    link: &'m Link,
) -> impl Iterator<Item = &'m Link> {
    let others = members.get(&link.entity).into_iter().flatten();
    others.filter(|other| other.facet == link.facet && other.record != link.record && other.state.is_active())
}

/// What happened to a record that is not there any more, unless that is known of its link: what is decided by a delete
/// must not be decided by one that came before the two were one thing.
fn gone_since(snapshot: Option<&Snapshot>, link: Option<&Link>) -> Option<String> {
    let settled = link.is_some_and(|link| matches!(link.state, LinkState::Deleted | LinkState::Undone(_)));
    match &snapshot?.state {
        RecordState::Live => None,
        RecordState::Deleted if settled => None,
        RecordState::Deleted => Some("was deleted meanwhile".to_owned()),
        RecordState::MergedInto(survivor) => Some(format!("was merged into {survivor} meanwhile")),
        RecordState::Converted { .. } => Some("was converted meanwhile".to_owned()),
    }
}

/// Those of the records asked about that were not named wait no longer. Beside one of their system that was, they are its
/// duplicates: they share the key that it was asked about for, and nobody said that they are another thing. The others are
/// kept apart from those that were named.
pub(super) async fn leave_out(
    store: &dyn Store,
    kind: Kind,
    named: &[RecordRef],
    asked: &[RecordRef],
    answer: &Answer,
    batch: &mut Batch,
) -> Result<(), Error> {
    let left: Vec<RecordRef> = asked.iter().filter(|record| !named.contains(record)).cloned().collect();
    for (record, link) in left.iter().zip(links_of(store, &left, kind).await?) {
        let beside = named.iter().find(|other| other.connection == record.connection);
        let link = link.filter(|link| link.state == LinkState::Pending);
        match (beside, link) {
            (Some(_), None) => {}
            (Some(beside), Some(link)) => {
                let evidence = Evidence::Person { who: answer.who.clone() };
                let there = batch.links.iter().find_map(|write| match write {
                    LinkWrite::Put(put) if put.record == *beside && put.facet == kind => Some(put.clone()),
                    LinkWrite::Put(_) | LinkWrite::Remove(..) => None,
                });
                let Some(there) = there else { continue };
                let first =
                    if let LinkState::DuplicateOf(first) = there.state { first } else { beside.id.clone() };
                let state = LinkState::DuplicateOf(first);
                batch.puts.push((pending_key(link.entity), None));
                batch.wake.push(format!("entity:{}", link.entity));
                batch.link(Link { entity: there.entity, state, evidence, base: None, ..link });
            }
            (None, link) => {
                batch.puts.extend(named.iter().map(|other| (apart_key(record, other), Some(Vec::new()))));
                if let Some(link) = link {
                    identify_again(&link, batch);
                }
            }
        }
    }
    Ok(())
}

/// It only waited for this answer: now it is identified without the others.
pub(super) fn identify_again(link: &Link, batch: &mut Batch) {
    batch.links.push(LinkWrite::Remove(link.record.clone(), link.facet));
    batch.puts.push((pending_key(link.entity), None));
    batch.dirty.push(DirtyKey::Record(link.facet, link.record.clone()));
    // Who waits for it is told where it went.
    batch.wake.push(format!("entity:{}", link.entity));
}
