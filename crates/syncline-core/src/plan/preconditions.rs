//! What an operation was derived from, in a form that can be checked again before it is issued.

use super::Draftsman;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};
use syncline_model::{FieldChange, FieldName, Precondition, RecordRef, Snapshot, operation::BeforeHash};

/// Hash over the values that a record shows in these fields (sorted by the caller), whatever else moved in it.
pub fn before_hash(snapshot: &Snapshot, fields: &[FieldName]) -> BeforeHash {
    let mut hasher = Sha256::new();
    hasher.update(if snapshot.is_live() { b"live" } else { b"gone" });
    for field in fields {
        hasher.update(field.as_str().as_bytes());
        hasher.update([0]);
        hasher.update(format!("{:?}", snapshot.field(field.as_str())).as_bytes());
        hasher.update([0]);
    }
    let digest = hasher.finalize();
    let mut text = String::with_capacity(32);
    for byte in &digest[..16] {
        let _ = write!(text, "{byte:02x}");
    }
    BeforeHash(Arc::from(text))
}

/// The condition that a record still shows what it shows now in these fields.
pub fn of(snapshot: &Snapshot, mut fields: Vec<FieldName>) -> Precondition {
    fields.sort();
    fields.dedup();
    Precondition {
        record: snapshot.record.clone(),
        version: snapshot.version.clone(),
        before: before_hash(snapshot, &fields),
        fields,
    }
}

impl Draftsman<'_> {
    /// The fields that these changes write on `target`, and those of every other side that they were read from.
    pub(super) fn preconditions(
        &self,
        changes: &[FieldChange],
        target: Option<&RecordRef>,
    ) -> Vec<Precondition> {
        let mut by_record: BTreeMap<&RecordRef, Vec<FieldName>> = BTreeMap::new();
        for change in changes {
            for side in &self.sides {
                if Some(side.record) == target {
                    by_record.entry(side.record).or_default().push(change.field.clone());
                } else if let Some(field) = self.field_of(side.record, change) {
                    by_record.entry(side.record).or_default().push(field);
                }
            }
        }
        self.sides
            .iter()
            .filter_map(|side| by_record.remove(side.record).map(|fields| of(side.snapshot, fields)))
            .collect()
    }

    fn field_of(&self, record: &RecordRef, change: &FieldChange) -> Option<FieldName> {
        let attribute = self.model.attributes.iter().find(|attribute| attribute.name == change.attribute);
        if let Some(attribute) = attribute {
            return attribute
                .binding(&record.connection, &record.object)
                .map(|binding| binding.field.clone());
        }
        let edge = self.model.edges.iter().find(|edge| edge.name.as_str() == change.attribute.as_str())?;
        edge.binding(&record.connection, &record.object).map(|binding| binding.field.clone())
    }
}
