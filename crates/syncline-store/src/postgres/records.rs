//! Records and links of a batch, each with the account of what it was before.

use super::{Failure, intern::known_stream, statements as sql};
use crate::{
    Batch, LinkWrite, StoreError, codec,
    ledger::{self, Now, Present, RECORD, RowKey, Tracked},
    names::Names,
    rows::Head,
};
use deadpool_postgres::Transaction;
use std::collections::BTreeMap;
use syncline_model::{Link, RecordRef, Snapshot};
use tokio_postgres::{Row, types::ToSql};

pub(super) struct Records<'a> {
    pub(super) client: &'a Transaction<'a>,
    pub(super) names: &'a Names,
    pub(super) now: Now,
}

/// A record that changes, with what is written.
struct RecordChange<'a> {
    key: RowKey<'a>,
    snapshot: &'a Snapshot,
    shape: i32,
    data: Vec<u8>,
    tracked: Tracked,
}

/// A link that changes, with what is written.
struct LinkChange<'a> {
    key: RowKey<'a>,
    link: &'a Link,
    since: i64,
    detail: Vec<u8>,
    base: Option<Vec<u8>>,
    tracked: Tracked,
}

impl Records<'_> {
    async fn execute(&self, text: &str, values: &[&(dyn ToSql + Sync)]) -> Result<(), Failure> {
        let statement = self.client.prepare_cached(text).await?;
        self.client.execute(&statement, values).await?;
        Ok(())
    }

    fn key<'b>(&self, record: &'b RecordRef, facet: i16) -> Result<RowKey<'b>, Failure> {
        Ok(RowKey { stream: known_stream(self.names, record)?, id: record.id.as_str().as_bytes(), facet })
    }

    async fn keep(&self, formers: &[(RowKey<'_>, &[u8])]) -> Result<(), Failure> {
        if formers.is_empty() {
            return Ok(());
        }
        let (streams, ids, facets) = columns(formers.iter().map(|(key, _)| *key));
        let bodies: Vec<&[u8]> = formers.iter().map(|(_, body)| *body).collect();
        let step = codec::signed(self.now.step)?;
        self.execute(sql::ADD_FORMERS, &[&streams, &ids, &facets, &bodies, &step]).await
    }

    pub(super) async fn snapshots(
        &self,
        batch: &Batch,
        shapes: &[i32],
        head: &mut Head,
    ) -> Result<(), Failure> {
        let mut last = BTreeMap::new();
        for (snapshot, shape) in batch.snapshots.iter().zip(shapes) {
            last.insert(self.key(&snapshot.record, RECORD)?, (snapshot, *shape));
        }
        if last.is_empty() {
            return Ok(());
        }
        let keys: Vec<RowKey<'_>> = last.keys().copied().collect();
        let old = stored_records(self.client, &keys).await?;
        let mut changes = Vec::new();
        for ((key, (snapshot, shape)), old) in last.into_iter().zip(old) {
            let data = codec::encode_snapshot(snapshot);
            let image = ledger::record_image(
                snapshot.version.as_ref().map(|version| version.0.as_bytes()),
                snapshot.modified.map(codec::micros),
                codec::record_state_code(&snapshot.state),
                shape,
                &data,
            );
            if let Some(tracked) = head.books.put(key, self.now, old.as_ref(), &image)? {
                changes.push(RecordChange { key, snapshot, shape, data, tracked });
            }
        }
        self.put_snapshots(&changes).await
    }

    async fn put_snapshots(&self, changes: &[RecordChange<'_>]) -> Result<(), Failure> {
        if changes.is_empty() {
            return Ok(());
        }
        self.keep(&formers(changes.iter().map(|change| (change.key, &change.tracked)))).await?;
        let (streams, ids, _) = columns(changes.iter().map(|change| change.key));
        let rows = || changes.iter().map(|change| change.snapshot);
        let versions: Vec<Option<&[u8]>> =
            rows().map(|one| one.version.as_ref().map(|version| version.0.as_bytes())).collect();
        let modified: Vec<Option<i64>> = rows().map(|one| one.modified.map(codec::micros)).collect();
        let states: Vec<i16> = rows().map(|one| codec::record_state_code(&one.state)).collect();
        let shapes: Vec<i32> = changes.iter().map(|change| change.shape).collect();
        let data: Vec<&[u8]> = changes.iter().map(|change| change.data.as_slice()).collect();
        let steps: Vec<i64> = changes.iter().map(|change| change.tracked.step).collect();
        let marks: Vec<i64> = changes.iter().map(|change| change.tracked.mark).collect();
        let values: [&(dyn ToSql + Sync); 9] =
            [&streams, &ids, &versions, &modified, &states, &shapes, &data, &steps, &marks];
        self.execute(sql::PUT_SNAPSHOTS, &values).await
    }

    pub(super) async fn links(&self, batch: &Batch, head: &mut Head) -> Result<(), Failure> {
        let mut last: BTreeMap<RowKey<'_>, Option<&Link>> = BTreeMap::new();
        for write in &batch.links {
            match write {
                LinkWrite::Put(link) => {
                    last.insert(self.key(&link.record, codec::kind_code(link.facet))?, Some(link))
                }
                LinkWrite::Remove(record, facet) => {
                    last.insert(self.key(record, codec::kind_code(*facet))?, None)
                }
            };
        }
        if last.is_empty() {
            return Ok(());
        }
        let keys: Vec<RowKey<'_>> = last.keys().copied().collect();
        let old = stored_links(self.client, &keys).await?;
        let (mut changes, mut removed, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        for ((key, link), old) in last.into_iter().zip(old) {
            let Some(link) = link else {
                let Some(old) = old else { continue };
                removed.push(key);
                kept.extend(head.books.remove(key, self.now, &old)?.map(|former| (key, former)));
                continue;
            };
            let since = codec::signed(if link.since.0 == 0 { self.now.seq } else { link.since.0 })?;
            let detail = codec::encode_link_detail(&link.state, &link.evidence);
            let base = link.base.as_ref().map(codec::encode_base);
            let state = codec::link_state_code(&link.state);
            let image = ledger::link_image(link.entity.0.as_bytes(), state, since, &detail, base.as_deref());
            if let Some(tracked) = head.books.put(key, self.now, old.as_ref(), &image)? {
                changes.push(LinkChange { key, link, since, detail, base, tracked });
            }
        }
        if !removed.is_empty() {
            let kept: Vec<_> = kept.iter().map(|(key, former)| (*key, former.as_slice())).collect();
            self.keep(&kept).await?;
            let (streams, ids, facets) = columns(removed);
            self.execute(sql::REMOVE_LINKS, &[&streams, &ids, &facets]).await?;
        }
        self.put_links(&changes).await
    }

    async fn put_links(&self, changes: &[LinkChange<'_>]) -> Result<(), Failure> {
        if changes.is_empty() {
            return Ok(());
        }
        self.keep(&formers(changes.iter().map(|change| (change.key, &change.tracked)))).await?;
        let (streams, ids, facets) = columns(changes.iter().map(|change| change.key));
        let entities: Vec<&[u8]> =
            changes.iter().map(|change| change.link.entity.0.as_bytes().as_slice()).collect();
        let states: Vec<i16> =
            changes.iter().map(|change| codec::link_state_code(&change.link.state)).collect();
        let since: Vec<i64> = changes.iter().map(|change| change.since).collect();
        let details: Vec<&[u8]> = changes.iter().map(|change| change.detail.as_slice()).collect();
        let bases: Vec<Option<&[u8]>> = changes.iter().map(|change| change.base.as_deref()).collect();
        let steps: Vec<i64> = changes.iter().map(|change| change.tracked.step).collect();
        let marks: Vec<i64> = changes.iter().map(|change| change.tracked.mark).collect();
        let values: [&(dyn ToSql + Sync); 10] =
            [&streams, &ids, &facets, &entities, &states, &since, &details, &bases, &steps, &marks];
        self.execute(sql::PUT_LINKS, &values).await
    }
}

fn formers<'a>(changes: impl Iterator<Item = (RowKey<'a>, &'a Tracked)>) -> Vec<(RowKey<'a>, &'a [u8])> {
    changes.filter_map(|(key, tracked)| Some((key, tracked.former.as_deref()?))).collect()
}

/// Keys as columns.
pub(super) fn columns<'a>(keys: impl IntoIterator<Item = RowKey<'a>>) -> (Vec<i32>, Vec<&'a [u8]>, Vec<i16>) {
    let (mut streams, mut ids, mut facets) = (Vec::new(), Vec::new(), Vec::new());
    for key in keys {
        streams.push(key.stream);
        ids.push(key.id);
        facets.push(key.facet);
    }
    (streams, ids, facets)
}

/// Records' rows as they are stored, in the keys' order.
pub(super) async fn stored_records(
    client: &Transaction<'_>,
    keys: &[RowKey<'_>],
) -> Result<Vec<Option<Present>>, Failure> {
    let (streams, ids, _) = columns(keys.iter().copied());
    let statement = client.prepare_cached(sql::RECORD_ROWS).await?;
    let mut found: Vec<Option<Present>> = keys.iter().map(|_| None).collect();
    for row in client.query(&statement, &[&streams, &ids]).await? {
        if let Some(place) = found.get_mut(super::read::position(&row)?) {
            *place = Some(record_row(&row)?);
        }
    }
    Ok(found)
}

/// Links' rows as they are stored, in the keys' order.
async fn stored_links(
    client: &Transaction<'_>,
    keys: &[RowKey<'_>],
) -> Result<Vec<Option<Present>>, Failure> {
    let (streams, ids, facets) = columns(keys.iter().copied());
    let statement = client.prepare_cached(sql::LINK_ROWS).await?;
    let mut found: Vec<Option<Present>> = keys.iter().map(|_| None).collect();
    for row in client.query(&statement, &[&streams, &ids, &facets]).await? {
        if let Some(place) = found.get_mut(super::read::position(&row)?) {
            *place = Some(link_row(&row)?);
        }
    }
    Ok(found)
}

/// All links' rows of records, each with its record's position and its facet.
pub(super) async fn links_of_records(
    client: &Transaction<'_>,
    streams: &[i32],
    ids: &[&[u8]],
) -> Result<Vec<(usize, i16, Present)>, Failure> {
    let statement = client.prepare_cached(sql::LINK_ROWS_OF_RECORDS).await?;
    let rows = client.query(&statement, &[&streams, &ids]).await?;
    rows.iter().map(|row| Ok((super::read::position(row)?, row.try_get(8)?, link_row(row)?))).collect()
}

fn record_row(row: &Row) -> Result<Present, Failure> {
    let state: i16 = row.try_get(3)?;
    let image =
        ledger::record_image(row.try_get(1)?, row.try_get(2)?, state, row.try_get(4)?, row.try_get(5)?);
    Ok(Present { image, step: step(row.try_get(6)?)?, mark: row.try_get(7)? })
}

fn link_row(row: &Row) -> Result<Present, Failure> {
    let image = ledger::link_image(
        row.try_get(1)?,
        row.try_get(2)?,
        row.try_get(3)?,
        row.try_get(4)?,
        row.try_get(5)?,
    );
    Ok(Present { image, step: step(row.try_get(6)?)?, mark: row.try_get(7)? })
}

fn step(column: i64) -> Result<u64, StoreError> {
    codec::unsigned(column)
}
