//! The loop: capture, identify, plan, apply, learn, again until there is nothing left to do (at most three rounds, so
//! that what vendors' own automation changes in answer settles in the same run).

use crate::{
    applying::{Applier, Tally, recover},
    capture, clocks, confirm,
    ctx::Ctx,
    error::Error,
    guards::{self, Counts, Tripped},
    identifying,
    lease::Former,
    moot,
    planning::{Keep, Pass},
    refusals, restored, retention, settling,
    workspace::DatabasePlace,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_model::{
    ConnectionName, JournalSeq, Kind, RecordRef, RunId,
    defect::{Defect, planted},
    journal::Event,
    plan::Confirms,
};
use uuid::Uuid;

/// Rounds of one run.
pub const ROUNDS: u32 = 3;

/// What lets a run do what only a confirmed plan may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backfill {
    /// It stops and says so.
    Ask,
    /// Confirmed on the command line, by whom; journalled.
    Confirmed(Arc<str>),
}

/// What one run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its id.
    pub run: RunId,
    /// Rounds made.
    pub rounds: u32,
    /// What was written.
    pub tally: Tally,
    /// Requests by connection.
    pub calls: BTreeMap<ConnectionName, u64>,
    /// Held items that are stored now.
    pub held: u64,
    /// Findings that are stored now.
    pub findings: u64,
    /// Why a person is needed, if one is.
    pub needs: Option<Needs>,
}

/// What a person has to decide before the program goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// A plan has to be applied first.
    Confirmation(Vec<Confirms>),
    /// Guards stopped the run before the first write of a round.
    Guard(Vec<Tripped>),
}

/// Claims the workspace, or holds on to it.
///
/// Where the store is a file, a lock on a file beside it shows who is alive: it falls with its process, however that
/// ends, and whoever has it takes over at once. Workers that share a server wait until the claim has lapsed instead.
///
/// # Errors
/// [`Error::Busy`] where another worker is at it; [`Error::Store`].
pub async fn claim(ctx: &mut Ctx) -> Result<(), Error> {
    let path = if ctx.lease.fence().is_none() { lock_path(ctx) } else { None };
    let Some(path) = path else { return ctx.lease.claim(Former::Unknown).await };
    // Kept with the claim only: one that was refused leaves nothing behind that would keep this process itself out.
    let lock = locked(&path)?;
    ctx.lease.claim(Former::Gone).await?;
    ctx.lock = Some(lock);
    Ok(())
}

fn lock_path(ctx: &Ctx) -> Option<std::path::PathBuf> {
    match &ctx.workspace.database_place {
        DatabasePlace::File(path) if !path.as_os_str().is_empty() => Some(path.with_extension("lock")),
        DatabasePlace::File(_) | DatabasePlace::Server { .. } => None,
    }
}

fn locked(path: &std::path::Path) -> Result<std::fs::File, Error> {
    let failed = |error: &std::io::Error| Error::File {
        path: path.to_owned(),
        doing: "written",
        why: error.to_string(),
    };
    let file = std::fs::File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::Busy),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(&error)),
    }
}

/// Gives the workspace back.
///
/// # Errors
/// [`Error::Store`].
pub async fn release(ctx: &mut Ctx) -> Result<(), Error> {
    let released = ctx.lease.release().await;
    ctx.lock = None;
    released
}

/// Settles what a crash left, reads the vendors, says what records are. Afterwards the store is ready to be planned from.
/// What has to be known later, however it ends, is kept: credentials that were renewed, how the limits stand.
///
/// # Errors
/// [`Error::Busy`] where another worker is at it; [`Error::Vendor`]; [`Error::Store`].
pub async fn look(ctx: &mut Ctx) -> Result<(), Error> {
    claim(ctx).await?;
    let observed = observe(ctx, None).await;
    leave(ctx, observed).await
}

/// As [`look`], under a claim.
///
/// # Errors
/// [`Error::Vendor`]; [`Error::Store`].
pub(crate) async fn observe(ctx: &mut Ctx, only: Option<&BTreeSet<ConnectionName>>) -> Result<(), Error> {
    begin(ctx).await?;
    let mut names: Vec<ConnectionName> =
        ctx.connections.keys().filter(|name| only.is_none_or(|only| only.contains(*name))).cloned().collect();
    // A permission that is noticed while records are read was not heeded by that reading. Nothing is told apart, and nothing made,
    // before they are read with it: what may be seen since may be what they are known by.
    for _look in 0..LOOKS {
        let mut schemas_changed = false;
        for name in &names {
            if planted(Defect::EventsOnly) && ctx.store.get(&format!("events/{name}")).await?.is_some() {
                continue;
            }
            schemas_changed |= capture::cycle(ctx, name).await?.schemas_changed;
        }
        if !schemas_changed {
            break;
        }
        let wanted = ctx.wanted();
        ctx.freshen().await?;
        ctx.remark().await?;
        names = ctx.wanted().into_iter().filter(|now| !wanted.contains(now)).map(|(name, _)| name).collect();
        if names.is_empty() {
            break;
        }
    }
    clocks::note(ctx).await?;
    restored::look(ctx).await?;
    refusals::release(ctx).await?;
    wake_due(ctx).await?;
    settling::succeeded(ctx).await?;
    ctx.identified_from = ctx.store.journal_head().await?;
    identifying::run(ctx).await?;
    Ok(())
}

/// So often what is wanted may change while it is read.
const LOOKS: usize = 4;

/// What comes before anything is read: the mapping in force is known to whoever comes next, calls that a crash left open end.
async fn begin(ctx: &Ctx) -> Result<(), Error> {
    ctx.remark().await?;
    recover(ctx).await?;
    Ok(())
}

/// What has waited long enough becomes work.
async fn wake_due(ctx: &Ctx) -> Result<(), Error> {
    let now = ctx.now();
    if ctx.store.next_due().await?.is_some_and(|due| due <= now) {
        let mut batch = ctx.batch();
        batch.wake_due = Some(now);
        ctx.store.commit(batch).await?;
    }
    Ok(())
}

/// One whole run.
///
/// # Errors
/// [`Error::Busy`] where another worker is at it; [`Error::Vendor`]; [`Error::Store`]. What was confirmed is kept.
pub async fn sync(ctx: &mut Ctx, backfill: &Backfill, by: &str) -> Result<Outcome, Error> {
    claim(ctx).await?;
    let result = claimed(ctx, backfill, by).await;
    leave(ctx, result).await
}

/// One whole run that reads by id what webhooks pointed at, ahead of the vendors' indexes. It reads on on all sides as ever:
/// a webhook tells of its own record only, and what is made must be there nowhere already (decisions §3, *fresh*).
///
/// # Errors
/// As for [`sync`].
pub async fn hinted(ctx: &mut Ctx, records: &[RecordRef], by: &str) -> Result<Outcome, Error> {
    claim(ctx).await?;
    let result = match told(ctx, records).await {
        Ok(()) => claimed(ctx, &Backfill::Ask, by).await,
        Err(error) => Err(error),
    };
    leave(ctx, result).await
}

/// Reads what webhooks pointed at.
async fn told(ctx: &mut Ctx, records: &[RecordRef]) -> Result<(), Error> {
    begin(ctx).await?;
    capture::records(ctx, records).await?;
    if planted(Defect::EventsOnly) {
        let mut batch = ctx.batch();
        batch.puts.extend(records.iter().map(|at| (format!("events/{}", at.connection), Some(Vec::new()))));
        ctx.store.commit(batch).await?;
    }
    Ok(())
}

/// Ends a claim, whatever came of it.
pub(crate) async fn leave<T>(ctx: &mut Ctx, result: Result<T, Error>) -> Result<T, Error> {
    let kept = ctx.keep_credentials().await;
    ctx.run = None;
    let lost = ctx.lease.is_lost();
    let released = release(ctx).await;
    let outcome = match result {
        // Whatever it met: the reason is that it may not go on.
        Err(Error::Vendor { .. }) if lost => return Err(Error::fenced()),
        result => result?,
    };
    kept?;
    released?;
    Ok(outcome)
}

async fn claimed(ctx: &mut Ctx, backfill: &Backfill, by: &str) -> Result<Outcome, Error> {
    let run = ctx.ids.run(ctx.now());
    let mut tally = Tally::default();
    let mut rounds = 0;
    let mut needs = None;
    let mut journalled = false;
    let mut first = BTreeSet::new();
    let mut done = Counts::default();
    let mut only: Option<BTreeSet<ConnectionName>> = None;
    while rounds < ROUNDS {
        claim(ctx).await?;
        observe(ctx, only.as_ref()).await?;
        rounds += 1;
        // Also later on: what automation made of the last round was never looked at.
        needs = permission(ctx, backfill, &mut first, &done).await?;
        if needs.is_some() {
            break;
        }
        if ctx.store.dirty_count().await? == 0 {
            break;
        }
        if !journalled {
            ctx.run = Some(run);
            start_run(ctx, run, by).await?;
            journalled = true;
        }
        let applied = apply_all(ctx).await?;
        tally.add(&applied.tally);
        done.join(applied.done);
        if applied.tally.writes() == 0 && applied.tally.rejected == 0 && applied.kept == 0 {
            break;
        }
        only = Some(applied.written);
    }
    ended(ctx, Done { run, rounds, tally, needs, journalled }).await
}

/// What a run did, before it is rounded off.
struct Done {
    run: RunId,
    rounds: u32,
    tally: Tally,
    needs: Option<Needs>,
    journalled: bool,
}

/// Adds what is stored now, and the end of the run to the journal if its start stands there.
async fn ended(ctx: &mut Ctx, done: Done) -> Result<Outcome, Error> {
    let Done { run, rounds, tally, needs, journalled } = done;
    // Where nothing was planned, nothing that waits can have changed; open questions are as many as records allow.
    if journalled {
        moot::settle(ctx).await?;
    }
    let (held, findings) = ctx.store.held_count().await?;
    if journalled {
        let mut batch = ctx.batch();
        let summary = format!("{} writes, {held} held, {rounds} rounds", tally.writes());
        batch.journal.push(Event::RunEnded { summary: summary.into() });
        ctx.store.commit(batch).await?;
    }
    retention::keep(ctx).await?;
    Ok(Outcome { run, rounds, tally, calls: ctx.take_calls(), held, findings, needs })
}

/// Whether this run may write: confirmed contacts, guards. `first` are the kinds whose first contact somebody confirmed for
/// this run: their creates, in whichever round, are what was confirmed; `done` is what its former rounds did.
async fn permission(
    ctx: &Ctx,
    backfill: &Backfill,
    first: &mut BTreeSet<Kind>,
    done: &Counts,
) -> Result<Option<Needs>, Error> {
    let pending = confirm::pending(ctx).await?;
    let confirmed = match backfill {
        _ if pending.is_empty() => None,
        Backfill::Ask => return Ok(Some(Needs::Confirmation(pending))),
        Backfill::Confirmed(who) => Some(who),
    };
    first.extend(pending.iter().filter_map(|it| match it {
        Confirms::FirstContact { kind } => Some(*kind),
        Confirms::Backfill { .. } => None,
    }));
    let tripped = guards::check(ctx, first, done).await?;
    if !tripped.is_empty() {
        return Ok(Some(Needs::Guard(tripped)));
    }
    if let Some(who) = confirmed {
        let mut batch = ctx.batch();
        confirm::confirm(ctx, &pending, who, &mut batch).await?;
        ctx.store.commit(batch).await?;
    }
    Ok(None)
}

async fn start_run(ctx: &Ctx, run: RunId, by: &str) -> Result<JournalSeq, Error> {
    let mut batch = ctx.batch();
    batch.run = Some(run);
    let plan: Uuid = ctx.ids.next(batch.at);
    batch.journal.push(Event::RunStarted { plan, by: by.into() });
    Ok(ctx.store.commit(batch).await?.seq)
}

/// What one application did.
pub(crate) struct Applied {
    pub(crate) tally: Tally,
    /// Records that were not archived because somebody refers to them: that is planned anew.
    pub(crate) kept: u64,
    pub(crate) written: BTreeSet<ConnectionName>,
    /// What guards count of it.
    pub(crate) done: Counts,
}

/// Plans and applies all work there is, parents before children.
async fn apply_all(ctx: &Ctx) -> Result<Applied, Error> {
    let mut pass = Pass::start(ctx, Keep::Written).await?;
    let mut applier = Applier::new(ctx);
    let mut level = None;
    while let Some((kind, page)) = pass.next_page().await? {
        if level.is_some_and(|level| level != kind) {
            applier.finish_level(&mut pass).await?;
        }
        level = Some(kind);
        for planned in page {
            let operations = pass.operations(&planned);
            applier.take(&mut pass, operations, Some(planned.dirty)).await?;
        }
    }
    applier.finish(&mut pass).await?;
    Ok(Applied { tally: applier.tally, kept: applier.kept, written: applier.written, done: applier.done })
}

/// Stores what the sides agree on now, and ends the work that has nothing to write; writes to no vendor.
pub(crate) async fn adopt_all(ctx: &Ctx) -> Result<(), Error> {
    let mut pass = Pass::start(ctx, Keep::Stored).await?;
    while pass.next_page().await?.is_some() {}
    Ok(())
}
