//! `composite/sobjects`: up to 200 rows a request, each with its own verdict.

use super::{Body, Req, Resp, not_allowed};
use crate::sandbox::Salesforce;
use crate::sandbox::fail::{Fail, Res};
use crate::sandbox::ids::{Obj, Rec};
use crate::sandbox::save::plain;
use crate::sandbox::schema::Type;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Rows of a write.
const MAX_ROWS: usize = 200;
/// Ids of a retrieve [K].
const MAX_IDS: usize = 2000;
/// Runs of one type in a create or update.
const MAX_RUNS: usize = 10;

/// What happened to a row.
struct Verdict {
    saved: Res<Rec>,
    /// Upserts say whether the row is, or would have been, a new one.
    created: Option<bool>,
}

impl From<Res<Rec>> for Verdict {
    fn from(saved: Res<Rec>) -> Self {
        Self { saved, created: None }
    }
}

impl Salesforce {
    pub(super) fn collections(&mut self, req: &Req, rest: &[&str]) -> Res<Resp> {
        match (req.method.as_str(), rest) {
            ("POST", []) => self.save_many(req, true),
            ("PATCH", []) => self.save_many(req, false),
            ("DELETE", []) => self.delete_many(req),
            ("GET" | "POST", [object]) => self.retrieve_many(req, object),
            ("PATCH", [object, field]) => self.upsert_many(req, object, field),
            _ => Err(not_allowed(req)),
        }
    }

    fn too_many(&mut self, rows: usize, most: usize) -> Res<()> {
        if rows <= most {
            return Ok(());
        }
        self.misuse.push("collection_rows");
        let message = format!("record limit reached. cannot submit more than {most} records into this call");
        Err(Fail::new(400, "EXCEEDED_ID_LIMIT", message))
    }

    fn records(&mut self, req: &Req) -> Res<(Vec<Map<String, Value>>, bool)> {
        let body = req.object()?;
        let list = body.get("records").and_then(Value::as_array).cloned();
        let all_or_none = body.get("allOrNone").is_some_and(is_true);
        let list = list.ok_or_else(|| Fail::json("records is a required list"))?;
        self.too_many(list.len(), MAX_ROWS)?;
        let rows = list.into_iter().map(|row| match row {
            Value::Object(map) => Ok(map),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(Fail::json("a record is a JSON object"))
            }
        });
        Ok((rows.collect::<Res<_>>()?, all_or_none))
    }

    fn type_of(&self, row: &Map<String, Value>) -> Res<Obj> {
        let name =
            row.get("attributes").and_then(|a| a.get("type")).and_then(Value::as_str).unwrap_or_default();
        self.org
            .store
            .schema
            .find(name)
            .ok_or_else(|| Fail::new(400, "INVALID_TYPE", format!("sObject type '{name}' is not supported.")))
    }

    fn save_many(&mut self, req: &Req, create: bool) -> Res<Resp> {
        let (rows, all_or_none) = self.records(req)?;
        let types = rows.iter().map(|row| self.type_of(row)).collect::<Res<Vec<Obj>>>()?;
        let runs = 1 + types.windows(2).filter(|pair| pair[0] != pair[1]).count();
        if runs > MAX_RUNS {
            self.misuse.push("collection_runs");
            let message = "Cannot have more than 10 chunks in a single operation. Please rearrange the data to reduce chunking.";
            return Err(Fail::new(400, "LIMIT_EXCEEDED", message));
        }
        let opts = self.opts(req);
        self.many(all_or_none, rows.len(), |this, i| {
            let target = if create { Ok(None) } else { this.row_id(&rows[i], types[i]).map(Some) };
            target.and_then(|target| this.org.save(&opts, types[i], target, &rows[i])).into()
        })
    }

    fn row_id(&self, row: &Map<String, Value>, obj: Obj) -> Res<Rec> {
        let id =
            row.iter().find(|(k, _)| k.eq_ignore_ascii_case("id")).map(|(_, v)| plain(v)).unwrap_or_default();
        if id.is_empty() {
            return Err(Fail::save("MISSING_ARGUMENT", "Id not specified in an update call", &[]));
        }
        self.known_id(&id, Some(obj))
    }

    fn known_id(&self, id: &str, obj: Option<Obj>) -> Res<Rec> {
        match self.org.store.read_id(id) {
            Err(()) => Err(Fail::save("MALFORMED_ID", format!("malformed id {id}"), &[])),
            Ok(Some(rec)) if obj.is_none_or(|obj| obj == rec.object()) => Ok(rec),
            Ok(_) => Err(Fail::save("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[])),
        }
    }

    fn upsert_many(&mut self, req: &Req, object: &str, field: &str) -> Res<Resp> {
        let obj = self.obj(object)?;
        let key = self.key_field(obj, field)?;
        let (rows, all_or_none) = self.records(req)?;
        let name = self.org.store.schema.get(obj).fields[key].name.to_string();
        let value_of = |row: &Map<String, Value>| {
            row.iter()
                .find(|(k, _)| k.eq_ignore_ascii_case(&name))
                .map(|(_, v)| plain(v))
                .filter(|v| v != "null")
        };
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for row in &rows {
            if let Some(value) = value_of(row) {
                *seen.entry(value.to_lowercase()).or_default() += 1;
            }
        }
        let opts = self.opts(req);
        self.many(all_or_none, rows.len(), |this, i| {
            let value = value_of(&rows[i]).filter(|v| !v.is_empty());
            let target = match value {
                Some(value) if seen.get(&value.to_lowercase()).is_some_and(|n| *n > 1) => {
                    let message = format!("Duplicate external id specified: {value}");
                    Err(Fail::save("DUPLICATE_VALUE", message, &[&name]))
                }
                value => this.upsert_target(obj, key, value.as_deref()),
            };
            let created = matches!(target, Ok(None));
            let saved = target.and_then(|target| this.org.save(&opts, obj, target, &rows[i]));
            Verdict { saved, created: Some(created) }
        })
    }

    /// The row that an upsert's key names; `None`: none yet.
    fn upsert_target(&mut self, obj: Obj, key: usize, value: Option<&str>) -> Res<Option<Rec>> {
        let field = &self.org.store.schema.get(obj).fields[key];
        let (name, by_id) = (field.name.clone(), field.ty == Type::Id);
        let value = match value {
            None if by_id => return Ok(None),
            None => return Err(Fail::save("MISSING_ARGUMENT", format!("{name} not specified"), &[])),
            Some(value) if by_id => return self.known_id(value, Some(obj)).map(Some),
            Some(value) => value,
        };
        let cell = self.org.cell_from_text(obj, key, value)?;
        let found = self.org.find_by_key(obj, key, cell);
        if found.len() > 1 {
            let ids: Vec<String> = found.iter().map(|rec| self.org.store.id(*rec)).collect();
            let message =
                format!("{name}: more than one record found for external id field: [{}]", ids.join(", "));
            return Err(Fail::save("DUPLICATE_EXTERNAL_ID", message, &[&name]));
        }
        Ok(found.first().copied())
    }

    fn delete_many(&mut self, req: &Req) -> Res<Resp> {
        let ids: Vec<String> = req
            .param("ids")
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .collect();
        self.too_many(ids.len(), MAX_ROWS)?;
        let all_or_none = req.param("allOrNone").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let opts = self.opts(req);
        self.many(all_or_none, ids.len(), |this, i| {
            this.known_id(&ids[i], None).and_then(|rec| this.org.delete(&opts, rec).map(|()| rec)).into()
        })
    }

    /// Runs one row after the other. A failure of form refuses the whole request; with `allOrNone` any failure takes
    /// back all rows.
    fn many(
        &mut self,
        all_or_none: bool,
        count: usize,
        mut one: impl FnMut(&mut Self, usize) -> Verdict,
    ) -> Res<Resp> {
        let mark = self.org.store.mark();
        let counted = (self.org.written, self.org.noop);
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(count);
        for i in 0..count {
            let verdict = one(self, i);
            if let Err(fail) = &verdict.saved
                && fail.fields.is_none()
                && matches!(fail.code, "INVALID_FIELD" | "JSON_PARSER_ERROR")
            {
                self.org.store.rollback(mark);
                (self.org.written, self.org.noop) = counted;
                return Err(fail.clone());
            }
            verdicts.push(verdict);
        }
        if all_or_none && verdicts.iter().any(|v| v.saved.is_err()) {
            self.org.store.rollback(mark);
            (self.org.written, self.org.noop) = counted;
            for verdict in verdicts.iter_mut().filter(|v| v.saved.is_ok()) {
                let message = "Record rolled back because not all records were valid and the request was using AllOrNone header";
                verdict.saved = Err(Fail::save("ALL_OR_NONE_OPERATION_ROLLED_BACK", message, &[]));
            }
        }
        let rows: Vec<Value> = verdicts
            .iter()
            .map(|verdict| {
                let mut row = match &verdict.saved {
                    Ok(rec) => json!({"id": self.org.store.id(*rec), "success": true, "errors": []}),
                    Err(fail) => json!({"success": false, "errors": [fail.row()]}),
                };
                if let Some(created) = verdict.created {
                    row["created"] = json!(created);
                }
                row
            })
            .collect();
        Ok(Resp::value(200, &Value::Array(rows)).rows(count as u64))
    }

    fn retrieve_many(&mut self, req: &Req, object: &str) -> Res<Resp> {
        let obj = self.obj(object)?;
        let texts = |value: Option<&Value>| -> Vec<String> {
            value.and_then(Value::as_array).map(|list| list.iter().map(plain).collect()).unwrap_or_default()
        };
        let commas = |name: &str| -> Vec<String> {
            req.param(name)
                .unwrap_or_default()
                .split(',')
                .filter(|s| !s.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let (ids, fields) = match (&req.body, req.method.as_str()) {
            (Body::Json(body), "POST") => (texts(body.get("ids")), texts(body.get("fields"))),
            _ => (commas("ids"), commas("fields")),
        };
        if fields.is_empty() {
            return Err(Fail::json("fields is a required list"));
        }
        self.too_many(ids.len(), MAX_IDS)?;
        let mut out = String::from("[");
        for (i, id) in ids.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            let rec = self
                .org
                .store
                .read_id(id)
                .map_err(|()| Fail::new(400, "MALFORMED_ID", format!("malformed id {id}")))?;
            if let Some(rec) = rec.filter(|rec| rec.object() == obj && self.org.read(*rec).is_ok()) {
                self.push_record(&mut out, rec, &fields, &req.version)?;
            } else {
                out.push_str("null");
            }
        }
        out.push(']');
        Ok(Resp::json(200, out).rows(ids.len() as u64))
    }
}

fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_str().is_some_and(|s| s.eq_ignore_ascii_case("true")))
}
