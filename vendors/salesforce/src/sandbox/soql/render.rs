//! Rows as JSON text in the order of the SELECT list.

use super::compile::{Out, Place, Query};
use crate::sandbox::ids::{self, Obj, Rec};
use crate::sandbox::org::Org;
use crate::sandbox::schema::{Field, Source, Type};
use crate::sandbox::store::Row;
use crate::sandbox::value::{self, Cell};
use std::fmt::Write as _;

/// Writes a JSON string.
pub(crate) fn push_text(out: &mut String, text: &str) {
    out.push('"');
    // Without a way out of the loop, several bytes are looked at at a time.
    let odd = text.bytes().fold(false, |odd, b| odd | (b < 0x20) | (b == b'"') | (b == b'\\'));
    if !odd {
        out.push_str(text);
    } else {
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if (c as u32) < 0x20 => {
                    let _ = write!(out, "\\u{:04x}", c as u32);
                }
                c => out.push(c),
            }
        }
    }
    out.push('"');
}

impl Org {
    /// A value of a field.
    pub(crate) fn push_value(&self, out: &mut String, rec: Rec, row: &Row, obj: Obj, field: &Field) {
        if let Source::Address(first) = field.source {
            return self.push_address(out, rec, row, obj, first);
        }
        match row.get(rec, field) {
            Cell::Null => out.push_str("null"),
            Cell::Bool(value) => out.push_str(if value { "true" } else { "false" }),
            Cell::Num(mantissa, 0) => {
                let _ = write!(out, "{mantissa}");
                if field.ty != Type::Int {
                    out.push_str(".0");
                }
            }
            Cell::Num(mantissa, places) => out.push_str(&value::number_text(mantissa, places)),
            Cell::Date(days) => {
                out.push('"');
                value::push_date(out, days);
                out.push('"');
            }
            Cell::Time(seconds) => {
                out.push('"');
                value::push_time(out, seconds);
                out.push('"');
            }
            Cell::Text(sym) => push_text(out, self.store.pool.text(sym)),
            Cell::Ref(rec) => {
                out.push('"');
                ids::push_long(out, &self.store.id15(rec));
                out.push('"');
            }
        }
    }

    fn push_address(&self, out: &mut String, rec: Rec, row: &Row, obj: Obj, first: usize) {
        let keys =
            ["street", "city", "state", "postalCode", "country", "latitude", "longitude", "geocodeAccuracy"];
        let fields = &self.store.schema.get(obj).fields[first..first + 8];
        if fields.iter().all(|f| row.get(rec, f).is_null()) {
            return out.push_str("null");
        }
        for (i, (key, field)) in keys.iter().zip(fields).enumerate() {
            out.push(if i == 0 { '{' } else { ',' });
            push_text(out, key);
            out.push(':');
            self.push_value(out, rec, row, obj, field);
        }
        out.push('}');
    }

    /// `"attributes":{…}` with the row's address.
    pub(crate) fn push_attributes(&self, out: &mut String, rec: Rec, version: &str, any: bool) {
        let name = &self.store.schema.get(rec.object()).name;
        let shown: &str = if any { "Name" } else { name };
        for part in [
            "\"attributes\":{\"type\":\"",
            shown,
            "\",\"url\":\"/services/data/v",
            version,
            "/sobjects/",
            name,
            "/",
        ] {
            out.push_str(part);
        }
        ids::push_long(out, &self.store.id15(rec));
        out.push_str("\"}");
    }

    /// One row of a result.
    pub(crate) fn push_row(
        &self,
        out: &mut String,
        outs: &[Out],
        rec: Rec,
        row: &Row,
        page: &Page<'_>,
        any: bool,
    ) {
        out.push('{');
        self.push_attributes(out, rec, page.version, any);
        let schema = &self.store.schema;
        let here = |place: &Place| place.iter().find(|(obj, _)| *obj == rec.object()).copied();
        for item in outs {
            out.push(',');
            match item {
                Out::Field { name, place } => {
                    push_text(out, name);
                    out.push(':');
                    match here(place) {
                        Some((obj, field)) => {
                            self.push_value(out, rec, row, obj, &schema.get(obj).fields[field])
                        }
                        None => out.push_str("null"),
                    }
                }
                Out::TypeName { name } => {
                    push_text(out, name);
                    out.push(':');
                    push_text(out, &schema.get(rec.object()).name);
                }
                Out::Parent { name, hop, any, node } => {
                    push_text(out, name);
                    out.push(':');
                    let parent = here(hop)
                        .and_then(|(obj, field)| row.get(rec, &schema.get(obj).fields[field]).rec())
                        .and_then(|parent| Some((parent, self.store.visible(parent).filter(|r| !r.hidden)?)));
                    match parent {
                        Some((parent, its)) => self.push_row(out, node, parent, its, page, *any),
                        None => out.push_str("null"),
                    }
                }
                Out::Children { name, field, query } => {
                    push_text(out, name);
                    out.push(':');
                    self.push_children(out, query, *field, rec, page);
                }
            }
        }
        out.push('}');
    }

    fn push_children(&self, out: &mut String, query: &Query, field: usize, parent: Rec, page: &Page<'_>) {
        let found = self.run(query, page.all, Some((field, parent)));
        if found.is_empty() {
            return out.push_str("null");
        }
        let _ = write!(out, "{{\"totalSize\":{},\"done\":true,\"records\":[", found.len());
        self.push_rows(out, query, &found, page);
        out.push_str("]}");
    }

    /// Rows by their sequences, separated by commas. A row that is gone meanwhile is left out.
    pub(crate) fn push_rows(&self, out: &mut String, query: &Query, found: &[u64], page: &Page<'_>) {
        let mut first = true;
        for seq in found {
            let rec = Rec::new(query.obj, *seq);
            let Some(row) = self.store.visible(rec) else { continue };
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            self.push_row(out, &query.outs, rec, row, page, false);
        }
    }
}

/// What an answer page needs besides the rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'a> {
    /// `59.0`
    pub(crate) version: &'a str,
    /// With the recycle bin.
    pub(crate) all: bool,
}
