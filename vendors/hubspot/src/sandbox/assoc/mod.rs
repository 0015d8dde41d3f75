//! Associations: v4 by record and in batches, v3 batches, and the labels. Here: what a call names, its types and its ends.

mod labels;
mod page;
mod record;
mod rows;
mod v3;
mod v4;

use super::HubSpot;
use super::call::Call;
use super::edges::{EdgeType, End, TypeId, USER_DEFINED_FROM};
use super::kind::Kind;
use super::links::Tie;
use super::portal::Portal;
use super::wire::{ApiError, number_at, text_at};
use http::StatusCode;
use serde_json::{Value, json};

const READ_INPUTS: usize = 1000;
const CREATE_INPUTS: usize = 2000;

/// The type a spec names; ids of labels count in their own category.
pub(super) fn type_of<'a>(portal: &'a Portal, spec: &Value) -> Result<&'a EdgeType, ApiError> {
    let id = number_at(spec, "associationTypeId").and_then(|id| TypeId::try_from(id).ok());
    let category = text_at(spec, "associationCategory").unwrap_or_else(|| "HUBSPOT_DEFINED".to_owned());
    let offset = if category == "USER_DEFINED" { USER_DEFINED_FROM } else { 0 };
    id.and_then(|id| portal.edges.edge_type(id.checked_add(offset)?)).ok_or_else(|| {
        let id = text_at(spec, "associationTypeId").unwrap_or_default();
        ApiError::validation(&format!("Association type {category} {id} does not exist"))
    })
}

/// The number of a type as the API shows it.
pub(super) fn shown(edge: &EdgeType) -> TypeId {
    if edge.user_defined { edge.id - USER_DEFINED_FROM } else { edge.id }
}

impl Portal {
    fn specs(&self, from: Kind, to: Kind, specs: &[Value]) -> Result<Vec<TypeId>, ApiError> {
        let mut types = Vec::new();
        for spec in specs {
            let edge = type_of(self, spec)?;
            if (edge.from, edge.to) != (from, to) {
                let message = format!(
                    "Association type {} is between {} and {}, not between {} and {}",
                    shown(edge),
                    edge.from.type_id(),
                    edge.to.type_id(),
                    from.type_id(),
                    to.type_id()
                );
                return Err(ApiError::validation(&message));
            }
            types.push(edge.id);
        }
        Ok(types)
    }

    fn end(&self, kind: Kind, id: &str) -> Result<End, ApiError> {
        let Ok(number) = id.trim().parse::<u64>() else { return Err(ApiError::not_numeric(id)) };
        self.find(kind, number).map(|slot| (kind, slot)).ok_or_else(|| {
            ApiError::new(StatusCode::NOT_FOUND, &format!("{} with id {id} does not exist", kind.singular()))
                .category("OBJECT_NOT_FOUND")
                .with("context", json!({"id": [id]}))
        })
    }
}

impl HubSpot {
    fn tie_plain(&mut self, from: End, to: End, call: &Call<'_>) {
        if let Some(unlabeled) = self.portal.edges.unlabeled(from.0, to.0) {
            self.portal.associate(from, to, &[unlabeled], Tie::Add, &call.act);
        }
    }
}

fn not_itself(from: End, to: End) -> Result<(), ApiError> {
    if from == to { Err(ApiError::validation("Cannot associate a record with itself")) } else { Ok(()) }
}

fn id_at(input: &Value, end: &str) -> String {
    input.get(end).and_then(|end| text_at(end, "id")).unwrap_or_default()
}
