//! `GET /__sandbox/dump`: the whole state, independent of tokens and index.

use super::HubSpot;
use super::assoc;
use super::edges::EdgeType;
use super::kind::Kind;
use super::portal::Portal;
use super::stamp;
use super::table::{self, Slot, State};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;

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

/// Longer dumps are printed each time.
const KEPT: usize = 1 << 20;

/// An object type's rows as they were last dumped, a line each.
#[derive(Debug)]
pub(super) struct Dumped {
    /// Of rows and of definitions.
    changes: (u64, u64),
    lines: Vec<u8>,
}

/// A record on its way out.
struct Row<'a> {
    portal: &'a Portal,
    kind: Kind,
    row: &'a table::Row,
    archived: bool,
    /// Where it does not stand under its object.
    object: Option<&'static str>,
}

struct Properties<'a>(&'a Row<'a>);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(object) = self.object {
            map.serialize_entry("object", object)?;
        }
        map.serialize_entry("id", &self.row.id.to_string())?;
        map.serialize_entry("properties", &Properties(self))?;
        map.serialize_entry("archived", &self.archived)?;
        map.serialize_entry("createdAt", &stamp::text(self.row.created))?;
        map.serialize_entry("updatedAt", &stamp::text(self.row.updated))?;
        map.end()
    }
}

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Row { portal, kind, row, .. } = *self.0;
        let own = ["hs_object_id", "createdate", kind.modified_property()];
        let mut map = serializer.serialize_map(None)?;
        for name in own {
            let text = super::portal::field(kind, name, row.id, row.created, row.updated);
            map.serialize_entry(name, &text)?;
        }
        let registry = &portal.table(kind).registry;
        for (prop, value) in row.set_values() {
            let name = registry.name(prop);
            if !own.contains(&name) {
                map.serialize_entry(name, portal.pool.text(value))?;
            }
        }
        map.end()
    }
}

impl HubSpot {
    fn dump_row(&self, kind: Kind, slot: Slot, object: Option<&'static str>) -> Option<Row<'_>> {
        let row = self.portal.table(kind).row(slot)?;
        let archived = match row.state {
            State::Live => false,
            State::Archived(_) => true,
            State::Merged(_) | State::Erased => return None,
        };
        Some(Row { portal: &self.portal, kind, row, archived, object })
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

    /// An object type's rows, a line each; printed anew where any may have changed.
    fn dump_lines(&self, out: &mut Vec<u8>, kind: Kind) -> Result<(), String> {
        let table = self.portal.table(kind);
        let changes = (table.changes, table.registry.changes);
        let mut dumped = self.dumped.borrow_mut();
        if let Some(known) = dumped.get(&kind).filter(|known| known.changes == changes) {
            out.extend_from_slice(&known.lines);
            return Ok(());
        }
        let mut lines = Vec::new();
        for slot in table.slots_from(0) {
            if let Some(row) = self.dump_row(kind, slot, Some(kind.plural())) {
                line(&mut lines, &row)?;
            }
        }
        out.extend_from_slice(&lines);
        if lines.len() <= KEPT {
            dumped.insert(kind, Dumped { changes, lines });
        }
        Ok(())
    }

    /// One document, or one JSON value a line: a head, then records with their object, then associations.
    pub(super) fn dump(&self, object: Option<&str>, lines: bool, now: i64) -> Result<Vec<u8>, String> {
        let only =
            object.map(|name| Kind::parse(name).ok_or_else(|| format!("no object {name}"))).transpose()?;
        let kinds = Kind::ALL.into_iter().filter(|kind| only.is_none_or(|only| only == *kind));
        let now = stamp::text(now);
        let mut out = Vec::new();
        if lines {
            line(&mut out, &json!({"vendor": "hubspot", "now": now}))?;
            for kind in kinds {
                self.dump_lines(&mut out, kind)?;
            }
            for edge in self.dump_edges(only) {
                line(&mut out, &edge)?;
            }
            return Ok(out);
        }
        let mut objects = BTreeMap::new();
        for kind in kinds {
            let slots = self.portal.table(kind).slots_from(0);
            let rows: Vec<Row<'_>> = slots.filter_map(|slot| self.dump_row(kind, slot, None)).collect();
            objects.insert(kind.plural(), rows);
        }
        let associations = self.dump_edges(only).collect();
        write(&mut out, &Document { vendor: "hubspot", now, objects, associations })?;
        Ok(out)
    }
}

#[derive(Serialize)]
struct Document<'a> {
    vendor: &'static str,
    now: String,
    objects: BTreeMap<&'static str, Vec<Row<'a>>>,
    associations: Vec<Value>,
}

fn write(out: &mut Vec<u8>, value: &impl Serialize) -> Result<(), String> {
    serde_json::to_writer(out, value).map_err(|error| error.to_string())
}

fn line(out: &mut Vec<u8>, value: &impl Serialize) -> Result<(), String> {
    write(out, value)?;
    out.push(b'\n');
    Ok(())
}
