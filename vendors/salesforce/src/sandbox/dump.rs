//! `GET /__sandbox/dump`: every row as it is stored, those in the recycle bin included.

use super::Salesforce;
use super::ids::{Obj, Rec};
use super::schema::Type;
use super::soql::render::push_text;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use std::fmt::Write as _;
use syncline_kit::HttpResponse;
use syncline_kit::sandbox::control;

/// Longer dumps are printed each time.
const KEPT: usize = 1 << 20;

/// An object's rows as they were last dumped, a line each.
#[derive(Debug)]
pub(crate) struct Dumped {
    /// Changes of the schema and of the rows.
    changes: (u64, u64),
    lines: String,
}

impl Salesforce {
    /// One document, or one row with its `object` a line after a line with vendor and time.
    pub(super) fn dump(&self, object: Option<&str>, lines: bool) -> HttpResponse {
        let schema = &self.org.store.schema;
        let objects: Vec<Obj> = match object {
            None => (0..schema.objects.len() as Obj).collect(),
            Some(name) => match schema.find(name) {
                Some(obj) => vec![obj],
                None => {
                    let message = serde_json::json!({"error": format!("no object {name}")});
                    return control::json(StatusCode::NOT_FOUND, &message);
                }
            },
        };
        let mut out = String::new();
        let _ = write!(out, "{{\"vendor\":\"salesforce\",\"now\":\"{}\"", super::now_of(self.org.now));
        out.push_str(if lines { "}\n" } else { ",\"objects\":{" });
        for (i, obj) in objects.into_iter().enumerate() {
            if lines {
                self.dump_lines(&mut out, obj);
                continue;
            }
            out.push_str(if i == 0 { "" } else { "," });
            push_text(&mut out, &schema.get(obj).name);
            out.push_str(":[");
            let mut first = true;
            for seq in 1..=self.org.store.table(obj).last() {
                if self.org.store.row(Rec::new(obj, seq)).is_none() {
                    continue;
                }
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                out.push('{');
                self.dump_row(&mut out, Rec::new(obj, seq));
                out.push('}');
            }
            out.push(']');
        }
        if !lines {
            out.push_str("},\"associations\":[]}");
        }
        let mut response = http::Response::new(Bytes::from(out));
        let kind = if lines { "application/x-ndjson" } else { "application/json;charset=UTF-8" };
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response
    }

    fn dump_lines(&self, out: &mut String, obj: Obj) {
        let changes = (self.org.store.schema.changes, self.org.store.table(obj).changes);
        let mut dumped = self.dumped.borrow_mut();
        if let Some(known) = dumped.get(&obj).filter(|known| known.changes == changes) {
            return out.push_str(&known.lines);
        }
        let name = &self.org.store.schema.get(obj).name;
        let mut lines = String::new();
        for seq in 1..=self.org.store.table(obj).last() {
            if self.org.store.row(Rec::new(obj, seq)).is_some() {
                let _ = write!(lines, "{{\"object\":\"{name}\",");
                self.dump_row(&mut lines, Rec::new(obj, seq));
                lines.push_str("}\n");
            }
        }
        out.push_str(&lines);
        if lines.len() <= KEPT {
            dumped.insert(obj, Dumped { changes, lines });
        }
    }

    fn dump_row(&self, out: &mut String, rec: Rec) {
        let Some(row) = self.org.store.row(rec) else { return };
        let object = self.org.store.schema.get(rec.object());
        let mut first = true;
        for field in object.fields.iter().filter(|f| !f.removed && f.ty != Type::Address) {
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            // Names of fields are letters, digits and underscores.
            out.push('"');
            out.push_str(&field.name);
            out.push_str("\":");
            self.org.push_value(out, rec, row, rec.object(), field);
        }
    }
}
