//! Single rows: create, read, update, delete, upsert and read by external id.

use super::{Req, Resp, http_date, not_allowed};
use crate::sandbox::Salesforce;
use crate::sandbox::fail::{Fail, Res};
use crate::sandbox::ids::{Obj, Rec};
use crate::sandbox::schema::Type;
use crate::sandbox::soql::render::push_text;
use serde_json::{Value, json};

impl Salesforce {
    pub(super) fn obj(&self, name: &str) -> Res<Obj> {
        self.org.store.schema.find(name).ok_or_else(Fail::not_found)
    }

    pub(super) fn sobjects(&mut self, req: &Req, object: &str, rest: &[&str]) -> Res<Resp> {
        let obj = self.obj(object)?;
        match (req.method.as_str(), rest) {
            ("GET", []) => Ok(self.basic(obj, req)),
            ("POST", []) => self.create(req, obj),
            (_, []) => Err(not_allowed(req)),
            (_, [id]) => {
                let rec = self.row_of(obj, id)?;
                match req.method.as_str() {
                    "GET" | "HEAD" => self.get(req, rec),
                    "PATCH" => self.update(req, rec),
                    "DELETE" => self.remove(req, rec),
                    _ => Err(not_allowed(req)),
                }
            }
            // A client that does not encode a `/` in the value makes more segments of it.
            (_, [field, value @ ..]) => self.by_external_id(req, obj, field, &value.join("/")),
        }
    }

    fn row_of(&self, obj: Obj, id: &str) -> Res<Rec> {
        match self.org.store.read_id(id) {
            Err(()) => Err(no_such_key(id)),
            Ok(Some(rec)) if rec.object() == obj => Ok(rec),
            Ok(_) => Err(Fail::not_found()),
        }
    }

    fn create(&mut self, req: &Req, obj: Obj) -> Res<Resp> {
        let fields = req.object()?.clone();
        let opts = self.opts(req);
        let saved = self.org.save(&opts, obj, None, &fields)?;
        Ok(self.created(req, saved, false))
    }

    fn created(&self, req: &Req, rec: Rec, upsert: bool) -> Resp {
        let id = self.org.store.id(rec);
        let name = &self.org.store.schema.get(rec.object()).name;
        let location = format!("/services/data/v{}/sobjects/{name}/{id}", req.version);
        let mut body = json!({"id": id, "success": true, "errors": []});
        if upsert && req.number() >= 46 {
            body["created"] = json!(true);
        }
        let mut resp = Resp::value(201, &body).rows(1);
        resp.headers.push(("location", location));
        resp
    }

    fn get(&self, req: &Req, rec: Rec) -> Res<Resp> {
        let row = self.org.read(rec)?;
        if let Some(since) = condition(req, "if-modified-since")?
            && row.modified <= since
        {
            return Ok(Resp::empty(304));
        }
        if let Some(since) = condition(req, "if-unmodified-since")?
            && row.modified > since
        {
            return Err(changed());
        }
        let wanted = match req.param("fields") {
            Some(list) => {
                list.split(',').map(str::trim).filter(|f| !f.is_empty()).map(str::to_owned).collect()
            }
            None => Vec::new(),
        };
        let mut out = String::new();
        self.push_record(&mut out, rec, &wanted, &req.version)?;
        let modified = http_date::write(row.modified);
        let mut resp = Resp::json(200, out).rows(1);
        resp.headers.push(("last-modified", modified));
        Ok(resp)
    }

    /// A row with the named fields, or with all that the user sees.
    pub(super) fn push_record(
        &self,
        out: &mut String,
        rec: Rec,
        wanted: &[String],
        version: &str,
    ) -> Res<()> {
        let obj = rec.object();
        let object = self.org.store.schema.get(obj);
        let row = self.org.read(rec)?;
        let mut indexes: Vec<usize> = Vec::new();
        for name in wanted {
            let known = object.find(name).filter(|i| !object.fields[*i].hidden).ok_or_else(|| {
                let message = format!("No such column '{name}' on sobject of type {}", object.name);
                Fail::new(400, "INVALID_FIELD", message)
            })?;
            indexes.push(known);
        }
        if wanted.is_empty() {
            indexes = object.seen().map(|(index, _)| index).collect();
        } else if !indexes.contains(&0) {
            indexes.push(0);
        }
        out.push('{');
        self.org.push_attributes(out, rec, version, false);
        for index in indexes {
            let field = &object.fields[index];
            out.push(',');
            push_text(out, &field.name);
            out.push(':');
            self.org.push_value(out, rec, row, obj, field);
        }
        out.push('}');
        Ok(())
    }

    fn update(&mut self, req: &Req, rec: Rec) -> Res<Resp> {
        let fields = req.object()?.clone();
        if fields.keys().any(|k| k.eq_ignore_ascii_case("id")) {
            return Err(Fail::new(
                400,
                "INVALID_FIELD",
                "The Id field should not be specified in the sobject data.",
            ));
        }
        if let Some(since) = condition(req, "if-unmodified-since")?
            && self.org.target(rec, true)?.modified > since
        {
            return Err(changed());
        }
        if let Some(since) = condition(req, "if-modified-since")?
            && self.org.target(rec, true)?.modified <= since
        {
            return Err(changed());
        }
        let opts = self.opts(req);
        self.org.save(&opts, rec.object(), Some(rec), &fields)?;
        Ok(Resp::empty(204).rows(1))
    }

    fn remove(&mut self, req: &Req, rec: Rec) -> Res<Resp> {
        let opts = self.opts(req);
        self.org.delete(&opts, rec)?;
        Ok(Resp::empty(204).rows(1))
    }

    /// A field that names rows: external id, id lookup, or Id itself.
    pub(super) fn key_field(&self, obj: Obj, name: &str) -> Res<usize> {
        let object = self.org.store.schema.get(obj);
        object
            .find(name)
            .filter(|i| {
                let f = &object.fields[*i];
                !f.hidden && (f.external_id || f.ty == Type::Id)
            })
            .ok_or_else(|| no_such_key(name))
    }

    fn by_external_id(&mut self, req: &Req, obj: Obj, field: &str, value: &str) -> Res<Resp> {
        let key = self.key_field(obj, field)?;
        let cell = self.org.cell_from_text(obj, key, value)?;
        let found = self.org.find_by_key(obj, key, cell);
        if found.len() > 1 {
            let name = &self.org.store.schema.get(obj).name;
            let url = |rec: &Rec| {
                format!("/services/data/v{}/sobjects/{name}/{}", req.version, self.org.store.id(*rec))
            };
            let urls: Vec<Value> = found.iter().map(|rec| Value::String(url(rec))).collect();
            return Ok(Resp::value(300, &Value::Array(urls)));
        }
        match (req.method.as_str(), found.first()) {
            ("GET" | "HEAD", Some(rec)) => self.get(req, *rec),
            ("GET" | "HEAD" | "DELETE", None) => Err(Fail::not_found()),
            ("DELETE", Some(rec)) => self.remove(req, *rec),
            ("PATCH" | "POST", found) => {
                let mut fields = req.object()?.clone();
                let name = self.org.store.schema.get(obj).fields[key].name.to_string();
                for barred in ["Id", &name] {
                    if fields.keys().any(|k| k.eq_ignore_ascii_case(barred)) {
                        let message =
                            format!("The {barred} field should not be specified in the sobject data.");
                        return Err(Fail::new(400, "INVALID_FIELD", message));
                    }
                }
                let opts = self.opts(req);
                match found {
                    Some(rec) => {
                        if let Some(since) = condition(req, "if-unmodified-since")?
                            && self.org.target(*rec, true)?.modified > since
                        {
                            return Err(changed());
                        }
                        self.org.save(&opts, obj, Some(*rec), &fields)?;
                        if req.number() < 46 {
                            return Ok(Resp::empty(204).rows(1));
                        }
                        let id = self.org.store.id(*rec);
                        let body = json!({"id": id, "success": true, "errors": [], "created": false});
                        Ok(Resp::value(200, &body).rows(1))
                    }
                    None => {
                        if name == "Id" {
                            return Err(Fail::not_found());
                        }
                        fields.insert(name, Value::String(value.to_owned()));
                        let saved = self.org.save(&opts, obj, None, &fields)?;
                        Ok(self.created(req, saved, true))
                    }
                }
            }
            _ => Err(not_allowed(req)),
        }
    }
}

fn no_such_key(name: &str) -> Fail {
    let message = format!("Provided external ID field does not exist or is not accessible: {name}");
    Fail::new(404, "NOT_FOUND", message)
}

fn changed() -> Fail {
    Fail::new(412, "PRECONDITION_FAILED", "The record was changed since the given date")
}

/// A conditional header's date. An unreadable one is ignored on reads and refused on writes
/// [doc:intro_rest_conditional_requests].
fn condition(req: &Req, header: &str) -> Res<Option<i64>> {
    let Some(text) = req.header(header) else { return Ok(None) };
    match http_date::read(text) {
        Some(at) => Ok(Some(at)),
        None if req.method == "GET" => Ok(None),
        None => Err(Fail::new(400, "INVALID_HEADER", format!("{header} is not a valid HTTP date: {text}"))),
    }
}
