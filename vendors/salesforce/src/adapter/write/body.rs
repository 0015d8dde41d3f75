//! Subrequests and their JSON.

use super::{
    Progress,
    currency::CODE,
    slot::{self, Slot, Sort},
};
use crate::adapter::{ROLE_OBJECT, Salesforce, composite::Part, value};
use serde_json::{Value as Json, json};
use syncline_kit::vendor::{Write, WriteRow};
use syncline_model::{FieldName, ObjectName, Value};

impl Salesforce {
    pub(super) fn part(&self, slot: &Slot, progress: &Progress<'_>) -> Part {
        let part = self.bare_part(slot, progress);
        let part = part.header("Sforce-Duplicate-Rule-Header", "allowSave=false".to_owned());
        if self.options.owner_mapped { part.header("Sforce-Auto-Assign", "FALSE".to_owned()) } else { part }
    }

    fn bare_part(&self, slot: &Slot, progress: &Progress<'_>) -> Part {
        let rows = || slot.rows.iter().map(|position| &progress.rows[*position]);
        let collection = |method: &'static str, path: &str| {
            let records: Vec<Json> = rows().map(|row| self.body(row, true)).collect();
            Part::new(method, path).heavy().body(json!({"allOrNone": false, "records": records}))
        };
        match &slot.sort {
            Sort::Upsert(object, key) => collection("PATCH", &format!("/composite/sobjects/{object}/{key}")),
            Sort::Update => collection("PATCH", "/composite/sobjects"),
            Sort::Role => collection("POST", "/composite/sobjects"),
            Sort::Delete => {
                let ids: Vec<String> = slot
                    .rows
                    .iter()
                    .map(|position| {
                        let looked_up = progress.role_rows.get(position).cloned();
                        looked_up.unwrap_or_else(|| slot::deleted_id(&progress.rows[*position]))
                    })
                    .collect();
                let path = format!("/composite/sobjects?ids={}&allOrNone=false", ids.join(","));
                Part::new("DELETE", &path).heavy()
            }
            Sort::Alone => rows().next().map_or_else(|| Part::new("GET", "/"), |row| self.alone(row)),
        }
    }

    /// One row as a call of its own.
    fn alone(&self, row: &WriteRow) -> Part {
        let body = self.body(row, false);
        match &row.write {
            Write::Create { object, key_field: None, .. } => {
                Part::new("POST", &format!("/sobjects/{object}")).body(body)
            }
            Write::Create { object, key_field: Some(key), .. } => {
                Part::new("PATCH", &format!("/sobjects/{object}/{key}/{}", row.entity)).body(body)
            }
            Write::Update { record, version, .. } => {
                let part =
                    Part::new("PATCH", &format!("/sobjects/{}/{}", record.object, record.id)).body(body);
                let stamp = version.as_ref().filter(|_| self.options.strict).and_then(slot::condition);
                match stamp {
                    Some(stamp) => part.header("If-Unmodified-Since", stamp),
                    None => part,
                }
            }
            Write::Associate(edge) | Write::Dissociate(edge) => {
                Part::new("PATCH", &format!("/sobjects/{}/{}", edge.from.object, edge.from.id)).body(body)
            }
            Write::Archive { record } => {
                Part::new("DELETE", &format!("/sobjects/{}/{}", record.object, record.id))
            }
        }
    }

    /// A row's JSON; in a collection it carries its type, and its id or key.
    fn body(&self, row: &WriteRow, collection: bool) -> Json {
        let mut body = serde_json::Map::new();
        let (object, id) = match &row.write {
            Write::Create { object, key_field, fields } => {
                self.add_fields(&mut body, object, fields);
                if let (Some(key), true) = (key_field, collection) {
                    body.insert(key.to_string(), row.entity.to_string().into());
                }
                (object.to_string(), None)
            }
            Write::Update { record, fields, .. } => {
                self.add_fields(&mut body, &record.object, fields);
                (record.object.to_string(), Some(record.id.to_string()))
            }
            Write::Associate(edge) | Write::Dissociate(edge) if !slot::is_role(edge) => {
                let to =
                    matches!(&row.write, Write::Associate(_)).then(|| Json::String(edge.to.id.to_string()));
                body.insert(edge.field.to_string(), to.unwrap_or_default());
                (edge.from.object.to_string(), Some(edge.from.id.to_string()))
            }
            Write::Associate(edge) | Write::Dissociate(edge) => {
                if edge.row.is_none() {
                    body.insert("OpportunityId".to_owned(), edge.from.id.to_string().into());
                    body.insert("ContactId".to_owned(), edge.to.id.to_string().into());
                }
                body.insert(
                    "Role".to_owned(),
                    edge.role.as_ref().map_or(Json::Null, |role| role.to_string().into()),
                );
                body.insert("IsPrimary".to_owned(), edge.primary.into());
                (ROLE_OBJECT.to_owned(), edge.row.as_ref().map(ToString::to_string))
            }
            Write::Archive { .. } => return Json::Null,
        };
        if collection {
            body.insert("attributes".to_owned(), json!({"type": object}));
            if let Some(id) = id {
                body.insert("id".to_owned(), id.into());
            }
        }
        Json::Object(body)
    }

    fn add_fields(
        &self,
        body: &mut serde_json::Map<String, Json>,
        object: &ObjectName,
        fields: &[(FieldName, Option<Value>)],
    ) {
        let described = self.described(object);
        for (field, value) in fields {
            let json = value::write(described.as_deref(), field.as_str(), value.as_ref());
            body.insert(field.to_string(), json);
            if let (Some(Value::Money(money)), true) =
                (value, described.as_ref().is_some_and(|d| d.has(CODE)))
            {
                body.entry(CODE).or_insert_with(|| money.currency.as_str().into());
            }
        }
    }
}
