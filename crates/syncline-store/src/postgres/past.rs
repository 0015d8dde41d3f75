//! The past: read to be proved, erased, let go.

use super::{Failure, intern, journal, records, statements as sql};
use crate::{
    LetGo, codec,
    ledger::{Present, RECORD, RowKey, values_hash},
    names::Names,
    past::{self, ChainEntry, Checkpoint, Ledger, Past, PastRow, PastValues, Place},
    rows::{self, Head},
};
use deadpool_postgres::Transaction;
use syncline_model::{JournalSeq, RecordRef};
use tokio_postgres::{Row, types::ToSql};

/// Rows looked at in one go.
const PAGE: i64 = 5_000;

pub(super) async fn ledger(client: &Transaction<'_>) -> Result<Ledger, Failure> {
    Ok(Ledger { head: journal::head(client).await?, checkpoints: checkpoints(client).await? })
}

async fn execute(
    client: &Transaction<'_>,
    text: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<(), Failure> {
    let statement = client.prepare_cached(text).await?;
    client.execute(&statement, values).await?;
    Ok(())
}

async fn checkpoints(client: &Transaction<'_>) -> Result<Vec<Checkpoint>, Failure> {
    let statement = client.prepare_cached(sql::CHECKPOINTS).await?;
    client.query(&statement, &[]).await?.iter().map(checkpoint).collect()
}

fn checkpoint(row: &Row) -> Result<Checkpoint, Failure> {
    Ok(Checkpoint::stored(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)?)
}

pub(super) async fn chain(
    client: &Transaction<'_>,
    after: JournalSeq,
    limit: usize,
) -> Result<Vec<ChainEntry>, Failure> {
    let Ok(start) = i64::try_from(after.0) else { return Ok(Vec::new()) };
    let statement = client.prepare_cached(sql::LINKS_OF_CHAIN).await?;
    let rows = client.query(&statement, &[&start, &rows::limit(limit)]).await?;
    rows.iter()
        .map(|row| {
            let seq = JournalSeq(codec::unsigned(row.try_get(0)?)?);
            Ok(ChainEntry { seq, at: row.try_get(1)?, run: row.try_get(2)?, event: row.try_get(3)? })
        })
        .collect()
}

pub(super) async fn past(
    client: &Transaction<'_>,
    names: &Names,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<Past>, Failure> {
    let (stream, id) = after.map_or((i32::MIN, &[][..]), |Place(stream, id)| (*stream, id.as_slice()));
    let statement = client.prepare_cached(sql::KEPT).await?;
    let rows = client.query(&statement, &[&stream, &id, &rows::limit(limit)]).await?;
    let places: Vec<Place> = rows
        .iter()
        .map(|row| Ok(Place(row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, tokio_postgres::Error>>()?;
    let addresses = places.iter().map(|Place(stream, id)| (*stream, id.clone())).collect();
    let records = intern::addresses(client, names, addresses).await?;
    let (rows, values) = (rows_of(client, &places).await?, values_of(client, &places).await?);
    let whole = records.into_iter().zip(places).zip(rows).zip(values);
    Ok(whole.map(|(((record, place), rows), values)| Past { record, place, rows, values }).collect())
}

fn columns(places: &[Place]) -> (Vec<i32>, Vec<&[u8]>) {
    places.iter().map(|Place(stream, id)| (*stream, id.as_slice())).unzip()
}

async fn rows_of(client: &Transaction<'_>, places: &[Place]) -> Result<Vec<Vec<PastRow>>, Failure> {
    let keys: Vec<RowKey<'_>> =
        places.iter().map(|Place(stream, id)| RowKey { stream: *stream, id, facet: RECORD }).collect();
    let mut present: Vec<Vec<(i16, Present)>> = records::stored_records(client, &keys)
        .await?
        .into_iter()
        .map(|row| row.map(|row| (RECORD, row)).into_iter().collect())
        .collect();
    let (streams, ids) = columns(places);
    for (at, facet, row) in records::links_of_records(client, &streams, &ids).await? {
        if let Some(rows) = present.get_mut(at) {
            rows.push((facet, row));
        }
    }
    let statement = client.prepare_cached(sql::FORMERS_OF_RECORDS).await?;
    let mut formers: Vec<Vec<_>> = places.iter().map(|_| Vec::new()).collect();
    for row in client.query(&statement, &[&streams, &ids]).await? {
        if let Some(rows) = formers.get_mut(super::read::position(&row)?) {
            rows.push((row.try_get(1)?, codec::unsigned(row.try_get(2)?)?, row.try_get(3)?));
        }
    }
    Ok(present.into_iter().zip(formers).map(|(present, formers)| PastRow::join(present, formers)).collect())
}

async fn values_of(client: &Transaction<'_>, places: &[Place]) -> Result<Vec<Vec<PastValues>>, Failure> {
    let (streams, ids) = columns(places);
    let statement = client.prepare_cached(sql::VALUES_OF_RECORDS).await?;
    let mut found: Vec<Vec<PastValues>> = places.iter().map(|_| Vec::new()).collect();
    for row in client.query(&statement, &[&streams, &ids]).await? {
        if let Some(values) = found.get_mut(super::read::position(&row)?) {
            values.push(PastValues { seq: row.try_get(1)?, row: row.try_get(2)?, body: row.try_get(3)? });
        }
    }
    Ok(found)
}

/// Erases what is kept of records' pasts, and takes it out of the checkpoints.
pub(super) async fn erase(
    client: &Transaction<'_>,
    names: &Names,
    erased: &[RecordRef],
    head: &mut Head,
) -> Result<(), Failure> {
    if erased.is_empty() {
        return Ok(());
    }
    let mut noted: Vec<(Checkpoint, bool)> =
        checkpoints(client).await?.into_iter().map(|checkpoint| (checkpoint, false)).collect();
    for record in erased {
        let stream = intern::stream(client, names, &record.connection, &record.object).await?;
        let Some(stream) = stream else { continue };
        let place = [Place(stream, record.id.as_str().as_bytes().to_vec())];
        let [Place(_, id)] = &place;
        for PastValues { seq, row, body } in values_of(client, &place).await?.concat() {
            head.books.kept.take(&values_hash(stream, id, seq, row, body.as_deref()));
            head.books.kept.add(&values_hash(stream, id, seq, row, None));
        }
        execute(client, sql::ERASE_VALUES, &[&stream, id]).await?;
        for PastRow { facet, present, formers } in rows_of(client, &place).await?.concat() {
            let key = RowKey { stream, id, facet };
            past::strike(&past::lives(key, present.as_ref(), &formers)?, &mut noted);
            let formers: Vec<_> = formers.iter().map(|(step, body)| (key, *step, body.as_slice())).collect();
            remove_formers(client, &formers, head).await?;
        }
    }
    for (checkpoint, _) in noted.iter().filter(|(_, changed)| *changed) {
        let (seq, books) = (codec::signed(checkpoint.seq.0)?, checkpoint.books.encode());
        execute(client, sql::PUT_CHECKPOINT, &[&seq, &books]).await?;
    }
    Ok(())
}

async fn remove_formers(
    client: &Transaction<'_>,
    formers: &[(RowKey<'_>, u64, &[u8])],
    head: &mut Head,
) -> Result<(), Failure> {
    if formers.is_empty() {
        return Ok(());
    }
    let mut steps = Vec::with_capacity(formers.len());
    for (key, step, body) in formers {
        head.books.kept.take(&key.former_hash(*step, body));
        steps.push(codec::signed(*step)?);
    }
    let (streams, ids, facets) = records::columns(formers.iter().map(|(key, _, _)| *key));
    execute(client, sql::REMOVE_FORMERS, &[&streams, &ids, &facets, &steps]).await
}

/// Lets go of what was kept long enough.
pub(super) async fn let_go(client: &Transaction<'_>, until: LetGo, head: &mut Head) -> Result<(), Failure> {
    let Some(observed) = last_checkpoint(client, until.observed).await? else { return Ok(()) };
    let entries = last_checkpoint(client, until.entries.min(until.observed)).await?;
    let entries = entries.map_or(head.gone, |checkpoint| checkpoint.seq.0).max(head.gone);
    if observed.books.step > head.books.from {
        formers_until(client, observed.books.step, head).await?;
        head.books.from = observed.books.step;
    }
    values_until(client, observed.seq.0, entries, head).await?;
    if entries > head.gone {
        head.gone = entries;
        let entries = codec::signed(entries)?;
        let statements = [
            sql::REMOVE_CHECKPOINTS,
            sql::REMOVE_ENTRIES,
            sql::REMOVE_NAMED_RECORDS,
            sql::REMOVE_NAMED_ENTITIES,
        ];
        for statement in statements {
            execute(client, statement, &[&entries]).await?;
        }
    }
    Ok(())
}

async fn last_checkpoint(client: &Transaction<'_>, until: JournalSeq) -> Result<Option<Checkpoint>, Failure> {
    let until = i64::try_from(until.0).unwrap_or(i64::MAX);
    let statement = client.prepare_cached(sql::LAST_CHECKPOINT).await?;
    client.query_opt(&statement, &[&until]).await?.as_ref().map(checkpoint).transpose()
}

async fn formers_until(client: &Transaction<'_>, until: u64, head: &mut Head) -> Result<(), Failure> {
    let mut after: (i32, Vec<u8>, i16, i64) = (i32::MIN, Vec::new(), i16::MIN, 0);
    let statement = client.prepare_cached(sql::FORMERS_PAGE).await?;
    loop {
        let rows = client.query(&statement, &[&after.0, &after.1, &after.2, &after.3, &PAGE]).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = (last.try_get(0)?, last.try_get(1)?, last.try_get(2)?, last.try_get(3)?);
        let mut removed = Vec::new();
        for row in &rows {
            let key = RowKey { stream: row.try_get(0)?, id: row.try_get(1)?, facet: row.try_get(2)? };
            let step = codec::unsigned(row.try_get(3)?)?;
            if step <= until {
                removed.push((key, step, row.try_get(4)?));
            }
        }
        remove_formers(client, &removed, head).await?;
    }
}

async fn values_until(
    client: &Transaction<'_>,
    observed: u64,
    entries: u64,
    head: &mut Head,
) -> Result<(), Failure> {
    let mut after: (i32, Vec<u8>, i64, i64) = (i32::MIN, Vec::new(), 0, 0);
    let statement = client.prepare_cached(sql::VALUES_PAGE).await?;
    loop {
        let rows = client.query(&statement, &[&after.0, &after.1, &after.2, &after.3, &PAGE]).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = (last.try_get(0)?, last.try_get(1)?, last.try_get(2)?, last.try_get(3)?);
        let (mut streams, mut ids, mut seqs, mut numbers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for row in &rows {
            let (stream, id, seq, n): (i32, &[u8], i64, i64) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
            let (at, body): (u64, Option<&[u8]>) = (codec::unsigned(seq)?, row.try_get(4)?);
            if at <= entries || (at <= observed && body.is_some_and(codec::is_observed)) {
                head.books.kept.take(&values_hash(stream, id, seq, n, body));
                streams.push(stream);
                ids.push(id);
                seqs.push(seq);
                numbers.push(n);
            }
        }
        execute(client, sql::REMOVE_VALUES, &[&streams, &ids, &seqs, &numbers]).await?;
    }
}
