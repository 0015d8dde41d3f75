//! describe: all objects, one object.

use super::{Req, Resp, http_date};
use crate::sandbox::Salesforce;
use crate::sandbox::fail::Res;
use crate::sandbox::ids::Obj;
use crate::sandbox::org::Org;
use crate::sandbox::schema::{Field, Object, Source, System, Type};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Before any administrator's change.
const FOUNDED: i64 = 1_577_836_800;

/// Descriptions as they were last printed.
pub(crate) type Descriptions = BTreeMap<Obj, (Basis, String)>;

/// What a description follows from; while it is as it was, the description is.
#[derive(Debug, PartialEq)]
pub(crate) struct Basis {
    /// Changes of the schema.
    changes: u64,
    version: String,
    /// Changes of record types, stages and lead statuses, which are rows.
    rows: [u64; 3],
}

impl Salesforce {
    pub(super) fn describe_global(&self, req: &Req) -> Resp {
        let changed =
            self.org.store.schema.objects.iter().map(|o| o.changed_at).max().unwrap_or(0).max(FOUNDED);
        if not_modified(req, changed) {
            return Resp::empty(304);
        }
        let list: Vec<Value> =
            self.org.store.schema.objects.iter().map(|o| Value::Object(summary(o, &req.version))).collect();
        let mut resp = Resp::value(200, &json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": list}));
        resp.headers.push(("last-modified", http_date::write(changed)));
        resp
    }

    pub(super) fn basic(&self, obj: Obj, req: &Req) -> Resp {
        let object = Value::Object(summary(self.org.store.schema.get(obj), &req.version));
        Resp::value(200, &json!({"objectDescribe": object, "recentItems": []}))
    }

    pub(super) fn describe(&self, req: &Req, object: &str) -> Res<Resp> {
        let obj = self.obj(object)?;
        let schema = &self.org.store.schema;
        let object = schema.get(obj);
        let changed = object.changed_at.max(FOUNDED);
        if not_modified(req, changed) {
            return Ok(Resp::empty(304));
        }
        let basis = Basis {
            changes: schema.changes,
            version: req.version.clone(),
            rows: [self.org.known.record_type, self.org.known.stage, self.org.known.lead_status]
                .map(|rows| self.org.store.table(rows).changes),
        };
        let mut printed = self.descriptions.borrow_mut();
        let text = match printed.get(&obj) {
            Some((known, text)) if *known == basis => text.clone(),
            Some(_) | None => {
                let text = self.printed(obj, &req.version);
                printed.insert(obj, (basis, text.clone()));
                text
            }
        };
        let mut resp = Resp::json(200, text);
        resp.headers.push(("last-modified", http_date::write(changed)));
        Ok(resp)
    }

    fn printed(&self, obj: Obj, version: &str) -> String {
        let schema = &self.org.store.schema;
        let object = schema.get(obj);
        let fields: Vec<Shown<'_>> =
            object.seen().map(|(_, field)| Shown { org: &self.org, obj, field }).collect();
        let fields = serde_json::to_string(&fields).unwrap_or_default();
        let children: Vec<Value> = schema
            .children(obj)
            .into_iter()
            .map(|(child, field)| {
                let f = &schema.get(child).fields[field];
                json!({
                    "cascadeDelete": f.cascade, "childSObject": &*schema.get(child).name, "deprecatedAndHidden": false,
                    "field": &*f.name, "junctionIdListNames": [], "junctionReferenceTo": [],
                    "relationshipName": f.child, "restrictedDelete": false,
                })
            })
            .collect();
        let mut body = summary(object, version);
        body.insert("childRelationships".into(), Value::Array(children));
        body.insert("recordTypeInfos".into(), Value::Array(self.record_types(object)));
        for (key, value) in [
            ("actionOverrides", json!([])),
            ("namedLayoutInfos", json!([])),
            (
                "supportedScopes",
                json!([{"label": "All", "name": "everything"}, {"label": "My", "name": "mine"}]),
            ),
            ("searchLayoutable", json!(false)),
            ("compactLayoutable", json!(false)),
            ("listviewable", Value::Null),
            ("lookupLayoutable", Value::Null),
            ("networkScopeFieldName", Value::Null),
        ] {
            body.insert(key.into(), value);
        }
        let rest = Value::Object(body).to_string();
        format!("{{\"fields\":{fields},{}", &rest[1..])
    }

    fn record_types(&self, object: &Object) -> Vec<Value> {
        let store = &self.org.store;
        let mut list: Vec<Value> = store
            .all(self.org.known.record_type)
            .filter(|(rec, _)| store.text(store.value(*rec, "SobjectType")) == Some(&*object.name))
            .map(|(rec, _)| {
                let text = |name: &str| store.text(store.value(rec, name)).unwrap_or_default().to_owned();
                let active = store.value(rec, "IsActive").is_true();
                json!({
                    "active": active, "available": active, "defaultRecordTypeMapping": false, "master": false,
                    "developerName": text("DeveloperName"), "name": text("Name"), "recordTypeId": store.id(rec), "urls": {},
                })
            })
            .collect();
        list.push(json!({
            "active": true, "available": true, "defaultRecordTypeMapping": true, "developerName": "Master",
            "master": true, "name": "Master", "recordTypeId": "012000000000000AAA", "urls": {},
        }));
        list
    }
}

/// A field as describe prints it.
struct Shown<'a> {
    org: &'a Org,
    obj: Obj,
    field: &'a Field,
}

/// A picklist's value as describe prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownChoice {
    active: bool,
    default_value: bool,
    label: String,
    valid_for: (),
    value: String,
}

/// What every field says alike.
const ALIKE: [(&str, Option<bool>); 22] = [
    ("aiPredictionField", Some(false)),
    ("autoNumber", Some(false)),
    ("calculated", Some(false)),
    ("calculatedFormula", None),
    ("caseSensitive", Some(false)),
    ("controllerName", None),
    ("defaultValueFormula", None),
    ("dependentPicklist", Some(false)),
    ("deprecatedAndHidden", Some(false)),
    ("displayLocationInDecimal", Some(false)),
    ("encrypted", Some(false)),
    ("extraTypeInfo", None),
    ("filteredLookupInfo", None),
    ("formulaTreatNullNumberAsZero", Some(false)),
    ("highScaleNumber", Some(false)),
    ("htmlFormatted", Some(false)),
    ("inlineHelpText", None),
    ("mask", None),
    ("maskType", None),
    ("queryByDistance", Some(false)),
    ("referenceTargetField", None),
    ("relationshipOrder", None),
];

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (f, schema) = (self.field, &self.org.store.schema);
        let (ty, soap) = f.ty.names();
        let (precision, scale, digits) = match f.ty {
            Type::Int => (0, 0, 8),
            Type::Money | Type::Double => (18, f.scale, 0),
            Type::Percent => (3, f.scale, 0),
            Type::Id
            | Type::Text
            | Type::Area
            | Type::Email
            | Type::Phone
            | Type::Url
            | Type::Pick
            | Type::Multi
            | Type::Bool
            | Type::Date
            | Type::Time
            | Type::Reference
            | Type::Address => (0, 0, 0),
        };
        let targets: Vec<&str> = f.targets.iter().map(|t| &*schema.get(*t).name).collect();
        let id = matches!(f.source, Source::System(System::Id));
        let groupable =
            f.filterable() && !matches!(f.ty, Type::Money | Type::Double | Type::Percent | Type::Time);
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in ALIKE {
            map.serialize_entry(name, &value)?;
        }
        macro_rules! members {
            ($($name:literal: $value:expr),* $(,)?) => { $(map.serialize_entry($name, &$value)?;)* };
        }
        members! {
            "aggregatable": f.filterable(), "byteLength": f.len * 3, "cascadeDelete": f.cascade,
            "compoundFieldName": compound(f), "createable": f.createable && !f.locked, "custom": f.custom,
            "defaultValue": (f.ty == Type::Bool).then_some(false), "defaultedOnCreate": f.defaulted,
            "digits": digits, "externalId": f.external_id, "filterable": f.filterable(), "groupable": groupable,
            "idLookup": id || f.external_id || f.ty == Type::Email || (f.name_field && f.createable),
            "label": f.label, "length": f.len, "name": &*f.name, "nameField": f.name_field,
            "namePointing": f.targets.len() > 1, "nillable": f.nillable,
            "permissionable": f.nillable && f.createable, "picklistValues": self.choices(),
            "polymorphicForeignKey": f.targets.len() > 1, "precision": precision, "referenceTo": targets,
            "relationshipName": f.relation, "restrictedDelete": false, "restrictedPicklist": f.restricted,
            "scale": scale, "searchPrefilterable": false, "soapType": soap, "sortable": f.filterable(), "type": ty,
            "unique": f.unique, "updateable": f.updateable && !f.locked, "writeRequiresMasterRead": false,
        }
        map.end()
    }
}

impl Shown<'_> {
    fn choices(&self) -> Vec<ShownChoice> {
        if !matches!(self.field.ty, Type::Pick | Type::Multi) {
            return Vec::new();
        }
        let all = self.org.choices(self.obj, self.field).into_iter();
        all.map(|choice| ShownChoice {
            active: choice.active,
            default_value: choice.default,
            label: choice.value.clone(),
            valid_for: (),
            value: choice.value,
        })
        .collect()
    }
}

fn compound(f: &Field) -> Option<&str> {
    match (&f.compound, &*f.name) {
        (Some(name), _) => Some(name),
        (None, "FirstName" | "LastName" | "Salutation") => Some("Name"),
        _ => None,
    }
}

fn not_modified(req: &Req, changed: i64) -> bool {
    req.header("if-modified-since").and_then(http_date::read).is_some_and(|since| changed <= since)
}

fn summary(object: &Object, version: &str) -> Map<String, Value> {
    let name = &*object.name;
    let base = format!("/services/data/v{version}/sobjects/{name}");
    let value = json!({
        "activateable": false, "associateEntityType": null, "associateParentEntity": null,
        "createable": object.createable, "custom": object.custom, "customSetting": false, "deepCloneable": false,
        "deletable": object.deletable, "deprecatedAndHidden": false, "feedEnabled": false, "hasSubtypes": false,
        "isInterface": false, "isSubtype": false, "keyPrefix": String::from_utf8_lossy(&object.prefix),
        "label": object.label, "labelPlural": object.plural, "layoutable": object.createable,
        "mergeable": matches!(name, "Account" | "Contact" | "Lead"), "mruEnabled": object.createable, "name": name,
        "queryable": true, "replicateable": true, "retrieveable": true, "searchable": object.createable,
        "triggerable": object.createable, "undeletable": object.deletable, "updateable": object.updateable,
        "urls": {"sobject": base, "describe": format!("{base}/describe"), "rowTemplate": format!("{base}/{{ID}}")},
    });
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
