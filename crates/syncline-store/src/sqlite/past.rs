//! The past: read to be proved, erased, let go.

use super::{Failure, intern::Interner, journal, records, statements as sql};
use crate::{
    LetGo, codec,
    ledger::{Present, RECORD, RowKey, values_hash},
    past::{self, ChainEntry, Checkpoint, Ledger, Past, PastRow, PastValues, Place},
    rows::{self, Head},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use syncline_model::{JournalSeq, RecordRef};

/// Rows looked at in one go.
const PAGE: i64 = 5_000;

pub(super) fn ledger(connection: &Connection) -> Result<Ledger, Failure> {
    Ok(Ledger { head: journal::head(connection)?, checkpoints: checkpoints(connection)? })
}

fn checkpoints(connection: &Connection) -> Result<Vec<Checkpoint>, Failure> {
    let mut statement = connection.prepare_cached(sql::CHECKPOINTS)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(checkpoint(row)?);
    }
    Ok(found)
}

fn checkpoint(row: &Row<'_>) -> Result<Checkpoint, Failure> {
    let books = row.get_ref(2)?.as_blob().map_err(super::read::odd)?;
    Ok(Checkpoint::stored(row.get(0)?, row.get(1)?, books)?)
}

pub(super) fn chain(
    connection: &Connection,
    after: JournalSeq,
    limit: usize,
) -> Result<Vec<ChainEntry>, Failure> {
    let Ok(start) = i64::try_from(after.0) else { return Ok(Vec::new()) };
    let mut statement = connection.prepare_cached(sql::LINKS_OF_CHAIN)?;
    let mut rows = statement.query(params![start, rows::limit(limit)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let seq = JournalSeq(codec::unsigned(row.get(0)?)?);
        found.push(ChainEntry { seq, at: row.get(1)?, run: row.get(2)?, event: row.get(3)? });
    }
    Ok(found)
}

pub(super) fn past(
    connection: &Connection,
    names: &Interner,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<Past>, Failure> {
    let (stream, id) = after.map_or((i32::MIN, &[][..]), |Place(stream, id)| (*stream, id.as_slice()));
    let mut statement = connection.prepare_cached(sql::KEPT)?;
    let places = statement
        .query_map(params![stream, id, rows::limit(limit)], |row| Ok(Place(row.get(0)?, row.get(1)?)))?
        .collect::<Result<Vec<_>, _>>()?;
    places
        .into_iter()
        .map(|place| {
            Ok(Past {
                record: names.record(connection, place.0, place.1.clone())?,
                rows: rows_of(connection, &place)?,
                values: values_of(connection, &place)?,
                place,
            })
        })
        .collect()
}

fn rows_of(connection: &Connection, Place(stream, id): &Place) -> Result<Vec<PastRow>, Failure> {
    let key = |facet| RowKey { stream: *stream, id, facet };
    let mut present: Vec<(i16, Present)> = Vec::new();
    present.extend(records::stored_record(connection, key(RECORD))?.map(|row| (RECORD, row)));
    let facets = connection
        .prepare_cached(sql::FACETS_OF_RECORD)?
        .query_map(params![stream, id], |row| row.get(0))?
        .collect::<Result<Vec<i16>, _>>()?;
    for facet in facets {
        present.extend(records::stored_link(connection, key(facet))?.map(|row| (facet, row)));
    }
    let mut statement = connection.prepare_cached(sql::FORMERS_OF_RECORD)?;
    let mut rows = statement.query(params![stream, id])?;
    let mut formers = Vec::new();
    while let Some(row) = rows.next()? {
        formers.push((row.get(0)?, codec::unsigned(row.get(1)?)?, row.get(2)?));
    }
    Ok(PastRow::join(present, formers))
}

fn values_of(connection: &Connection, Place(stream, id): &Place) -> Result<Vec<PastValues>, Failure> {
    let mut statement = connection.prepare_cached(sql::VALUES_OF_RECORD)?;
    let values = statement.query_map(params![stream, id], |row| {
        Ok(PastValues { seq: row.get(0)?, row: row.get(1)?, body: row.get(2)? })
    })?;
    Ok(values.collect::<Result<_, _>>()?)
}

/// Erases what is kept of records' pasts, and takes it out of the checkpoints.
pub(super) fn erase(
    transaction: &Connection,
    names: &Interner,
    erased: &[RecordRef],
    head: &mut Head,
) -> Result<(), Failure> {
    if erased.is_empty() {
        return Ok(());
    }
    let mut noted: Vec<(Checkpoint, bool)> =
        checkpoints(transaction)?.into_iter().map(|checkpoint| (checkpoint, false)).collect();
    for record in erased {
        let Some(stream) = names.stream_of(transaction, record)? else { continue };
        let place = Place(stream, record.id.as_str().as_bytes().to_vec());
        let Place(_, id) = &place;
        for PastValues { seq, row, body } in values_of(transaction, &place)? {
            head.books.kept.take(&values_hash(stream, id, seq, row, body.as_deref()));
            head.books.kept.add(&values_hash(stream, id, seq, row, None));
        }
        transaction.prepare_cached(sql::ERASE_VALUES)?.execute(params![stream, id])?;
        for PastRow { facet, present, formers } in rows_of(transaction, &place)? {
            let key = RowKey { stream, id, facet };
            past::strike(&past::lives(key, present.as_ref(), &formers)?, &mut noted);
            for (step, body) in formers {
                remove_former(transaction, key, step, &body, head)?;
            }
        }
    }
    for (checkpoint, _) in noted.iter().filter(|(_, changed)| *changed) {
        let seq = codec::signed(checkpoint.seq.0)?;
        transaction.prepare_cached(sql::PUT_CHECKPOINT)?.execute(params![seq, checkpoint.books.encode()])?;
    }
    Ok(())
}

fn remove_former(
    transaction: &Connection,
    key: RowKey<'_>,
    step: u64,
    body: &[u8],
    head: &mut Head,
) -> Result<(), Failure> {
    head.books.kept.take(&key.former_hash(step, body));
    let step = codec::signed(step)?;
    transaction.prepare_cached(sql::REMOVE_FORMER)?.execute(params![key.stream, key.id, key.facet, step])?;
    Ok(())
}

/// Lets go of what was kept long enough.
pub(super) fn let_go(transaction: &Connection, until: LetGo, head: &mut Head) -> Result<(), Failure> {
    let Some(observed) = last_checkpoint(transaction, until.observed)? else { return Ok(()) };
    let entries = last_checkpoint(transaction, until.entries.min(until.observed))?;
    let entries = entries.map_or(head.gone, |checkpoint| checkpoint.seq.0).max(head.gone);
    if observed.books.step > head.books.from {
        formers_until(transaction, observed.books.step, head)?;
        head.books.from = observed.books.step;
    }
    values_until(transaction, observed.seq.0, entries, head)?;
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
            transaction.prepare_cached(statement)?.execute([entries])?;
        }
    }
    Ok(())
}

fn last_checkpoint(transaction: &Connection, until: JournalSeq) -> Result<Option<Checkpoint>, Failure> {
    let until = i64::try_from(until.0).unwrap_or(i64::MAX);
    let mut statement = transaction.prepare_cached(sql::LAST_CHECKPOINT)?;
    statement.query_row([until], |row| Ok(checkpoint(row))).optional()?.transpose()
}

fn formers_until(transaction: &Connection, until: u64, head: &mut Head) -> Result<(), Failure> {
    let mut after: (i32, Vec<u8>, i16, i64) = (i32::MIN, Vec::new(), i16::MIN, 0);
    loop {
        let page = transaction
            .prepare_cached(sql::FORMERS_PAGE)?
            .query_map(params![after.0, after.1, after.2, after.3, PAGE], |row| {
                Ok(((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?), row.get(4)?))
            })?
            .collect::<Result<Vec<((i32, Vec<u8>, i16, i64), Vec<u8>)>, _>>()?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = last.clone();
        for ((stream, id, facet, step), body) in &page {
            let step = codec::unsigned(*step)?;
            if step <= until {
                remove_former(transaction, RowKey { stream: *stream, id, facet: *facet }, step, body, head)?;
            }
        }
    }
}

fn values_until(
    transaction: &Connection,
    observed: u64,
    entries: u64,
    head: &mut Head,
) -> Result<(), Failure> {
    let mut after: (i32, Vec<u8>, i64, i64) = (i32::MIN, Vec::new(), 0, 0);
    loop {
        let page = transaction
            .prepare_cached(sql::VALUES_PAGE)?
            .query_map(params![after.0, after.1, after.2, after.3, PAGE], |row| {
                Ok(((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?), row.get(4)?))
            })?
            .collect::<Result<Vec<((i32, Vec<u8>, i64, i64), Option<Vec<u8>>)>, _>>()?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = last.clone();
        for ((stream, id, seq, row), body) in &page {
            let at = codec::unsigned(*seq)?;
            if at <= entries || (at <= observed && body.as_deref().is_some_and(codec::is_observed)) {
                head.books.kept.take(&values_hash(*stream, id, *seq, *row, body.as_deref()));
                transaction.prepare_cached(sql::REMOVE_VALUE)?.execute(params![stream, id, seq, row])?;
            }
        }
    }
}
