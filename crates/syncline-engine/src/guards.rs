//! Circuit breakers (HUB-7): what a round would create, blank or archive is counted before its first write.

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
    /// How many the run would do.
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

/// Counts by guard, connection and object.
struct Counts<'a> {
    /// Kinds whose creates somebody confirmed as a first contact.
    first: &'a BTreeSet<Kind>,
    counts: BTreeMap<(&'static str, ConnectionName, ObjectName), u64>,
}

impl Counts<'_> {
    fn add(&mut self, mapping: &Mapping, kind: Kind, connection: &ConnectionName, action: &Action) {
        let mut count = |guard, object: &ObjectName| {
            *self.counts.entry((guard, connection.clone(), object.clone())).or_default() += 1;
        };
        match action {
            Action::Create { .. } if self.first.contains(&kind) => {}
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

    async fn tripped(self, ctx: &Ctx) -> Result<Vec<Tripped>, Error> {
        let guard = &ctx.mapping().guard;
        let mut tripped = Vec::new();
        for ((name, connection, object), count) in self.counts {
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

/// Which guards a run over the present work would trip, but for creates of the kinds of a first contact. Work too little to
/// trip any is not counted.
///
/// # Errors
/// [`Error::Store`].
pub(crate) async fn check(ctx: &Ctx, first: &BTreeSet<Kind>) -> Result<Vec<Tripped>, Error> {
    let guard = &ctx.mapping().guard;
    let least = guard.create.count.min(guard.blank.count).min(guard.archive.count);
    if ctx.store.dirty_count().await? <= least {
        return Ok(Vec::new());
    }
    let mut counts = Counts { first, counts: BTreeMap::new() };
    let mut pass = Pass::start(ctx, Keep::Nothing).await?;
    while let Some((_, page)) = pass.next_page().await? {
        for planned in &page {
            for draft in &planned.plan.operations {
                counts.add(ctx.mapping(), planned.hood.kind, &draft.connection, &draft.action);
            }
        }
    }
    counts.tripped(ctx).await
}
