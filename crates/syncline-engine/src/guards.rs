//! Circuit breakers (HUB-7): what a run would create, blank or archive is counted before each round's first write, with
//! what its former rounds did.

use crate::{
    ctx::Ctx,
    error::Error,
    planning::{Keep, Pass},
};
use std::collections::{BTreeMap, BTreeSet};
use syncline_core::mapping::{Breaker, Guard, Mapping};
use syncline_model::{Action, After, ConnectionName, FieldChange, Kind, ObjectName, RecordRef};

const CREATE: &str = "create";

/// A guard that stopped a run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Tripped {
    /// `create`, `blank` or `archive`.
    pub guard: &'static str,
    /// Where.
    pub connection: ConnectionName,
    /// Of which object.
    pub object: ObjectName,
    /// How many the run would do, or has done.
    pub count: u64,
    /// How many are allowed.
    pub allowed: u64,
}

impl std::fmt::Display for Tripped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { guard, connection, object, count, allowed } = self;
        write!(f, "guard `{guard}`: {count} {connection} {object} records in one run, {allowed} are allowed")
    }
}

/// What is counted: by guard, kind of entity, connection and object.
type Counted = (&'static str, Kind, ConnectionName, ObjectName);

/// How much of what the guards count there is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts(BTreeMap<Counted, u64>);

impl Counts {
    /// Counts an operation.
    pub(crate) fn add(
        &mut self,
        mapping: &Mapping,
        kind: Kind,
        connection: &ConnectionName,
        action: &Action,
    ) {
        let mut count = |guard, object: &ObjectName| {
            *self.0.entry((guard, kind, connection.clone(), object.clone())).or_default() += 1;
        };
        match action {
            Action::Create { object, .. } => count(CREATE, object),
            Action::Archive { record, .. } => count("archive", &record.object),
            Action::Update { record, fields } => {
                if fields.iter().any(|change| blanks(mapping, kind, record, change)) {
                    count("blank", &record.object);
                }
            }
            Action::Associate(_) | Action::Dissociate(_) => {}
        }
    }

    /// Adds what others counted.
    pub(crate) fn join(&mut self, other: Self) {
        for (counted, count) in other.0 {
            *self.0.entry(counted).or_default() += count;
        }
    }

    /// By guard, connection and object; creates of the kinds of a first contact are left out.
    fn sums(&self, first: &BTreeSet<Kind>) -> BTreeMap<(&'static str, ConnectionName, ObjectName), u64> {
        let mut sums = BTreeMap::new();
        for ((guard, kind, connection, object), count) in &self.0 {
            if *guard != CREATE || !first.contains(kind) {
                *sums.entry((*guard, connection.clone(), object.clone())).or_default() += count;
            }
        }
        sums
    }
}

/// Whether a change takes a value away: where the field is required, by putting its placeholder there.
fn blanks(mapping: &Mapping, kind: Kind, record: &RecordRef, change: &FieldChange) -> bool {
    let placeholder = || {
        let model = mapping.kinds.get(&kind)?;
        let attribute = model.attributes.iter().find(|attribute| attribute.name == change.attribute)?;
        let binding = attribute.binding(&record.connection, &record.object)?;
        binding.placeholder.as_ref().filter(|_| binding.field == change.field)
    };
    match &change.after {
        After::Clear => true,
        After::Value(value) => change.before.value().is_some() && placeholder() == Some(value),
        After::Reference(_) => false,
    }
}

fn breaker(guard: &Guard, name: &str) -> Breaker {
    match name {
        CREATE => guard.create,
        "blank" => guard.blank,
        _ => guard.archive,
    }
}

/// Which guards a run that has done this already would trip by the present work, but for creates of the kinds of a first
/// contact. Work too little to trip any is not counted.
///
/// # Errors
/// [`Error::Store`].
pub(crate) async fn check(ctx: &Ctx, first: &BTreeSet<Kind>, done: &Counts) -> Result<Vec<Tripped>, Error> {
    let guard = &ctx.mapping().guard;
    let least = guard.create.count.min(guard.blank.count).min(guard.archive.count);
    let done = done.sums(first);
    if ctx.store.dirty_count().await? + done.values().max().copied().unwrap_or_default() <= least {
        return Ok(Vec::new());
    }
    let mut planned = Counts::default();
    let mut pass = Pass::start(ctx, Keep::Nothing).await?;
    while let Some((_, page)) = pass.next_page().await? {
        for entity in &page {
            for draft in &entity.plan.operations {
                planned.add(ctx.mapping(), entity.hood.kind, &draft.connection, &draft.action);
            }
        }
    }
    let mut tripped = Vec::new();
    for (counted, planned) in planned.sums(first) {
        let count = planned + done.get(&counted).copied().unwrap_or_default();
        let (name, connection, object) = counted;
        let breaker = breaker(guard, name);
        if count <= breaker.count {
            continue;
        }
        let live = ctx.store.count_since(&connection, &object, jiff::Timestamp::MIN).await?;
        let allowed = breaker.allows(live);
        if count > allowed {
            tripped.push(Tripped { guard: name, connection, object, count, allowed });
        }
    }
    Ok(tripped)
}
