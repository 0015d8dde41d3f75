//! Reading the journal.

use super::{Failure, intern, statements as sql, work::uuid};
use crate::{JournalFilter, StoreError, StoredValues, codec, names::Names, rows};
use deadpool_postgres::Transaction;
use syncline_model::{JournalSeq, RunId, journal::JournalEntry};
use tokio_postgres::Row;

/// The counters, checked against the journal's last entry.
pub(super) async fn head(client: &Transaction<'_>) -> Result<rows::Head, Failure> {
    let statement = client.prepare_cached(sql::HEAD).await?;
    let row = client.query_one(&statement, &[]).await?;
    head_of(&row, row.try_get(7)?)
}

/// The counters of a row; `last` is the journal's last entry.
pub(super) fn head_of(row: &Row, last: Option<i64>) -> Result<rows::Head, Failure> {
    let mut columns: rows::HeadColumns = [0; 6];
    for (column, number) in columns.iter_mut().enumerate() {
        *number = row.try_get(column)?;
    }
    Ok(rows::Head::checked(columns, row.try_get(6)?, last)?)
}

pub(super) async fn journal(
    client: &Transaction<'_>,
    names: &Names,
    filter: &JournalFilter,
    after: JournalSeq,
    limit: usize,
) -> Result<Vec<JournalEntry>, Failure> {
    let Ok(start) = i64::try_from(after.0) else { return Ok(Vec::new()) };
    let limit = rows::limit(limit);
    let run = filter.run.map(|run| run.0.as_bytes().to_vec());
    match (&filter.record, run) {
        (Some(record), run) => {
            let stream = intern::stream(client, names, &record.connection, &record.object).await?;
            let Some(stream) = stream else { return Ok(Vec::new()) };
            let statement = client.prepare_cached(sql::JOURNAL_OF_RECORD).await?;
            let id = record.id.as_str().as_bytes();
            entries(&client.query(&statement, &[&stream, &id, &start, &run, &limit]).await?)
        }
        (None, Some(run)) => {
            let statement = client.prepare_cached(sql::JOURNAL_OF_RUN).await?;
            entries(&client.query(&statement, &[&run, &start, &limit]).await?)
        }
        (None, None) => {
            let statement = client.prepare_cached(sql::JOURNAL).await?;
            let found = entries(&client.query(&statement, &[&start, &limit]).await?)?;
            rows::without_gaps(after.0, head(client).await?.gone, &found)?;
            Ok(found)
        }
    }
}

fn entries(rows: &[Row]) -> Result<Vec<JournalEntry>, Failure> {
    rows.iter()
        .map(|row| {
            let run = row.try_get::<_, Option<&[u8]>>(2)?.map(uuid).transpose()?;
            Ok(JournalEntry {
                seq: JournalSeq(codec::unsigned(row.try_get(0)?)?),
                at: codec::time_of(row.try_get(1)?)?,
                run: run.map(RunId),
                event: codec::decode_json(row.try_get(3)?, "journal entry")?,
            })
        })
        .collect()
}

pub(super) async fn values(
    client: &Transaction<'_>,
    names: &Names,
    entries: &[JournalEntry],
) -> Result<Vec<Vec<StoredValues>>, Failure> {
    let mut asked = Vec::new();
    let (mut streams, mut ids, mut seqs) = (Vec::new(), Vec::new(), Vec::new());
    for (position, entry) in entries.iter().enumerate() {
        for record in codec::valued(&entry.event) {
            let stream = intern::stream(client, names, &record.connection, &record.object).await?;
            let Some(stream) = stream else { continue };
            asked.push((position, record));
            streams.push(stream);
            ids.push(record.id.as_str().as_bytes());
            seqs.push(codec::signed(entry.seq.0)?);
        }
    }
    let mut all: Vec<Vec<StoredValues>> = entries.iter().map(|_| Vec::new()).collect();
    let statement = client.prepare_cached(sql::VALUES).await?;
    for row in client.query(&statement, &[&streams, &ids, &seqs]).await? {
        let at = usize::try_from(row.try_get::<_, i64>(0)? - 1).ok();
        let (position, record) = *at
            .and_then(|at| asked.get(at))
            .ok_or_else(|| StoreError::Engine("values came that were not asked for".to_owned()))?;
        all[position].push(rows::stored_values(record, row.try_get(1)?, row.try_get(2)?)?);
    }
    all.iter_mut().for_each(|found| found.sort_by_key(|one| one.row));
    Ok(all)
}
