//! Definitions made, changed and archived.

use super::{printed::shown, sub, unknown};
use crate::sandbox::{
    HubSpot,
    call::Call,
    kind::Kind,
    registry::{Choice, Def, ValueType},
    wire::{ApiError, Reply, flag_at, list_at, text_at},
};
use http::StatusCode;
use serde_json::{Value, json};

/// Unique-value properties per object type [docs].
const UNIQUE: usize = 10;
/// Custom properties per object type [docs].
const CUSTOM: usize = 1000;

impl HubSpot {
    pub(in crate::sandbox) fn create_property(
        &mut self,
        kind: Kind,
        body: &Value,
        now: i64,
    ) -> Result<Value, ApiError> {
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
            created_at: now,
            updated_at: now,
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

    pub(super) fn patch_property(
        &mut self,
        kind: Kind,
        name: &str,
        call: &Call<'_>,
    ) -> Result<Reply, ApiError> {
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

    pub(super) fn archive_property(&mut self, kind: Kind, name: &str, now: i64) -> Result<(), ApiError> {
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
