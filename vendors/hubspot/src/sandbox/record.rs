//! Records as answers print them.

use super::edges::End;
use super::kind::Kind;
use super::pool::Sym;
use super::portal::{Portal, field};
use super::registry::Prop;
use super::stamp;
use super::table::{Row, Slot, State};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Associations of a record shown inside it are cut after so many rows [gh dlt-hub/verified-sources#593].
pub(super) const INLINE_ASSOCIATIONS: usize = 100;

/// Which properties an answer carries, by name.
#[derive(Debug, Clone)]
pub(super) struct Select {
    named: BTreeMap<String, Prop>,
    /// Everything that has a value.
    all: bool,
    history: Vec<(String, Prop)>,
}

impl Select {
    /// The asked ones; unknown names are dropped, none asked means the defaults. Id and stamps always come along.
    pub(super) fn new(portal: &Portal, kind: Kind, asked: &[String], history: &[String]) -> Self {
        let registry = &portal.table(kind).registry;
        let always = ["hs_object_id", "createdate", kind.modified_property()];
        let mut named = BTreeMap::new();
        let defaults = if asked.is_empty() { kind.default_properties() } else { &always };
        let names = defaults.iter().copied().chain(asked.iter().map(String::as_str));
        for name in names {
            // Names are lower case; other spellings are unknown to a read and dropped.
            if let Some(prop) = registry.visible(name) {
                named.insert(name.to_owned(), prop);
            }
        }
        let history =
            history.iter().filter_map(|name| Some((name.clone(), registry.visible(name)?))).collect();
        Self { named, all: false, history }
    }

    /// Everything that has a value, as after a creation.
    pub(super) fn everything(portal: &Portal, kind: Kind) -> Self {
        Self { all: true, ..Self::new(portal, kind, &["hs_object_id".to_owned()], &[]) }
    }
}

/// One record on its way out.
pub(super) struct Record<'a> {
    portal: &'a Portal,
    kind: Kind,
    slot: Slot,
    id: u64,
    created: i64,
    updated: i64,
    archived_at: Option<i64>,
    values: Vec<(Prop, Sym)>,
    select: &'a Select,
    /// Further members: `new`, `objectWriteTraceId`, `associations`.
    pub(super) extra: Vec<(&'static str, Value)>,
}

impl<'a> Record<'a> {
    /// A record as the table holds it.
    pub(super) fn of(portal: &'a Portal, kind: Kind, slot: Slot, select: &'a Select) -> Option<Self> {
        let row: &Row = portal.table(kind).row(slot)?;
        let archived_at = match row.state {
            State::Archived(at) => Some(at),
            State::Live | State::Merged(_) | State::Erased => None,
        };
        Some(Self {
            portal,
            kind,
            slot,
            id: row.id,
            created: row.created,
            updated: row.updated,
            archived_at,
            values: row.set_values().collect(),
            select,
            extra: Vec::new(),
        })
    }

    /// A record as the search index sees it.
    pub(super) fn seen(
        portal: &'a Portal,
        index: &super::index::Index,
        kind: Kind,
        slot: Slot,
        select: &'a Select,
    ) -> Option<Self> {
        let image = index.image(slot)?;
        Some(Self {
            portal,
            kind,
            slot,
            id: portal.id_of((kind, slot)),
            created: image.created,
            updated: image.updated,
            archived_at: None,
            values: image.values.to_vec(),
            select,
            extra: Vec::new(),
        })
    }

    /// With a further member.
    pub(super) fn with(mut self, name: &'static str, value: Value) -> Self {
        self.extra.push((name, value));
        self
    }
}

struct Properties<'a>(&'a Record<'a>);

impl Serialize for Properties<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let mut map = serializer.serialize_map(None)?;
        if record.select.all {
            let registry = &record.portal.table(record.kind).registry;
            for (prop, value) in &record.values {
                let name = registry.name(*prop);
                if registry.visible(name).is_some() && !record.select.named.contains_key(name) {
                    map.serialize_entry(name, record.portal.pool.text(*value))?;
                }
            }
        }
        for (name, prop) in &record.select.named {
            if let Some(text) = field(record.kind, name, record.id, record.created, record.updated) {
                map.serialize_entry(name, &text)?;
                continue;
            }
            let at = record.values.binary_search_by_key(prop, |(known, _)| *known).ok();
            let value = at.and_then(|at| record.values.get(at));
            map.serialize_entry(name, &value.map(|(_, value)| record.portal.pool.text(*value)))?;
        }
        map.end()
    }
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let id = self.id.to_string();
        map.serialize_entry("id", &id)?;
        map.serialize_entry("properties", &Properties(self))?;
        if !self.select.history.is_empty() {
            map.serialize_entry("propertiesWithHistory", &self.histories())?;
        }
        map.serialize_entry("createdAt", &stamp::text(self.created))?;
        map.serialize_entry("updatedAt", &stamp::text(self.updated))?;
        map.serialize_entry("archived", &self.archived_at.is_some())?;
        if let Some(at) = self.archived_at {
            map.serialize_entry("archivedAt", &stamp::text(at))?;
        }
        let (section, portal) = (self.kind.plural(), self.portal.id);
        let url = format!("https://app.hubspot.com/{section}/{portal}/record/{}/{id}", self.kind.type_id());
        map.serialize_entry("url", &url)?;
        for (name, value) in &self.extra {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Record<'_> {
    fn histories(&self) -> Value {
        let portal = self.portal;
        let Some(row) = portal.table(self.kind).row(self.slot) else { return json!({}) };
        let mut all = serde_json::Map::new();
        for (name, prop) in &self.select.history {
            let versions: Vec<Value> = match field(self.kind, name, row.id, row.created, row.updated) {
                Some(text) => vec![version(&text, row.updated, "CALCULATED", &portal.id.to_string())],
                None => row
                    .versions(*prop)
                    .map(|entry| {
                        let value = entry.value.map_or("", |value| portal.pool.text(value));
                        version(value, entry.at, entry.source.name(), &portal.id.to_string())
                    })
                    .collect(),
            };
            all.insert(name.clone(), Value::Array(versions));
        }
        Value::Object(all)
    }
}

fn version(value: &str, at: i64, source: &str, source_id: &str) -> Value {
    json!({"value": value, "timestamp": stamp::text(at), "sourceType": source, "sourceId": source_id})
}

/// `associations` inside a record: every type of every tie is a row of its own, cut at 100.
pub(super) fn inline_associations(portal: &Portal, from: End, to: &[Kind], base_url: &str) -> Option<Value> {
    let mut all = serde_json::Map::new();
    for kind in to {
        let mut rows = Vec::new();
        let mut next = None;
        for (slot, types) in portal.edges.of(from, *kind, 0) {
            if portal.hidden.contains(&(*kind, slot)) {
                continue;
            }
            let id = portal.id_of((*kind, slot));
            if rows.len() + types.len() > INLINE_ASSOCIATIONS {
                next = Some(id);
                break;
            }
            for name in types.iter().filter_map(|id| portal.edges.edge_type(*id)).map(|edge| &edge.name) {
                rows.push(json!({"id": id.to_string(), "type": name}));
            }
        }
        if rows.is_empty() {
            continue;
        }
        let mut part = json!({"results": rows});
        if let (Some(next), Some(part)) = (next, part.as_object_mut()) {
            let (own, id) = (from.0.plural(), portal.id_of(from));
            let link =
                format!("{base_url}/crm/v4/objects/{own}/{id}/associations/{}?after={next}", kind.plural());
            part.insert("paging".to_owned(), json!({"next": {"after": next.to_string(), "link": link}}));
        }
        all.insert(kind.plural().to_owned(), part);
    }
    (!all.is_empty()).then_some(Value::Object(all))
}
