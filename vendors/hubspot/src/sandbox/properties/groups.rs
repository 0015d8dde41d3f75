//! `…/groups`: the groups of definitions.

use super::sub;
use crate::sandbox::{
    HubSpot,
    call::Call,
    kind::Kind,
    registry::Group,
    wire::{ApiError, Reply, text_at},
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

impl HubSpot {
    pub(super) fn property_groups(&mut self, kind: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let registry = &mut self.portal.table_mut(kind).registry;
        let rest: Vec<&str> = call.route.rest.iter().skip(1).map(String::as_str).collect();
        let body = &call.body;
        let order = text_at(body, "displayOrder").and_then(|text| text.parse().ok());
        match (&call.req.method, rest.as_slice()) {
            (&Method::GET, []) => {
                let groups: Vec<Value> =
                    registry.groups.iter().map(|(name, group)| group_shown(name, group)).collect();
                Ok(Reply::ok(&json!({"results": groups})))
            }
            (&Method::POST, []) => {
                let (Some(name), Some(label)) = (text_at(body, "name"), text_at(body, "label")) else {
                    return Err(ApiError::validation("name and label are required"));
                };
                if registry.groups.contains_key(&name) {
                    let message = format!("A property group named '{name}' already exists.");
                    return Err(
                        ApiError::new(StatusCode::CONFLICT, &message).category("OBJECT_ALREADY_EXISTS")
                    );
                }
                let group = Group { label, display_order: order.unwrap_or(-1) };
                let value = group_shown(&name, &group);
                registry.groups.insert(name, group);
                Ok(Reply::json(StatusCode::CREATED, &value))
            }
            (&Method::GET, [name]) => {
                let group = registry.groups.get(*name).ok_or_else(ApiError::not_found)?;
                Ok(Reply::ok(&group_shown(name, group)))
            }
            (&Method::PATCH, [name]) => {
                let group = registry.groups.get_mut(*name).ok_or_else(ApiError::not_found)?;
                if let Some(label) = text_at(body, "label") {
                    group.label = label;
                }
                group.display_order = order.unwrap_or(group.display_order);
                Ok(Reply::ok(&group_shown(name, group)))
            }
            (&Method::DELETE, [name]) => {
                if registry.iter().any(|(_, def)| def.group == *name && def.archived_at.is_none()) {
                    let message = format!("Property group {name} still has properties");
                    return Err(sub(
                        ApiError::validation(&message),
                        "PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES",
                    ));
                }
                registry.groups.remove(*name);
                Ok(Reply::empty())
            }
            _ => Err(call.no_such_path()),
        }
    }
}

fn group_shown(name: &str, group: &Group) -> Value {
    json!({"name": name, "label": group.label, "displayOrder": group.display_order, "archived": false})
}
