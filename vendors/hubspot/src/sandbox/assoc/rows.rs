//! The rows of answers: types, ties, pairs, and what went wrong with an input.

use super::shown;
use crate::sandbox::{
    HubSpot,
    edges::{EdgeType, End, TypeId},
    kind::Kind,
    portal::Portal,
    stamp,
    table::Slot,
    wire::{ApiError, Reply},
};
use http::StatusCode;
use serde_json::{Value, json};

pub(super) fn type_row(edge: &EdgeType) -> Value {
    json!({"category": edge.category(), "typeId": shown(edge), "label": edge.label})
}

impl Portal {
    /// `associationTypes` of a pair.
    pub(super) fn type_rows(&self, types: &[TypeId]) -> Vec<Value> {
        types.iter().filter_map(|id| self.edges.edge_type(*id)).map(type_row).collect()
    }

    pub(super) fn pair_row(&self, from: End, to: End, types: &[TypeId]) -> Value {
        let labels: Vec<&String> = types
            .iter()
            .filter_map(|id| self.edges.edge_type(*id))
            .filter_map(|edge| edge.label.as_ref())
            .collect();
        json!({
            "fromObjectTypeId": from.0.type_id(),
            "fromObjectId": self.id_of(from),
            "toObjectTypeId": to.0.type_id(),
            "toObjectId": self.id_of(to),
            "labels": labels,
        })
    }

    pub(super) fn default_rows(&self, from: End, to: End) -> Vec<Value> {
        let row = |from: End, to: End| {
            let unlabeled = self.edges.unlabeled(from.0, to.0);
            json!({
                "from": {"id": self.id_of(from).to_string()},
                "to": {"id": self.id_of(to).to_string()},
                "associationSpec": {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": unlabeled},
            })
        };
        vec![row(from, to), row(to, from)]
    }
}

impl HubSpot {
    pub(super) fn tie_row(&self, to: Kind, slot: Slot, types: &[TypeId]) -> Value {
        json!({"toObjectId": self.portal.id_of((to, slot)), "associationTypes": self.portal.type_rows(types)})
    }
}

/// The row for a record that does not exist [research §7: INVALID_IDENTIFIER].
pub(super) fn error_row(error: ApiError, from: &str, to: &str) -> Value {
    let mut row = error.body;
    row.insert("subCategory".to_owned(), json!("crm.associations.INVALID_IDENTIFIER"));
    row.insert("context".to_owned(), json!({"fromObjectId": [from], "toObjectId": [to]}));
    Value::Object(row)
}

/// The row for a record without ties: an error to the API, an empty list to everyone else [amp].
pub(super) fn none_row(from: Kind, id: &str, to: Kind) -> Value {
    json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": format!("No {} is associated with {} {id}.", to.singular(), from.singular()),
        "context": {"fromObjectId": [id], "fromObjectType": [from.singular()], "toObjectType": [to.singular()]},
    })
}

pub(super) fn batch_answer(created: bool, results: Vec<Value>, errors: Vec<Value>, now: i64) -> Reply {
    let at = stamp::text(now);
    let mut body = json!({"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at});
    let failed = !errors.is_empty();
    if let (true, Some(body)) = (failed, body.as_object_mut()) {
        body.insert("numErrors".to_owned(), json!(errors.len()));
        body.insert("errors".to_owned(), Value::Array(errors));
    }
    let status = match (failed, created) {
        (true, _) => StatusCode::MULTI_STATUS,
        (false, true) => StatusCode::CREATED,
        (false, false) => StatusCode::OK,
    };
    Reply::json(status, &body)
}
