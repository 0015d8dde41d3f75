//! What a vendor refuses of an undo. The plan was made before and cannot list it, and afterwards nothing waits: no later run
//! brings back what an undo could not.

use syncline_kit::vendor::Rejection;
use syncline_model::{
    Action, AttributeName, Endpoint, Operation, RecordRef,
    plan::{Finding, FindingKind},
};

/// What stays as it is now that this was refused; nothing where the record would have been a new one.
pub(super) fn refused(operation: &Operation, rejection: &Rejection) -> Vec<Finding> {
    let (record, attributes): (&RecordRef, Vec<Option<AttributeName>>) = match &operation.action {
        Action::Update { record, fields } => {
            let mut names: Vec<AttributeName> =
                fields.iter().map(|change| change.attribute.clone()).collect();
            names.dedup();
            (record, names.into_iter().map(Some).collect())
        }
        Action::Archive { record, .. } => (record, vec![None]),
        Action::Associate(association) | Action::Dissociate(association) => match &association.from {
            Endpoint::Record(record) => (record, vec![Some(association.edge.as_str().into())]),
            Endpoint::Entity(_) => return Vec::new(),
        },
        Action::Create { .. } => return Vec::new(),
    };
    let why = format!("{} refused it, {}: {}", operation.connection, rejection.code, rejection.message);
    let finding = |attribute| Finding {
        record: record.clone(),
        what: FindingKind::NotUndone { attribute, why: why.as_str().into() },
    };
    attributes.into_iter().map(finding).collect()
}
