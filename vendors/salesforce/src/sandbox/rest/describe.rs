//! describe: all objects, one object.

use super::{Req, Resp, http_date};
use crate::sandbox::Salesforce;
use crate::sandbox::fail::Res;
use crate::sandbox::ids::Obj;
use crate::sandbox::schema::{Field, Object, Source, System, Type};
use serde_json::{Map, Value, json};

/// Before any administrator's change.
const FOUNDED: i64 = 1_577_836_800;

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
        let fields: Vec<Value> = object.seen().map(|(_, f)| self.field(obj, f)).collect();
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
        let mut body = summary(object, &req.version);
        body.insert("fields".into(), Value::Array(fields));
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
        let mut resp = Resp::value(200, &Value::Object(body));
        resp.headers.push(("last-modified", http_date::write(changed)));
        Ok(resp)
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

    fn field(&self, obj: Obj, f: &Field) -> Value {
        let schema = &self.org.store.schema;
        let (ty, soap) = f.ty.names();
        let choices: Vec<Value> = if matches!(f.ty, Type::Pick | Type::Multi) {
            let all = self.org.choices(obj, f).into_iter();
            all.map(|c| {
                json!({"active": c.active, "defaultValue": c.default, "label": c.value, "validFor": null, "value": c.value})
            })
            .collect()
        } else {
            Vec::new()
        };
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
        let write = !f.locked;
        let targets: Vec<&str> = f.targets.iter().map(|t| &*schema.get(*t).name).collect();
        let id = matches!(f.source, Source::System(System::Id));
        let groupable =
            f.filterable() && !matches!(f.ty, Type::Money | Type::Double | Type::Percent | Type::Time);
        let mut all = json!({
            "aggregatable": f.filterable(), "aiPredictionField": false, "autoNumber": false,
            "byteLength": f.len * 3, "calculated": false, "calculatedFormula": null, "cascadeDelete": f.cascade,
            "caseSensitive": false, "compoundFieldName": compound(f), "controllerName": null,
            "createable": f.createable && write, "custom": f.custom, "defaultValue": if f.ty == Type::Bool { json!(false) } else { Value::Null },
            "defaultValueFormula": null, "defaultedOnCreate": f.defaulted, "dependentPicklist": false,
            "deprecatedAndHidden": false, "digits": digits, "displayLocationInDecimal": false, "encrypted": false,
        });
        let rest = json!({
            "externalId": f.external_id, "extraTypeInfo": null, "filterable": f.filterable(),
            "filteredLookupInfo": null, "formulaTreatNullNumberAsZero": false, "groupable": groupable,
            "highScaleNumber": false, "htmlFormatted": false,
            "idLookup": id || f.external_id || f.ty == Type::Email || (f.name_field && f.createable),
            "inlineHelpText": null, "label": f.label, "length": f.len, "mask": null, "maskType": null,
            "name": &*f.name, "nameField": f.name_field, "namePointing": f.targets.len() > 1, "nillable": f.nillable,
            "permissionable": f.nillable && f.createable, "picklistValues": choices, "polymorphicForeignKey": f.targets.len() > 1,
            "precision": precision, "queryByDistance": false, "referenceTargetField": null, "referenceTo": targets,
            "relationshipName": f.relation, "relationshipOrder": null, "restrictedDelete": false,
            "restrictedPicklist": f.restricted, "scale": scale, "searchPrefilterable": false, "soapType": soap,
            "sortable": f.filterable(), "type": ty, "unique": f.unique, "updateable": f.updateable && write,
            "writeRequiresMasterRead": false,
        });
        if let (Some(all), Value::Object(rest)) = (all.as_object_mut(), rest) {
            all.extend(rest);
        }
        all
    }
}

fn compound(f: &Field) -> Value {
    match (&f.compound, &*f.name) {
        (Some(name), _) => json!(name),
        (None, "FirstName" | "LastName" | "Salutation") => json!("Name"),
        _ => Value::Null,
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
