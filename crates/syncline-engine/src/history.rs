//! Reading the journal with filters, newest entries first found, with the values of its rows (HUB-6).

use crate::error::Error;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use syncline_model::{
    ConnectionName, EntityId, JournalSeq, ObjectName, RecordRef, RunId,
    journal::{CallId, Event, JournalEntry, RowResult, RowValues},
};
use syncline_store::{JournalFilter, Store};

/// Entries read at a time.
const PAGE: u64 = 1_000;

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this run.
    pub run: Option<RunId>,
    /// About this record, or what it is.
    pub record: Option<RecordRef>,
    /// About this entity, or a record that is linked to it now.
    pub entity: Option<EntityId>,
    /// About a record of this connection, or sent there.
    pub connection: Option<ConnectionName>,
    /// About a record of this object.
    pub object: Option<ObjectName>,
    /// Of one of these kinds; empty: of all.
    pub events: BTreeSet<EventKind>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// Kinds of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A run began or ended.
    Run,
    /// Records were read for the first time.
    Baseline,
    /// A record changed outside.
    Changed,
    /// A link changed.
    Linked,
    /// A call was about to be sent.
    Intended,
    /// A call was answered.
    Answered,
    /// A person confirmed a first contact or a backfill.
    Confirmed,
    /// A question was opened, answered or settled.
    Review,
    /// Another configuration is in force.
    Config,
    /// Values were erased, or let go after their time.
    Forgotten,
}

impl EventKind {
    /// All, in this order.
    pub const ALL: [Self; 10] = [
        Self::Run,
        Self::Baseline,
        Self::Changed,
        Self::Linked,
        Self::Intended,
        Self::Answered,
        Self::Confirmed,
        Self::Review,
        Self::Config,
        Self::Forgotten,
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Baseline => "baseline",
            Self::Changed => "changed",
            Self::Linked => "linked",
            Self::Intended => "intended",
            Self::Answered => "answered",
            Self::Confirmed => "confirmed",
            Self::Review => "review",
            Self::Config => "config",
            Self::Forgotten => "forgotten",
        }
    }

    /// Of an event.
    pub fn of(event: &Event) -> Self {
        match event {
            Event::RunStarted { .. } | Event::RunEnded { .. } => Self::Run,
            Event::Baseline { .. } => Self::Baseline,
            Event::Changed { .. } => Self::Changed,
            Event::Linked { .. } => Self::Linked,
            Event::CallIntended { .. } => Self::Intended,
            Event::CallEnded { .. } => Self::Answered,
            Event::Confirmed { .. } => Self::Confirmed,
            Event::Review { .. } => Self::Review,
            Event::Config { .. } => Self::Config,
            Event::Erased { .. } | Event::LetGo { .. } => Self::Forgotten,
        }
    }
}

/// Where a page lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The newest entries before this one; `None`: the newest of all.
    Before(Option<JournalSeq>),
    /// The oldest entries after this one.
    After(JournalSeq),
}

/// An entry with the values of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The entry.
    #[serde(flatten)]
    pub entry: JournalEntry,
    /// Its rows' values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ToldValues>,
}

/// The values of one row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToldValues {
    /// Which row.
    pub row: u32,
    /// Of which record.
    pub record: RecordRef,
    /// Its values; `None`: erased.
    pub values: Option<RowValues>,
}

/// At most `limit` entries that pass the filter, oldest first.
///
/// # Errors
/// [`Error::Store`]; [`syncline_store::StoreError::Corrupt`] where an entry is missing.
pub async fn history(
    store: &dyn Store,
    filter: &Filter,
    page: Page,
    limit: usize,
) -> Result<Vec<JournalEntry>, Error> {
    let sieve = Sieve::of(store, filter).await?;
    let of_store = JournalFilter { run: filter.run, record: filter.record.clone() };
    let narrow = of_store != JournalFilter::default();
    match page {
        Page::After(after) => forward(store, &of_store, &sieve, after, limit).await,
        Page::Before(before) if narrow => {
            let all = forward(store, &of_store, &sieve, JournalSeq(0), usize::MAX).await?;
            let mut kept: Vec<_> =
                all.into_iter().filter(|entry| before.is_none_or(|before| entry.seq < before)).collect();
            kept.drain(..kept.len().saturating_sub(limit));
            Ok(kept)
        }
        Page::Before(before) => backward(store, &sieve, before, limit).await,
    }
}

/// The values of entries' rows.
///
/// # Errors
/// [`Error::Store`].
pub async fn with_values(store: &dyn Store, entries: Vec<JournalEntry>) -> Result<Vec<Told>, Error> {
    let values = store.journal_values(&entries).await?;
    let told = |(entry, values): (JournalEntry, Vec<syncline_store::StoredValues>)| Told {
        entry,
        values: values
            .into_iter()
            .map(|one| ToldValues { row: one.row, record: one.record, values: one.values })
            .collect(),
    };
    Ok(entries.into_iter().zip(values).map(told).collect())
}

async fn forward(
    store: &dyn Store,
    of_store: &JournalFilter,
    sieve: &Sieve<'_>,
    mut after: JournalSeq,
    limit: usize,
) -> Result<Vec<JournalEntry>, Error> {
    let mut kept = Vec::new();
    while kept.len() < limit {
        let page = store.journal(of_store, after, PAGE as usize).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        kept.extend(page.into_iter().filter(|entry| sieve.passes(entry)));
    }
    kept.truncate(limit);
    Ok(kept)
}

/// Reads back from the end a page at a time, until there are enough or nothing older is asked for.
async fn backward(
    store: &dyn Store,
    sieve: &Sieve<'_>,
    before: Option<JournalSeq>,
    limit: usize,
) -> Result<Vec<JournalEntry>, Error> {
    let head = store.journal_head().await?.0;
    let mut end = before.map_or(head, |before| before.0.saturating_sub(1).min(head));
    let mut kept: Vec<JournalEntry> = Vec::new();
    while kept.len() < limit && end > 0 {
        let start = end.saturating_sub(PAGE);
        let count = (end - start) as usize;
        let mut page = store.journal(&JournalFilter::default(), JournalSeq(start), count).await?;
        page.retain(|entry| entry.seq.0 <= end);
        let past = page.first().is_none_or(|first| sieve.filter.since.is_some_and(|since| first.at < since));
        page.retain(|entry| sieve.passes(entry));
        page.append(&mut kept);
        kept = page;
        if past {
            break;
        }
        end = start;
    }
    kept.drain(..kept.len().saturating_sub(limit));
    Ok(kept)
}

/// A filter with what has to be looked up for it.
struct Sieve<'a> {
    filter: &'a Filter,
    /// Records of the entity asked for.
    records: BTreeSet<RecordRef>,
    /// Calls that carried something for it.
    calls: BTreeSet<CallId>,
}

impl<'a> Sieve<'a> {
    async fn of(store: &dyn Store, filter: &'a Filter) -> Result<Self, Error> {
        let mut sieve = Self { filter, records: BTreeSet::new(), calls: BTreeSet::new() };
        let Some(entity) = filter.entity else { return Ok(sieve) };
        for stored in store.entities(&[entity]).await? {
            sieve.records.extend(stored.links.into_iter().map(|link| link.record));
        }
        for record in sieve.records.clone() {
            let of_record = JournalFilter { run: None, record: Some(record) };
            let entries = store.journal(&of_record, JournalSeq(0), usize::MAX).await?;
            sieve.calls.extend(entries.iter().filter_map(|entry| call_of(&entry.event)));
        }
        Ok(sieve)
    }

    fn passes(&self, entry: &JournalEntry) -> bool {
        let filter = self.filter;
        let about = About::of(&entry.event);
        filter.run.is_none_or(|run| entry.run == Some(run))
            && filter.since.is_none_or(|since| entry.at >= since)
            && filter.until.is_none_or(|until| entry.at < until)
            && (filter.events.is_empty() || filter.events.contains(&EventKind::of(&entry.event)))
            && filter.connection.as_ref().is_none_or(|name| about.connections.contains(name))
            && filter.object.as_ref().is_none_or(|name| about.objects.contains(name))
            && filter.entity.is_none_or(|entity| {
                about.entities.contains(&entity)
                    || call_of(&entry.event).is_some_and(|call| self.calls.contains(&call))
                    || about.records.iter().any(|record| self.records.contains(*record))
            })
    }
}

fn call_of(event: &Event) -> Option<CallId> {
    match event {
        Event::CallIntended { call, .. } | Event::CallEnded { call, .. } => Some(*call),
        Event::RunStarted { .. }
        | Event::RunEnded { .. }
        | Event::Baseline { .. }
        | Event::Changed { .. }
        | Event::Linked { .. }
        | Event::Confirmed { .. }
        | Event::Review { .. }
        | Event::Config { .. }
        | Event::Erased { .. }
        | Event::LetGo { .. } => None,
    }
}

/// What an event is about.
#[derive(Default)]
struct About<'a> {
    records: Vec<&'a RecordRef>,
    entities: Vec<EntityId>,
    connections: BTreeSet<ConnectionName>,
    objects: BTreeSet<ObjectName>,
}

impl<'a> About<'a> {
    fn of(event: &'a Event) -> Self {
        let mut about = Self::default();
        match event {
            Event::Baseline { connection, object, .. } => {
                about.connections.insert(connection.clone());
                about.objects.insert(object.clone());
            }
            Event::Changed { record, .. } | Event::Erased { record, .. } => about.records.push(record),
            Event::Linked { record, entity, .. } => {
                about.records.push(record);
                about.entities.push(*entity);
            }
            Event::CallIntended { connection, rows, .. } => {
                about.connections.insert(connection.clone());
                for row in rows {
                    about.entities.push(row.entity);
                    about.records.extend(&row.record);
                    about.objects.extend(row.object.clone());
                }
            }
            Event::CallEnded { rows, .. } => about.records.extend(rows.iter().filter_map(written)),
            Event::RunStarted { .. }
            | Event::RunEnded { .. }
            | Event::Confirmed { .. }
            | Event::Review { .. }
            | Event::Config { .. }
            | Event::LetGo { .. } => {}
        }
        about.connections.extend(about.records.iter().map(|record| record.connection.clone()));
        about.objects.extend(about.records.iter().map(|record| record.object.clone()));
        about
    }
}

fn written(result: &RowResult) -> Option<&RecordRef> {
    match result {
        RowResult::Confirmed { record, .. } | RowResult::Resolved { record: Some(record) } => Some(record),
        RowResult::Resolved { record: None }
        | RowResult::Rejected { .. }
        | RowResult::Unknown { .. }
        | RowResult::NotSent { .. }
        | RowResult::Parked { .. } => None,
    }
}
