//! Records and links of a batch, each with the account of what it was before.

use super::{Failure, intern::Interner, statements as sql};
use crate::{
    Batch, LinkWrite, codec,
    ledger::{self, Now, Present, RECORD, RowKey},
    rows::Head,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;
use syncline_model::{Link, RecordRef};

pub(super) struct Records<'a> {
    pub(super) transaction: &'a Connection,
    pub(super) names: &'a Interner,
    pub(super) now: Now,
}

impl Records<'_> {
    fn key<'b>(&self, record: &'b RecordRef, facet: i16) -> Result<RowKey<'b>, Failure> {
        let stream = self.names.known_stream(self.transaction, record)?;
        Ok(RowKey { stream, id: record.id.as_str().as_bytes(), facet })
    }

    fn keep(&self, key: RowKey<'_>, former: Option<Vec<u8>>) -> Result<(), Failure> {
        if let Some(former) = former {
            self.transaction.prepare_cached(sql::ADD_FORMER)?.execute(params![
                key.stream,
                key.id,
                key.facet,
                codec::signed(self.now.step)?,
                former
            ])?;
        }
        Ok(())
    }

    pub(super) fn snapshots(&self, batch: &Batch, shapes: &[i32], head: &mut Head) -> Result<(), Failure> {
        let mut last = BTreeMap::new();
        for (snapshot, shape) in batch.snapshots.iter().zip(shapes) {
            last.insert(self.key(&snapshot.record, RECORD)?, (snapshot, *shape));
        }
        for (key, (snapshot, shape)) in last {
            let version = snapshot.version.as_ref().map(|version| version.0.as_bytes());
            let modified = snapshot.modified.map(codec::micros);
            let state = codec::record_state_code(&snapshot.state);
            let data = codec::encode_snapshot(snapshot);
            let image = ledger::record_image(version, modified, state, shape, &data);
            let old = stored_record(self.transaction, key)?;
            let Some(tracked) = head.books.put(key, self.now, old.as_ref(), &image)? else { continue };
            self.keep(key, tracked.former)?;
            self.transaction.prepare_cached(sql::PUT_SNAPSHOT)?.execute(params![
                key.stream,
                key.id,
                version,
                modified,
                state,
                shape,
                data,
                tracked.step,
                tracked.mark
            ])?;
        }
        Ok(())
    }

    pub(super) fn links(&self, batch: &Batch, head: &mut Head) -> Result<(), Failure> {
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
        for (key, link) in last {
            let old = stored_link(self.transaction, key)?;
            match link {
                Some(link) => self.put_link(key, link, old.as_ref(), head)?,
                None => {
                    let Some(old) = old else { continue };
                    let former = head.books.remove(key, self.now, &old)?;
                    self.keep(key, former)?;
                    let place = params![key.stream, key.id, key.facet];
                    self.transaction.prepare_cached(sql::REMOVE_LINK)?.execute(place)?;
                }
            }
        }
        Ok(())
    }

    fn put_link(
        &self,
        key: RowKey<'_>,
        link: &Link,
        old: Option<&Present>,
        head: &mut Head,
    ) -> Result<(), Failure> {
        let since = codec::signed(if link.since.0 == 0 { self.now.seq } else { link.since.0 })?;
        let (entity, state) = (link.entity.0.as_bytes(), codec::link_state_code(&link.state));
        let detail = codec::encode_link_detail(&link.state, &link.evidence);
        let base = link.base.as_ref().map(codec::encode_base);
        let image = ledger::link_image(entity, state, since, &detail, base.as_deref());
        let Some(tracked) = head.books.put(key, self.now, old, &image)? else { return Ok(()) };
        self.keep(key, tracked.former)?;
        self.transaction.prepare_cached(sql::PUT_LINK)?.execute(params![
            key.stream,
            key.id,
            key.facet,
            entity,
            state,
            since,
            detail,
            base,
            tracked.step,
            tracked.mark
        ])?;
        Ok(())
    }
}

/// A record's row as it is stored.
pub(super) fn stored_record(connection: &Connection, key: RowKey<'_>) -> Result<Option<Present>, Failure> {
    let mut statement = connection.prepare_cached(sql::RECORD_ROW)?;
    let row = statement.query_row(params![key.stream, key.id], |row| Ok(record_row(row)));
    row.optional()?.transpose()
}

fn record_row(row: &Row<'_>) -> Result<Present, Failure> {
    let version = row.get_ref(0)?.as_blob_or_null().map_err(super::read::odd)?;
    let data = row.get_ref(4)?.as_blob().map_err(super::read::odd)?;
    let image = ledger::record_image(version, row.get(1)?, row.get(2)?, row.get(3)?, data);
    Ok(Present { image, step: codec::unsigned(row.get(5)?)?, mark: row.get(6)? })
}

/// A link's row as it is stored.
pub(super) fn stored_link(connection: &Connection, key: RowKey<'_>) -> Result<Option<Present>, Failure> {
    let mut statement = connection.prepare_cached(sql::LINK_ROW)?;
    let row = statement.query_row(params![key.stream, key.id, key.facet], |row| Ok(link_row(row)));
    row.optional()?.transpose()
}

fn link_row(row: &Row<'_>) -> Result<Present, Failure> {
    let blob = |column| row.get_ref(column)?.as_blob().map_err(super::read::odd);
    let base = row.get_ref(4)?.as_blob_or_null().map_err(super::read::odd)?;
    let image = ledger::link_image(blob(0)?, row.get(1)?, row.get(2)?, blob(3)?, base);
    Ok(Present { image, step: codec::unsigned(row.get(5)?)?, mark: row.get(6)? })
}
