//! Applies a saved plan: its operations and no others, each only while what it was derived from still holds. What moved
//! is held and offered as a new plan (HUB-1).

use crate::{
    applying::{Applier, Tally, is_undo},
    capture, confirm,
    ctx::Ctx,
    cycle::{adopt_all, claim, leave, observe},
    error::Error,
    moot, parked,
    plan_file::{PlanFile, Summary, write},
    planning::{Keep, Making, Pass, making},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};
use syncline_core::plan::before_hash;
use syncline_model::{
    ConnectionName, Endpoint, EntityId, Kind, LinkState, Operation, RecordRef, RunId, journal::Event,
    plan::Finding,
};
use syncline_store::StoredRecord;

/// Operations whose preconditions are checked at a time.
const PAGE: usize = 1_000;

/// What applying a plan came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedPlan {
    /// The run.
    pub run: RunId,
    /// What was written.
    pub tally: Tally,
    /// Operations that were held because their records moved.
    pub moved: u64,
    /// The plan for what moved, if anything did.
    pub next: Option<(PathBuf, Summary)>,
    /// Requests by connection.
    pub calls: BTreeMap<ConnectionName, u64>,
    /// Held items that are stored now.
    pub held: u64,
    /// Findings that are stored now.
    pub findings: u64,
    /// What an undo leaves as it is because a vendor refused it.
    pub not_undone: Vec<Finding>,
}

/// Applies the plan in `path`.
///
/// # Errors
/// [`Error::Plan`] where it may not be applied; [`Error::Busy`]; [`Error::Vendor`]; [`Error::Store`].
pub async fn apply(ctx: &mut Ctx, path: &Path, who: &Arc<str>) -> Result<AppliedPlan, Error> {
    claim(ctx).await?;
    let result = claimed(ctx, path, who).await;
    leave(ctx, result).await
}

async fn claimed(ctx: &mut Ctx, path: &Path, who: &Arc<str>) -> Result<AppliedPlan, Error> {
    let mut file = PlanFile::open(ctx, path).await?;
    // Captured immediately before: the preconditions are held against what the vendors show now.
    observe(ctx, None).await?;
    let run = ctx.ids.run(ctx.now());
    ctx.run = Some(run);
    let mut batch = ctx.batch();
    batch.journal.push(Event::RunStarted { plan: file.header.plan_id, by: who.clone() });
    confirm::confirm(ctx, &file.header.confirms, who, &mut batch).await?;
    ctx.store.commit(batch).await?;

    let mut pass = Pass::start(ctx, Keep::Written).await?;
    let mut applier = Applier::new(ctx);
    let mut moved = 0;
    let mut made = BTreeSet::new();
    let mut level: Option<Kind> = None;
    loop {
        let page = next_page(&mut file)?;
        if page.is_empty() {
            break;
        }
        read_again(ctx, &page).await?;
        let mut standing = Standing::load(ctx, &page).await?;
        for same in page.chunk_by(|one, other| one.kind == other.kind) {
            let Some(kind) = same.first().map(|operation| operation.kind) else { continue };
            if level.replace(kind) != Some(kind) {
                applier.finish_level(&mut pass).await?;
            }
            standing.look_again(ctx, &mut pass, kind, same).await?;
            for operation in same {
                let making = made_by(operation);
                // Whose record is made comes before what it is related to.
                let is_there = of_new(operation).is_none_or(|new| made.contains(&new));
                if is_there && standing.holds(operation) {
                    made.extend(making.map(|(entity, connection, _)| (entity, connection)));
                    applier.take(&mut pass, vec![operation.clone()], None).await?;
                } else {
                    making.into_iter().for_each(|making| pass.not_made(making));
                    moved += 1;
                }
            }
        }
    }
    applier.finish(&mut pass).await?;
    let (tally, not_undone) = (applier.tally.clone(), std::mem::take(&mut applier.not_undone));
    adopt_all(ctx).await?;
    let next = if moved > 0 {
        let next = PathBuf::from(format!("{}.next", path.display()));
        let summary = write(ctx, &next).await?;
        Some((next, summary))
    } else {
        None
    };
    moot::settle(ctx).await?;
    let (held, findings) = ctx.store.held_count().await?;
    let mut batch = ctx.batch();
    let summary = format!("{} writes, {moved} moved, {held} held", tally.writes());
    batch.journal.push(Event::RunEnded { summary: summary.into() });
    ctx.store.commit(batch).await?;
    Ok(AppliedPlan { run, tally, moved, next, calls: ctx.take_calls(), held, findings, not_undone })
}

/// The next operations; none at the end.
fn next_page(file: &mut PlanFile) -> Result<Vec<Operation>, Error> {
    let mut page = Vec::with_capacity(PAGE);
    while page.len() < PAGE {
        let Some(operation) = file.next_operation()? else { break };
        page.push(operation);
    }
    Ok(page)
}

/// What is taken back is read by id once more, and what is to be related to again: the plan may be days old, and neither a
/// relation nor a delete or a restore shows in a search at HubSpot.
async fn read_again(ctx: &Ctx, operations: &[Operation]) -> Result<(), Error> {
    let undo = operations.iter().filter(|operation| is_undo(&operation.action));
    let records: BTreeSet<RecordRef> =
        undo.flat_map(|operation| &operation.preconditions).map(|it| it.record.clone()).collect();
    capture::records(ctx, &records.into_iter().collect::<Vec<_>>()).await?;
    Ok(())
}

/// What a page of operations was derived from, as it stood before the first of them was written.
struct Standing {
    records: BTreeMap<RecordRef, StoredRecord>,
    /// What is still to be made, of the kind in hand.
    made: BTreeSet<Making>,
    /// Of entities whose records an undo makes again: where they have one, or may have.
    links: BTreeMap<EntityId, BTreeSet<ConnectionName>>,
}

impl Standing {
    async fn load(ctx: &Ctx, operations: &[Operation]) -> Result<Self, Error> {
        let again = |operation: &&Operation| made_by(operation).is_some() && is_undo(&operation.action);
        let again: BTreeSet<EntityId> =
            operations.iter().filter(again).map(|operation| operation.entity).collect();
        let mut links: BTreeMap<EntityId, BTreeSet<ConnectionName>> = BTreeMap::new();
        for entity in ctx.store.entities(&again.into_iter().collect::<Vec<_>>()).await? {
            let taken = entity.links.iter().filter(|link| {
                // What an undo archived may be made again, by undoing the undo. The company kept for a lead is no record of its own there.
                !matches!(link.state, LinkState::Undone(_))
                    && ctx
                        .mapping()
                        .kinds
                        .get(&link.facet)
                        .and_then(|model| model.objects.get(&link.record.connection))
                        .is_some_and(|objects| objects.contains(&link.record.object))
            });
            links.insert(entity.entity, taken.map(|link| link.record.connection.clone()).collect());
        }
        // Nobody knows what came of a create whose answer was lost.
        for (entity, connection) in parked::load(ctx).await?.into_keys() {
            if let Some(taken) = links.get_mut(&entity) {
                taken.insert(connection);
            }
        }
        let mut standing = Self { records: BTreeMap::new(), made: BTreeSet::new(), links };
        standing.read(ctx, operations).await?;
        Ok(standing)
    }

    async fn read<'o>(
        &mut self,
        ctx: &Ctx,
        operations: impl IntoIterator<Item = &'o Operation>,
    ) -> Result<(), Error> {
        let conditions = operations.into_iter().flat_map(|operation| &operation.preconditions);
        let records: BTreeSet<RecordRef> = conditions.map(|condition| condition.record.clone()).collect();
        let records: Vec<RecordRef> = records.into_iter().collect();
        let stored = ctx.store.records(&records).await?;
        self.records.extend(records.into_iter().zip(stored));
        Ok(())
    }

    /// Plans anew what operations of one kind would make, once their parents are made. The plan may be days old, or be applied a
    /// second time.
    async fn look_again(
        &mut self,
        ctx: &Ctx,
        pass: &mut Pass<'_>,
        kind: Kind,
        operations: &[Operation],
    ) -> Result<(), Error> {
        let creates = operations
            .iter()
            .filter(|operation| made_by(operation).is_some() && !is_undo(&operation.action))
            .collect::<Vec<_>>();
        let made = creates.iter().copied().filter_map(made_by).collect();
        self.made = pass.still_made(kind, &made).await?;
        // What they are made from was read again, if it stands alone.
        self.read(ctx, creates).await
    }

    fn holds(&self, operation: &Operation) -> bool {
        let unmoved = operation.preconditions.iter().all(|precondition| {
            self.records
                .get(&precondition.record)
                .and_then(|stored| stored.snapshot.as_ref())
                .is_some_and(|snapshot| before_hash(snapshot, &precondition.fields) == precondition.before)
        });
        unmoved && self.is_free(operation)
    }

    /// Whether what it makes is still to be made.
    fn is_free(&self, operation: &Operation) -> bool {
        let Some(making) = made_by(operation) else { return true };
        if !is_undo(&operation.action) {
            return self.made.contains(&making);
        }
        self.links
            .get(&operation.entity)
            .is_some_and(|taken| !taken.is_empty() && !taken.contains(&operation.connection))
    }
}

/// Whose relation it is, and where, of one that belongs to a record which the plan makes. It goes with its create: a record that
/// is there already is somebody else's, or has been related by somebody else since.
fn of_new(operation: &Operation) -> Option<(EntityId, ConnectionName)> {
    let association = operation.action.association()?;
    match association.from {
        Endpoint::Entity(entity) => Some((entity, operation.connection.clone())),
        Endpoint::Record(_) => None,
    }
}

fn made_by(operation: &Operation) -> Option<Making> {
    making(operation.entity, &operation.connection, &operation.action)
}
