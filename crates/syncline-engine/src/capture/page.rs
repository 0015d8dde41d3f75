//! One page of observations becomes one batch: snapshots, matching keys, bases, work, journal.

use crate::{error::Error, restored, settling};
use std::collections::{BTreeMap, BTreeSet};
use syncline_core::{
    identify,
    mapping::Mapping,
    observe::{Seen, observe},
};
use syncline_kit::vendor::Listing;
use syncline_model::{
    FieldName, Kind, Link, ObjectName, Observation, Observed, RecordId, RecordRef, RecordState, Snapshot,
    Value,
    defect::{Defect, planted},
    journal::{Event, Moved, RowValues},
};
use syncline_store::{Batch, DirtyKey, JournalValue, LinkWrite, MatchKey, Store, StoredRecord};

/// Pseudo-field in the journal for a change of what has become of a record.
const STATE: &str = "@state";

/// What one page brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Observations read.
    pub(super) rows: u64,
    /// Records that are new or differ from what was stored.
    pub(super) changed: u64,
}

/// Adds a page's observations to `batch`. What is stored already and unchanged adds nothing (HUB-9). `listing` is the vendor's
/// that they come from.
pub(super) async fn take(
    store: &dyn Store,
    mapping: &Mapping,
    listing: Listing,
    observations: &[Observation],
    batch: &mut Batch,
) -> Result<Taken, Error> {
    let mut page = Page::load(store, observations).await?;
    for seen in observations {
        page.observe(seen);
    }
    let taken = Taken { rows: observations.len() as u64, changed: page.news.len() as u64 };
    page.write(mapping, listing, batch);
    Ok(taken)
}

/// A page's records while its observations are taken in; a record may be shown more than once.
struct Page {
    records: BTreeMap<RecordRef, StoredRecord>,
    /// Records whose snapshot must be written, with what is journalled of them.
    touched: BTreeSet<RecordRef>,
    news: BTreeMap<RecordRef, News>,
    rebased: BTreeSet<RecordRef>,
}

/// What is new about one record.
#[derive(Default)]
struct News {
    appeared: bool,
    /// What changed, from before the page to after it.
    fields: BTreeMap<FieldName, (Observed, Observed)>,
}

impl News {
    fn moved(&mut self, field: FieldName, before: Observed, after: Observed) {
        self.fields.entry(field).and_modify(|(_, now)| *now = after.clone()).or_insert((before, after));
    }
}

impl Page {
    async fn load(store: &dyn Store, observations: &[Observation]) -> Result<Self, Error> {
        let refs: BTreeSet<_> = observations.iter().map(|seen| seen.record.clone()).collect();
        let refs: Vec<_> = refs.into_iter().collect();
        let stored = store.records(&refs).await?;
        Ok(Self {
            records: refs.into_iter().zip(stored).collect(),
            touched: BTreeSet::new(),
            news: BTreeMap::new(),
            rebased: BTreeSet::new(),
        })
    }

    fn observe(&mut self, observation: &Observation) {
        let Some(stored) = self.records.get_mut(&observation.record) else { return };
        let before = stored.links.clone();
        let old = stored.snapshot.take();
        let seen = observe(old.as_ref(), &mut stored.links, observation);
        let record = &observation.record;
        if stored.links != before {
            self.rebased.insert(record.clone());
        }
        if seen.is_news() {
            let news = self.news.entry(record.clone()).or_default();
            news.appeared |= seen.appeared;
            if let Some(old) = old.filter(|_| !news.appeared) {
                for field in &seen.changed {
                    let (before, after) = (old.field(field.as_str()), seen.snapshot.field(field.as_str()));
                    news.moved(field.clone(), before.clone(), after.clone());
                }
                if seen.state_changed {
                    news.moved(STATE.into(), in_words(&old.state), in_words(&seen.snapshot.state));
                }
            }
        }
        if seen.is_news() || seen.version_moved {
            self.touched.insert(record.clone());
        }
        let Seen { snapshot, .. } = seen;
        stored.snapshot = Some(snapshot);
    }

    fn write(self, mapping: &Mapping, listing: Listing, batch: &mut Batch) {
        let mut baselines: BTreeMap<(_, ObjectName), Baseline> = BTreeMap::new();
        for (record, StoredRecord { snapshot, mut links }) in self.records {
            let Some(snapshot) = snapshot.filter(|_| self.touched.contains(&record)) else { continue };
            if let Some(news) = self.news.get(&record) {
                let moved = news.fields.keys().any(|field| field.as_str().eq_ignore_ascii_case("email"));
                if planted(Defect::AddressIsKey) && moved && !news.appeared {
                    let gone = links.drain(..).map(|link| LinkWrite::Remove(link.record, link.facet));
                    batch.links.extend(gone);
                }
                batch.keys.extend(matching_keys(mapping, &snapshot));
                batch.dirty.extend(work(mapping, &snapshot, &links, news.appeared));
                batch.wake.push(format!("record:{record}"));
                let turned = news.fields.contains_key(STATE);
                if turned || is_buried_unseen(news, &snapshot, listing) {
                    batch.puts.extend(restored::noted(mapping, &snapshot, batch.at));
                }
                if turned {
                    batch.puts.extend(settling::noted(&snapshot, &links));
                }
                if news.appeared {
                    let place = (record.connection.clone(), record.object.clone());
                    baselines.entry(place).or_default().add(&record.id);
                } else {
                    journal_change(batch, &record, news);
                }
            }
            if self.rebased.contains(&record) {
                batch.links.extend(links.into_iter().map(LinkWrite::Put));
            }
            batch.snapshots.push(snapshot);
        }
        batch.journal.extend(baselines.into_iter().map(|((connection, object), baseline)| Event::Baseline {
            connection,
            object,
            rows: baseline.rows,
            range: (baseline.first, baseline.last),
        }));
    }
}

/// Whether a record was deleted before it was ever read, and may come back without a list that shows it: nobody else tells of
/// it then. Where lists show what is so, they show it like any new record.
fn is_buried_unseen(news: &News, snapshot: &Snapshot, listing: Listing) -> bool {
    news.appeared && snapshot.state == RecordState::Deleted && listing == Listing::Late
}

/// A change, with its values.
fn journal_change(batch: &mut Batch, record: &RecordRef, news: &News) {
    let entry = batch.journal.len();
    let fields = news.fields.keys().map(|field| field.as_str().into()).collect();
    batch.journal.push(Event::Changed { record: record.clone(), fields });
    let moved = |(field, (before, after)): (&FieldName, &(Observed, Observed))| Moved {
        field: field.clone(),
        before: before.clone(),
        after: after.clone(),
    };
    let values = RowValues::Changed(news.fields.iter().map(moved).collect());
    batch.values.push(JournalValue { entry, row: 0, record: record.clone(), values });
}

/// What has become of a record, as a value.
fn in_words(state: &RecordState) -> Observed {
    let words = match state {
        RecordState::Live => "live".to_owned(),
        RecordState::Deleted => "deleted".to_owned(),
        RecordState::MergedInto(id) => format!("merged into {id}"),
        RecordState::Converted { contact: Some(contact), .. } => format!("converted to {contact}"),
        RecordState::Converted { contact: None, .. } => "converted".to_owned(),
    };
    Observed::Value(Value::option(words))
}

/// Records of one object that a page showed for the first time; they come in the order of their ids.
#[derive(Default)]
struct Baseline {
    rows: u64,
    first: std::sync::Arc<str>,
    last: std::sync::Arc<str>,
}

impl Baseline {
    fn add(&mut self, id: &RecordId) {
        if self.rows == 0 {
            self.first = id.as_str().into();
        }
        self.last = id.as_str().into();
        self.rows += 1;
    }
}

/// The keys that a record is matched by, or remembered by.
pub(crate) fn matching_keys(mapping: &Mapping, snapshot: &Snapshot) -> Vec<(RecordRef, Kind, Vec<MatchKey>)> {
    let keys = |kind| {
        let keys = identify::remembered(mapping, kind, snapshot).into_iter();
        keys.map(|key| MatchKey { name: key.name, value: key.value }).collect()
    };
    kinds_of(mapping, &snapshot.record).map(|kind| (snapshot.record.clone(), kind, keys(kind))).collect()
}

/// What there is to do about a record: its entities are planned again, and what it is not linked as is identified. A
/// tombstone of a record that was never seen is nothing to anybody.
pub(crate) fn work(mapping: &Mapping, snapshot: &Snapshot, links: &[Link], appeared: bool) -> Vec<DirtyKey> {
    let linked = links.iter().map(|link| DirtyKey::Entity(link.facet, link.entity));
    if appeared && snapshot.state == RecordState::Deleted {
        return linked.collect();
    }
    let unlinked = kinds_of(mapping, &snapshot.record)
        .filter(|kind| links.iter().all(|link| link.facet != *kind))
        .map(|kind| DirtyKey::Record(kind, snapshot.record.clone()));
    linked.chain(unlinked).collect()
}

/// The kinds whose configuration lists the record's object.
fn kinds_of(mapping: &Mapping, record: &RecordRef) -> impl Iterator<Item = Kind> {
    mapping
        .kinds
        .values()
        .filter(|kind| {
            kind.objects.get(&record.connection).is_some_and(|objects| objects.contains(&record.object))
        })
        .map(|kind| kind.kind)
}
