//! Reading the journal.

use super::{Failure, intern::Interner, statements as sql};
use crate::{JournalFilter, StoreError, StoredValues, codec, rows};
use rusqlite::{Connection, Rows, params};
use syncline_model::{JournalSeq, RunId, journal::JournalEntry};
use uuid::Uuid;

/// The counters, checked against the journal's last entry.
pub(super) fn head(connection: &Connection) -> Result<rows::Head, Failure> {
    let mut statement = connection.prepare_cached(sql::HEAD)?;
    let mut rows = statement.query([])?;
    let row = rows.next()?.ok_or_else(|| StoreError::Corrupt("the counters are missing".to_owned()))?;
    let mut columns: rows::HeadColumns = [0; 6];
    for (column, number) in columns.iter_mut().enumerate() {
        *number = row.get(column)?;
    }
    let books = row.get_ref(6)?.as_blob().map_err(super::read::odd)?;
    Ok(rows::Head::checked(columns, books, row.get(7)?)?)
}

pub(super) fn journal(
    connection: &Connection,
    names: &Interner,
    filter: &JournalFilter,
    after: JournalSeq,
    limit: usize,
) -> Result<Vec<JournalEntry>, Failure> {
    let Ok(start) = i64::try_from(after.0) else { return Ok(Vec::new()) };
    let limit = rows::limit(limit);
    let run = filter.run.map(|run| run.0.into_bytes());
    match (&filter.record, run) {
        (Some(record), run) => {
            let Some(stream) = names.stream_of(connection, record)? else { return Ok(Vec::new()) };
            let mut statement = connection.prepare_cached(sql::JOURNAL_OF_RECORD)?;
            entries(statement.query(params![stream, record.id.as_str().as_bytes(), start, run, limit])?)
        }
        (None, Some(run)) => {
            let mut statement = connection.prepare_cached(sql::JOURNAL_OF_RUN)?;
            entries(statement.query(params![run, start, limit])?)
        }
        (None, None) => {
            let mut statement = connection.prepare_cached(sql::JOURNAL)?;
            let found = entries(statement.query(params![start, limit])?)?;
            rows::without_gaps(after.0, head(connection)?.gone, &found)?;
            Ok(found)
        }
    }
}

fn entries(mut rows: Rows<'_>) -> Result<Vec<JournalEntry>, Failure> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(JournalEntry {
            seq: JournalSeq(codec::unsigned(row.get(0)?)?),
            at: codec::time_of(row.get(1)?)?,
            run: row.get::<_, Option<[u8; 16]>>(2)?.map(|run| RunId(Uuid::from_bytes(run))),
            event: codec::decode_json(row.get_ref(3)?.as_blob().map_err(super::read::odd)?, "journal entry")?,
        });
    }
    Ok(found)
}

pub(super) fn values(
    connection: &Connection,
    names: &Interner,
    entries: &[JournalEntry],
) -> Result<Vec<Vec<StoredValues>>, Failure> {
    let mut statement = connection.prepare_cached(sql::VALUES)?;
    let mut all = Vec::with_capacity(entries.len());
    for entry in entries {
        let mut found = Vec::new();
        for record in codec::valued(&entry.event) {
            let Some(stream) = names.stream_of(connection, record)? else { continue };
            let (id, seq) = (record.id.as_str().as_bytes(), codec::signed(entry.seq.0)?);
            let mut rows = statement.query(params![stream, id, seq])?;
            while let Some(row) = rows.next()? {
                let body = row.get_ref(1)?.as_blob_or_null().map_err(super::read::odd)?;
                found.push(rows::stored_values(record, row.get(0)?, body)?);
            }
        }
        found.sort_by_key(|one| one.row);
        all.push(found);
    }
    Ok(all)
}
