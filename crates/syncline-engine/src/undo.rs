//! `undo RUN`: the inverse of a run as an ordinary plan (HUB-6). What the run wrote is read back from the journal's values, how
//! things stand from the store, read just before; [`syncline_core::undo`] does the thinking.

mod past;
mod present;
mod since;

use crate::{
    applying::recover,
    capture,
    ctx::Ctx,
    cycle,
    error::Error,
    plan_file::{self, Summary},
    referring,
};
use past::Past;
use present::{load, present, successors};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};
use syncline_core::undo::{self, Note, Why};
use syncline_model::{
    ConnectionName, JournalSeq, Operation, OperationId, RecordRef, RunId,
    journal::Event,
    plan::{Finding, FindingKind, PlanLine},
};
use syncline_store::{JournalFilter, Store};
use uuid::Uuid;

/// Journal entries, and records, read at a time.
const PAGE: usize = 1_000;
/// What never comes back, on any side that is written.
const STAMPS: &str =
    "stamps of change, field history and whatever automation did in answer to the writes stay at the vendor";

/// The run that a person names: its id, the id's first characters, or `last`.
///
/// # Errors
/// [`Error::Undo`] where no run, or more than one, is meant; [`Error::Store`].
pub async fn named(store: &dyn Store, name: &str) -> Result<RunId, Error> {
    let refused = |why: &str| Error::Undo { run: name.to_owned(), why: why.to_owned() };
    if let Ok(id) = name.parse::<Uuid>() {
        return Ok(RunId(id));
    }
    let mut found: Vec<RunId> = Vec::new();
    let mut after = JournalSeq::default();
    loop {
        let page = store.journal(&JournalFilter::default(), after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        let started = page.iter().filter(|entry| matches!(entry.event, Event::RunStarted { .. }));
        found.extend(
            started
                .filter_map(|entry| entry.run)
                .filter(|run| run.to_string().starts_with(name) || name == "last"),
        );
    }
    match (name, found.as_slice()) {
        ("last", [.., newest]) => Ok(*newest),
        (_, [one]) => Ok(*one),
        (_, []) => Err(refused("the journal knows no such run")),
        (_, [..]) => Err(refused("more than one run begins like this")),
    }
}

/// Reads both systems on; by id what the run wrote and what it had replaced, and who refers to the records that it made: what
/// was related since may have moved no stamp, on either end, and what is to be related to again may be gone.
///
/// # Errors
/// As for [`lines`]; [`Error::Busy`] where another worker is at it; [`Error::Vendor`].
pub async fn look(ctx: &mut Ctx, run: RunId) -> Result<(), Error> {
    cycle::claim(ctx).await?;
    let observed = observe(ctx, run).await;
    cycle::leave(ctx, observed).await
}

async fn observe(ctx: &mut Ctx, run: RunId) -> Result<(), Error> {
    let past = Past::read(&*ctx.store, run).await?;
    recover(ctx).await?;
    let made: BTreeSet<RecordRef> =
        past.written.iter().filter(|row| row.created).map(|row| row.record.clone()).collect();
    let (mut concerned, _) = past.named();
    concerned.extend(past.beside_archived(&*ctx.store).await?);
    let mut known = BTreeMap::new();
    load(&*ctx.store, &concerned, &mut known).await?;
    concerned.extend(successors(ctx, &known).await?);
    capture::records(ctx, &concerned.into_iter().collect::<Vec<_>>()).await?;
    referring::look(ctx, &made.into_iter().collect::<Vec<_>>()).await?;
    cycle::observe(ctx, None).await
}

/// The inverse of a run, line by line.
///
/// # Errors
/// [`Error::Undo`] where the run is not known, or not known well enough any more; [`Error::Store`].
pub async fn lines(ctx: &Ctx, run: RunId) -> Result<Vec<PlanLine>, Error> {
    let past = Past::read(&*ctx.store, run).await?;
    let present = present(ctx, &past).await?;
    let inverse = undo::inverse(&present, &past.written);
    let mut lines = Vec::with_capacity(inverse.steps.len() + inverse.notes.len());
    let mut sides: BTreeMap<ConnectionName, RecordRef> = BTreeMap::new();
    for (step, id) in inverse.steps.into_iter().zip(0..) {
        if let Some(first) = step.draft.preconditions.first() {
            sides.entry(step.draft.connection.clone()).or_insert_with(|| first.record.clone());
        }
        lines.push(PlanLine::Operation(Operation {
            id: OperationId(id),
            entity: step.entity,
            kind: step.kind,
            connection: step.draft.connection,
            action: step.draft.action,
            preconditions: step.draft.preconditions,
            bundle: None,
        }));
    }
    for note in inverse.notes {
        lines.push(PlanLine::Finding(finding(ctx, note)?));
    }
    lines.extend(past.erased.iter().map(|record| {
        let what =
            FindingKind::NotUndone { attribute: None, why: "what was written to it was erased".into() };
        PlanLine::Finding(Finding { record: record.clone(), what })
    }));
    lines.extend(sides.into_values().map(|record| {
        PlanLine::Finding(Finding { record, what: FindingKind::Residue { why: STAMPS.into() } })
    }));
    Ok(lines)
}

/// Writes the inverse of a run to a plan file.
///
/// # Errors
/// As for [`lines`]; [`Error::File`].
pub async fn write(ctx: &Ctx, run: RunId, path: &Path) -> Result<(Summary, Vec<PlanLine>), Error> {
    let lines = lines(ctx, run).await?;
    let summary = plan_file::write_lines(ctx, path, &lines).await?;
    Ok((summary, lines))
}

fn finding(ctx: &Ctx, note: Note) -> Result<Finding, Error> {
    let bin = ctx.connection(&note.record.connection)?.vendor.recycle_bin();
    let why: Arc<str> = match &note.why {
        Why::ChangedSince => "it was changed since".into(),
        Why::Consent => "consent is never undone".into(),
        Why::FormerUnknown => "what it was before is not known".into(),
        Why::FormerGone(record) => format!("{record}, which it referred to, is gone").into(),
        Why::NotWritable => "it may not be written so, or is not mapped any more".into(),
        Why::RecordGone => "the record is gone, merged, converted or not linked any more".into(),
        Why::OthersHang(record) => format!("{record}, which stays, refers to it").into(),
        Why::WasThere => "the record was there before; what it held then is not known".into(),
        Why::StaysPrimary => {
            "it was there before, and stays the primary one: that can be moved, not ended".into()
        }
        Why::ArchivedByRule => format!("it was archived with its counterpart; {bin}").into(),
        Why::Archived => format!("it is archived, not erased; {bin}").into(),
        Why::MadeAgain => format!("it comes back as a new record under another id; {bin}").into(),
    };
    let what = match note.why.is_residue() {
        true => FindingKind::Residue { why },
        false => FindingKind::NotUndone { attribute: note.attribute, why },
    };
    Ok(Finding { record: note.record, what })
}
