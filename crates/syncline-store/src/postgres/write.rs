//! A batch, in one transaction. The order of its parts matters: what is done and what is held is written before anything
//! wakes, so that a cause and a new hold in the same batch cannot miss each other. Where a batch writes a row twice, the
//! last wins, as if it had been written one after the other.

use super::{Failure, intern::known_stream, journal, past, records::Records, statements as sql};
use crate::{
    Batch, Committed, DirtyKey, ReviewWrite, StoreError, codec,
    ledger::{Now, values_hash},
    names::Names,
    rows::{self, Head},
};
use deadpool_postgres::Transaction;
use std::collections::{BTreeMap, BTreeSet};
use syncline_model::{EntityId, JournalSeq, Kind, RecordRef, review::Review};
use tokio_postgres::types::ToSql;

/// Writes `batch`; `shapes` are the numbers of its snapshots' shapes.
pub(super) async fn commit(
    client: &Transaction<'_>,
    names: &Names,
    batch: &Batch,
    shapes: &[i32],
) -> Result<Committed, Failure> {
    let writer = Writer { client, names };
    writer.check_fence(batch).await?;
    let before = writer.lock_head().await?;
    let mut head = Head { seq: before.seq + batch.journal.len() as u64, ..before };
    let now = Now { step: before.books.step + 1, seq: head.seq };
    let records = Records { client, names, now };
    writer.state(batch).await?;
    records.snapshots(batch, shapes, &mut head).await?;
    writer.keys(batch).await?;
    records.links(batch, &mut head).await?;
    writer.done(batch).await?;
    writer.held(batch, &mut head).await?;
    writer.dirty(batch, &mut head).await?;
    let reviews = writer.reviews(batch, &mut head).await?;
    writer.calls(batch).await?;
    writer.journal(batch, before.seq, &mut head).await?;
    writer.values(batch, before.seq, &mut head).await?;
    past::erase(client, names, &batch.erase, &mut head).await?;
    if rows::is_checkpoint(batch, before.seq) {
        let (seq, at, books) = (codec::signed(head.seq)?, codec::micros(batch.at), head.books.encode());
        writer.execute(sql::ADD_CHECKPOINT, &[&seq, &at, &books]).await?;
    }
    if let Some(let_go) = batch.let_go {
        past::let_go(client, let_go, &mut head).await?;
    }
    if head != before {
        writer.put_head(&head).await?;
    }
    Ok(Committed { seq: JournalSeq(head.seq), reviews })
}

struct Writer<'a> {
    client: &'a Transaction<'a>,
    names: &'a Names,
}

/// Where a row of records stands.
type Place<'a> = (i32, &'a [u8]);
/// A matching key: the number of its name, and its value.
type NamedValue<'a> = (i32, &'a [u8]);

impl Writer<'_> {
    async fn execute(&self, text: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, Failure> {
        let statement = self.client.prepare_cached(text).await?;
        Ok(self.client.execute(&statement, values).await?)
    }

    fn place<'b>(&self, record: &'b RecordRef) -> Result<Place<'b>, Failure> {
        Ok((known_stream(self.names, record)?, record.id.as_str().as_bytes()))
    }

    async fn check_fence(&self, batch: &Batch) -> Result<(), Failure> {
        let Some(fence) = &batch.fence else { return Ok(()) };
        let fenced = || StoreError::Fenced(fence.lane.clone());
        codec::check_name(&fence.lane).map_err(|_| fenced())?;
        let statement = self.client.prepare_cached(sql::LANE_EPOCH).await?;
        let row = self.client.query_opt(&statement, &[&fence.lane]).await?.ok_or_else(fenced)?;
        if u64::try_from(row.try_get::<_, i64>(0)?) == Ok(fence.epoch) {
            Ok(())
        } else {
            Err(fenced().into())
        }
    }

    async fn lock_head(&self) -> Result<Head, Failure> {
        let statement = self.client.prepare_cached(sql::LOCK_HEAD).await?;
        let row = self.client.query_one(&statement, &[]).await?;
        let statement = self.client.prepare_cached(sql::LAST).await?;
        let last = self.client.query_one(&statement, &[]).await?.try_get(0)?;
        journal::head_of(&row, last)
    }

    async fn put_head(&self, head: &Head) -> Result<(), Failure> {
        let mut columns = [head.seq, head.generation, head.review, head.held, head.findings, head.gone]
            .into_iter()
            .map(codec::signed)
            .collect::<Result<Vec<i64>, StoreError>>()?
            .into_iter();
        let mut next = || columns.next().unwrap_or_default();
        let (seq, generation, review) = (next(), next(), next());
        let (held, findings, gone) = (next(), next(), next());
        let values: [&(dyn ToSql + Sync); 7] =
            [&seq, &generation, &review, &held, &findings, &gone, &head.books.encode()];
        self.execute(sql::PUT_HEAD, &values).await?;
        Ok(())
    }

    async fn state(&self, batch: &Batch) -> Result<(), Failure> {
        let last: BTreeMap<&[u8], Option<&[u8]>> =
            batch.puts.iter().map(|(key, value)| (key.as_bytes(), value.as_deref())).collect();
        let (mut keys, mut values, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        for (key, value) in last {
            match value {
                Some(value) => {
                    keys.push(key);
                    values.push(value);
                }
                None => removed.push(key),
            }
        }
        if !keys.is_empty() {
            self.execute(sql::PUT, &[&keys, &values]).await?;
        }
        if !removed.is_empty() {
            self.execute(sql::REMOVE, &[&removed]).await?;
        }
        Ok(())
    }

    /// Replaces keys of records; equal ones are left alone, which is nearly always so.
    async fn keys(&self, batch: &Batch) -> Result<(), Failure> {
        let mut wanted: BTreeMap<(Place<'_>, i16), Vec<NamedValue<'_>>> = BTreeMap::new();
        for (record, kind, keys) in &batch.keys {
            let mut rows = Vec::with_capacity(keys.len());
            for key in rows::sorted_keys(keys) {
                let name = self.names.key_name(&key.name);
                let name =
                    name.ok_or_else(|| StoreError::Engine("a key's name was not prepared".to_owned()))?;
                rows.push((name, key.value.as_bytes()));
            }
            wanted.insert((self.place(record)?, codec::kind_code(*kind)), rows);
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let places: Vec<(Place<'_>, i16)> = wanted.keys().copied().collect();
        let (streams, ids, kinds) = columns(&places);
        let statement = self.client.prepare_cached(sql::KEYS_OF_RECORDS).await?;
        let rows = self.client.query(&statement, &[&streams, &ids, &kinds]).await?;
        let mut present: Vec<Vec<NamedValue<'_>>> = places.iter().map(|_| Vec::new()).collect();
        for row in &rows {
            let position = usize::try_from(row.try_get::<_, i64>(0)? - 1).unwrap_or(usize::MAX);
            if let Some(keys) = present.get_mut(position) {
                keys.push((row.try_get(1)?, row.try_get(2)?));
            }
        }
        let changed = wanted.iter().zip(&present).filter(|((_, wanted), present)| wanted != present);
        let (removed, added): (Vec<_>, Vec<_>) =
            changed.map(|((place, wanted), _)| (*place, (*place, wanted))).unzip();
        let (streams, ids, kinds) = columns(&removed);
        if !removed.is_empty() {
            self.execute(sql::REMOVE_KEYS, &[&streams, &ids, &kinds]).await?;
        }
        let (mut at, mut numbers, mut names, mut hashes, mut values) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (place, keys) in added {
            for (n, (name, value)) in (0_i32..).zip(keys) {
                at.push(place);
                numbers.push(n);
                names.push(*name);
                hashes.push(codec::key_hash(place.1, *name, value));
                values.push(*value);
            }
        }
        if !at.is_empty() {
            let (streams, ids, kinds) = columns(&at);
            self.execute(sql::ADD_KEYS, &[&streams, &ids, &kinds, &numbers, &names, &hashes, &values])
                .await?;
        }
        Ok(())
    }

    async fn done(&self, batch: &Batch) -> Result<(), Failure> {
        let generations = |records: bool| -> Result<Vec<i64>, StoreError> {
            let of = batch.done.iter().filter(|done| matches!(done.key, DirtyKey::Record(..)) == records);
            of.map(|done| codec::signed(done.generation)).collect()
        };
        let work = Work::of(batch.done.iter().map(|done| &done.key));
        if !work.record_ids.is_empty() {
            let generations = generations(true)?;
            let values: [&(dyn ToSql + Sync); 5] =
                [&work.record_kinds, &work.connections, &work.objects, &work.record_ids, &generations];
            self.execute(sql::DONE_RECORDS, &values).await?;
        }
        if !work.entities.is_empty() {
            let generations = generations(false)?;
            self.execute(sql::DONE_ENTITIES, &[&work.entity_kinds, &work.entities, &generations]).await?;
        }
        Ok(())
    }

    async fn held(&self, batch: &Batch, head: &mut Head) -> Result<(), Failure> {
        let mut last: BTreeMap<EntityId, (Kind, Option<rows::HeldRow>)> = BTreeMap::new();
        for write in &batch.held {
            last.insert(write.entity, (write.kind, rows::held_row(write)?));
        }
        if last.is_empty() {
            return Ok(());
        }
        let all: Vec<&[u8]> = last.keys().map(|entity| entity.0.as_bytes().as_slice()).collect();
        let statement = self.client.prepare_cached(sql::HELD_COUNTS).await?;
        let before = self.client.query_one(&statement, &[&all]).await?;
        head.holds_less((before.try_get(0)?, before.try_get(1)?))?;
        for (_, row) in last.values() {
            head.holds_more(row.as_ref().map_or((0, 0), |row| (row.items, row.findings)))?;
        }
        self.execute(sql::REMOVE_WAKES, &[&all]).await?;
        let removed: Vec<&[u8]> = last
            .iter()
            .filter(|(_, (_, row))| row.is_none())
            .map(|(entity, _)| entity.0.as_bytes().as_slice())
            .collect();
        self.execute(sql::REMOVE_HELD, &[&removed]).await?;
        let rows: Vec<_> = last
            .iter()
            .filter_map(|(entity, (kind, row))| Some((entity.0.as_bytes().as_slice(), *kind, row.as_ref()?)))
            .collect();
        let entities: Vec<&[u8]> = rows.iter().map(|(entity, _, _)| *entity).collect();
        let kinds: Vec<i16> = rows.iter().map(|(_, kind, _)| codec::kind_code(*kind)).collect();
        let until: Vec<Option<i64>> = rows.iter().map(|(_, _, row)| row.until).collect();
        let items: Vec<i64> = rows.iter().map(|(_, _, row)| row.items).collect();
        let findings: Vec<i64> = rows.iter().map(|(_, _, row)| row.findings).collect();
        let data: Vec<&[u8]> = rows.iter().map(|(_, _, row)| row.data.as_slice()).collect();
        self.execute(sql::PUT_HELD, &[&entities, &kinds, &until, &items, &findings, &data]).await?;
        let (keys, entities): (Vec<&[u8]>, Vec<&[u8]>) = rows
            .iter()
            .flat_map(|(entity, _, row)| row.wake.iter().map(move |key| (key.as_slice(), *entity)))
            .unzip();
        self.execute(sql::ADD_WAKES, &[&keys, &entities]).await?;
        Ok(())
    }

    /// Adds work. One batch gives one generation, which no earlier batch gave: work that was done and comes back can
    /// not be taken for the work that was done.
    async fn dirty(&self, batch: &Batch, head: &mut Head) -> Result<(), Failure> {
        let generation = codec::signed(head.generation + 1)?;
        let mut rows = 0;
        if !batch.wake.is_empty() {
            let digests: Vec<[u8; 16]> = batch.wake.iter().map(|key| rows::wake_digest(key)).collect();
            let keys: Vec<&[u8]> = digests.iter().map(|digest| digest.as_slice()).collect();
            rows += self.execute(sql::WAKE, &[&keys, &generation]).await?;
        }
        if let Some(due) = batch.wake_due {
            rows += self.execute(sql::WAKE_DUE, &[&codec::micros(due), &generation]).await?;
        }
        let keys: BTreeSet<&DirtyKey> = batch.dirty.iter().collect();
        let work = Work::of(keys);
        if !work.record_ids.is_empty() {
            let values: [&(dyn ToSql + Sync); 5] =
                [&work.record_kinds, &work.connections, &work.objects, &work.record_ids, &generation];
            rows += self.execute(sql::ADD_DIRTY_RECORDS, &values).await?;
        }
        if !work.entities.is_empty() {
            let values: [&(dyn ToSql + Sync); 3] = [&work.entity_kinds, &work.entities, &generation];
            rows += self.execute(sql::ADD_DIRTY_ENTITIES, &values).await?;
        }
        if rows > 0 {
            head.generation += 1;
        }
        Ok(())
    }

    async fn reviews(&self, batch: &Batch, head: &mut Head) -> Result<Vec<u64>, Failure> {
        let mut numbers = Vec::with_capacity(batch.reviews.len());
        for write in &batch.reviews {
            numbers.push(match write {
                ReviewWrite::Open(review) => self.open_review(review, head).await?,
                ReviewWrite::Put(review) => self.put_review(review).await?,
            });
        }
        Ok(numbers)
    }

    async fn open_review(&self, review: &Review, head: &mut Head) -> Result<u64, Failure> {
        let next = codec::signed(head.review + 1)?;
        let digest = codec::question_digest(&review.question)?;
        let (state, data) = (codec::review_state_code(&review.state), codec::encode_json(review)?);
        self.execute(sql::OPEN_REVIEW, &[&next, &digest, &state, &data]).await?;
        let statement = self.client.prepare_cached(sql::REVIEW_BY_DIGEST).await?;
        let id = codec::unsigned(self.client.query_one(&statement, &[&digest]).await?.try_get(0)?)?;
        head.review = head.review.max(id);
        Ok(id)
    }

    async fn put_review(&self, review: &Review) -> Result<u64, Failure> {
        let (id, digest) = (codec::signed(review.id)?, codec::question_digest(&review.question)?);
        let (state, data) = (codec::review_state_code(&review.state), codec::encode_json(review)?);
        if self.execute(sql::PUT_REVIEW, &[&id, &digest, &state, &data]).await? == 0 {
            return Err(StoreError::Engine(format!("there is no review {}", review.id)).into());
        }
        Ok(review.id)
    }

    async fn calls(&self, batch: &Batch) -> Result<(), Failure> {
        let opened = || batch.calls_opened.iter();
        if opened().len() > 0 {
            let ids: Vec<&[u8]> = opened().map(|call| call.call.0.as_bytes().as_slice()).collect();
            let runs: Vec<Option<&[u8]>> =
                opened().map(|call| call.run.as_ref().map(|run| run.0.as_bytes().as_slice())).collect();
            let connections: Vec<&str> = opened().map(|call| call.connection.as_str()).collect();
            let at: Vec<i64> = opened().map(|call| codec::micros(call.at)).collect();
            let payloads: Vec<&[u8]> = opened().map(|call| call.payload.as_slice()).collect();
            self.execute(sql::ADD_CALLS, &[&ids, &runs, &connections, &at, &payloads]).await?;
        }
        if !batch.calls_ended.is_empty() {
            let ids: Vec<&[u8]> = batch.calls_ended.iter().map(|call| call.0.as_bytes().as_slice()).collect();
            self.execute(sql::END_CALLS, &[&ids]).await?;
        }
        Ok(())
    }

    async fn journal(&self, batch: &Batch, before: u64, head: &mut Head) -> Result<(), Failure> {
        if batch.journal.is_empty() {
            return Ok(());
        }
        let (at, run) = (codec::micros(batch.at), batch.run.as_ref().map(|run| run.0.as_bytes().as_slice()));
        let (mut seqs, mut calls, mut events) = (Vec::new(), Vec::new(), Vec::new());
        let (mut streams, mut ids, mut record_seqs) = (Vec::new(), Vec::new(), Vec::new());
        let (mut entities, mut entity_seqs) = (Vec::new(), Vec::new());
        for (seq, event) in (before + 1..).zip(&batch.journal) {
            let seq = codec::signed(seq)?;
            let named = codec::named(event);
            seqs.push(seq);
            calls.push(named.call.map(|call| call.0.as_bytes().to_vec()));
            let packed = codec::encode_json(event)?;
            head.books.link(seq, at, run, &packed);
            events.push(packed);
            for record in named.records {
                let (stream, id) = self.place(record)?;
                streams.push(stream);
                ids.push(id);
                record_seqs.push(seq);
            }
            for entity in named.entities {
                entities.push(entity.0.as_bytes().to_vec());
                entity_seqs.push(seq);
            }
        }
        self.execute(sql::APPEND, &[&seqs, &calls, &events, &at, &run]).await?;
        if !ids.is_empty() {
            self.execute(sql::NAME_RECORDS, &[&streams, &ids, &record_seqs]).await?;
        }
        if !entities.is_empty() {
            self.execute(sql::NAME_ENTITIES, &[&entities, &entity_seqs]).await?;
        }
        Ok(())
    }

    async fn values(&self, batch: &Batch, before: u64, head: &mut Head) -> Result<(), Failure> {
        let mut last = BTreeMap::new();
        for value in &batch.values {
            let (stream, id) = self.place(&value.record)?;
            let seq = codec::signed(before + 1 + value.entry as u64)?;
            let body = codec::encode_values(&value.record, &value.values);
            last.insert((stream, id, seq, i64::from(value.row)), body);
        }
        if last.is_empty() {
            return Ok(());
        }
        for ((stream, id, seq, row), body) in &last {
            head.books.kept.add(&values_hash(*stream, id, *seq, *row, Some(body)));
        }
        let streams: Vec<i32> = last.keys().map(|(stream, ..)| *stream).collect();
        let ids: Vec<&[u8]> = last.keys().map(|(_, id, ..)| *id).collect();
        let seqs: Vec<i64> = last.keys().map(|(_, _, seq, _)| *seq).collect();
        let rows: Vec<i64> = last.keys().map(|(.., row)| *row).collect();
        let bodies: Vec<&[u8]> = last.values().map(Vec::as_slice).collect();
        self.execute(sql::ADD_VALUES, &[&streams, &ids, &seqs, &rows, &bodies]).await?;
        Ok(())
    }
}

/// Places as columns.
fn columns<'a>(places: &[(Place<'a>, i16)]) -> (Vec<i32>, Vec<&'a [u8]>, Vec<i16>) {
    (
        places.iter().map(|((stream, _), _)| *stream).collect(),
        places.iter().map(|((_, id), _)| *id).collect(),
        places.iter().map(|(_, kind)| *kind).collect(),
    )
}

/// Work as columns.
#[derive(Default)]
struct Work<'a> {
    record_kinds: Vec<i16>,
    connections: Vec<&'a str>,
    objects: Vec<&'a str>,
    record_ids: Vec<&'a [u8]>,
    entity_kinds: Vec<i16>,
    entities: Vec<&'a [u8]>,
}

impl<'a> Work<'a> {
    fn of(keys: impl IntoIterator<Item = &'a DirtyKey>) -> Self {
        let mut work = Self::default();
        for key in keys {
            match key {
                DirtyKey::Record(kind, record) => {
                    work.record_kinds.push(codec::kind_code(*kind));
                    work.connections.push(record.connection.as_str());
                    work.objects.push(record.object.as_str());
                    work.record_ids.push(record.id.as_str().as_bytes());
                }
                DirtyKey::Entity(kind, entity) => {
                    work.entity_kinds.push(codec::kind_code(*kind));
                    work.entities.push(entity.0.as_bytes());
                }
            }
        }
        work
    }
}
