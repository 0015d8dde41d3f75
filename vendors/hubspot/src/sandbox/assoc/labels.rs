//! `…/labels`: the types between two object types, and the labels of the account among them.

use super::rows::type_row;
use crate::sandbox::{
    HubSpot,
    call::Call,
    edges::{EdgeType, TypeId, USER_DEFINED_FROM},
    kind::Kind,
    wire::{ApiError, Reply, number_at, text_at},
};
use http::Method;
use serde_json::{Value, json};

impl HubSpot {
    /// `…/labels`
    pub(super) fn labels(&mut self, from: Kind, to: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let rest: Vec<&str> = call.route.rest.iter().map(String::as_str).collect();
        let user_defined = |id: Option<u64>| {
            let id = id.and_then(|id| TypeId::try_from(id).ok()?.checked_add(USER_DEFINED_FROM));
            id.filter(|id| {
                self.portal.edges.edge_type(*id).is_some_and(|edge| (edge.from, edge.to) == (from, to))
            })
        };
        match (&call.req.method, rest.as_slice()) {
            (&Method::GET, ["labels"]) => {
                let rows: Vec<Value> = self.portal.edges.types_between(from, to).map(type_row).collect();
                Ok(Reply::ok(&json!({"results": rows})))
            }
            (&Method::POST, ["labels"]) => {
                let label = text_at(&call.body, "label").filter(|label| !label.trim().is_empty());
                let name = text_at(&call.body, "name").filter(|name| !name.trim().is_empty());
                let (Some(label), Some(name)) = (label, name) else {
                    return Err(ApiError::validation("name and label are required"));
                };
                let taken = |edge: &EdgeType| edge.name == name || edge.label.as_ref() == Some(&label);
                if self.portal.edges.types_between(from, to).any(taken) {
                    return Err(ApiError::validation(&format!(
                        "An association label {label} exists already"
                    )));
                }
                if self.portal.edges.types_between(from, to).filter(|edge| edge.user_defined).count() >= 10 {
                    return Err(ApiError::validation("The limit of 10 association labels is reached"));
                }
                let inverse = text_at(&call.body, "inverseLabel");
                let ids = self.portal.edges.add_label(from, to, &name, &label, inverse.as_deref());
                Ok(Reply::ok(&json!({"results": self.portal.type_rows(&ids)})))
            }
            (&Method::PUT, ["labels"]) => {
                let id = user_defined(number_at(&call.body, "associationTypeId"))
                    .ok_or_else(ApiError::not_found)?;
                let label = text_at(&call.body, "label").unwrap_or_default();
                let inverse = text_at(&call.body, "inverseLabel");
                self.portal.edges.rename_label(id, &label, inverse.as_deref());
                Ok(Reply::empty())
            }
            (&Method::DELETE, ["labels", id]) => {
                let id = user_defined(id.parse().ok()).ok_or_else(ApiError::not_found)?;
                self.portal.edges.delete_label(id);
                Ok(Reply::empty())
            }
            _ => Err(call.no_such_path()),
        }
    }
}
