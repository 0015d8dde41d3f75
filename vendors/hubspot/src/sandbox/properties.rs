//! `/crm/v3/properties/{type}`: definitions and their groups.

use super::HubSpot;
use super::batch::inputs;
use super::call::Call;
use super::kind::Kind;
use super::registry::{Choice, Def, Group, ValueType};
use super::stamp;
use super::wire::{ApiError, Reply, flag_at, list_at, text_at};
use http::{Method, StatusCode};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Inputs of a batch [inf].
const INPUTS: usize = 100;
/// Unique-value properties per object type [docs].
const UNIQUE: usize = 10;
/// Custom properties per object type [docs].
const CUSTOM: usize = 1000;

/// All definitions of an object type as they were last printed.
#[derive(Debug)]
pub(super) struct Printed {
    /// Changes of the registry.
    changes: u64,
    /// Options that live elsewhere.
    elsewhere: Vec<(String, String)>,
    body: Vec<u8>,
}

/// A property's definition as the API prints it.
struct Shown<'a> {
    def: &'a Def,
    options: Vec<ShownOption<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownOption<'a> {
    label: &'a str,
    value: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    display_order: i64,
    hidden: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Modification {
    archivable: bool,
    read_only_definition: bool,
    read_only_options: bool,
    read_only_value: bool,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let def = self.def;
        let mut map = serializer.serialize_map(None)?;
        macro_rules! members {
            ($($name:literal: $value:expr),* $(,)?) => { $(map.serialize_entry($name, &$value)?;)* };
        }
        members! {
            "name": def.name, "label": def.label, "type": def.value_type.name(), "fieldType": def.field_type,
            "description": def.description, "groupName": def.group, "options": self.options,
            "displayOrder": def.display_order, "calculated": def.calculated,
            "externalOptions": matches!(def.referenced, Some("OWNER")),
            "hasUniqueValue": def.has_unique_value, "hidden": def.hidden, "hubspotDefined": def.built_in,
            "formField": def.form_field, "archived": def.archived_at.is_some(),
            "dataSensitivity": "non_sensitive",
            "modificationMetadata": Modification {
                archivable: !def.built_in,
                read_only_definition: def.built_in,
                read_only_options: def.built_in && def.choices.is_empty(),
                read_only_value: def.read_only || def.calculated,
            },
            "createdAt": stamp::text(def.created_at), "updatedAt": stamp::text(def.updated_at),
        }
        if def.show_currency_symbol {
            map.serialize_entry("showCurrencySymbol", &true)?;
        }
        if let Some("OWNER") = def.referenced {
            map.serialize_entry("referencedObjectType", "OWNER")?;
        }
        if let Some(at) = def.archived_at {
            map.serialize_entry("archivedAt", &stamp::text(at))?;
        }
        map.end()
    }
}

/// A definition whose options are its own.
fn shown(def: &Def) -> Shown<'_> {
    let own = def.choices.iter().filter(|_| def.referenced.is_none());
    let options = own.map(|choice| ShownOption {
        label: &choice.label,
        value: &choice.value,
        description: Some(&choice.description),
        display_order: choice.display_order,
        hidden: choice.hidden,
    });
    Shown { def, options: options.collect() }
}

fn group_shown(name: &str, group: &Group) -> Value {
    json!({"name": name, "label": group.label, "displayOrder": group.display_order, "archived": false})
}

fn sub(error: ApiError, sub_category: &str) -> ApiError {
    error.with("subCategory", json!(sub_category))
}

fn choices(body: &Value) -> Result<Vec<Choice>, ApiError> {
    let mut all: Vec<Choice> = Vec::new();
    for (order, option) in (0_i64..).zip(list_at(body, "options")) {
        let (Some(label), Some(value)) = (text_at(option, "label"), text_at(option, "value")) else {
            return Err(ApiError::validation("Every option needs a label and a value"));
        };
        if all.iter().any(|known| known.value == value) {
            return Err(ApiError::validation(&format!("Option value {value} is used twice")));
        }
        all.push(Choice {
            label,
            value,
            description: text_at(option, "description").unwrap_or_default(),
            display_order: text_at(option, "displayOrder")
                .and_then(|text| text.parse().ok())
                .unwrap_or(order),
            hidden: flag_at(option, "hidden"),
        });
    }
    Ok(all)
}

impl HubSpot {
    /// A property's definition as the API prints it; enumerations whose options live in pipelines list those.
    fn definition<'a>(&'a self, kind: Kind, def: &'a Def) -> Shown<'a> {
        let options = self.options_elsewhere(def);
        debug_assert!(self.portal.table(kind).registry.any(&def.name).is_some());
        let mut shown = shown(def);
        if !options.is_empty() {
            let options = (0..).zip(options);
            let options = options.map(|(display_order, (label, value))| ShownOption {
                label,
                value,
                description: None,
                display_order,
                hidden: false,
            });
            shown.options = options.collect();
        }
        shown
    }

    /// Label and value of the options that a property has from pipelines or currencies.
    fn options_elsewhere<'a>(&'a self, def: &Def) -> Vec<(&'a str, &'a str)> {
        match def.referenced {
            Some("DEAL_PIPELINE") => {
                self.portal.pipelines.iter().map(|one| (&*one.label, &*one.id)).collect()
            }
            Some("DEAL_STAGE") => {
                let stages = self.portal.pipelines.iter().flat_map(|pipeline| &pipeline.stages);
                stages.map(|stage| (&*stage.label, &*stage.id)).collect()
            }
            Some("CURRENCY") => {
                let money = &self.portal.currencies;
                let codes = std::iter::once(&money.home).chain(money.rates.keys());
                codes.map(|code| (&**code, &**code)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// All definitions, printed anew where anything in them may have changed.
    fn definitions(&mut self, kind: Kind, archived: bool) -> Reply {
        let registry = &self.portal.table(kind).registry;
        let shown =
            || registry.iter().filter(|(_, def)| !def.no_access && def.archived_at.is_some() == archived);
        let elsewhere = shown().flat_map(|(_, def)| self.options_elsewhere(def));
        let elsewhere: Vec<(String, String)> =
            elsewhere.map(|(label, value)| (label.to_owned(), value.to_owned())).collect();
        let known = self
            .definitions
            .get(&kind)
            .filter(|known| !archived && known.changes == registry.changes && known.elsewhere == elsewhere);
        if let Some(known) = known {
            return Reply::printed(known.body.clone());
        }
        let results: Vec<Shown<'_>> = shown().map(|(_, def)| self.definition(kind, def)).collect();
        let reply = Reply::ok(&BTreeMap::from([("results", results)]));
        if !archived {
            let printed = Printed { changes: registry.changes, elsewhere, body: reply.body.clone() };
            self.definitions.insert(kind, printed);
        }
        reply
    }

    /// Calls on property definitions.
    pub(super) fn properties(&mut self, kind: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
        let rest: Vec<&str> = call.route.rest.iter().map(String::as_str).collect();
        match (&call.req.method, rest.as_slice()) {
            (&Method::GET, []) => Ok(self.definitions(kind, call.req.query_flag("archived"))),
            (&Method::POST, []) => {
                let value = self.create_property(kind, &call.body, call)?;
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

    fn create_property(&mut self, kind: Kind, body: &Value, call: &Call<'_>) -> Result<Value, ApiError> {
        let needed = |name: &str| {
            text_at(body, name)
                .filter(|text| !text.trim().is_empty())
                .ok_or_else(|| ApiError::validation(&format!("Property {name} is required")))
        };
        let name = needed("name")?.to_lowercase();
        let (label, group, field_type) = (needed("label")?, needed("groupName")?, needed("fieldType")?);
        let type_name = needed("type")?;
        let valid = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name
                .chars()
                .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
        if !valid {
            let message =
                format!("Property name {name} may only hold lowercase letters, digits and underscores");
            return Err(ApiError::validation(&message));
        }
        let value_type = ValueType::parse(&type_name)
            .ok_or_else(|| ApiError::validation(&format!("{type_name} is not a valid property type")))?;
        if !value_type.field_types().contains(&field_type.as_str()) {
            let message = format!("fieldType {field_type} does not go with type {type_name}");
            return Err(ApiError::validation(&message));
        }
        let has_unique_value = flag_at(body, "hasUniqueValue");
        if has_unique_value && !matches!(value_type, ValueType::String | ValueType::Number) {
            return Err(ApiError::validation(
                "hasUniqueValue is only for properties of type string or number",
            ));
        }
        let mut choices = choices(body)?;
        if value_type == ValueType::Bool && choices.is_empty() {
            let choice = |label: &str, value: &str, display_order| Choice {
                label: label.to_owned(),
                value: value.to_owned(),
                description: String::new(),
                display_order,
                hidden: false,
            };
            choices = vec![choice("Yes", "true", 0), choice("No", "false", 1)];
        }
        let registry = &self.portal.table(kind).registry;
        if !registry.groups.contains_key(&group) {
            return Err(ApiError::validation(&format!("Property group {group} does not exist")));
        }
        let known = registry.any(&name);
        if let Some(def) = known.and_then(|prop| registry.get(prop))
            && def.archived_at.is_none()
        {
            let message = format!("A property named '{name}' already exists.");
            let error = ApiError::new(StatusCode::CONFLICT, &message).category("OBJECT_ALREADY_EXISTS");
            return Err(sub(error, "Properties.PROPERTY_WITH_NAME_EXISTS"));
        }
        let live = || registry.iter().filter(|(_, def)| def.archived_at.is_none());
        if has_unique_value && live().filter(|(_, def)| def.has_unique_value).count() >= UNIQUE {
            return Err(ApiError::validation(&format!(
                "The limit of {UNIQUE} unique value properties is reached"
            )));
        }
        if live().filter(|(_, def)| !def.built_in).count() >= CUSTOM {
            return Err(ApiError::validation(&format!("The limit of {CUSTOM} custom properties is reached")));
        }
        let def = Def {
            name: name.clone(),
            label,
            value_type,
            field_type,
            description: text_at(body, "description").unwrap_or_default(),
            group,
            choices,
            display_order: text_at(body, "displayOrder").and_then(|text| text.parse().ok()).unwrap_or(-1),
            has_unique_value,
            hidden: flag_at(body, "hidden"),
            form_field: flag_at(body, "formField"),
            show_currency_symbol: flag_at(body, "showCurrencySymbol"),
            built_in: false,
            calculated: text_at(body, "fieldType").as_deref() == Some("calculation_equation"),
            read_only: false,
            referenced: None,
            no_access: false,
            archived_at: None,
            created_at: call.now(),
            updated_at: call.now(),
        };
        let value = json!(shown(&def));
        let registry = &mut self.portal.table_mut(kind).registry;
        let prop = match known {
            // The name of an archived property revives it [3p note 71168081239].
            Some(prop) => {
                if let Some(known) = registry.get_mut(prop) {
                    *known = def;
                }
                prop
            }
            None => registry.add(def),
        };
        if has_unique_value {
            self.portal.index_mut(kind).key_by(prop);
        }
        self.portal.written += 1;
        Ok(value)
    }

    fn patch_property(&mut self, kind: Kind, name: &str, call: &Call<'_>) -> Result<Reply, ApiError> {
        let body = &call.body;
        let new_choices = body.get("options").map(|_| choices(body)).transpose()?;
        let new_group = text_at(body, "groupName");
        let registry = &mut self.portal.table_mut(kind).registry;
        if let Some(group) = &new_group
            && !registry.groups.contains_key(group)
        {
            return Err(ApiError::validation(&format!("Property group {group} does not exist")));
        }
        let prop = registry.visible(name).ok_or_else(|| unknown(kind, name))?;
        let def = registry.get_mut(prop).ok_or_else(|| unknown(kind, name))?;
        if def.built_in && (def.read_only || def.calculated) {
            return Err(ApiError::validation(&format!("Property {name} is read-only")));
        }
        if let Some(type_name) = text_at(body, "type")
            && type_name != def.value_type.name()
        {
            return Err(ApiError::validation(&format!("The type of property {name} cannot be changed")));
        }
        if let Some(field_type) = text_at(body, "fieldType") {
            if !def.value_type.field_types().contains(&field_type.as_str()) {
                let message =
                    format!("fieldType {field_type} does not go with type {}", def.value_type.name());
                return Err(ApiError::validation(&message));
            }
            def.field_type = field_type;
        }
        if let Some(choices) = new_choices {
            def.choices = choices;
        }
        if let Some(label) = text_at(body, "label") {
            def.label = label;
        }
        if let Some(description) = text_at(body, "description") {
            def.description = description;
        }
        if let Some(group) = new_group {
            def.group = group;
        }
        if body.get("hidden").is_some() {
            def.hidden = flag_at(body, "hidden");
        }
        if body.get("formField").is_some() {
            def.form_field = flag_at(body, "formField");
        }
        if let Some(order) = text_at(body, "displayOrder").and_then(|text| text.parse().ok()) {
            def.display_order = order;
        }
        def.updated_at = call.now();
        let value = json!(shown(def));
        self.portal.written += 1;
        Ok(Reply::ok(&value))
    }

    fn archive_property(&mut self, kind: Kind, name: &str, now: i64) -> Result<(), ApiError> {
        let registry = &mut self.portal.table_mut(kind).registry;
        let prop = registry.visible(name).ok_or_else(|| unknown(kind, name))?;
        let def = registry.get_mut(prop).ok_or_else(|| unknown(kind, name))?;
        if def.built_in {
            let message = format!("Property {name} is used by HubSpot and cannot be archived");
            return Err(sub(
                ApiError::validation(&message),
                "PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE",
            ));
        }
        def.archived_at = Some(now);
        def.updated_at = now;
        self.portal.written += 1;
        Ok(())
    }

    fn batch_properties(&mut self, kind: Kind, verb: &str, call: &Call<'_>) -> Result<Reply, ApiError> {
        let inputs = inputs(&call.body, INPUTS)?;
        let (mut results, mut errors) = (Vec::new(), Vec::new());
        for input in inputs {
            let name = text_at(input, "name").unwrap_or_default();
            let outcome = match verb {
                "create" => self.create_property(kind, input, call).map(Some),
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

    fn property_groups(&mut self, kind: Kind, call: &Call<'_>) -> Result<Reply, ApiError> {
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

fn unknown(kind: Kind, name: &str) -> ApiError {
    let message = format!("Property {name} does not exist for object type {}", kind.type_id());
    ApiError::new(StatusCode::NOT_FOUND, &message).category("OBJECT_NOT_FOUND")
}
