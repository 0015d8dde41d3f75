//! `/crm/v3/objects/{type}`: one record at a time, lists, merge and privacy deletion.

use super::HubSpot;
use super::call::Call;
use super::edges::{End, TypeId};
use super::kind::Kind;
use super::links::Tie;
use super::portal::Portal;
use super::record::{Record, Select, inline_associations};
use super::table::Slot;
use super::wire::{ApiError, Reply, flag_at, list_at, number_at, text, text_at};
use super::write::{Given, Refusal};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// Rows of a list page, and with property history [docs].
const PAGE: u64 = 100;
const PAGE_WITH_HISTORY: u64 = 50;
/// A contact carries at most so many merged identities [docs merge].
const IDENTITIES: usize = 250;

/// The requested properties of a call.
pub(super) fn select(portal: &Portal, kind: Kind, call: &Call<'_>) -> Select {
    let history = call.req.query_list("propertiesWithHistory");
    Select::new(portal, kind, &call.req.query_list("properties"), &history)
}

/// `properties` of a body, as the clients send them: texts, numbers, `null`.
pub(super) fn given(body: &Value) -> Given {
    let Some(properties) = body.get("properties").and_then(Value::as_object) else { return Given::new() };
    properties.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// The answer to a refused write.
pub(super) fn refused(portal: &Portal, kind: Kind, refusal: Refusal) -> ApiError {
    match refusal {
        Refusal::Invalid(all) => ApiError::invalid(portal.id, &all),
        Refusal::Conflict(id) => {
            ApiError::new(StatusCode::CONFLICT, &format!("Contact already exists. Existing ID: {id}"))
                .category("CONFLICT")
        }
        Refusal::Missing(names) => {
            let errors: Vec<Value> = names
                .iter()
                .map(|name| {
                    json!({"message": format!("Required property {name} was not set."), "code": "MISSING_REQUIRED_PROPERTY",
                           "context": {"propertyName": [name]}})
                })
                .collect();
            let what = kind.singular().to_uppercase();
            ApiError::validation(&format!("Error creating {what}. Some required properties were not set."))
                .with("context", json!({"properties": names}))
                .with("errors", Value::Array(errors))
        }
    }
}

/// Finds a live record by id or by a unique property.
pub(super) fn locate(
    portal: &Portal,
    kind: Kind,
    id: &str,
    by: Option<&str>,
) -> Result<Option<Slot>, ApiError> {
    let by = by.filter(|by| !by.is_empty() && *by != "hs_object_id");
    let Some(by) = by else {
        return match id.trim().parse::<u64>() {
            Ok(id) => Ok(portal.find(kind, id)),
            Err(_) => Err(ApiError::not_numeric(id)),
        };
    };
    let registry = &portal.table(kind).registry;
    let prop = registry.visible(by);
    let is_email = kind == Kind::Contacts && by == "email";
    let unique = prop.and_then(|prop| registry.get(prop)).is_some_and(|def| def.has_unique_value) || is_email;
    let Some(prop) = prop.filter(|_| unique) else {
        let message = format!("Unable to perform update/upsert by non-unique {} property", kind.type_id());
        return Err(ApiError::validation(&message));
    };
    let key = if is_email { id.trim().to_lowercase() } else { id.to_owned() };
    let holder = portal.pool.find(&key).and_then(|sym| portal.table(kind).holder(prop, sym));
    Ok(holder.filter(|slot| !portal.hidden.contains(&(kind, *slot))))
}

/// A tie asked for with a creation.
pub(super) type WantedTie = (End, Vec<TypeId>);

/// Checks `associations` of a creation [gh; 3p].
pub(super) fn wanted_ties(portal: &Portal, kind: Kind, body: &Value) -> Result<Vec<WantedTie>, ApiError> {
    let mut ties = Vec::new();
    for tie in list_at(body, "associations") {
        let mut to_kind = None;
        let mut types = Vec::new();
        for spec in list_at(tie, "types") {
            let edge = super::assoc::type_of(portal, spec)?;
            if edge.from != kind {
                let message = format!(
                    "invalid from object type {} for associations to be created. expected: {}",
                    edge.from.type_id(),
                    kind.type_id()
                );
                return Err(ApiError::validation(&message));
            }
            to_kind = Some(edge.to);
            types.push(edge.id);
        }
        let target = tie.get("to").map_or(Value::Null, Clone::clone);
        let id = text_at(&target, "id").unwrap_or_default();
        let slot = to_kind.and_then(|to| Some((to, portal.find(to, id.parse().ok()?)?)));
        let Some(end) = slot else {
            let object_type = to_kind.map_or("unknown", Kind::type_id);
            return Err(ApiError::validation("One or more associations are invalid").with(
                "context",
                json!({"INVALID_OBJECT_IDS": [id], "objectId": [id], "objectType": [object_type]}),
            ));
        };
        ties.push((end, types));
    }
    Ok(ties)
}

impl HubSpot {
    /// Calls on one object type.
    pub(super) fn objects(&mut self, kind: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let rest: Vec<&str> = call.route.rest.iter().map(String::as_str).collect();
        match (&call.req.method, rest.as_slice()) {
            (&Method::GET, []) => self.list(kind, call),
            (&Method::POST, []) => self.create(kind, call),
            (&Method::POST, ["search"]) => self.search(kind, call),
            (&Method::POST, ["merge"]) => self.merge(kind, call),
            (&Method::POST, ["gdpr-delete"]) => self.gdpr_delete(kind, call),
            (&Method::POST, ["batch", verb]) => self.batch(kind, verb, call),
            (&Method::GET, [id]) => self.get(kind, id, call),
            (&Method::PATCH, [id]) => self.patch(kind, id, call),
            (&Method::DELETE, [id]) => self.delete(kind, id, call),
            _ => Err(call.no_such_path()),
        }
    }

    fn asked_associations(call: &Call<'_>) -> Result<Vec<Kind>, ApiError> {
        let names = call.req.query_list("associations");
        names.iter().map(|name| Kind::parse(name).ok_or_else(|| ApiError::unknown_type(name))).collect()
    }

    fn record<'a>(
        &'a self,
        end: End,
        select: &'a Select,
        associations: &[Kind],
    ) -> Result<Record<'a>, ApiError> {
        let record = Record::of(&self.portal, end.0, end.1, select).ok_or_else(ApiError::not_found)?;
        Ok(match inline_associations(&self.portal, end, associations, &self.base_url) {
            Some(associations) => record.with("associations", associations),
            None => record,
        })
    }

    fn get(&self, kind: Kind, id: &str, call: &Call<'_>) -> Result<Reply, ApiError> {
        let select = select(&self.portal, kind, call);
        let associations = Self::asked_associations(call)?;
        let slot = if call.req.query_flag("archived") {
            let table = self.portal.table(kind);
            id.parse().ok().and_then(|id| table.slot(id)).filter(|slot| table.bin.contains(slot))
        } else {
            locate(&self.portal, kind, id, call.req.query("idProperty"))?
        };
        let slot = slot.ok_or_else(ApiError::not_found)?;
        Ok(Reply::ok(&self.record((kind, slot), &select, &associations)?))
    }

    fn list(&self, kind: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let select = select(&self.portal, kind, call);
        let associations = Self::asked_associations(call)?;
        let history = !call.req.query_list("propertiesWithHistory").is_empty();
        let most = if history { PAGE_WITH_HISTORY } else { PAGE };
        let limit = call.req.query_number("limit")?.unwrap_or(10);
        if limit == 0 || limit > most {
            return Err(ApiError::validation(&format!(
                "limit must be between 1 and {most}, but was {limit}"
            )));
        }
        let after = match call.req.query("after") {
            None | Some("") => 0,
            Some(text) => text.parse::<u64>().map_err(|_| {
                ApiError::validation(&format!(
                    "Cannot deserialize value of type `long` from String \"{text}\""
                ))
            })?,
        };
        let table = self.portal.table(kind);
        let first = table.slot_from(after);
        let archived = call.req.query_flag("archived");
        let seen = |slot: &Slot| !self.portal.hidden.contains(&(kind, *slot));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut slots: Vec<Slot> = if archived {
            table.bin.range(first..).copied().filter(seen).take(limit + 1).collect()
        } else {
            table.slots_from(first).filter(|slot| table.is_live(*slot)).filter(seen).take(limit + 1).collect()
        };
        let more = slots.len() > limit;
        slots.truncate(limit);
        let records: Result<Vec<Record<'_>>, ApiError> =
            slots.iter().map(|slot| self.record((kind, *slot), &select, &associations)).collect();
        let mut body = json!({});
        if more && let Some(last) = slots.last() {
            let after = self.portal.id_of((kind, *last)) + 1;
            let link = format!("{}{}?after={after}", self.base_url, call.req.path);
            body = json!({"next": {"after": after.to_string(), "link": link}});
        }
        Ok(Reply::ok(&Page { results: records?, paging: more.then_some(body) }))
    }

    fn create(&mut self, kind: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let ties = wanted_ties(&self.portal, kind, &call.body)?;
        let prepared = self
            .portal
            .prepare(kind, None, &given(&call.body))
            .map_err(|refusal| refused(&self.portal, kind, refusal))?;
        let slot = self.portal.create(kind, prepared, &call.act);
        self.tie_new((kind, slot), &ties, call);
        let select = Select::everything(&self.portal, kind);
        let record = self.record((kind, slot), &select, &[])?;
        let id = self.portal.id_of((kind, slot));
        let location = format!("{}/crm/v3/objects/{}/{id}", self.base_url, kind.plural());
        Ok(Reply::json(StatusCode::CREATED, &record).with("location", location))
    }

    /// The ties of a new record, and what automation does with it.
    pub(super) fn tie_new(&mut self, end: End, ties: &[WantedTie], call: &Call<'_>) {
        for (to, types) in ties {
            self.portal.associate(end, *to, types, Tie::Add, &call.act);
        }
        self.portal.auto_company(end, &call.act);
    }

    fn patch(&mut self, kind: Kind, id: &str, call: &Call<'_>) -> Result<Reply, ApiError> {
        let slot =
            locate(&self.portal, kind, id, call.req.query("idProperty"))?.ok_or_else(ApiError::not_found)?;
        let given = given(&call.body);
        let prepared = self
            .portal
            .prepare(kind, Some(slot), &given)
            .map_err(|refusal| refused(&self.portal, kind, refusal))?;
        self.portal.update(kind, slot, prepared, &call.act);
        self.portal.auto_company((kind, slot), &call.act);
        let names: Vec<String> = given.into_iter().map(|(name, _)| name).collect();
        let select = Select::new(&self.portal, kind, &names, &[]);
        Ok(Reply::ok(&self.record((kind, slot), &select, &[])?))
    }

    fn delete(&mut self, kind: Kind, id: &str, call: &Call<'_>) -> Result<Reply, ApiError> {
        match locate(&self.portal, kind, id, None)? {
            Some(slot) => self.portal.archive(kind, slot, &call.act),
            None if self.portal.knobs.delete_is_idempotent => {}
            None => return Err(ApiError::not_found()),
        }
        Ok(Reply::empty())
    }

    fn merge(&mut self, kind: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let id = |name: &str| {
            number_at(&call.body, name)
                .ok_or_else(|| ApiError::validation(&format!("{name} must be a record id")))
        };
        let (primary, loser) = (id("primaryObjectId")?, id("objectIdToMerge")?);
        let slot = |id: u64| self.portal.find(kind, id).ok_or_else(ApiError::not_found);
        let (primary, loser) = (slot(primary)?, slot(loser)?);
        if primary == loser {
            return Err(ApiError::validation("Cannot merge a record into itself"));
        }
        let identities: usize = [primary, loser]
            .iter()
            .filter_map(|slot| self.portal.text(kind, *slot, "hs_merged_object_ids"))
            .map(|ids| ids.split(';').count())
            .sum();
        if identities + 2 > IDENTITIES {
            return Err(ApiError::validation("Cannot have more than 250 identities on a profile"));
        }
        let survivor = self.portal.merge(kind, primary, loser, &call.act);
        let select = Select::everything(&self.portal, kind);
        Ok(Reply::ok(&self.record((kind, survivor), &select, &[])?))
    }

    fn gdpr_delete(&mut self, kind: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        if kind != Kind::Contacts && !call.route.dated {
            return Err(call.no_such_path());
        }
        let id =
            text_at(&call.body, "objectId").ok_or_else(|| ApiError::validation("objectId is required"))?;
        let by = text_at(&call.body, "idProperty");
        match (locate(&self.portal, kind, &id, by.as_deref())?, by) {
            (Some(slot), _) => self.portal.erase(kind, slot, &call.act),
            // An unknown address is put on the block list; that is a success too [spec v3/contacts].
            (None, Some(_)) => {}
            (None, None) => return Err(ApiError::not_found()),
        }
        Ok(Reply::empty())
    }
}

/// A page of records.
#[derive(serde::Serialize)]
pub(super) struct Page<'a> {
    pub(super) results: Vec<Record<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) paging: Option<Value>,
}

/// Whether a body asks for archived records (batch read).
pub(super) fn wants_archived(call: &Call<'_>) -> bool {
    call.req.query_flag("archived") || flag_at(&call.body, "archived")
}
