//! Associations: v4 by record and in batches, v3 batches.

use super::HubSpot;
use super::batch::inputs;
use super::call::Call;
use super::edges::{EdgeType, End, TypeId, USER_DEFINED_FROM};
use super::kind::Kind;
use super::links::Tie;
use super::portal::Portal;
use super::stamp;
use super::table::Slot;
use super::wire::{ApiError, Reply, list_at, number_at, text_at};
use http::{Method, StatusCode};
use serde_json::{Value, json};

const READ_INPUTS: usize = 1000;
const CREATE_INPUTS: usize = 2000;
const ARCHIVE_FROM_IDS: usize = 100;
/// v3 batch reads cut each record's list [gh airbyte#56447].
const V3_PAGE: usize = 100;

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

fn type_row(edge: &EdgeType) -> Value {
    json!({"category": edge.category(), "typeId": shown(edge), "label": edge.label})
}

impl Portal {
    /// `associationTypes` of a pair.
    pub(super) fn type_rows(&self, types: &[TypeId]) -> Vec<Value> {
        types.iter().filter_map(|id| self.edges.edge_type(*id)).map(type_row).collect()
    }

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

    /// A page of a record's ties: rows, and the id that the next page begins with.
    fn ties(&self, from: End, to: Kind, after: u64, limit: usize) -> (Vec<(Slot, &[TypeId])>, Option<u64>) {
        let first = self.table(to).slot_from(after);
        let mut rows: Vec<_> = self
            .edges
            .of(from, to, first)
            .filter(|(slot, _)| !self.hidden.contains(&(to, *slot)))
            .take(limit + 1)
            .collect();
        let next = if rows.len() > limit { rows.pop().map(|(slot, _)| self.id_of((to, slot))) } else { None };
        (rows, next)
    }

    fn pair_row(&self, from: End, to: End, types: &[TypeId]) -> Value {
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

    fn default_rows(&self, from: End, to: End) -> Vec<Value> {
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

fn opaque(id: u64) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(id.to_string())
}

fn cursor(text: Option<&str>) -> Result<u64, ApiError> {
    use base64::Engine;
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(0) };
    let decoded = base64::engine::general_purpose::STANDARD.decode(text).ok();
    let id = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| text.parse().ok());
    id.or_else(|| text.parse().ok()).ok_or_else(|| {
        ApiError::validation(&format!("Cannot deserialize value of type `long` from String \"{text}\""))
    })
}

fn batch_answer(created: bool, results: Vec<Value>, errors: Vec<Value>, now: i64) -> Reply {
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

fn id_at(input: &Value, end: &str) -> String {
    input.get(end).and_then(|end| text_at(end, "id")).unwrap_or_default()
}

/// The row for a record that does not exist [research §7: INVALID_IDENTIFIER].
fn error_row(error: ApiError, from: &str, to: &str) -> Value {
    let mut row = error.body;
    row.insert("subCategory".to_owned(), json!("crm.associations.INVALID_IDENTIFIER"));
    row.insert("context".to_owned(), json!({"fromObjectId": [from], "toObjectId": [to]}));
    Value::Object(row)
}

/// The row for a record without ties: an error to the API, an empty list to everyone else [amp].
fn none_row(from: Kind, id: &str, to: Kind) -> Value {
    json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": format!("No {} is associated with {} {id}.", to.singular(), from.singular()),
        "context": {"fromObjectId": [id], "fromObjectType": [from.singular()], "toObjectType": [to.singular()]},
    })
}

fn not_itself(from: End, to: End) -> Result<(), ApiError> {
    if from == to { Err(ApiError::validation("Cannot associate a record with itself")) } else { Ok(()) }
}

impl HubSpot {
    /// `/crm/v4/objects/{type}/{id}/associations/…`
    pub(super) fn record_associations(
        &mut self,
        from: Kind,
        id: &str,
        call: &Call<'_>,
    ) -> Result<Reply, ApiError> {
        let rest: Vec<&str> = call.route.rest.iter().map(String::as_str).collect();
        let kind = |segment: &str| Kind::parse(segment).ok_or_else(|| ApiError::unknown_type(segment));
        match (&call.req.method, rest.as_slice()) {
            (&Method::GET, [to]) => self.record_ties(self.portal.end(from, id)?, kind(to)?, call),
            (&Method::PUT, ["default", to, to_id]) => {
                let (from, to) = (self.portal.end(from, id)?, self.portal.end(kind(to)?, to_id)?);
                not_itself(from, to)?;
                self.tie_plain(from, to, call);
                Ok(batch_answer(false, self.portal.default_rows(from, to), Vec::new(), call.now()))
            }
            (&Method::PUT, [to, to_id]) => {
                let (from, to) = (self.portal.end(from, id)?, self.portal.end(kind(to)?, to_id)?);
                not_itself(from, to)?;
                let specs = call.body.as_array().map_or(&[][..], Vec::as_slice);
                if specs.is_empty() {
                    return Err(ApiError::validation("At least one association type is required"));
                }
                let types = self.portal.specs(from.0, to.0, specs)?;
                let types = self.portal.associate(from, to, &types, Tie::Replace, &call.act);
                Ok(Reply::json(StatusCode::CREATED, &self.portal.pair_row(from, to, &types)))
            }
            (&Method::DELETE, [to, to_id]) => {
                let to_kind = kind(to)?;
                if let (Ok(from), Ok(to)) = (self.portal.end(from, id), self.portal.end(to_kind, to_id)) {
                    self.portal.dissociate(from, to, &call.act);
                }
                Ok(Reply::empty())
            }
            _ => Err(call.no_such_path()),
        }
    }

    fn tie_plain(&mut self, from: End, to: End, call: &Call<'_>) {
        if let Some(unlabeled) = self.portal.edges.unlabeled(from.0, to.0) {
            self.portal.associate(from, to, &[unlabeled], Tie::Add, &call.act);
        }
    }

    fn record_ties(&self, from: End, to: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let limit = call.req.query_number("limit")?.unwrap_or(500);
        if limit == 0 || limit > 500 {
            return Err(ApiError::validation(&format!("limit must be between 1 and 500, but was {limit}")));
        }
        let after = cursor(call.req.query("after"))?;
        let (rows, next) = self.portal.ties(from, to, after, usize::try_from(limit).unwrap_or(500));
        let results: Vec<Value> = rows.iter().map(|(slot, types)| self.tie_row(to, *slot, types)).collect();
        let mut body = json!({"results": results});
        if let (Some(next), Some(body)) = (next, body.as_object_mut()) {
            let after = opaque(next);
            let link = format!("{}{}?after={after}", self.base_url, call.req.path);
            body.insert("paging".to_owned(), json!({"next": {"after": after, "link": link}}));
        }
        Ok(Reply::ok(&body))
    }

    fn tie_row(&self, to: Kind, slot: Slot, types: &[TypeId]) -> Value {
        json!({"toObjectId": self.portal.id_of((to, slot)), "associationTypes": self.portal.type_rows(types)})
    }

    /// `/crm/v4/associations/{from}/{to}/…`
    pub(super) fn associations_v4(
        &mut self,
        from: Kind,
        to: Kind,
        call: &Call<'_>,
    ) -> Result<Reply, ApiError> {
        let rest: Vec<&str> = call.route.rest.iter().map(String::as_str).collect();
        // Dated paths answer 200 where v4 answers 204 [ENDPOINTS.tsv].
        let gone = if call.route.dated { Reply::ok(&json!({})) } else { Reply::empty() };
        match (&call.req.method, rest.as_slice()) {
            (&Method::POST, ["batch", "read"]) => self.read_v4(from, to, call),
            (&Method::POST, ["batch", "create"]) => self.create_v4(from, to, call),
            (&Method::POST, ["batch", "associate", "default"]) => self.default_v4(from, to, call),
            (&Method::POST, ["batch", "archive"]) => {
                for input in inputs(&call.body, ARCHIVE_FROM_IDS)? {
                    let Ok(from) = self.portal.end(from, &id_at(input, "from")) else { continue };
                    for id in list_at(input, "to").iter().filter_map(|end| text_at(end, "id")) {
                        if let Ok(to) = self.portal.end(to, &id) {
                            self.portal.dissociate(from, to, &call.act);
                        }
                    }
                }
                Ok(gone)
            }
            (&Method::POST, ["batch", "labels", "archive"]) => {
                for input in inputs(&call.body, CREATE_INPUTS)? {
                    let types = self.portal.specs(from, to, list_at(input, "types"))?;
                    let ends = (
                        self.portal.end(from, &id_at(input, "from")),
                        self.portal.end(to, &id_at(input, "to")),
                    );
                    if let (Ok(from), Ok(to)) = ends {
                        self.portal.remove_types(from, to, &types, &call.act);
                    }
                }
                Ok(gone)
            }
            (_, ["labels", ..]) => self.labels(from, to, call),
            _ => Err(call.no_such_path()),
        }
    }

    fn read_v4(&self, from: Kind, to: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for input in inputs(&call.body, READ_INPUTS)? {
            let id = text_at(input, "id").unwrap_or_default();
            let after = cursor(text_at(input, "after").as_deref())?;
            let Ok(end) = self.portal.end(from, &id) else {
                errors.push(none_row(from, &id, to));
                continue;
            };
            let (rows, next) = self.portal.ties(end, to, after, self.portal.knobs.association_page);
            if rows.is_empty() {
                errors.push(none_row(from, &id, to));
                continue;
            }
            let rows: Vec<Value> = rows.iter().map(|(slot, types)| self.tie_row(to, *slot, types)).collect();
            let mut result = json!({"from": {"id": id}, "to": rows});
            if let (Some(next), Some(result)) = (next, result.as_object_mut()) {
                let after = opaque(next);
                let link = format!(
                    "{}/crm/v4/objects/{}/{id}/associations/{}?after={after}",
                    self.base_url,
                    from.plural(),
                    to.plural()
                );
                result.insert("paging".to_owned(), json!({"next": {"after": after, "link": link}}));
            }
            results.push(result);
        }
        Ok(batch_answer(false, results, errors, call.now()))
    }

    fn create_v4(&mut self, from: Kind, to: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let inputs = inputs(&call.body, CREATE_INPUTS)?;
        let all: Result<Vec<Vec<TypeId>>, ApiError> =
            inputs.iter().map(|input| self.portal.specs(from, to, list_at(input, "types"))).collect();
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for (input, types) in inputs.iter().zip(all?) {
            let (from_id, to_id) = (id_at(input, "from"), id_at(input, "to"));
            let ends = self.portal.end(from, &from_id).and_then(|from| {
                let to = self.portal.end(to, &to_id)?;
                not_itself(from, to)?;
                Ok((from, to))
            });
            match ends {
                Ok((from, to)) => {
                    let types = self.portal.associate(from, to, &types, Tie::Add, &call.act);
                    results.push(self.portal.pair_row(from, to, &types));
                }
                Err(error) => errors.push(error_row(error, &from_id, &to_id)),
            }
        }
        Ok(batch_answer(true, results, errors, call.now()))
    }

    fn default_v4(&mut self, from: Kind, to: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for input in inputs(&call.body, CREATE_INPUTS)? {
            let (from_id, to_id) = (id_at(input, "from"), id_at(input, "to"));
            match (self.portal.end(from, &from_id), self.portal.end(to, &to_id)) {
                (Ok(from), Ok(to)) => {
                    self.tie_plain(from, to, call);
                    results.extend(self.portal.default_rows(from, to));
                }
                (Err(error), _) | (_, Err(error)) => errors.push(error_row(error, &from_id, &to_id)),
            }
        }
        Ok(batch_answer(false, results, errors, call.now()))
    }

    /// `/crm/v3/associations/{from}/{to}/…`
    pub(super) fn associations_v3(
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

    /// `…/labels`
    fn labels(&mut self, from: Kind, to: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
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
