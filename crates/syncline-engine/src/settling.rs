//! What vendors did to records as such (conversions, merges, deletes, restores) moves links before anything else is
//! concluded from them: before records are identified, else the one that took another's place would be a stranger with the
//! same address; and before anything is planned (CRM-4, CRM-12).

mod pages;
#[cfg(test)]
mod tests;

use crate::{
    capture,
    ctx::Ctx,
    error::Error,
    handover::{Handover, called, handover, is_of_conversion, named_company},
    hoods::{self, outlived_key},
    identifying::pending_key,
    parked::forget,
};
use pages::pages;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_core::{
    mapping::Mapping,
    plan::{
        Beside, Earlier, Estate, LinkChange, Successor, at_odds, heirs_first, is_of_lead, looked_at, settle,
    },
};
use syncline_model::{
    EntityId, Evidence, Kind, Link, LinkState, RecordRef, RecordState, Snapshot,
    review::{Question, Review, ReviewState},
};
use syncline_store::{Batch, DirtyKey, LinkWrite, ReviewWrite, StoredEntity, StoredRecord};

/// Linked records that another one took the place of, until that is settled.
const SUCCEEDED: &str = "succeeded/";
/// A conversion, merges after it, a delete: more identity events than these in a row wait for the next run.
pub(crate) const CHAIN: usize = 5;
/// Events settled in one go, where no survivor has more.
const PAGE: usize = 1_000;

/// The small state to keep of a linked record that was just seen merged or converted: who took its place must not be met
/// as a stranger, and has no key in common with it where it is a survivor with the other one's values.
pub(crate) fn noted(seen: &Snapshot, links: &[Link]) -> Option<(String, Option<Vec<u8>>)> {
    let succeeded = match &seen.state {
        RecordState::MergedInto(_) | RecordState::Converted { contact: Some(_), .. } => !links.is_empty(),
        RecordState::Converted { contact: None, .. } | RecordState::Live | RecordState::Deleted => false,
    };
    succeeded.then(|| (key(&seen.record), Some(Vec::new())))
}

fn key(RecordRef { connection, object, id }: &RecordRef) -> String {
    format!("{SUCCEEDED}{connection}/{object}/{id}")
}

/// Settles what [`noted`] kept.
///
/// # Errors
/// [`Error::Store`]; [`Error::Vendor`].
pub(crate) async fn succeeded(ctx: &Ctx) -> Result<(), Error> {
    paged(ctx, PAGE).await
}

async fn paged(ctx: &Ctx, size: usize) -> Result<(), Error> {
    let listed = ctx.store.list(SUCCEEDED).await?;
    let records: Vec<RecordRef> = listed.iter().filter_map(|(key, _)| record(key)).collect();
    for records in together(ctx, size, records).await? {
        let stored = ctx.store.records(&records).await?;
        again(ctx, &stored).await?;
        let entities: BTreeSet<EntityId> =
            stored.iter().flat_map(|record| &record.links).map(|link| link.entity).collect();
        let entities: Vec<EntityId> = entities.into_iter().collect();
        for _chain in 0..CHAIN {
            if !self::stored(ctx, &ctx.store.entities(&entities).await?).await? {
                break;
            }
        }
        let mut batch = ctx.batch();
        batch.puts.extend(records.iter().map(|record| (key(record), None)));
        ctx.store.commit(batch).await?;
    }
    Ok(())
}

/// Pages of them; those of one survivor are on one.
async fn together(ctx: &Ctx, size: usize, records: Vec<RecordRef>) -> Result<Vec<Vec<RecordRef>>, Error> {
    if records.len() <= size {
        return Ok(Some(records).filter(|records| !records.is_empty()).into_iter().collect());
    }
    let mut named = Vec::with_capacity(records.len());
    for some in records.chunks(PAGE) {
        for (record, stored) in some.iter().zip(ctx.store.records(some).await?) {
            let others = stored.snapshot.map_or_else(Vec::new, |seen| looked_at(ctx.mapping(), &seen));
            named.push((record.clone(), others));
        }
    }
    Ok(pages(size, named))
}

/// Reads again what was read of accounts before the leads that tell of them.
async fn again(ctx: &Ctx, succeeded: &[StoredRecord]) -> Result<(), Error> {
    let mapping = ctx.mapping();
    let leads = succeeded.iter().filter_map(|stored| stored.snapshot.as_ref());
    let (leads, successors): (Vec<&Snapshot>, Vec<RecordRef>) =
        leads.flat_map(|lead| looked_at(mapping, lead).into_iter().map(move |record| (lead, record))).unzip();
    let stored = ctx.store.records(&successors).await?;
    let shown = leads.into_iter().zip(stored).filter_map(|(lead, stored)| Some((lead, stored.snapshot?)));
    let odds: Vec<RecordRef> = shown.flat_map(|(lead, contact)| at_odds(mapping, lead, &contact)).collect();
    capture::records(ctx, &odds).await?;
    Ok(())
}

fn record(key: &str) -> Option<RecordRef> {
    let mut parts = key.strip_prefix(SUCCEEDED)?.splitn(3, '/');
    Some(RecordRef::new(parts.next()?, parts.next()?, parts.next()?))
}

/// An entity with its records.
pub(crate) struct Member<'a> {
    pub(crate) kind: Kind,
    pub(crate) entity: EntityId,
    pub(crate) links: &'a [Link],
    pub(crate) snapshots: &'a [Option<Snapshot>],
}

/// As [`run`], for entities as stored: of each of their kinds.
pub(crate) async fn stored(ctx: &Ctx, entities: &[StoredEntity]) -> Result<bool, Error> {
    let members = entities.iter().flat_map(|stored| {
        let kinds: BTreeSet<Kind> = stored.links.iter().map(|link| link.facet).collect();
        kinds.into_iter().map(|kind| Member {
            kind,
            entity: stored.entity,
            links: &stored.links,
            snapshots: &stored.snapshots,
        })
    });
    run(ctx, &members.collect::<Vec<_>>()).await
}

/// Settles the events of these entities; says whether links moved.
///
/// # Errors
/// [`Error::Store`]; [`Error::Vendor`].
pub(crate) async fn run(ctx: &Ctx, members: &[Member<'_>]) -> Result<bool, Error> {
    let mapping = ctx.mapping();
    let looked: Vec<RecordRef> = members
        .iter()
        .flat_map(|member| member.snapshots)
        .flatten()
        .flat_map(|snapshot| looked_at(mapping, snapshot))
        .collect();
    let mut links: BTreeMap<RecordRef, Vec<Link>> = BTreeMap::new();
    let mut unseen: BTreeSet<RecordRef> = BTreeSet::new();
    let mut seen: BTreeMap<&RecordRef, Snapshot> = BTreeMap::new();
    for (record, stored) in looked.iter().zip(ctx.store.records(&looked).await?) {
        match stored.snapshot {
            Some(snapshot) => drop(seen.insert(record, snapshot)),
            None => drop(unseen.insert(record.clone())),
        }
        links.insert(record.clone(), stored.links);
    }
    let estates: Vec<Estate<'_>> = members
        .iter()
        .map(|member| Estate { kind: member.kind, links: member.links, snapshots: member.snapshots })
        .collect();
    let order = heirs_first(mapping, &estates, |record| seen.get(record));
    let others = links.values().flatten().map(|link| link.entity).collect::<BTreeSet<_>>();
    let others = ctx.store.entities(&others.into_iter().collect::<Vec<_>>()).await?;
    // What is linked to one of these in this very step is theirs as well.
    let mut entities: BTreeMap<EntityId, &[Link]> =
        members.iter().map(|member| (member.entity, member.links)).collect();
    entities.extend(others.iter().map(|stored| (stored.entity, stored.links.as_slice())));
    let earlier = earlier_of(ctx, members).await?;
    let named: BTreeMap<RecordRef, Arc<str>> = links.values().flatten().filter_map(named_company).collect();
    let mut batch = ctx.batch();
    let mut to_read = Vec::new();
    let mut asked = Vec::new();
    for member in order.into_iter().filter_map(|position| members.get(position)) {
        let settled =
            settle(mapping, &earlier, member.kind, member.links, member.snapshots, |record, facet| {
                let link = find(&links, record, facet)?;
                let own = entities.get(&link.entity).copied().unwrap_or_default();
                Some(Successor { beside: beside(own, &link), leads: leads(mapping, own), link })
            });
        for change in settled.links {
            if let LinkChange::Put(link) = &change
                && is_of_conversion(link)
            {
                let called = called(mapping, &named, member, link);
                match handover(ctx, link, called, unseen.contains(&link.record)).await? {
                    Handover::Same => {}
                    Handover::Another => continue,
                    Handover::Asked(question) => {
                        asked.push((link.clone(), question));
                        continue;
                    }
                }
            }
            if let LinkChange::Put(link) = &change
                && unseen.contains(&link.record)
            {
                to_read.push(link.record.clone());
            }
            if let LinkChange::Put(link) = &change
                && let Some(asked) = find(&links, &link.record, link.facet)
                    .filter(|asked| asked.state == LinkState::Pending && asked.entity != link.entity)
            {
                forget(ctx, &mut batch, &asked).await?;
            }
            batch.puts.extend(outlived_by(&change, member));
            // Two records of two entities may have become one: the second finds what the first one handed over.
            follow(&mut links, &change);
            put_change(&mut batch, change);
        }
        for question in settled.questions {
            let review = Review { id: 0, question, opened_at: batch.at, state: ReviewState::Open };
            batch.reviews.push(ReviewWrite::Open(review));
        }
        batch.dirty.extend(settled.again.into_iter().map(|(kind, record)| DirtyKey::Record(kind, record)));
        for (kind, entity) in settled.replan {
            batch.wake.push(format!("entity:{entity}"));
            // Its own entity is work already: the record's change made it so.
            if entity != member.entity {
                batch.dirty.push(DirtyKey::Entity(kind, entity));
            }
        }
    }
    // Of two leads that were converted into one account, one that calls its company by its name answers for both.
    let is_put = |account: &Link| {
        batch.links.iter().any(|write| {
            matches!(write, LinkWrite::Put(link) if link.record == account.record && link.facet == account.facet)
        })
    };
    asked.retain(|(account, _)| !is_put(account));
    ask(ctx, &mut batch, asked).await?;
    if batch.links.is_empty() && batch.reviews.is_empty() {
        return Ok(false);
    }
    ctx.store.commit(batch).await?;
    // What took a record's place and was never seen may be gone again already: no sweep shows a stranger's tombstone.
    capture::records(ctx, &to_read).await?;
    Ok(true)
}

/// The earlier mappings that something of these was agreed under, if there is any such.
async fn earlier_of(ctx: &Ctx, members: &[Member<'_>]) -> Result<Earlier, Error> {
    let in_force: BTreeSet<u32> = ctx.sides().digests().map(|(digest, _)| digest).collect();
    let mut bases = members.iter().flat_map(|member| member.links).filter_map(|link| link.base.as_ref());
    if bases.all(|base| in_force.contains(&base.mapping)) {
        return Ok(Earlier::new());
    }
    Ok(hoods::earlier(ctx).await?.0)
}

/// Who else a link's entity has.
fn beside(own: &[Link], link: &Link) -> Beside {
    let others = own
        .iter()
        .filter(|other| other.facet == link.facet && other.record.connection != link.record.connection);
    match others.map(|other| other.state.is_active()).max() {
        None => Beside::Nobody,
        Some(false) => Beside::Former,
        Some(true) => Beside::Counterparts,
    }
}

/// The leads whose company an entity is.
fn leads(mapping: &Mapping, own: &[Link]) -> Vec<Link> {
    own.iter().filter(|link| is_of_lead(mapping, link)).cloned().collect()
}

fn find(links: &BTreeMap<RecordRef, Vec<Link>>, record: &RecordRef, facet: Kind) -> Option<Link> {
    links.get(record)?.iter().find(|link| link.facet == facet).cloned()
}

/// Makes a change in what was loaded.
fn follow(links: &mut BTreeMap<RecordRef, Vec<Link>>, change: &LinkChange) {
    let (record, facet) = match change {
        LinkChange::Put(link) => (&link.record, link.facet),
        LinkChange::Remove(record, facet) => (record, *facet),
    };
    let Some(known) = links.get_mut(record) else { return };
    known.retain(|link| link.facet != facet);
    if let LinkChange::Put(link) = change {
        known.push(link.clone());
    }
}

/// Where a record is back, the deletes of its counterparts are over.
fn outlived_by(change: &LinkChange, member: &Member<'_>) -> Vec<(String, Option<Vec<u8>>)> {
    let LinkChange::Put(back) = change else { return Vec::new() };
    // It may have gone on since.
    let was = if let Evidence::Conversion(lead) = &back.evidence { lead } else { &back.record.id };
    let was_gone = |link: &&Link| {
        link.record.connection == back.record.connection
            && (link.record == back.record || link.record.id == *was)
            && link.state == LinkState::Deleted
    };
    if !back.state.is_active() || !member.links.iter().any(|link| was_gone(&link)) {
        return Vec::new();
    }
    let gone = member
        .links
        .iter()
        .filter(|link| link.facet == back.facet && link.state == LinkState::Deleted && !was_gone(link));
    gone.map(|link| (outlived_key(&link.record), Some(Vec::new()))).collect()
}

/// Opens the questions first, so that the accounts that wait for them can name them; asking again is harmless.
async fn ask(ctx: &Ctx, batch: &mut Batch, asked: Vec<(Link, Question)>) -> Result<(), Error> {
    if asked.is_empty() {
        return Ok(());
    }
    let mut questions = ctx.batch();
    let opened_at = questions.at;
    for (_, question) in &asked {
        let review = Review { id: 0, question: question.clone(), opened_at, state: ReviewState::Open };
        questions.reviews.push(ReviewWrite::Open(review));
    }
    let numbers = ctx.store.commit(questions).await?.reviews;
    for ((account, _), review) in asked.into_iter().zip(numbers) {
        let entity = ctx.ids.entity(batch.at);
        batch.puts.push((pending_key(entity), Some(review.to_string().into_bytes())));
        batch.dirty.push(DirtyKey::Entity(account.facet, entity));
        put_change(batch, LinkChange::Put(Link { entity, state: LinkState::Pending, ..account }));
    }
    Ok(())
}

fn put_change(batch: &mut Batch, change: LinkChange) {
    match change {
        LinkChange::Put(link) => {
            batch.wake.push(format!("record:{}", link.record));
            if link.state != LinkState::Deleted {
                batch.puts.push((outlived_key(&link.record), None));
            }
            batch.link(link);
        }
        LinkChange::Remove(record, facet) => batch.links.push(LinkWrite::Remove(record, facet)),
    }
}
