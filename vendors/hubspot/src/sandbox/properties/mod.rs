//! `/crm/v3/properties/{type}`: the calls on definitions, one by one and in batches.

mod define;
mod groups;
mod printed;

use super::HubSpot;
use super::batch::inputs;
use super::call::Call;
use super::kind::Kind;
use super::stamp;
use super::wire::{ApiError, Reply, flag_at, text_at};
use http::{Method, StatusCode};
pub(super) use printed::Printed;
use serde_json::{Value, json};

/// Inputs of a batch [inf].
const INPUTS: usize = 100;

impl HubSpot {
    /// Calls on property definitions.
    pub(super) fn properties(&mut self, kind: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let rest: Vec<&str> = call.route.rest.iter().map(String::as_str).collect();
        match (&call.req.method, rest.as_slice()) {
            (&Method::GET, []) => Ok(self.definitions(kind, call.req.query_flag("archived"))),
            (&Method::POST, []) => {
                let value = self.create_property(kind, &call.body, call.now())?;
                Ok(Reply::json(StatusCode::CREATED, &value))
            }
            (&Method::POST, ["batch", verb]) => self.batch_properties(kind, verb, call),
            (_, ["groups", ..]) => self.property_groups(kind, call),
            (&Method::GET, [name]) => {
                let registry = &self.portal.table(kind).registry;
                let archived = call.req.query_flag("archived");
                let def = registry.any(name).and_then(|prop| registry.get(prop));
                let def = def.filter(|def| !def.no_access && def.archived_at.is_some() == archived);
                let def = def.ok_or_else(|| unknown(kind, name))?;
                Ok(Reply::ok(&self.definition(kind, def)))
            }
            (&Method::PATCH, [name]) => self.patch_property(kind, name, call),
            (&Method::DELETE, [name]) => {
                self.archive_property(kind, name, call.now())?;
                Ok(Reply::empty())
            }
            _ => Err(call.no_such_path()),
        }
    }

    fn batch_properties(&mut self, kind: Kind, verb: &str, call: &Call<'_>) -> Result<Reply, ApiError> {
        let inputs = inputs(&call.body, INPUTS)?;
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for input in inputs {
            let name = text_at(input, "name").unwrap_or_default();
            let outcome = match verb {
                "create" => self.create_property(kind, input, call.now()).map(Some),
                "archive" => self.archive_property(kind, &name, call.now()).map(|()| None),
                "read" => {
                    let registry = &self.portal.table(kind).registry;
                    let archived = flag_at(&call.body, "archived");
                    let def = registry.any(&name).and_then(|prop| registry.get(prop));
                    let def = def.filter(|def| !def.no_access && def.archived_at.is_some() == archived);
                    def.map(|def| Some(json!(self.definition(kind, def)))).ok_or_else(|| unknown(kind, &name))
                }
                _ => return Err(call.no_such_path()),
            };
            match outcome {
                Ok(value) => results.extend(value),
                Err(error) => {
                    let mut row = error.body;
                    row.insert("context".to_owned(), json!({"name": [name]}));
                    errors.push(Value::Object(row));
                }
            }
        }
        if verb == "archive" {
            return Ok(Reply::empty());
        }
        let at = stamp::text(call.now());
        let mut body = json!({"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at});
        let status = match (errors.is_empty(), verb) {
            (false, _) => StatusCode::MULTI_STATUS,
            (true, "create") => StatusCode::CREATED,
            _ => StatusCode::OK,
        };
        if let (false, Some(body)) = (errors.is_empty(), body.as_object_mut()) {
            body.insert("numErrors".to_owned(), json!(errors.len()));
            body.insert("errors".to_owned(), Value::Array(errors));
        }
        Ok(Reply::json(status, &body))
    }
}

fn unknown(kind: Kind, name: &str) -> ApiError {
    let message = format!("Property {name} does not exist for object type {}", kind.type_id());
    ApiError::new(StatusCode::NOT_FOUND, &message).category("OBJECT_NOT_FOUND")
}

fn sub(error: ApiError, sub_category: &str) -> ApiError {
    error.with("subCategory", json!(sub_category))
}
