//! v3 batches: `/crm/v3/associations/{from}/{to}/…`, where a type goes by its name.

use super::{
    CREATE_INPUTS, READ_INPUTS, id_at,
    rows::{batch_answer, error_row, none_row},
    shown,
};
use crate::sandbox::{
    HubSpot,
    batch::inputs,
    call::Call,
    kind::Kind,
    links::Tie,
    wire::{ApiError, Reply, text_at},
};
use http::Method;
use serde_json::{Value, json};

/// v3 batch reads cut each record's list [gh airbyte#56447].
const V3_PAGE: usize = 100;

impl HubSpot {
    /// `/crm/v3/associations/{from}/{to}/…`
    pub(in crate::sandbox) fn associations_v3(
        &mut self,
        from: Kind,
        to: Kind,
        call: &Call<'_>,
    ) -> Result<Reply, ApiError> {
        let rest: Vec<&str> = call.route.rest.iter().map(String::as_str).collect();
        match (&call.req.method, rest.as_slice()) {
            (&Method::GET, ["types"]) => {
                let types: Vec<Value> = self
                    .portal
                    .edges
                    .types_between(from, to)
                    .map(|edge| json!({"id": shown(edge).to_string(), "name": edge.name}))
                    .collect();
                Ok(Reply::ok(&json!({"results": types})))
            }
            (&Method::POST, ["batch", "read"]) => self.read_v3(from, to, call),
            (&Method::POST, ["batch", verb @ ("create" | "archive")]) => {
                self.write_v3(from, to, *verb == "create", call)
            }
            _ => Err(call.no_such_path()),
        }
    }

    fn read_v3(&self, from: Kind, to: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for input in inputs(&call.body, READ_INPUTS)? {
            let id = text_at(input, "id").unwrap_or_default();
            let rows = self.portal.end(from, &id).map_or_else(
                |_| Vec::new(),
                |end| {
                    let mut rows = Vec::new();
                    for (slot, types) in self.portal.ties(end, to, 0, V3_PAGE).0 {
                        let id = self.portal.id_of((to, slot)).to_string();
                        let edges = types.iter().filter_map(|known| self.portal.edges.edge_type(*known));
                        rows.extend(edges.map(|edge| json!({"id": id, "type": edge.name})));
                    }
                    rows.truncate(V3_PAGE);
                    rows
                },
            );
            if rows.is_empty() {
                errors.push(none_row(from, &id, to));
            } else {
                results.push(json!({"from": {"id": id}, "to": rows}));
            }
        }
        Ok(batch_answer(false, results, errors, call.now()))
    }

    fn write_v3(&mut self, from: Kind, to: Kind, create: bool, call: &Call<'_>) -> Result<Reply, ApiError> {
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for input in inputs(&call.body, CREATE_INPUTS)? {
            let (from_id, to_id) = (id_at(input, "from"), id_at(input, "to"));
            let name = text_at(input, "type").unwrap_or_default();
            let edge = self
                .portal
                .edges
                .types_between(from, to)
                .find(|edge| edge.name == name || shown(edge).to_string() == name);
            let Some(id) = edge.map(|edge| edge.id) else {
                return Err(ApiError::validation(&format!("{name} is not a valid association type")));
            };
            match (self.portal.end(from, &from_id), self.portal.end(to, &to_id)) {
                (Ok(from), Ok(to)) if create => {
                    self.portal.associate(from, to, &[id], Tie::Add, &call.act);
                    results.push(json!({"from": {"id": from_id}, "to": {"id": to_id}, "type": name}));
                }
                (Ok(from), Ok(to)) => self.portal.remove_types(from, to, &[id], &call.act),
                (Err(error), _) | (_, Err(error)) if create => {
                    errors.push(error_row(error, &from_id, &to_id))
                }
                _ => {}
            }
        }
        if create { Ok(batch_answer(true, results, errors, call.now())) } else { Ok(Reply::empty()) }
    }
}
