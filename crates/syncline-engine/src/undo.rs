//! `undo RUN`: the inverse of a run as an ordinary plan (HUB-6). What the run wrote is read back from the journal's values, how
//! things stand from the store, read just before; [`syncline_core::undo`] does the thinking.

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
use jiff::{SignedDuration, Timestamp};
use since::Since;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};
use syncline_core::undo::{self, Note, Present, Standing, Why};
use syncline_model::{
    Action, After, ConnectionName, Endpoint, EntityId, FieldName, JournalSeq, LinkState, ObjectName,
    Observed, Operation, OperationId, RecordRef, RunId, Snapshot, Value,
    journal::{CallId, Event, RowResult, RowValues, Written},
    plan::{Finding, FindingKind, PlanLine},
};
use syncline_store::{JournalFilter, Store};
use uuid::Uuid;

/// Journal entries, and records, read at a time.
const PAGE: usize = 1_000;
/// A call that ended later than this after its intent was not answered: what came of it was read.
const LONGEST_CALL: SignedDuration = SignedDuration::from_secs(60);
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

/// What a run did, as the journal has it.
struct Past {
    written: Vec<Written>,
    /// Records of which what was written is erased.
    erased: BTreeSet<RecordRef>,
    /// Where and when the run wrote each record last.
    last: BTreeMap<RecordRef, (JournalSeq, Timestamp)>,
    /// Where it wrote each field last; where it made a record, of those that it did not write afterwards.
    fields: BTreeMap<(RecordRef, FieldName), JournalSeq>,
    made: BTreeMap<RecordRef, JournalSeq>,
    /// Records whose create was learnt of long after it, by reading them: whatever their vendor fills in was read with them.
    read_late: BTreeSet<RecordRef>,
    began: JournalSeq,
}

impl Past {
    async fn read(store: &dyn Store, run: RunId) -> Result<Self, Error> {
        let refused = |why: String| Error::Undo { run: run.to_string(), why };
        let mut past = Self {
            written: Vec::new(),
            erased: BTreeSet::new(),
            last: BTreeMap::new(),
            fields: BTreeMap::new(),
            made: BTreeMap::new(),
            read_late: BTreeSet::new(),
            began: JournalSeq::default(),
        };
        let mut sent: BTreeMap<CallId, Timestamp> = BTreeMap::new();
        let mut known = false;
        let mut lost = 0;
        let filter = JournalFilter { run: Some(run), record: None };
        let mut after = JournalSeq::default();
        loop {
            let page = store.journal(&filter, after, PAGE).await?;
            let Some(end) = page.last() else { break };
            after = end.seq;
            if let (false, Some(first)) = (known, page.first()) {
                // Half of a run is not taken back: what was let go of it came first.
                if !matches!(first.event, Event::RunStarted { .. }) {
                    return Err(refused("it is out of reach: its beginning is not kept any more".to_owned()));
                }
                past.began = first.seq;
                known = true;
            }
            for (entry, values) in page.iter().zip(store.journal_values(&page).await?) {
                if let Event::CallIntended { call, .. } = &entry.event {
                    sent.insert(*call, entry.at);
                }
                let Event::CallEnded { call, rows } = &entry.event else { continue };
                // The second end of a call tells what was found of it.
                let is_late =
                    sent.remove(call).is_none_or(|sent| entry.at.duration_since(sent) > LONGEST_CALL);
                let confirmed = rows.iter().filter(|row| matches!(row, RowResult::Confirmed { .. })).count();
                lost += confirmed.saturating_sub(values.len());
                for stored in values {
                    match stored.values {
                        Some(RowValues::Written(row)) => {
                            past.wrote(&row, entry.seq, entry.at);
                            if is_late && row.created {
                                past.read_late.insert(row.record.clone());
                            }
                            past.written.push(*row);
                        }
                        Some(RowValues::Changed(_)) => {}
                        None => drop(past.erased.insert(stored.record)),
                    }
                }
            }
        }
        if !known {
            return Err(refused("the journal knows no such run, or keeps it no longer".to_owned()));
        }
        if lost > 0 {
            return Err(refused(format!(
                "it is out of reach: what {lost} of its writes put in place is not kept any more"
            )));
        }
        Ok(past)
    }

    fn wrote(&mut self, row: &Written, seq: JournalSeq, at: Timestamp) {
        let record = row.asked();
        self.last.insert(record.clone(), (seq, at));
        let fields: Vec<&FieldName> = match &row.operation.action {
            Action::Create { .. } if row.created => {
                self.made.insert(record.clone(), seq);
                return;
            }
            Action::Create { fields, .. } | Action::Update { fields, .. } => {
                fields.iter().map(|change| &change.field).collect()
            }
            Action::Associate(association) | Action::Dissociate(association) => vec![&association.field],
            Action::Archive { .. } => return,
        };
        self.fields.extend(fields.into_iter().map(|field| ((record.clone(), field.clone()), seq)));
    }

    /// Whether an entry came after the run had written this field of one of its records last. What it did not write counts
    /// from when it made the record, else from when it wrote the record last.
    fn is_before(&self, record: &RecordRef, field: &FieldName, seq: JournalSeq) -> bool {
        let field = self.fields.get(&(record.clone(), field.clone()));
        let record = || self.made.get(record).or_else(|| self.last.get(record).map(|(last, _)| last));
        field.or_else(record).is_some_and(|last| *last < seq)
    }

    /// What the records that the run archived referred to: what comes back is to refer to it again.
    async fn beside_archived(&self, store: &dyn Store) -> Result<BTreeSet<RecordRef>, Error> {
        let archived =
            self.written.iter().filter(|row| matches!(row.operation.action, Action::Archive { .. }));
        let archived: Vec<RecordRef> = archived.map(|row| row.record.clone()).collect();
        let mut beside = BTreeSet::new();
        for chunk in archived.chunks(PAGE) {
            let stored = store.records(chunk).await?;
            beside.extend(stored.iter().filter_map(|stored| stored.snapshot.as_ref()).flat_map(referred));
        }
        Ok(beside)
    }

    /// Every record that the rows name, what fields referred to before included, and every entity.
    fn named(&self) -> (BTreeSet<RecordRef>, BTreeSet<EntityId>) {
        let (mut records, mut entities) = (BTreeSet::new(), BTreeSet::new());
        for row in &self.written {
            records.extend([row.record.clone(), row.asked().clone()]);
            entities.insert(row.operation.entity);
            match &row.operation.action {
                Action::Associate(association) | Action::Dissociate(association) => {
                    for end in [&association.from, &association.to] {
                        match end {
                            Endpoint::Record(record) => drop(records.insert(record.clone())),
                            Endpoint::Entity(entity) => drop(entities.insert(*entity)),
                        }
                    }
                }
                Action::Create { fields, .. } | Action::Update { fields, .. } => {
                    for change in fields {
                        records.extend(targets(&row.record, &change.before));
                        if let After::Reference(entity) = change.after {
                            entities.insert(entity);
                        }
                    }
                }
                Action::Archive { .. } => {}
            }
        }
        (records, entities)
    }
}

/// The records that a record refers to.
fn referred(snapshot: &Snapshot) -> impl Iterator<Item = RecordRef> {
    snapshot.fields.iter().flat_map(|(_, seen)| targets(&snapshot.record, seen))
}

/// The records that a value refers to.
fn targets(beside: &RecordRef, seen: &Observed) -> Vec<RecordRef> {
    let Observed::Value(Value::Refs(refs)) = seen else { return Vec::new() };
    refs.iter()
        .map(|target| RecordRef {
            connection: beside.connection.clone(),
            object: target.object.clone(),
            id: target.id.clone(),
        })
        .collect()
}

async fn present<'a>(ctx: &'a Ctx, past: &Past) -> Result<Present<'a>, Error> {
    let (mut wanted, entities) = past.named();
    let entities: Vec<EntityId> = entities.into_iter().collect();
    for chunk in entities.chunks(PAGE) {
        for entity in ctx.store.entities(chunk).await? {
            wanted.extend(entity.links.into_iter().map(|link| link.record));
        }
    }
    let mut records = BTreeMap::new();
    load(&*ctx.store, &wanted, &mut records).await?;
    let snapshots = records.values().filter_map(|standing| standing.snapshot.as_ref());
    let further: BTreeSet<RecordRef> =
        snapshots.flat_map(referred).filter(|record| !wanted.contains(record)).collect();
    load(&*ctx.store, &further, &mut records).await?;
    loop {
        let merged = records.keys().filter_map(|record| undo::merged_into(&records, record));
        let survivors: BTreeSet<RecordRef> = merged.filter(|it| !records.contains_key(it)).collect();
        if survivors.is_empty() {
            break;
        }
        load(&*ctx.store, &survivors, &mut records).await?;
    }
    let successors = successors(ctx, &records).await?;
    load(&*ctx.store, &successors, &mut records).await?;
    let referrers = referrers(ctx, past, &mut records).await?;
    let Since { changed, ended } = Since::read(ctx, past, &records).await?;
    Ok(Present { mapping: ctx.mapping(), records, referrers, changed, ended })
}

/// What may have come in place of records that an undo archived.
async fn successors(
    ctx: &Ctx,
    records: &BTreeMap<RecordRef, Standing>,
) -> Result<BTreeSet<RecordRef>, Error> {
    let links = records.values().flat_map(|standing| &standing.links);
    let undone = links.filter(|link| matches!(link.state, LinkState::Undone(_)));
    let entities: Vec<EntityId> =
        undone.map(|link| link.entity).collect::<BTreeSet<_>>().into_iter().collect();
    let mut found = BTreeSet::new();
    for chunk in entities.chunks(PAGE) {
        for entity in ctx.store.entities(chunk).await? {
            found.extend(
                entity.links.into_iter().filter(|link| link.state.is_active()).map(|link| link.record),
            );
        }
    }
    found.retain(|record| !records.contains_key(record));
    Ok(found)
}

async fn load(
    store: &dyn Store,
    wanted: &BTreeSet<RecordRef>,
    records: &mut BTreeMap<RecordRef, Standing>,
) -> Result<(), Error> {
    let wanted: Vec<RecordRef> = wanted.iter().cloned().collect();
    for chunk in wanted.chunks(PAGE) {
        for (record, stored) in chunk.iter().zip(store.records(chunk).await?) {
            records.insert(record.clone(), Standing { snapshot: stored.snapshot, links: stored.links });
        }
    }
    Ok(())
}

/// Who refers to the records that the run made: read from all records of the objects that can, since nothing is indexed by
/// what it refers to.
async fn referrers(
    ctx: &Ctx,
    past: &Past,
    records: &mut BTreeMap<RecordRef, Standing>,
) -> Result<BTreeMap<RecordRef, BTreeSet<(RecordRef, FieldName)>>, Error> {
    let mut found: BTreeMap<RecordRef, BTreeSet<(RecordRef, FieldName)>> = BTreeMap::new();
    let made: Vec<&Written> = past.written.iter().filter(|row| row.created).collect();
    let mut places: BTreeMap<(ConnectionName, ObjectName), BTreeSet<FieldName>> = BTreeMap::new();
    for edge in ctx.mapping().kinds.values().flat_map(|model| &model.edges) {
        for binding in &edge.bindings {
            let to_made = made
                .iter()
                .any(|row| row.operation.kind == edge.to && row.record.connection == binding.connection);
            if to_made {
                let place = (binding.connection.clone(), binding.object.clone());
                places.entry(place).or_default().insert(binding.field.clone());
            }
        }
    }
    let made: BTreeSet<RecordRef> = made.into_iter().map(|row| row.record.clone()).collect();
    for ((connection, object), fields) in places {
        let mut after = None;
        loop {
            let ids = ctx.store.ids(&connection, &object, after.as_ref(), PAGE).await?;
            let Some(last) = ids.last() else { break };
            after = Some(last.clone());
            let page: Vec<RecordRef> = ids
                .into_iter()
                .map(|id| RecordRef { connection: connection.clone(), object: object.clone(), id })
                .collect();
            for (child, stored) in page.iter().zip(ctx.store.records(&page).await?) {
                let Some(snapshot) = stored.snapshot.filter(Snapshot::is_live) else { continue };
                let mut refers = false;
                for field in &fields {
                    for target in targets(child, snapshot.field(field.as_str())) {
                        if made.contains(&target) {
                            refers = true;
                            found.entry(target).or_default().insert((child.clone(), field.clone()));
                        }
                    }
                }
                if refers {
                    let standing = Standing { snapshot: Some(snapshot), links: stored.links };
                    records.entry(child.clone()).or_insert(standing);
                }
            }
        }
    }
    Ok(found)
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
