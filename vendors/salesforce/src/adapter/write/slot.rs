//! A call's rows in groups, each of which is one subrequest.

use super::super::{
    ROLE_FIELD,
    composite::{HEAVY, PARTS},
    time,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use syncline_kit::vendor::{EdgeWrite, ObjectWant, Write, WriteRow};
use syncline_model::{FieldName, ObjectName, RecordId, Value, Version};

/// Rows of one collection.
pub(super) const ROWS: usize = 200;
/// Runs of one type within a collection [doc: research §2.6].
const RUNS: usize = 10;

/// What a subrequest does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// Upsert by a key field.
    Upsert(ObjectName, FieldName),
    /// Update by id.
    Update,
    /// New contact roles.
    Role,
    /// Delete by id.
    Delete,
    /// One row as a request of its own.
    Alone,
}

/// One subrequest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) sort: Sort,
    /// Positions in the call.
    pub(super) rows: Vec<usize>,
}

/// Whether an edge is a contact role.
pub(super) fn is_role(edge: &EdgeWrite) -> bool {
    edge.field.as_str() == ROLE_FIELD
}

/// Whether a row is always sent alone.
pub(super) fn is_single(row: &WriteRow) -> bool {
    matches!(row.write, Write::Create { key_field: None, .. })
}

/// The condition of a strict write.
pub(super) fn condition(version: &Version) -> Option<String> {
    time::to_http_date(time::instant(&version.0)?)
}

/// How a row is sent.
pub(super) fn sort(row: &WriteRow, strict: bool) -> Sort {
    match &row.write {
        Write::Create { object, key_field: Some(key), .. } => Sort::Upsert(object.clone(), key.clone()),
        Write::Create { key_field: None, .. } => Sort::Alone,
        Write::Update { version: Some(version), .. } if strict && condition(version).is_some() => Sort::Alone,
        Write::Update { .. } => Sort::Update,
        Write::Associate(edge) if is_role(edge) && edge.row.is_none() => Sort::Role,
        Write::Dissociate(edge) if is_role(edge) => Sort::Delete,
        Write::Associate(_) | Write::Dissociate(_) => Sort::Update,
        Write::Archive { .. } => Sort::Delete,
    }
}

/// Groups rows: kinds in order of first appearance, within one rows of one type and of one account side by side, so that
/// fewer transactions wait for the same parent's lock [doc: research §10.18].
pub(super) fn slots(rows: &[WriteRow], positions: &[usize], strict: bool) -> Vec<Slot> {
    let mut order: Vec<Sort> = Vec::new();
    let mut groups: BTreeMap<Sort, Vec<usize>> = BTreeMap::new();
    for position in positions {
        let sort = sort(&rows[*position], strict);
        if !groups.contains_key(&sort) {
            order.push(sort.clone());
        }
        groups.entry(sort).or_default().push(*position);
    }
    let mut slots = Vec::new();
    for sort in order {
        let mut group = groups.remove(&sort).unwrap_or_default();
        if sort == Sort::Alone {
            slots.extend(group.into_iter().map(|position| Slot { sort: Sort::Alone, rows: vec![position] }));
            continue;
        }
        group.sort_by_key(|position| (object(&rows[*position]), parent(&rows[*position])));
        slots.extend(chunks(rows, &group).into_iter().map(|rows| Slot { sort: sort.clone(), rows }));
    }
    slots
}

fn chunks(rows: &[WriteRow], group: &[usize]) -> Vec<Vec<usize>> {
    let mut chunks: Vec<Vec<usize>> = Vec::new();
    let mut runs = 0;
    let mut last = None;
    for position in group {
        let object = object(&rows[*position]);
        let new_run = last.as_ref() != Some(&object);
        let full = chunks.last().is_none_or(|chunk| chunk.len() >= ROWS) || (new_run && runs >= RUNS);
        if full {
            chunks.push(Vec::new());
            runs = 0;
        }
        if new_run || full {
            runs += 1;
        }
        last = Some(object);
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(*position);
        }
    }
    chunks
}

/// As many groups as one call takes.
pub(super) fn take_batch(queue: &mut VecDeque<Slot>) -> Vec<Slot> {
    let mut batch = Vec::new();
    let mut heavy = 0;
    while let Some(slot) = queue.front() {
        let weight = usize::from(slot.sort != Sort::Alone);
        if batch.len() >= PARTS || heavy + weight > HEAVY {
            break;
        }
        heavy += weight;
        batch.extend(queue.pop_front());
    }
    batch
}

/// The object whose table a row touches.
pub(super) fn object(row: &WriteRow) -> ObjectName {
    match &row.write {
        Write::Create { object, .. } => object.clone(),
        Write::Update { record, .. } | Write::Archive { record } => record.object.clone(),
        Write::Associate(edge) | Write::Dissociate(edge) if is_role(edge) => {
            ObjectName::from(super::super::ROLE_OBJECT)
        }
        Write::Associate(edge) | Write::Dissociate(edge) => edge.from.object.clone(),
    }
}

/// The record whose lock a row needs besides its own, as far as the row tells.
fn parent(row: &WriteRow) -> Option<RecordId> {
    let (Write::Create { fields, .. } | Write::Update { fields, .. }) = &row.write else {
        return target(row);
    };
    fields.iter().find(|(field, _)| field.as_str() == "AccountId").and_then(|(_, value)| match value {
        Some(Value::Refs(refs)) => refs.first().map(|to| to.id.clone()),
        _ => None,
    })
}

/// The record that a row is about; none for creates.
pub(super) fn target(row: &WriteRow) -> Option<RecordId> {
    match &row.write {
        Write::Create { .. } => None,
        Write::Update { record, .. } | Write::Archive { record } => Some(record.id.clone()),
        Write::Associate(edge) | Write::Dissociate(edge) => Some(edge.from.id.clone()),
    }
}

/// The id that a delete takes away.
pub(super) fn deleted_id(row: &WriteRow) -> String {
    match &row.write {
        Write::Dissociate(edge) => edge.row.as_ref().map(ToString::to_string).unwrap_or_default(),
        Write::Archive { record } => record.id.to_string(),
        Write::Create { .. } | Write::Update { .. } | Write::Associate(_) => String::new(),
    }
}

/// Whether a row writes one of these fields.
pub(super) fn writes(row: &WriteRow, fields: &[FieldName]) -> bool {
    match &row.write {
        Write::Create { fields: written, .. } | Write::Update { fields: written, .. } => {
            written.iter().any(|(field, _)| fields.contains(field))
        }
        Write::Associate(edge) | Write::Dissociate(edge) => fields.contains(&edge.field),
        Write::Archive { .. } => false,
    }
}

/// The fields that rows write, to be read back.
pub(super) fn want_of<'a>(object: &ObjectName, rows: impl Iterator<Item = &'a WriteRow>) -> ObjectWant {
    let mut fields = BTreeSet::new();
    let mut edges = BTreeSet::new();
    for row in rows {
        match &row.write {
            Write::Create { fields: written, .. } | Write::Update { fields: written, .. } => {
                fields.extend(written.iter().map(|(field, _)| field.clone()));
            }
            Write::Associate(edge) | Write::Dissociate(edge) if is_role(edge) => {
                edges.insert(edge.field.clone());
            }
            Write::Associate(edge) | Write::Dissociate(edge) => {
                fields.insert(edge.field.clone());
            }
            Write::Archive { .. } => {}
        }
    }
    ObjectWant {
        object: object.clone(),
        fields: fields.into_iter().collect(),
        edges: edges.into_iter().collect(),
    }
}
