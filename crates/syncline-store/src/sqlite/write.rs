//! A batch, in one transaction. The order of its parts matters: what is done and what is held is written before anything
//! wakes, so that a cause and a new hold in the same batch cannot miss each other.

use super::{Failure, intern::Interner, journal, past, records::Records, statements as sql};
use crate::{
    Batch, Committed, DirtyKey, ReviewWrite, StoreError, codec,
    ledger::{self, Now},
    rows::{self, Head},
};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;
use syncline_model::{JournalSeq, Kind, RecordRef, review::Review};

/// Writes `batch`; `shapes` are the numbers of its snapshots' shapes.
pub(super) fn commit(
    transaction: &Connection,
    names: &Interner,
    batch: &Batch,
    shapes: &[i32],
) -> Result<Committed, Failure> {
    let writer = Writer { transaction, names };
    writer.check_fence(batch)?;
    let before = journal::head(transaction)?;
    let mut head = Head { seq: before.seq + batch.journal.len() as u64, ..before };
    let now = Now { step: before.books.step + 1, seq: head.seq };
    let records = Records { transaction, names, now };
    writer.state(batch)?;
    records.snapshots(batch, shapes, &mut head)?;
    for (record, kind, keys) in &batch.keys {
        writer.keys(record, *kind, keys)?;
    }
    records.links(batch, &mut head)?;
    writer.done(batch)?;
    writer.held(batch, &mut head)?;
    writer.dirty(batch, &mut head)?;
    let reviews = writer.reviews(batch, &mut head)?;
    writer.calls(batch)?;
    writer.journal(batch, before.seq, &mut head)?;
    writer.values(batch, before.seq, &mut head)?;
    past::erase(transaction, names, &batch.erase, &mut head)?;
    if rows::is_checkpoint(batch, before.seq) {
        transaction.prepare_cached(sql::ADD_CHECKPOINT)?.execute(params![
            codec::signed(head.seq)?,
            codec::micros(batch.at),
            head.books.encode()
        ])?;
    }
    if let Some(let_go) = batch.let_go {
        past::let_go(transaction, let_go, &mut head)?;
    }
    if head != before {
        transaction.prepare_cached(sql::PUT_HEAD)?.execute(params![
            codec::signed(head.seq)?,
            codec::signed(head.generation)?,
            codec::signed(head.review)?,
            codec::signed(head.held)?,
            codec::signed(head.findings)?,
            codec::signed(head.gone)?,
            head.books.encode()
        ])?;
    }
    Ok(Committed { seq: JournalSeq(head.seq), reviews })
}

struct Writer<'a> {
    transaction: &'a Connection,
    names: &'a Interner,
}

impl Writer<'_> {
    fn check_fence(&self, batch: &Batch) -> Result<(), Failure> {
        let Some(fence) = &batch.fence else { return Ok(()) };
        let epoch: Option<i64> = self
            .transaction
            .prepare_cached(sql::LANE_EPOCH)?
            .query_row([&fence.lane], |row| row.get(0))
            .optional()?;
        if epoch.and_then(|epoch| u64::try_from(epoch).ok()) == Some(fence.epoch) {
            Ok(())
        } else {
            Err(StoreError::Fenced(fence.lane.clone()).into())
        }
    }

    fn state(&self, batch: &Batch) -> Result<(), Failure> {
        for (key, value) in &batch.puts {
            match value {
                Some(value) => {
                    self.transaction.prepare_cached(sql::PUT)?.execute(params![key.as_bytes(), value])?
                }
                None => self.transaction.prepare_cached(sql::REMOVE)?.execute([key.as_bytes()])?,
            };
        }
        Ok(())
    }

    /// Replaces a record's keys; equal ones are left alone, which is nearly always so.
    fn keys(&self, record: &RecordRef, kind: Kind, keys: &[crate::MatchKey]) -> Result<(), Failure> {
        let stream = self.names.known_stream(self.transaction, record)?;
        let (id, kind) = (record.id.as_str().as_bytes(), codec::kind_code(kind));
        let mut wanted: Vec<(i32, &[u8])> = Vec::with_capacity(keys.len());
        for key in rows::sorted_keys(keys) {
            let name = self
                .names
                .key_name(self.transaction, &key.name)?
                .ok_or_else(|| StoreError::Engine("a key's name was not prepared".to_owned()))?;
            wanted.push((name, key.value.as_bytes()));
        }
        let present: Vec<(i32, Vec<u8>)> = self
            .transaction
            .prepare_cached(sql::KEYS_OF_RECORD)?
            .query_map(params![stream, id, kind], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        if present.iter().map(|(name, value)| (*name, value.as_slice())).eq(wanted.iter().copied()) {
            return Ok(());
        }
        if !present.is_empty() {
            self.transaction.prepare_cached(sql::REMOVE_KEYS)?.execute(params![stream, id, kind])?;
        }
        let mut add = self.transaction.prepare_cached(sql::ADD_KEY)?;
        for (n, (name, value)) in wanted.into_iter().enumerate() {
            add.execute(params![
                stream,
                id,
                kind,
                n as i64,
                name,
                codec::key_hash(kind, name, value),
                value
            ])?;
        }
        Ok(())
    }

    fn done(&self, batch: &Batch) -> Result<(), Failure> {
        for done in &batch.done {
            let generation = codec::signed(done.generation)?;
            match &done.key {
                DirtyKey::Record(kind, record) => {
                    self.transaction.prepare_cached(sql::DONE_RECORD)?.execute(params![
                        codec::kind_code(*kind),
                        record.connection.as_str(),
                        record.object.as_str(),
                        record.id.as_str().as_bytes(),
                        generation,
                    ])?
                }
                DirtyKey::Entity(kind, entity) => self
                    .transaction
                    .prepare_cached(sql::DONE_ENTITY)?
                    .execute(params![codec::kind_code(*kind), entity.0.as_bytes(), generation])?,
            };
        }
        Ok(())
    }

    fn held(&self, batch: &Batch, head: &mut Head) -> Result<(), Failure> {
        for write in &batch.held {
            let entity = write.entity.0.as_bytes();
            let before: Option<(i64, i64)> = self
                .transaction
                .prepare_cached(sql::HELD_COUNTS)?
                .query_row([entity], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            head.holds_less(before.unwrap_or_default())?;
            self.transaction.prepare_cached(sql::REMOVE_WAKES)?.execute([entity])?;
            let Some(row) = rows::held_row(write)? else {
                self.transaction.prepare_cached(sql::REMOVE_HELD)?.execute([entity])?;
                continue;
            };
            head.holds_more((row.items, row.findings))?;
            self.transaction.prepare_cached(sql::PUT_HELD)?.execute(params![
                entity,
                codec::kind_code(write.kind),
                row.until,
                row.items,
                row.findings,
                row.data,
            ])?;
            let mut add = self.transaction.prepare_cached(sql::ADD_WAKE)?;
            for key in &row.wake {
                add.execute(params![key, entity])?;
            }
        }
        Ok(())
    }

    /// Adds work. One batch gives one generation, which no earlier batch gave: work that was done and comes back can
    /// not be taken for the work that was done.
    fn dirty(&self, batch: &Batch, head: &mut Head) -> Result<(), Failure> {
        let generation = codec::signed(head.generation + 1)?;
        let mut rows = 0;
        for key in &batch.wake {
            rows += self
                .transaction
                .prepare_cached(sql::WAKE)?
                .execute(params![rows::wake_digest(key), generation])?;
        }
        if let Some(due) = batch.wake_due {
            let due = codec::micros(due);
            rows += self.transaction.prepare_cached(sql::WAKE_DUE)?.execute(params![due, generation])?;
        }
        for key in &batch.dirty {
            rows += match key {
                DirtyKey::Record(kind, record) => {
                    self.transaction.prepare_cached(sql::ADD_DIRTY_RECORD)?.execute(params![
                        codec::kind_code(*kind),
                        record.connection.as_str(),
                        record.object.as_str(),
                        record.id.as_str().as_bytes(),
                        generation,
                    ])?
                }
                DirtyKey::Entity(kind, entity) => self
                    .transaction
                    .prepare_cached(sql::ADD_DIRTY_ENTITY)?
                    .execute(params![codec::kind_code(*kind), entity.0.as_bytes(), generation])?,
            };
        }
        if rows > 0 {
            head.generation += 1;
        }
        Ok(())
    }

    fn reviews(&self, batch: &Batch, head: &mut Head) -> Result<Vec<u64>, Failure> {
        batch
            .reviews
            .iter()
            .map(|write| match write {
                ReviewWrite::Open(review) => self.open_review(review, head),
                ReviewWrite::Put(review) => self.put_review(review),
            })
            .collect()
    }

    fn open_review(&self, review: &Review, head: &mut Head) -> Result<u64, Failure> {
        let next = head.review + 1;
        let digest = codec::question_digest(&review.question)?;
        let state = codec::review_state_code(&review.state);
        self.transaction.prepare_cached(sql::OPEN_REVIEW)?.execute(params![
            codec::signed(next)?,
            digest,
            state,
            codec::encode_json(review)?
        ])?;
        let id: i64 =
            self.transaction.prepare_cached(sql::REVIEW_BY_DIGEST)?.query_row([digest], |row| row.get(0))?;
        let id = codec::unsigned(id)?;
        head.review = head.review.max(id);
        Ok(id)
    }

    fn put_review(&self, review: &Review) -> Result<u64, Failure> {
        let changed = self.transaction.prepare_cached(sql::PUT_REVIEW)?.execute(params![
            codec::signed(review.id)?,
            codec::question_digest(&review.question)?,
            codec::review_state_code(&review.state),
            codec::encode_json(review)?
        ])?;
        if changed == 0 {
            return Err(StoreError::Engine(format!("there is no review {}", review.id)).into());
        }
        Ok(review.id)
    }

    fn calls(&self, batch: &Batch) -> Result<(), Failure> {
        for call in &batch.calls_opened {
            self.transaction.prepare_cached(sql::OPEN_CALL)?.execute(params![
                call.call.0.as_bytes(),
                call.run.as_ref().map(|run| run.0.as_bytes()),
                call.connection.as_str(),
                codec::micros(call.at),
                call.payload,
            ])?;
        }
        for call in &batch.calls_ended {
            self.transaction.prepare_cached(sql::END_CALL)?.execute([call.0.as_bytes()])?;
        }
        Ok(())
    }

    fn journal(&self, batch: &Batch, before: u64, head: &mut Head) -> Result<(), Failure> {
        let run = batch.run.as_ref().map(|run| run.0.as_bytes());
        let at = codec::micros(batch.at);
        for (seq, event) in (before + 1..).zip(&batch.journal) {
            let seq = codec::signed(seq)?;
            let named = codec::named(event);
            let packed = codec::encode_json(event)?;
            head.books.link(seq, at, run.map(|run| run.as_slice()), &packed);
            self.transaction.prepare_cached(sql::APPEND)?.execute(params![
                seq,
                at,
                run,
                named.call.as_ref().map(|call| call.0.as_bytes()),
                packed,
            ])?;
            let mut name = self.transaction.prepare_cached(sql::NAME_RECORD)?;
            for record in named.records {
                let stream = self.names.known_stream(self.transaction, record)?;
                name.execute(params![stream, record.id.as_str().as_bytes(), seq])?;
            }
            let mut name = self.transaction.prepare_cached(sql::NAME_ENTITY)?;
            for entity in named.entities {
                name.execute(params![entity.0.as_bytes(), seq])?;
            }
        }
        Ok(())
    }

    fn values(&self, batch: &Batch, before: u64, head: &mut Head) -> Result<(), Failure> {
        let mut last = BTreeMap::new();
        for value in &batch.values {
            let stream = self.names.known_stream(self.transaction, &value.record)?;
            let seq = codec::signed(before + 1 + value.entry as u64)?;
            last.insert((stream, value.record.id.as_str().as_bytes(), seq, i64::from(value.row)), value);
        }
        let mut add = self.transaction.prepare_cached(sql::ADD_VALUE)?;
        for ((stream, id, seq, row), value) in last {
            let body = codec::encode_values(&value.record, &value.values);
            head.books.kept.add(&ledger::values_hash(stream, id, seq, row, Some(&body)));
            add.execute(params![stream, id, seq, row, body])?;
        }
        Ok(())
    }
}
