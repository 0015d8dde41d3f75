//! query, queryAll and their further pages.

use super::{Req, Resp};
use crate::sandbox::Salesforce;
use crate::sandbox::fail::{Fail, Res};
use crate::sandbox::soql::compile::Query;
use crate::sandbox::soql::render::Page;
use serde_json::json;
use std::fmt::Write as _;
use std::sync::Arc;

/// Most open cursors of a user; the oldest is closed for a new one.
pub(crate) const MAX_CURSORS: usize = 10;
/// A cursor lives so long without being used [K].
const CURSOR_S: i64 = 2 * 86_400;

/// An open query.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    /// `01g…AAA`
    pub(crate) id: String,
    session: u64,
    query: Arc<Query>,
    rows: Arc<Vec<u64>>,
    all: bool,
    used: i64,
}

impl Salesforce {
    pub(super) fn query(&mut self, req: &Req, all: bool) -> Res<Resp> {
        if let Some(text) = req.param("explain") {
            return self.explain(text);
        }
        let text =
            req.param("q").ok_or_else(|| Fail::malformed_query("SOQL statements cannot be empty or null"))?;
        let query = self.org.compile(text)?;
        let mut rows = self.org.run(&query, all, None);
        if query.count {
            let total = rows.len();
            return Ok(
                Resp::json(200, format!("{{\"totalSize\":{total},\"done\":true,\"records\":[]}}")).rows(0)
            );
        }
        rows.shrink_to_fit();
        let size = self.page_size(req);
        let many = rows.len() > size;
        let (query, rows) = (Arc::new(query), Arc::new(rows));
        let cursor = Cursor { id: String::new(), session: req.session, query, rows, all, used: self.org.now };
        if !many {
            return Ok(self.page(req, &cursor, 0, size));
        }
        self.cursor_count += 1;
        let id = crate::sandbox::ids::build(*b"01g", self.org.store.pod, self.cursor_count);
        let cursor = Cursor { id: crate::sandbox::ids::long(&id), ..cursor };
        if self.cursors.len() >= MAX_CURSORS {
            self.cursors.remove(0);
        }
        self.cursors.push(cursor.clone());
        Ok(self.page(req, &cursor, 0, size))
    }

    pub(super) fn query_more(&mut self, req: &Req, locator: &str) -> Res<Resp> {
        let invalid = || Fail::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator");
        let (id, offset) = locator.rsplit_once('-').ok_or_else(invalid)?;
        let offset: usize = offset.parse().map_err(|_| invalid())?;
        let now = self.org.now;
        let cursor = self
            .cursors
            .iter_mut()
            .find(|c| c.id == id && c.session == req.session && now - c.used <= CURSOR_S)
            .ok_or_else(invalid)?;
        cursor.used = now;
        let cursor = cursor.clone();
        if offset >= cursor.rows.len() {
            return Err(invalid());
        }
        let size = self.page_size(req);
        Ok(self.page(req, &cursor, offset, size))
    }

    /// The knob, or less if the caller asks for less.
    fn page_size(&self, req: &Req) -> usize {
        let asked =
            req.header("sforce-query-options").and_then(|v| v.split_once("batchSize=")).and_then(|(_, n)| {
                n.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<usize>().ok()
            });
        let size = self.org.knobs.page_size;
        asked.map_or(size, |asked| size.min(asked.clamp(200, 2000)))
    }

    fn page(&self, req: &Req, cursor: &Cursor, offset: usize, size: usize) -> Resp {
        let total = cursor.rows.len();
        let end = (offset + size).min(total);
        let mut out = String::with_capacity((end - offset) * 256 + 64);
        let _ = write!(out, "{{\"totalSize\":{total},\"done\":{}", end == total);
        if end < total {
            let _ = write!(
                out,
                ",\"nextRecordsUrl\":\"/services/data/v{}/query/{}-{end}\"",
                req.version, cursor.id
            );
        }
        out.push_str(",\"records\":[");
        let page = Page { version: &req.version, all: cursor.all };
        self.org.push_rows(&mut out, &cursor.query, &cursor.rows[offset..end], &page);
        out.push_str("]}");
        Resp::json(200, out).rows((end - offset) as u64)
    }

    fn explain(&self, text: &str) -> Res<Resp> {
        let query = self.org.compile(text)?;
        let total = self.org.store.all(query.obj).count();
        let name = &*self.org.store.schema.get(query.obj).name;
        Ok(Resp::value(
            200,
            &json!({"plans": [{
                "cardinality": self.org.run(&query, false, None).len(), "fields": [],
                "leadingOperationType": "TableScan", "notes": [], "relativeCost": 1.0,
                "sobjectCardinality": total, "sobjectType": name,
            }], "sourceQuery": text}),
        ))
    }
}
