//! `GET /__sandbox/dump`: the whole state, independent of tokens and index.

use super::HubSpot;
use super::assoc;
use super::edges::EdgeType;
use super::kind::Kind;
use super::stamp;
use super::table::{Slot, State};
use serde_json::{Map, Value, json};

/// The direction record → parent of a pair: contact → company, deal → company, deal → contact, child → parent
/// company; records of one type otherwise from the lower to the higher id.
fn upward(from: (Kind, Slot), to: (Kind, Slot), types: &[&EdgeType]) -> bool {
    let rank = |kind: Kind| match kind {
        Kind::Deals => 0,
        Kind::Contacts => 1,
        Kind::Companies => 2,
    };
    if from.0 != to.0 {
        return rank(from.0) < rank(to.0);
    }
    let has = |id: u32| types.iter().any(|edge| edge.id == id);
    match (has(14), has(13)) {
        (true, false) => true,
        (false, true) => false,
        _ => from.1 < to.1,
    }
}

impl HubSpot {
    fn dump_row(&self, kind: Kind, slot: Slot) -> Option<Map<String, Value>> {
        let table = self.portal.table(kind);
        let row = table.row(slot)?;
        let archived = match row.state {
            State::Live => false,
            State::Archived(_) => true,
            State::Merged(_) | State::Erased => return None,
        };
        let mut properties = Map::new();
        for (prop, value) in row.set_values() {
            properties.insert(table.registry.name(prop).to_owned(), json!(self.portal.pool.text(value)));
        }
        for name in ["hs_object_id", "createdate", kind.modified_property()] {
            let text = super::portal::field(kind, name, row.id, row.created, row.updated);
            properties.insert(name.to_owned(), json!(text));
        }
        let mut out = Map::new();
        out.insert("id".to_owned(), json!(row.id.to_string()));
        out.insert("properties".to_owned(), Value::Object(properties));
        out.insert("archived".to_owned(), json!(archived));
        out.insert("createdAt".to_owned(), json!(stamp::text(row.created)));
        out.insert("updatedAt".to_owned(), json!(stamp::text(row.updated)));
        Some(out)
    }

    fn dump_edges(&self, only: Option<Kind>) -> impl Iterator<Item = Value> + '_ {
        self.portal.edges.iter().filter_map(move |(from, to, types)| {
            let types: Vec<&EdgeType> = types.iter().filter_map(|id| self.portal.edges.edge_type(*id)).collect();
            if !upward(from, to, &types) || only.is_some_and(|only| only != from.0) {
                return None;
            }
            let types: Vec<Value> = types
                .iter()
                .map(|edge| json!({"category": edge.category(), "typeId": assoc::shown(edge), "label": edge.label}))
                .collect();
            let end = |end: (Kind, Slot)| format!("{}/{}", end.0.plural(), self.portal.id_of(end));
            Some(json!({"from": end(from), "to": end(to), "types": types}))
        })
    }

    /// One document, or one JSON value a line: a head, then records with their object, then associations.
    pub(super) fn dump(&self, object: Option<&str>, lines: bool, now: i64) -> Result<Vec<u8>, String> {
        let only =
            object.map(|name| Kind::parse(name).ok_or_else(|| format!("no object {name}"))).transpose()?;
        let kinds = Kind::ALL.into_iter().filter(|kind| only.is_none_or(|only| only == *kind));
        let now = stamp::text(now);
        let mut out = Vec::new();
        let write = |out: &mut Vec<u8>, value: &Value| {
            serde_json::to_writer(&mut *out, value).map_err(|error| error.to_string())
        };
        if lines {
            write(&mut out, &json!({"vendor": "hubspot", "now": now}))?;
            out.push(b'\n');
            for kind in kinds {
                for slot in self.portal.table(kind).slots_from(0) {
                    if let Some(mut row) = self.dump_row(kind, slot) {
                        row.insert("object".to_owned(), json!(kind.plural()));
                        write(&mut out, &Value::Object(row))?;
                        out.push(b'\n');
                    }
                }
            }
            for edge in self.dump_edges(only) {
                write(&mut out, &edge)?;
                out.push(b'\n');
            }
            return Ok(out);
        }
        let mut objects = Map::new();
        for kind in kinds {
            let rows: Vec<Value> = self
                .portal
                .table(kind)
                .slots_from(0)
                .filter_map(|slot| self.dump_row(kind, slot).map(Value::Object))
                .collect();
            objects.insert(kind.plural().to_owned(), Value::Array(rows));
        }
        let edges: Vec<Value> = self.dump_edges(only).collect();
        write(
            &mut out,
            &json!({"vendor": "hubspot", "now": now, "objects": objects, "associations": edges}),
        )?;
        Ok(out)
    }
}
