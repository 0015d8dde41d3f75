//! `describe` as the model's schema, and what the adapter itself needs of it [doc: research §3.1].

use super::composite::Reply;
use bytes::Bytes;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};
use syncline_kit::{
    memo::Memo,
    vendor::{ObjectWant, VendorError},
};
use syncline_model::{FieldName, FieldSchema, FieldType, ObjectName, ObjectSchema, schema::OptionSchema};

/// Objects by the descriptions that they were read from.
static READ: Memo<Described> = Memo::new(64);

/// One object as the user of the connection sees it.
#[derive(Debug, Clone)]
pub(super) struct Described {
    pub(super) schema: Arc<ObjectSchema>,
    /// What each reference may point to; `None`: not known, the schema was kept by somebody else.
    references: Option<Arc<BTreeMap<FieldName, Vec<ObjectName>>>>,
    /// The name under which contact roles hang on an opportunity, where they may be seen.
    pub(super) roles: Option<String>,
    /// For the next conditional request.
    pub(super) as_of: Option<String>,
}

/// The name under which the vendor hangs contact roles on opportunities.
const ROLES: &str = "OpportunityContactRoles";

impl Described {
    /// From a schema that was kept. It does not say what references point to, so an id's prefix has to tell;
    /// `roles`: whether contact roles may be seen.
    pub(super) fn remembered(schema: ObjectSchema, roles: bool) -> Self {
        let roles = (roles && schema.object.as_str() == "Opportunity").then(|| ROLES.to_owned());
        Self { schema: Arc::new(schema), references: None, roles, as_of: None }
    }

    /// Whether everything is known that reading as wanted needs. A kept schema does not tell where custom references
    /// lead, nor for certain that contact roles may not be seen.
    pub(super) fn suffices(&self, want: &ObjectWant) -> bool {
        let is_open = |field: &FieldName| {
            field.as_str().ends_with("__c") && self.field_type(field.as_str()) == FieldType::Reference
        };
        let lacks_roles =
            || self.roles.is_none() && want.edges.iter().any(|edge| edge.as_str() == super::ROLE_FIELD);
        self.references.is_some() || !(want.fields.iter().any(is_open) || lacks_roles())
    }

    /// From a describe answer, which is read only where it differs from those that were.
    pub(super) fn read(reply: &Reply, as_of: Option<String>) -> Result<Self, VendorError> {
        if let Some(known) = reply.described.as_ref().and_then(|known| known.get()) {
            return Ok(Self { as_of, ..known.clone() });
        }
        let described = match READ.get(reply.body()) {
            Some(known) => Self { as_of, ..Self::clone(&known) },
            None => {
                let described = Self::of(reply.parse()?, as_of);
                READ.put(Bytes::copy_from_slice(reply.body()), Arc::new(described.clone()));
                described
            }
        };
        if let Some(place) = &reply.described {
            // Another thread may have been first, with the same.
            place.get_or_init(|| described.clone());
        }
        Ok(described)
    }

    /// From a description.
    pub(super) fn of(description: Description, as_of: Option<String>) -> Self {
        let mut fields = BTreeMap::new();
        let mut references = BTreeMap::new();
        for described in description.fields {
            let name = FieldName::from(&*described.name);
            let targets = described.reference_to.iter().flatten();
            let targets: Vec<ObjectName> = targets.map(|name| ObjectName::from(&**name)).collect();
            if !targets.is_empty() {
                references.insert(name.clone(), targets);
            }
            fields.insert(name, described.schema());
        }
        let roles = description.child_relationships.into_iter().flatten().find_map(|child| {
            let is_role = child.child_s_object.as_deref() == Some(super::ROLE_OBJECT)
                && child.field.as_deref() == Some("OpportunityId");
            if is_role { child.relationship_name } else { None }
        });
        let schema = ObjectSchema {
            object: ObjectName::from(&*description.name),
            createable: description.createable.unwrap_or_default(),
            updateable: description.updateable.unwrap_or_default(),
            fields,
        };
        Self { schema: Arc::new(schema), references: Some(Arc::new(references)), roles, as_of }
    }

    /// Whether the user may see a field.
    pub(super) fn has(&self, field: &str) -> bool {
        self.schema.fields.contains_key(field)
    }

    /// A field's type; `Other` if there is none.
    pub(super) fn field_type(&self, field: &str) -> FieldType {
        self.schema.fields.get(field).map_or(FieldType::Other, |schema| schema.field_type)
    }

    /// Whether a field may refer to this object. Where that is not known, a standard field's name tells.
    pub(super) fn leads_to(&self, field: &FieldName, object: &ObjectName) -> bool {
        let name = field.as_str();
        let by_name = || match name.strip_suffix("Id") {
            Some("Parent") => self.schema.object == *object,
            Some(stem) => stem == object.as_str(),
            None => false,
        };
        let known = |known: &BTreeMap<FieldName, Vec<ObjectName>>| {
            known.get(field).is_some_and(|targets| targets.contains(object))
        };
        self.field_type(name) == FieldType::Reference
            && self.references.as_deref().map_or_else(by_name, known)
    }

    /// The object that a reference's value belongs to.
    pub(super) fn target(&self, field: &str, id: &str) -> ObjectName {
        let known = self.references.as_deref().and_then(|known| known.get(field));
        let targets = known.map(Vec::as_slice).unwrap_or_default();
        match targets {
            [only] => only.clone(),
            [] => super::ids::object_of(id).unwrap_or_else(|| ObjectName::from("Unknown")),
            [first, ..] => super::ids::object_of(id)
                .filter(|object| targets.contains(object))
                .unwrap_or_else(|| first.clone()),
        }
    }
}

/// A describe answer, as far as it is read. Members that an org leaves out or leaves empty count as not set.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Description {
    name: String,
    createable: Option<bool>,
    updateable: Option<bool>,
    fields: Vec<Field>,
    child_relationships: Option<Vec<Child>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Child {
    #[serde(rename = "childSObject")]
    child_s_object: Option<String>,
    field: Option<String>,
    relationship_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Field {
    name: String,
    label: Option<String>,
    #[serde(rename = "type")]
    wire: Option<String>,
    reference_to: Option<Vec<String>>,
    createable: Option<bool>,
    updateable: Option<bool>,
    nillable: Option<bool>,
    defaulted_on_create: Option<bool>,
    unique: Option<bool>,
    external_id: Option<bool>,
    id_lookup: Option<bool>,
    length: Option<u32>,
    scale: Option<u32>,
    picklist_values: Option<Vec<Choice>>,
    restricted_picklist: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    value: Option<String>,
    label: Option<String>,
    active: Option<bool>,
}

impl Field {
    fn schema(self) -> FieldSchema {
        let is = |flag: Option<bool>| flag.unwrap_or_default();
        let wire = self.wire.as_deref().unwrap_or_default();
        let field_type = field_type(wire);
        let scale = match wire {
            "int" | "long" => Some(0),
            "currency" | "double" | "percent" => self.scale,
            _ => None,
        };
        let max_length = match field_type {
            FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Url => {
                self.length.filter(|length| *length > 0)
            }
            FieldType::Bool
            | FieldType::Decimal
            | FieldType::Money
            | FieldType::Date
            | FieldType::Instant
            | FieldType::Option
            | FieldType::Options
            | FieldType::Reference
            | FieldType::Other => None,
        };
        let createable = is(self.createable);
        let is_filled = is(self.nillable) || is(self.defaulted_on_create) || field_type == FieldType::Bool;
        FieldSchema {
            label: Arc::from(self.label.unwrap_or_default()),
            field_type,
            createable,
            updateable: is(self.updateable),
            required: createable && !is_filled,
            unique_key: is(self.unique) && (is(self.external_id) || is(self.id_lookup)),
            max_length,
            scale,
            options: self.picklist_values.into_iter().flatten().filter_map(Choice::option).collect(),
            restricted: is(self.restricted_picklist),
        }
    }
}

impl Choice {
    fn option(self) -> Option<OptionSchema> {
        let value: Arc<str> = Arc::from(self.value?);
        Some(OptionSchema {
            label: self.label.map_or_else(|| value.clone(), Arc::from),
            value,
            active: self.active.unwrap_or(true),
            within: None,
        })
    }
}

fn field_type(wire: &str) -> FieldType {
    match wire {
        "string" | "textarea" | "id" | "combobox" | "encryptedstring" => FieldType::Text,
        "email" => FieldType::Email,
        "phone" => FieldType::Phone,
        "url" => FieldType::Url,
        "boolean" => FieldType::Bool,
        "int" | "long" | "double" | "percent" => FieldType::Decimal,
        "currency" => FieldType::Money,
        "date" => FieldType::Date,
        "datetime" => FieldType::Instant,
        "picklist" => FieldType::Option,
        "multipicklist" => FieldType::Options,
        "reference" => FieldType::Reference,
        _ => FieldType::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_describe_becomes_a_schema() {
        let body = json!({"name": "Opportunity", "createable": true, "updateable": false,
            "childRelationships": [{"childSObject": "OpportunityContactRole", "field": "OpportunityId",
                "relationshipName": "OpportunityContactRoles"}],
            "fields": [
                {"name": "OwnerId", "label": "Owner", "type": "reference", "referenceTo": ["Group", "User"],
                    "createable": true, "defaultedOnCreate": true},
                {"name": "CloseDate", "label": "Close", "type": "date", "createable": true, "nillable": false},
                {"name": "Key__c", "label": "Key", "type": "string", "length": 36, "unique": true,
                    "externalId": true, "nillable": true},
                {"name": "Address", "label": "Address", "type": "address"}]});
        let described = Described::of(serde_json::from_value(body).unwrap(), None);
        assert_eq!(described.roles.as_deref(), Some("OpportunityContactRoles"));
        assert_eq!(described.target("OwnerId", "00G000000000001AAA").as_str(), "Group");
        assert_eq!(described.target("OwnerId", "005000000000001AAA").as_str(), "User");
        let fields = &described.schema.fields;
        assert!(fields["CloseDate"].required && !fields["OwnerId"].required);
        assert!(fields["Key__c"].unique_key && fields["Key__c"].max_length == Some(36));
        assert_eq!(fields["Address"].field_type, FieldType::Other);
    }

    #[test]
    fn a_kept_schema_suffices_unless_only_a_description_tells_where_a_reference_leads() {
        let body = json!({"name": "Opportunity", "fields": [
            {"name": "AccountId", "type": "reference", "referenceTo": ["Account"]},
            {"name": "Project__c", "type": "reference", "referenceTo": ["Project__c"]},
            {"name": "Note__c", "type": "string"}]});
        let described = Described::of(serde_json::from_value(body).unwrap(), None);
        let kept = Described::remembered(ObjectSchema::clone(&described.schema), true);
        let blind = Described::remembered(ObjectSchema::clone(&described.schema), false);
        let want = |fields: &[&str], edges: &[&str]| ObjectWant {
            object: "Opportunity".into(),
            fields: fields.iter().map(|name| FieldName::from(*name)).collect(),
            edges: edges.iter().map(|name| FieldName::from(*name)).collect(),
        };
        let roles = [super::super::ROLE_FIELD];
        assert!(kept.suffices(&want(&["AccountId", "Note__c"], &roles)));
        assert!(!blind.suffices(&want(&["AccountId"], &roles)) && blind.suffices(&want(&["AccountId"], &[])));
        assert!(
            !kept.suffices(&want(&["Project__c"], &[])) && described.suffices(&want(&["Project__c"], &roles))
        );
        let leads = |to: &str| [&kept, &described].map(|it| it.leads_to(&"AccountId".into(), &to.into()));
        assert_eq!((leads("Account"), leads("Contact")), ([true; 2], [false; 2]));
        assert_eq!(
            kept.target("AccountId", "001000000000001AAA"),
            described.target("AccountId", "001000000000001AAA")
        );
    }
}
