//! Neighbourhoods: the store's rows around an entity, as the planner wants them (A4). Loaded a page at a time; never the
//! world.

mod domains;
mod refs;
mod sides;

pub(crate) use domains::domain_key;
pub(crate) use sides::earlier;

use crate::{ctx::Ctx, error::Error, identifying::pending_key, parked, referring, refusals};
use domains::organisations_by_domain;
use refs::{collect_refs, edge_fields, resolve};
use sides::note_sides;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_core::{
    mapping::{Mapping, OnDelete},
    plan::{ClockOffset, Context, Earlier, Neighbourhood, Refusal, Sides, Target},
};
use syncline_model::{ConnectionName, EntityId, FieldName, Kind, Link, LinkState, RecordRef, Snapshot};
use syncline_store::StoredEntity;

/// What one planning pass keeps while it streams.
pub(crate) struct Surroundings {
    sides: Arc<Sides>,
    earlier: Earlier,
    clocks: BTreeMap<ConnectionName, ClockOffset>,
    refusals: refusals::All,
    parked: BTreeMap<EntityId, BTreeMap<ConnectionName, Arc<str>>>,
    /// Creates planned so far in this pass.
    pub(crate) planned: BTreeSet<(EntityId, ConnectionName)>,
    /// Records in force of entities looked up lately.
    records_of: BTreeMap<EntityId, BTreeMap<ConnectionName, RecordRef>>,
    /// What organisations among them are called.
    names: BTreeMap<EntityId, Arc<str>>,
}

/// Entities whose records are kept at hand; more than this and the memory of them is dropped.
const AT_HAND: usize = 50_000;
/// How far clocks of vendors may be off whose clock was measured, beside what the measuring says: stamps have a
/// resolution of one second at the coarsest (Salesforce).
pub(crate) const RESOLUTION: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);

impl Surroundings {
    /// Reads what holds for the whole pass, and notes the mapping in force so that later ones can tell what changed.
    pub(crate) async fn load(ctx: &Ctx) -> Result<Self, Error> {
        let (earlier, noted) = earlier(ctx).await?;
        note_sides(ctx, noted).await?;
        let mut clocks = BTreeMap::new();
        for (name, connection) in &ctx.connections {
            if let Some(offset) = connection.vendor.clock_offset() {
                let uncertainty = offset.uncertainty.saturating_add(RESOLUTION);
                clocks.insert(name.clone(), ClockOffset { ahead: offset.ahead, uncertainty });
            }
        }
        let refusals = refusals::load(ctx).await?;
        let mut parked: BTreeMap<EntityId, BTreeMap<ConnectionName, Arc<str>>> = BTreeMap::new();
        for ((entity, connection), create) in parked::load(ctx).await? {
            parked.entry(entity).or_default().insert(connection, create.what);
        }
        Ok(Self {
            sides: Arc::clone(ctx.sides()),
            earlier,
            clocks,
            refusals,
            parked,
            planned: BTreeSet::new(),
            records_of: BTreeMap::new(),
            names: BTreeMap::new(),
        })
    }

    /// The planner's context.
    pub(crate) fn context<'a>(&'a self, ctx: &'a Ctx) -> Context<'a> {
        Context {
            mapping: ctx.mapping(),
            sides: &self.sides,
            earlier: &self.earlier,
            clocks: &self.clocks,
            now: ctx.now(),
        }
    }

    /// Remembers a refusal for the rest of the pass; the caller stores what is returned.
    pub(crate) fn refuse(&mut self, entity: EntityId, kept: refusals::Kept) -> &[refusals::Kept] {
        let list = self.refusals.entry(entity).or_default();
        list.retain(|known| {
            known.refusal.connection != kept.refusal.connection || known.refusal.part != kept.refusal.part
        });
        list.push(kept);
        list
    }

    pub(crate) fn park(&mut self, entity: EntityId, connection: &ConnectionName, what: &str) {
        self.parked.entry(entity).or_default().insert(connection.clone(), what.into());
    }

    pub(crate) fn unpark(&mut self, entity: EntityId, connection: &ConnectionName) {
        if let Some(parked) = self.parked.get_mut(&entity) {
            parked.remove(connection);
        }
    }

    /// Records in force changed: what is at hand of these entities is looked up again.
    pub(crate) fn forget(&mut self, entities: impl IntoIterator<Item = EntityId>) {
        for entity in entities {
            self.records_of.remove(&entity);
        }
    }

    /// What was refused of an entity, as the planner wants it.
    pub(crate) fn refusals_of(&self, entity: EntityId) -> Vec<Refusal> {
        self.refusals.get(&entity).into_iter().flatten().map(|kept| kept.refusal.clone()).collect()
    }

    /// Neighbourhoods of entities of one kind, in the order asked for.
    pub(crate) async fn of(
        &mut self,
        ctx: &Ctx,
        kind: Kind,
        entities: &[EntityId],
    ) -> Result<Vec<Neighbourhood>, Error> {
        let stored = ctx.store.entities(entities).await?;
        let edges = edge_fields(ctx.mapping(), kind);
        let mut refs: BTreeSet<(Kind, RecordRef)> = BTreeSet::new();
        for entity in &stored {
            collect_refs(entity, kind, &edges, &mut refs);
        }
        let targets = resolve(ctx, &refs).await?;
        let by_domain = organisations_by_domain(ctx, kind, &stored).await?;
        let parents = targets.values().filter_map(|target| target.entity).chain(by_domain.values().copied());
        self.look_up(ctx, parents.collect()).await?;
        let mut hoods = Vec::with_capacity(stored.len());
        for entity in stored {
            hoods.push(self.assemble(ctx, kind, entity, &edges, &targets, &by_domain).await?);
        }
        Ok(hoods)
    }

    async fn assemble(
        &self,
        ctx: &Ctx,
        kind: Kind,
        stored: StoredEntity,
        edges: &BTreeMap<(ConnectionName, FieldName), Kind>,
        targets: &BTreeMap<RecordRef, Target>,
        by_domain: &BTreeMap<EntityId, EntityId>,
    ) -> Result<Neighbourhood, Error> {
        let mut refs = BTreeSet::new();
        collect_refs(&stored, kind, edges, &mut refs);
        let own: BTreeMap<RecordRef, Target> = refs
            .into_iter()
            .map(|(_, record)| {
                let target = targets.get(&record).cloned().unwrap_or_default();
                (record, target)
            })
            .collect();
        let organisation_by_domain = by_domain.get(&stored.entity).copied();
        let parents: BTreeSet<EntityId> =
            own.values().filter_map(|target| target.entity).chain(organisation_by_domain).collect();
        let pending = stored.links.iter().any(|link| link.facet == kind && link.state == LinkState::Pending);
        let review = match pending {
            true => ctx.store.get(&pending_key(stored.entity)).await?,
            false => None,
        };
        Ok(Neighbourhood {
            entity: stored.entity,
            kind,
            planned: parents
                .iter()
                .flat_map(|parent| ctx.connections.keys().map(|connection| (*parent, connection.clone())))
                .filter(|pair| self.planned.contains(pair))
                .collect(),
            names: parents
                .iter()
                .filter_map(|parent| Some((*parent, self.names.get(parent)?.clone())))
                .collect(),
            records_of: parents
                .into_iter()
                .filter_map(|parent| self.records_of.get(&parent).map(|records| (parent, records.clone())))
                .collect(),
            targets: own,
            organisation_by_domain,
            review: review.and_then(|bytes| std::str::from_utf8(&bytes).ok()?.parse().ok()),
            refusals: self.refusals_of(stored.entity),
            parked: self.parked.get(&stored.entity).cloned().unwrap_or_default(),
            outlived: outlived(ctx, kind, &stored.links).await?,
            referred: referring::known(ctx, kind, &stored.links).await?,
            waiting_since: None,
            links: stored.links,
            snapshots: stored.snapshots,
        })
    }

    async fn look_up(&mut self, ctx: &Ctx, parents: BTreeSet<EntityId>) -> Result<(), Error> {
        if self.records_of.len() > AT_HAND {
            self.records_of.clear();
            self.names.clear();
        }
        let missing: Vec<EntityId> =
            parents.into_iter().filter(|entity| !self.records_of.contains_key(entity)).collect();
        for entity in ctx.store.entities(&missing).await? {
            self.records_of.insert(entity.entity, in_force(&entity.links, &entity.snapshots));
            let name = organisation_names(ctx.mapping(), &entity).next().map(Arc::from);
            if let Some(name) = name {
                self.names.insert(entity.entity, name);
            }
        }
        Ok(())
    }
}

/// Where it stands that somebody restored the counterpart of a deleted record.
pub(crate) fn outlived_key(record: &RecordRef) -> String {
    format!("outlived/{record}")
}

/// Which of these records, that are gone, somebody has restored the counterpart of.
async fn outlived(ctx: &Ctx, kind: Kind, links: &[Link]) -> Result<BTreeSet<RecordRef>, Error> {
    let mut outlived = BTreeSet::new();
    let model = ctx.mapping().kinds.get(&kind);
    if model.is_none_or(|model| model.on_delete != OnDelete::Archive) {
        return Ok(outlived);
    }
    for link in links.iter().filter(|link| link.facet == kind && link.state == LinkState::Deleted) {
        if ctx.store.get(&outlived_key(&link.record)).await?.is_some() {
            outlived.insert(link.record.clone());
        }
    }
    Ok(outlived)
}

/// What an organisation is called, on each side that names it.
pub(crate) fn organisation_names<'e>(
    mapping: &Mapping,
    entity: &'e StoredEntity,
) -> impl Iterator<Item = &'e str> {
    let model = mapping.kinds.get(&Kind::Organisation);
    let attributes = model.into_iter().flat_map(|model| &model.attributes);
    let name = attributes.into_iter().find(|attribute| attribute.name.as_str() == "name");
    let sides = entity.links.iter().zip(&entity.snapshots);
    sides.filter(|(link, _)| link.facet == Kind::Organisation && link.state.is_active()).filter_map(
        move |(link, snapshot)| {
            let binding = name?.binding(&link.record.connection, &link.record.object)?;
            snapshot.as_ref()?.field(binding.field.as_str()).value()?.as_str()
        },
    )
}

/// Records of an entity that are in force, one a connection.
pub(crate) fn in_force(
    links: &[Link],
    snapshots: &[Option<Snapshot>],
) -> BTreeMap<ConnectionName, RecordRef> {
    let mut records = BTreeMap::new();
    for (link, snapshot) in links.iter().zip(snapshots) {
        // The organisation facet of a lead names no record that could be pointed to.
        let own = snapshot.as_ref().is_none_or(Snapshot::is_live);
        if link.state.is_active() && own {
            records.entry(link.record.connection.clone()).or_insert_with(|| link.record.clone());
        }
    }
    records
}
