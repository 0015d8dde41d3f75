//! Applies a saved plan: its operations and no others, each only while what it was derived from still holds. What moved
//! is held and offered as a new plan (HUB-1).

use crate::{
    applying::{Applier, Tally, is_undo},
    capture, confirm,
    ctx::Ctx,
    cycle::{adopt_all, claim, leave, observe},
    error::Error,
    moot,
    plan_file::{PlanFile, Summary, write},
    planning::{Keep, Pass},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};
use syncline_core::plan::before_hash;
use syncline_model::{
    Action, ConnectionName, EntityId, Kind, LinkState, Operation, RecordRef, RunId, journal::Event,
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

    let mut pass = Pass::start(ctx, Keep::Stored).await?;
    let mut applier = Applier::new(ctx);
    let mut moved = 0;
    let mut level: Option<Kind> = None;
    loop {
        let mut page = Vec::with_capacity(PAGE);
        while page.len() < PAGE {
            let Some(operation) = file.next_operation()? else { break };
            page.push(operation);
        }
        if page.is_empty() {
            break;
        }
        read_again(ctx, &page).await?;
        let standing = Standing::load(ctx, &page).await?;
        for operation in page {
            if level != Some(operation.kind) {
                applier.finish_level(&mut pass).await?;
                level = Some(operation.kind);
            }
            if standing.holds(&operation) {
                applier.take(&mut pass, vec![operation], None).await?;
            } else {
                moved += 1;
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

/// What is taken back is read by id once more, and what is to be related to again: the plan may be days old, and neither a
/// relation nor a delete or a restore shows in a search at HubSpot.
async fn read_again(ctx: &Ctx, operations: &[Operation]) -> Result<(), Error> {
    let undo = operations.iter().filter(|operation| is_undo(&operation.action));
    let records: BTreeSet<RecordRef> =
        undo.flat_map(|operation| &operation.preconditions).map(|it| it.record.clone()).collect();
    capture::records(ctx, &records.into_iter().collect::<Vec<_>>()).await?;
    Ok(())
}

/// The records that a page of operations was derived from, as they stand now.
struct Standing {
    records: BTreeMap<RecordRef, StoredRecord>,
    links: BTreeMap<EntityId, BTreeSet<ConnectionName>>,
}

impl Standing {
    async fn load(ctx: &Ctx, operations: &[Operation]) -> Result<Self, Error> {
        let records: BTreeSet<RecordRef> = operations
            .iter()
            .flat_map(|operation| &operation.preconditions)
            .map(|precondition| precondition.record.clone())
            .collect();
        let records: Vec<RecordRef> = records.into_iter().collect();
        let stored = ctx.store.records(&records).await?;
        let creating: BTreeSet<EntityId> = operations
            .iter()
            .filter(|operation| matches!(operation.action, Action::Create { .. }))
            .map(|operation| operation.entity)
            .collect();
        let creating: Vec<EntityId> = creating.into_iter().collect();
        let mut links = BTreeMap::new();
        for entity in ctx.store.entities(&creating).await? {
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
        Ok(Self { records: records.into_iter().zip(stored).collect(), links })
    }

    fn holds(&self, operation: &Operation) -> bool {
        let unmoved = operation.preconditions.iter().all(|precondition| {
            self.records
                .get(&precondition.record)
                .and_then(|stored| stored.snapshot.as_ref())
                .is_some_and(|snapshot| before_hash(snapshot, &precondition.fields) == precondition.before)
        });
        let free = match &operation.action {
            Action::Create { .. } => self
                .links
                .get(&operation.entity)
                .is_some_and(|taken| !taken.is_empty() && !taken.contains(&operation.connection)),
            Action::Update { .. } | Action::Associate(_) | Action::Dissociate(_) | Action::Archive { .. } => {
                true
            }
        };
        unmoved && free
    }
}
