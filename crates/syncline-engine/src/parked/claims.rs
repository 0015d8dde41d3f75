//! Which of the records that are nobody's yet may have come of a parked create, and which certainly did.

use super::{Parked, Place, Sent, Verdict, waiting};
use crate::{ctx::Ctx, error::Error, reviews::apart_key};
use std::collections::{BTreeMap, BTreeSet};
use syncline_core::{mapping::Mapping, plan::shows_same};
use syncline_kit::vendor::{Origin, Write};
use syncline_model::{Action, ConnectionName, Kind, LinkState, Observed, RecordRef, Snapshot, Value};
use syncline_store::Batch;

/// What a record may have come of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claim {
    /// These creates.
    pub(crate) of: Vec<Place>,
    /// Of these we know that we made it at that time.
    pub(crate) ours: BTreeSet<Place>,
    /// Certainly this one.
    pub(crate) sure: Option<Place>,
}

/// The parked creates of which a record may still come.
#[derive(Default)]
pub(crate) struct Lost {
    open: BTreeMap<Place, Open>,
    /// What vendors said of records in this pass.
    origins: BTreeMap<RecordRef, Option<Origin>>,
}

/// One of them.
struct Open {
    sent: Sent,
    /// The records of its entity.
    records: Vec<RecordRef>,
}

impl Lost {
    /// Those that are parked still. What has come to an end meanwhile (the record was found by one of its keys, a person
    /// linked one, the entity is gone) is forgotten, and what waited for it let go.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn load(ctx: &Ctx) -> Result<Self, Error> {
        let mut open = BTreeMap::new();
        let mut batch = ctx.batch();
        for (place, parked) in super::load(ctx).await? {
            let stored = ctx.store.entities(&[place.0]).await?.pop();
            let links = stored.map(|stored| stored.links).unwrap_or_default();
            let kind = parked.sent.as_ref().map(|sent| sent.operation.kind);
            let own = links.iter().filter(|link| kind.is_none_or(|kind| link.facet == kind));
            let own: Vec<_> = own.filter(|link| link.state != LinkState::Excluded).collect();
            // What an undo archived is made again by undoing that.
            let is_known = |state: &LinkState| !matches!(state, LinkState::Pending | LinkState::Undone(_));
            let found =
                |link: &&syncline_model::Link| link.record.connection == place.1 && is_known(&link.state);
            if own.is_empty() || own.iter().any(found) {
                batch.puts.push((super::key(&place), None));
                continue;
            }
            if let Parked { sent: Some(sent), .. } = parked {
                let records = own.iter().map(|link| link.record.clone()).collect();
                open.insert(place, Open { sent: *sent, records });
            }
        }
        commit(ctx, batch).await?;
        waiting::release(ctx, &open.keys().cloned().collect()).await?;
        Ok(Self { open, origins: BTreeMap::new() })
    }

    /// Whether there is nothing to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// What was sent.
    pub(crate) fn sent(&self, place: &Place) -> Option<&Sent> {
        self.open.get(place).map(|open| &open.sent)
    }

    /// The records of these creates' entities, to name them by.
    pub(crate) fn records(&self, of: &[Place]) -> impl Iterator<Item = RecordRef> {
        of.iter().filter_map(|place| self.open.get(place)).flat_map(|open| open.records.iter().cloned())
    }

    /// It has come to its end.
    pub(crate) fn end(&mut self, place: &Place) {
        self.open.remove(place);
    }

    /// What each of these records, which are nobody's yet, may have come of; those that are not named came of none. Asks
    /// the vendors who made them.
    ///
    /// # Errors
    /// [`Error::Vendor`]; [`Error::UnknownConnection`].
    pub(crate) async fn claims(
        &mut self,
        ctx: &Ctx,
        records: &[(Kind, &Snapshot)],
        apart: &BTreeSet<String>,
    ) -> Result<BTreeMap<(Kind, RecordRef), Claim>, Error> {
        let fitting: Vec<(Kind, &Snapshot)> = records
            .iter()
            .copied()
            .filter(|(kind, seen)| self.open.iter().any(|(place, open)| fits(place, open, *kind, seen)))
            .collect();
        self.ask(ctx, fitting.iter().map(|(_, seen)| &seen.record)).await?;
        let mut claims = BTreeMap::new();
        let mut exact: BTreeMap<(Kind, RecordRef), BTreeSet<Place>> = BTreeMap::new();
        for (kind, seen) in fitting {
            let origin = self.origins.get(&seen.record).copied().flatten();
            let mut claim = Claim::default();
            let mut alike = BTreeSet::new();
            for (place, open) in &self.open {
                let kept_apart =
                    open.records.iter().any(|other| apart.contains(&apart_key(&seen.record, other)));
                if kept_apart || !fits(place, open, kind, seen) {
                    continue;
                }
                match open.sent.judge(origin) {
                    Verdict::No => continue,
                    Verdict::May => {}
                    Verdict::Ours => {
                        claim.ours.insert(place.clone());
                        if carries(ctx.mapping(), kind, seen, &open.sent) {
                            alike.insert(place.clone());
                        }
                    }
                }
                claim.of.push(place.clone());
            }
            if claim.of.is_empty() {
                continue;
            }
            let key = (kind, seen.record.clone());
            // Where several were alike, a relation that somebody made since would tell them apart.
            if !alike.is_empty() && (alike.len() == 1 || !is_related(seen, &alike, self)) {
                exact.insert(key.clone(), alike);
            }
            claims.insert(key, claim);
        }
        for (key, place) in matched(&exact) {
            if let Some(claim) = claims.get_mut(&key) {
                claim.sure = Some(place);
            }
        }
        Ok(claims)
    }

    async fn ask(&mut self, ctx: &Ctx, records: impl Iterator<Item = &RecordRef>) -> Result<(), Error> {
        let mut unasked: BTreeMap<&ConnectionName, Vec<RecordRef>> = BTreeMap::new();
        for record in records.filter(|record| !self.origins.contains_key(*record)) {
            unasked.entry(&record.connection).or_default().push(record.clone());
        }
        for (connection, records) in unasked {
            let vendor = ctx.connection(connection)?.vendor.clone();
            let told = vendor.origins(&records).await.map_err(|error| Error::vendor(connection, error))?;
            self.origins.extend(records.into_iter().zip(told));
        }
        Ok(())
    }
}

fn fits((_, connection): &Place, open: &Open, kind: Kind, seen: &Snapshot) -> bool {
    let Action::Create { object, .. } = &open.sent.operation.action else { return false };
    open.sent.operation.kind == kind && seen.record.connection == *connection && seen.record.object == *object
}

/// Whether a record shows what was sent, all of it that is read.
fn carries(mapping: &Mapping, kind: Kind, seen: &Snapshot, sent: &Sent) -> bool {
    let Write::Create { fields, .. } = &sent.row.write else { return false };
    fields.iter().all(|(field, value)| {
        let shown = seen.field(field.as_str());
        *shown == Observed::NotFetched
            || shows_same(mapping, kind, &seen.record, field, shown, &Observed::from(value.clone()))
    })
}

/// Whether a record has relations that none of these creates gave it.
fn is_related(seen: &Snapshot, of: &BTreeSet<Place>, lost: &Lost) -> bool {
    let sent = |name: &syncline_model::FieldName| {
        of.iter().filter_map(|place| lost.sent(place)).any(|sent| {
            matches!(&sent.row.write, Write::Create { fields, .. } if fields.iter().any(|(field, _)| field == name))
        })
    };
    seen.fields.iter().any(|(name, shown)| {
        matches!(shown, Observed::Value(Value::Refs(refs)) if !refs.is_empty()) && !sent(name)
    })
}

/// Records that carry exactly what creates sent, each with its create: where as many records carry it as creates sent
/// it, each create has its record, and which has which makes no difference.
fn matched(exact: &BTreeMap<(Kind, RecordRef), BTreeSet<Place>>) -> Vec<((Kind, RecordRef), Place)> {
    let mut groups: BTreeMap<&BTreeSet<Place>, Vec<&(Kind, RecordRef)>> = BTreeMap::new();
    for (key, places) in exact {
        groups.entry(places).or_default().push(key);
    }
    let claimed_elsewhere = |places: &BTreeSet<Place>| {
        exact.values().any(|other| other != places && other.iter().any(|place| places.contains(place)))
    };
    let mut matched = Vec::new();
    for (places, keys) in &groups {
        if places.len() == keys.len() && !claimed_elsewhere(places) {
            matched.extend(keys.iter().map(|key| (*key).clone()).zip(places.iter().cloned()));
        }
    }
    matched
}

async fn commit(ctx: &Ctx, batch: Batch) -> Result<(), Error> {
    if !batch.puts.is_empty() {
        ctx.store.commit(batch).await?;
    }
    Ok(())
}
