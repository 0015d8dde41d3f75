//! One HubSpot account: its tables, index, associations, people and switches.

use super::catalog;
use super::edges::{Edges, End, TypeId};
use super::index::{Image, Index};
use super::kind::Kind;
use super::knobs::Knobs;
use super::people::{Currencies, Owner, Pipeline, default_pipeline};
use super::pool::{Pool, Sym};
use super::registry::Prop;
use super::stamp;
use super::table::{Row, Slot, Source, State, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What happened to a record, for webhooks.
#[derive(Debug, Clone)]
pub(super) enum Happening {
    Created,
    Deleted,
    PrivacyDeleted,
    Restored,
    Property { name: String, value: String },
    Merged { primary: u64, merged: u64, new_id: u64, moved: usize },
    Associated { to: Kind, to_id: u64, removed: bool, primary: bool },
}

/// One change that a subscription may want to hear of.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) kind: Kind,
    pub(super) id: u64,
    pub(super) at: i64,
    pub(super) source: Source,
    pub(super) source_id: String,
    pub(super) what: Happening,
}

/// Who does something, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Act {
    /// Sandbox time in milliseconds.
    pub(super) now: i64,
    pub(super) source: Source,
    /// The app's id, or the user's.
    pub(super) by: u64,
    /// Rows of this act reach the index so much later (fault `late_commit`).
    pub(super) late_ms: i64,
}

impl Act {
    /// `sourceId` of history and webhooks.
    pub(super) fn source_id(&self) -> String {
        match self.source {
            Source::Person => format!("userId:{}", self.by),
            Source::Integration
            | Source::Import
            | Source::Calculated
            | Source::Automation
            | Source::Merge => self.by.to_string(),
        }
    }
}

/// The account.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) id: u64,
    pub(super) pool: Pool,
    tables: [Table; 3],
    indexes: [Index; 3],
    pub(super) edges: Edges,
    pub(super) pipelines: Vec<Pipeline>,
    pub(super) owners: Vec<Owner>,
    pub(super) currencies: Currencies,
    pub(super) knobs: Knobs,
    /// Changes since they were last collected; only filled while somebody listens.
    pub(super) events: Vec<Event>,
    pub(super) listening: bool,
    /// Records an administrator hides from the token.
    pub(super) hidden: BTreeSet<End>,
    /// Associations of archived records, for restoring them.
    pub(super) binned_edges: BTreeMap<End, Vec<(End, Vec<TypeId>)>>,
    /// Companies by domain, archived ones included: what automation looks up.
    pub(super) domains: BTreeMap<Sym, BTreeSet<Slot>>,
    /// Rows whose stored values changed since the count was last taken.
    pub(super) written: u64,
    /// Rows asked to take values they had.
    pub(super) unchanged: u64,
    pub(super) random: Random,
    /// While seed rows load: the index takes everything at once.
    pub(super) loading: bool,
}

/// A reproducible source of numbers (splitmix64).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    /// A source that always gives the same numbers for a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A random (version 4) UUID.
    pub(super) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }
}

/// First record id of every object type: a contact and a company may share an id.
const FIRST_ID: u64 = 1001;

impl Portal {
    /// An empty account.
    pub(super) fn new(seed_number: u64) -> Self {
        // Definitions predate everything: 2020-01-01.
        let born = 1_577_836_800_000;
        let mut portal = Self {
            id: 40_000_000 + seed_number % 9_999_999,
            pool: Pool::default(),
            tables: Kind::ALL.map(|kind| Table::new(catalog::registry(kind, born), FIRST_ID)),
            indexes: [Index::default(), Index::default(), Index::default()],
            edges: Edges::new(),
            pipelines: vec![default_pipeline(born)],
            owners: Vec::new(),
            currencies: Currencies::default(),
            knobs: Knobs::default(),
            events: Vec::new(),
            listening: false,
            hidden: BTreeSet::new(),
            binned_edges: BTreeMap::new(),
            domains: BTreeMap::new(),
            written: 0,
            unchanged: 0,
            random: Random::new(seed_number),
            loading: false,
        };
        for (kind, name) in [(Kind::Contacts, "email"), (Kind::Companies, "domain")] {
            if let Some(prop) = portal.table(kind).registry.any(name) {
                portal.index_mut(kind).key_by(prop);
            }
        }
        portal
    }

    /// The rows of an object type.
    pub(super) fn table(&self, kind: Kind) -> &Table {
        let [contacts, companies, deals] = &self.tables;
        match kind {
            Kind::Contacts => contacts,
            Kind::Companies => companies,
            Kind::Deals => deals,
        }
    }

    /// The rows of an object type, to change.
    pub(super) fn table_mut(&mut self, kind: Kind) -> &mut Table {
        let [contacts, companies, deals] = &mut self.tables;
        match kind {
            Kind::Contacts => contacts,
            Kind::Companies => companies,
            Kind::Deals => deals,
        }
    }

    /// The search index of an object type.
    pub(super) fn index(&self, kind: Kind) -> &Index {
        let [contacts, companies, deals] = &self.indexes;
        match kind {
            Kind::Contacts => contacts,
            Kind::Companies => companies,
            Kind::Deals => deals,
        }
    }

    /// The search index of an object type, to change.
    pub(super) fn index_mut(&mut self, kind: Kind) -> &mut Index {
        let [contacts, companies, deals] = &mut self.indexes;
        match kind {
            Kind::Contacts => contacts,
            Kind::Companies => companies,
            Kind::Deals => deals,
        }
    }

    /// Runs `search` on a table with its index as it was at `then`.
    pub(super) fn searching<R>(
        &mut self,
        kind: Kind,
        then: Option<i64>,
        search: impl FnOnce(&Self, &Index) -> R,
    ) -> R {
        let Some(then) = then else { return search(self, self.index(kind)) };
        let mut index = std::mem::take(self.index_mut(kind));
        let result = index.as_of(then, |index| search(self, index));
        *self.index_mut(kind) = index;
        result
    }

    /// Lets index changes in that are due at `now`.
    pub(super) fn settle(&mut self, now: i64) {
        let keep = self.knobs.stale_index_ms;
        for index in &mut self.indexes {
            index.settle(now, keep);
        }
    }

    /// Tells the index what a row is now.
    pub(super) fn reindex(&mut self, kind: Kind, slot: Slot, act: &Act) {
        let image = self.image(kind, slot);
        if self.loading {
            self.index_mut(kind).load(slot, image);
            return;
        }
        let spread = u64::try_from(self.knobs.search_lag_spread_ms).unwrap_or(0);
        let extra = if spread == 0 { 0 } else { self.random.next() % (spread + 1) };
        let lag = self.knobs.search_lag_ms.saturating_add(i64::try_from(extra).unwrap_or(0));
        let visible_at = act.now.saturating_add(lag).saturating_add(act.late_ms);
        self.index_mut(kind).announce(slot, image, act.now, visible_at);
    }

    fn image(&mut self, kind: Kind, slot: Slot) -> Option<Arc<Image>> {
        let row = self.table(kind).row(slot).filter(|row| row.state == State::Live)?;
        if self.hidden.contains(&(kind, slot)) {
            return None;
        }
        let values: Box<[(Prop, Sym)]> = row.set_values().collect();
        let (created, updated) = (row.created, row.updated);
        let index = self.index(kind);
        let keyed: Vec<(Prop, Sym)> =
            values.iter().copied().filter(|(prop, _)| index.is_keyed(*prop)).collect();
        let keys = keyed
            .into_iter()
            .map(|(prop, value)| {
                let lower = self.pool.text(value).to_lowercase();
                (prop, self.pool.intern(&lower))
            })
            .collect();
        Some(Arc::new(Image { created, updated, values, keys }))
    }

    /// A property's text in a row, the row's own fields included. `None`: no value.
    pub(super) fn text_of<'a>(
        &'a self,
        kind: Kind,
        row: &Row,
        prop: Prop,
    ) -> Option<std::borrow::Cow<'a, str>> {
        let name = self.table(kind).registry.name(prop);
        if let Some(text) = field(kind, name, row.id, row.created, row.updated) {
            return Some(text.into());
        }
        row.value(prop).map(|value| self.pool.text(value).into())
    }

    /// A property's text by name; `None` also for unknown names.
    pub(super) fn text(&self, kind: Kind, slot: Slot, name: &str) -> Option<String> {
        let table = self.table(kind);
        let prop = table.registry.any(name)?;
        self.text_of(kind, table.row(slot)?, prop).map(std::borrow::Cow::into_owned)
    }

    /// The record's id.
    pub(super) fn id_of(&self, (kind, slot): End) -> u64 {
        self.table(kind).row(slot).map_or(0, |row| row.id)
    }

    /// The live record of an id that this token may see.
    pub(super) fn find(&self, kind: Kind, id: u64) -> Option<Slot> {
        self.table(kind).live(id).filter(|slot| !self.hidden.contains(&(kind, *slot)))
    }

    /// Notes a change for webhooks.
    pub(super) fn note(&mut self, (kind, slot): End, act: &Act, what: Happening) {
        if !self.listening {
            return;
        }
        let id = self.id_of((kind, slot));
        self.events.push(Event {
            kind,
            id,
            at: act.now,
            source: act.source,
            source_id: act.source_id(),
            what,
        });
    }

    /// A pipeline of deals.
    pub(super) fn pipeline(&self, id: &str) -> Option<&Pipeline> {
        self.pipelines.iter().find(|pipeline| pipeline.id == id)
    }
}

/// The properties that are fields of the row.
pub(super) fn field(kind: Kind, name: &str, id: u64, created: i64, updated: i64) -> Option<String> {
    match name {
        "hs_object_id" => Some(id.to_string()),
        "createdate" => Some(stamp::text(created)),
        _ if name == kind.modified_property() => Some(stamp::text(updated)),
        _ => None,
    }
}
