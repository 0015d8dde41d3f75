//! One planning pass over the work there is: pages of entities, parents before children. Identity events are settled
//! first; what the sides agree on already is stored; what has to be written is handed on.

use crate::{
    bereft, companies,
    ctx::Ctx,
    error::Error,
    hoods::Surroundings,
    identifying::again,
    settling::{self, CHAIN, Member},
};
use std::collections::BTreeSet;
use syncline_core::plan::{Draft, EntityPlan, Neighbourhood, plan_entity};
use syncline_model::{
    Action, ConnectionName, EntityId, Kind, Link, ObjectName, Operation, OperationId,
    plan::{Finding, Held, HeldReason},
    review::{Review, ReviewState},
};
use syncline_store::{Batch, Dirty, DirtyKey, HeldWrite, LinkWrite, ReviewWrite};

/// Entities planned at a time.
const PAGE: usize = 1_000;

/// Whether what the sides agree on, what is held and what is found is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It is: bases move, and entities with nothing to write are done.
    Stored,
    /// It is, and what is planned is written next: so what a vendor's lists show too late is asked for before.
    Written,
    /// It is not: the pass leaves no trace but links that were settled or looked at again, and what is asked about those.
    Nothing,
}

impl Keep {
    fn is_stored(self) -> bool {
        match self {
            Self::Stored | Self::Written => true,
            Self::Nothing => false,
        }
    }
}

/// A record that is made: of which entity, where, and as what.
pub(crate) type Making = (EntityId, ConnectionName, ObjectName);

/// What a create makes; `None`: it is something else.
pub(crate) fn making(entity: EntityId, connection: &ConnectionName, action: &Action) -> Option<Making> {
    let Action::Create { object, .. } = action else { return None };
    Some((entity, connection.clone(), object.clone()))
}

/// One entity with its plan.
pub struct Planned {
    /// The work it came from.
    pub dirty: Dirty,
    /// What the plan was made from.
    pub hood: Neighbourhood,
    /// The plan.
    pub plan: EntityPlan,
}

/// A pass under way.
pub struct Pass<'a> {
    ctx: &'a Ctx,
    pub(crate) surroundings: Surroundings,
    keep: Keep,
    after: Option<DirtyKey>,
    next_operation: u64,
    /// The kind of the last page.
    level: Option<Kind>,
    /// Entities of this kind that wait for a parent of their own kind, with what was planned for them: the parent may
    /// stand later in the same plan, so they are looked at once more at the end of the kind (A4).
    second: Vec<Again>,
}

/// An entity to look at once more.
struct Again {
    entity: EntityId,
    dirty: Dirty,
    planned: Vec<Draft>,
}

/// Entities of one kind to plan, and where to go on behind them.
struct Work {
    next: Option<DirtyKey>,
    entities: Vec<(Kind, EntityId, Dirty)>,
}

impl<'a> Pass<'a> {
    /// Starts a pass.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn start(ctx: &'a Ctx, keep: Keep) -> Result<Self, Error> {
        let surroundings = Surroundings::load(ctx).await?;
        Ok(Self { ctx, surroundings, keep, after: None, next_operation: 0, level: None, second: Vec::new() })
    }

    /// The next page, all of one kind; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn next_page(&mut self) -> Result<Option<(Kind, Vec<Planned>)>, Error> {
        self.ctx.lease.keep().await?;
        let work = self.next_work().await?;
        let next_kind = work.entities.first().map(|(kind, ..)| *kind);
        if let Some(level) = self.level
            && next_kind != Some(level)
            && !self.second.is_empty()
        {
            let again = std::mem::take(&mut self.second);
            return Ok(Some((level, self.plan_again(level, again).await?)));
        }
        let Some(kind) = next_kind else { return Ok(None) };
        self.after = work.next;
        self.level = Some(kind);
        let planned = self.plan(kind, work.entities).await?;
        Ok(Some((kind, planned)))
    }

    /// The entities after the last page, up to a change of kind.
    async fn next_work(&self) -> Result<Work, Error> {
        let mut after = self.after.clone();
        loop {
            let page = self.ctx.store.dirty(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(Work { next: after, entities: Vec::new() }) };
            let mut entities = page.iter().filter_map(|dirty| match &dirty.key {
                DirtyKey::Entity(kind, entity) => Some((*kind, *entity, dirty.clone())),
                DirtyKey::Record(..) => None,
            });
            let Some(first) = entities.next() else {
                after = Some(last.key.clone());
                continue;
            };
            let kind = first.0;
            let entities: Vec<_> =
                [first].into_iter().chain(entities.take_while(|(other, ..)| *other == kind)).collect();
            return Ok(Work { next: entities.last().map(|(_, _, dirty)| dirty.key.clone()), entities });
        }
    }

    /// The relations of a kind to itself that a first look could not plan because the parent came later.
    async fn plan_again(&mut self, kind: Kind, again: Vec<Again>) -> Result<Vec<Planned>, Error> {
        let ids: Vec<EntityId> = again.iter().map(|again| again.entity).collect();
        let hoods = self.surroundings.of(self.ctx, kind, &ids).await?;
        let mut planned = Vec::with_capacity(hoods.len());
        for (Again { dirty, planned: before, .. }, mut hood) in again.into_iter().zip(hoods) {
            let mut plan = plan_one(self.ctx, &self.surroundings, &mut hood).await?;
            plan.operations
                .retain(|draft| matches!(draft.action, Action::Associate(_)) && !before.contains(draft));
            plan.held.retain(|(held, _)| is_of_own_kind(self.ctx, held));
            plan.findings.clear();
            planned.push(Planned { dirty, hood, plan });
        }
        Ok(planned)
    }

    async fn plan(
        &mut self,
        kind: Kind,
        entities: Vec<(Kind, EntityId, Dirty)>,
    ) -> Result<Vec<Planned>, Error> {
        let ids: Vec<EntityId> = entities.iter().map(|(_, entity, _)| *entity).collect();
        let hoods = self.hoods(kind, &ids).await?;
        let mut batch = self.ctx.batch();
        let mut planned = Vec::with_capacity(hoods.len());
        for ((_, _, dirty), mut hood) in entities.into_iter().zip(hoods) {
            let mut plan = plan_one(self.ctx, &self.surroundings, &mut hood).await?;
            for draft in &plan.operations {
                if draft.action.word() == "create" {
                    self.surroundings.planned.insert((hood.entity, draft.connection.clone()));
                }
            }
            if self.keep.is_stored() {
                let opened_at = batch.at;
                keep(&mut batch, &hood, &plan, opened_at);
                if plan.operations.is_empty() {
                    batch.done.push(dirty.clone());
                }
            }
            if plan.held.iter().any(|(held, _)| is_of_own_kind(self.ctx, held)) {
                plan.held.retain(|(held, _)| !is_of_own_kind(self.ctx, held));
                let planned = plan.operations.clone();
                self.second.push(Again { entity: hood.entity, dirty: dirty.clone(), planned });
            }
            planned.push(Planned { dirty, hood, plan });
        }
        if self.keep.is_stored() {
            let leads = planned.iter().flat_map(|planned| &planned.plan.companies);
            companies::keep(self.ctx, &mut batch, &leads.collect::<Vec<_>>()).await?;
            self.ctx.store.commit(batch).await?;
        }
        Ok(planned)
    }

    /// Entities with what is around them, once what vendors did to their records is settled and those that stand alone were
    /// looked at again.
    async fn hoods(&mut self, kind: Kind, ids: &[EntityId]) -> Result<Vec<Neighbourhood>, Error> {
        // A call of the page before may have told of a merge between records of several entities.
        settling::succeeded(self.ctx).await?;
        let mut hoods = self.surroundings.of(self.ctx, kind, ids).await?;
        // What took a record's place may itself be gone: settled until nothing moves.
        for _chain in 0..CHAIN {
            if !self.settle(kind, &hoods).await? {
                break;
            }
            self.surroundings.forget(ids.iter().copied());
            hoods = self.surroundings.of(self.ctx, kind, ids).await?;
        }
        let alone = hoods.iter().filter_map(|hood| again::alone(self.ctx, hood));
        if again::look(self.ctx, self.keep, kind, alone.collect()).await? {
            hoods = self.hoods_again(kind, ids, &hoods).await?;
        }
        let mut looked = BTreeSet::new();
        while bereft::look(self.ctx, kind, &hoods, &mut looked).await? {
            hoods = self.hoods_again(kind, ids, &hoods).await?;
        }
        Ok(hoods)
    }

    /// The same entities, once what is around them was read again.
    async fn hoods_again(
        &mut self,
        kind: Kind,
        ids: &[EntityId],
        hoods: &[Neighbourhood],
    ) -> Result<Vec<Neighbourhood>, Error> {
        let around = hoods.iter().flat_map(|hood| hood.targets.values()).filter_map(|it| it.entity);
        self.surroundings.forget(around.chain(ids.iter().copied()).collect::<BTreeSet<_>>());
        self.surroundings.of(self.ctx, kind, ids).await
    }

    /// What of these creates, of one kind and of one saved plan, would be planned now: what was made or matched meanwhile, what is
    /// asked about, and what came to nobody knows what is not made by a plan that is older than that.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Vendor`] where a record could not be read again.
    pub(crate) async fn still_made(
        &mut self,
        kind: Kind,
        creates: &BTreeSet<Making>,
    ) -> Result<BTreeSet<Making>, Error> {
        if creates.is_empty() {
            return Ok(BTreeSet::new());
        }
        self.ctx.lease.keep().await?;
        // One may refer to another.
        for (entity, connection, _) in creates {
            self.surroundings.planned.insert((*entity, connection.clone()));
        }
        let ids: BTreeSet<EntityId> = creates.iter().map(|(entity, ..)| *entity).collect();
        let mut made = BTreeSet::new();
        for mut hood in self.hoods(kind, &ids.into_iter().collect::<Vec<_>>()).await? {
            let plan = plan_one(self.ctx, &self.surroundings, &mut hood).await?;
            let drafts = plan.operations.iter();
            made.extend(drafts.filter_map(|draft| making(hood.entity, &draft.connection, &draft.action)));
        }
        Ok(made)
    }

    /// A create of a saved plan does not go: what would refer to it waits for it.
    pub(crate) fn not_made(&mut self, (entity, connection, _): Making) {
        self.surroundings.planned.remove(&(entity, connection));
    }

    /// Settles identity events of a page; says whether links moved.
    async fn settle(&self, kind: Kind, hoods: &[Neighbourhood]) -> Result<bool, Error> {
        let members = hoods.iter().map(|hood| Member {
            kind,
            entity: hood.entity,
            links: &hood.links,
            snapshots: &hood.snapshots,
        });
        settling::run(self.ctx, &members.collect::<Vec<_>>()).await
    }

    /// Gives drafts their numbers.
    pub fn operations(&mut self, planned: &Planned) -> Vec<Operation> {
        planned
            .plan
            .operations
            .iter()
            .map(|draft| {
                let id = OperationId(self.next_operation);
                self.next_operation += 1;
                Operation {
                    id,
                    entity: planned.hood.entity,
                    kind: planned.hood.kind,
                    connection: draft.connection.clone(),
                    action: draft.action.clone(),
                    preconditions: draft.preconditions.clone(),
                    bundle: None,
                }
            })
            .collect()
    }
}

/// Plans one entity; where it waits for a parent, since the time it began to wait.
pub(crate) async fn plan_one(
    ctx: &Ctx,
    surroundings: &Surroundings,
    hood: &mut Neighbourhood,
) -> Result<EntityPlan, Error> {
    let context = surroundings.context(ctx);
    let plan = plan_entity(&context, hood);
    if plan.held.iter().all(|(held, _)| held.until.is_none()) {
        return Ok(plan);
    }
    let stored = ctx.store.held(Some(hood.entity), None, 1).await?;
    let since = stored.iter().flat_map(|it| &it.held).filter_map(|held| began(ctx, held)).min();
    if since.is_none() {
        return Ok(plan);
    }
    hood.waiting_since = since;
    Ok(plan_entity(&context, hood))
}

/// When a held item began to wait: its limit less the declared time.
fn began(ctx: &Ctx, held: &Held) -> Option<jiff::Timestamp> {
    let model = ctx.mapping().kinds.get(&held.kind)?;
    let attribute = held.attribute.as_ref()?;
    let edge = model.edges.iter().find(|edge| edge.name.as_str() == attribute.as_str())?;
    held.until?.checked_sub(edge.wait?).ok()
}

/// Whether a held item waits for a parent of the entity's own kind.
fn is_of_own_kind(ctx: &Ctx, held: &Held) -> bool {
    let (HeldReason::WaitsForParent { .. }, Some(attribute)) = (&held.reason, &held.attribute) else {
        return false;
    };
    let model = ctx.mapping().kinds.get(&held.kind);
    let edge =
        model.and_then(|model| model.edges.iter().find(|edge| edge.name.as_str() == attribute.as_str()));
    edge.is_some_and(|edge| edge.to == held.kind)
}

/// What a plan says without any vendor call: bases, what waits, what there is to know, what to ask.
pub(crate) fn keep(batch: &mut Batch, hood: &Neighbourhood, plan: &EntityPlan, opened_at: jiff::Timestamp) {
    for (record, base) in &plan.bases {
        if let Some(link) = hood.links.iter().find(|link| link.record == *record && link.facet == hood.kind) {
            batch.links.push(LinkWrite::Put(Link { base: Some(base.clone()), ..link.clone() }));
        }
    }
    let findings: Vec<Finding> = plan.findings.clone();
    batch.held.push(HeldWrite { entity: hood.entity, kind: hood.kind, held: plan.held.clone(), findings });
    for question in &plan.questions {
        let review = Review { id: 0, question: question.clone(), opened_at, state: ReviewState::Open };
        batch.reviews.push(ReviewWrite::Open(review));
    }
}
