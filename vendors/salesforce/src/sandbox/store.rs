//! Rows and their indexes. A row keeps only the values that are not null, in slot order, with a bitmap of which.

use super::ids::{self, Id15, Obj, Rec};
use super::schema::{Field, Schema, Source, System};
use super::value::{Cell, Pool};
use std::collections::{BTreeMap, BTreeSet};

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    has: u128,
    cells: Box<[Cell]>,
    pub(crate) created: i64,
    pub(crate) created_by: Rec,
    pub(crate) modified: i64,
    pub(crate) modified_by: Rec,
    /// SystemModstamp, whole seconds.
    pub(crate) stamp: i64,
    /// When it went to the recycle bin.
    pub(crate) deleted: Option<i64>,
    /// The record whose deletion took this one along.
    pub(crate) with: Option<Rec>,
    /// Sharing: the API user does not see it.
    pub(crate) hidden: bool,
}

impl Row {
    pub(crate) fn new(by: Rec, now: i64) -> Self {
        Self {
            has: 0,
            cells: Box::new([]),
            created: now,
            created_by: by,
            modified: now,
            modified_by: by,
            stamp: now,
            deleted: None,
            with: None,
            hidden: false,
        }
    }
    pub(crate) fn slot(&self, slot: u8) -> Cell {
        let bit = 1u128 << slot;
        if self.has & bit == 0 {
            return Cell::Null;
        }
        self.cells[(self.has & (bit - 1)).count_ones() as usize]
    }
    pub(crate) fn set(&mut self, slot: u8, cell: Cell) {
        let bit = 1u128 << slot;
        let at = (self.has & (bit - 1)).count_ones() as usize;
        match (self.has & bit != 0, cell.is_null()) {
            (true, false) => self.cells[at] = cell,
            (false, true) => {}
            (true, true) => {
                let mut cells = std::mem::take(&mut self.cells).into_vec();
                cells.remove(at);
                self.cells = cells.into_boxed_slice();
                self.has &= !bit;
            }
            (false, false) => {
                let mut cells = std::mem::take(&mut self.cells).into_vec();
                cells.reserve_exact(1);
                cells.insert(at, cell);
                self.cells = cells.into_boxed_slice();
                self.has |= bit;
            }
        }
    }
    /// A field's value; compounds have none.
    pub(crate) fn get(&self, rec: Rec, field: &Field) -> Cell {
        match field.source {
            Source::Slot(slot) => self.slot(slot),
            Source::System(System::Id) => Cell::Ref(rec),
            Source::System(System::IsDeleted) => Cell::Bool(self.deleted.is_some()),
            Source::System(System::CreatedDate) => Cell::Time(self.created),
            Source::System(System::CreatedById) => Cell::Ref(self.created_by),
            Source::System(System::LastModifiedDate) => Cell::Time(self.modified),
            Source::System(System::LastModifiedById) => Cell::Ref(self.modified_by),
            Source::System(System::Modstamp) => Cell::Time(self.stamp),
            Source::Address(_) => Cell::Null,
        }
    }
    /// The stored values are equal, whatever the stamps.
    pub(crate) fn same_values(&self, other: &Row) -> bool {
        self.has == other.has && self.cells == other.cells && self.deleted == other.deleted
    }
}

/// All rows of one object.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// By sequence − 1; `None` = never committed, or purged.
    rows: Vec<Option<Row>>,
    /// Counts the changes of rows.
    pub(crate) changes: u64,
    pub(crate) stamps: BTreeSet<(i64, u64)>,
    /// By slot: (key of the value, sequence).
    indexes: BTreeMap<u8, BTreeSet<(u64, u64)>>,
    pub(crate) bin: BTreeSet<(i64, u64)>,
    /// (deleted at, sequence) of purged rows: what the deletion log still knows.
    pub(crate) purged: BTreeSet<(i64, u64)>,
}

impl Table {
    pub(crate) fn last(&self) -> u64 {
        self.rows.len() as u64
    }
}

/// A change that is committed but not visible yet.
#[derive(Debug)]
struct Late {
    until_ms: i64,
    old: Option<Row>,
}

/// Every record of the org.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) pool: Pool,
    pub(crate) schema: Schema,
    pub(crate) pod: [u8; 2],
    tables: Vec<Table>,
    journal: Vec<(Rec, Option<Row>)>,
    late: BTreeMap<Rec, Late>,
}

impl Store {
    pub(crate) fn new(schema: Schema, pod: [u8; 2]) -> Self {
        let mut store = Self {
            pool: Pool::default(),
            schema,
            pod,
            tables: Vec::new(),
            journal: Vec::new(),
            late: BTreeMap::new(),
        };
        store.sync_schema();
        store
    }

    /// After a change of the schema: tables for new objects, indexes for newly indexed fields.
    pub(crate) fn sync_schema(&mut self) {
        self.tables.resize_with(self.schema.objects.len(), Table::default);
        for (object, table) in self.schema.objects.iter().zip(&mut self.tables) {
            for field in object.fields.iter().filter(|f| f.indexed) {
                let Some(slot) = field.slot() else { continue };
                table.indexes.entry(slot).or_insert_with(|| {
                    let rows = table.rows.iter().enumerate();
                    rows.filter_map(|(i, row)| {
                        Some((key(&self.pool, row.as_ref()?.slot(slot))?, i as u64 + 1))
                    })
                    .collect()
                });
            }
        }
    }

    pub(crate) fn table(&self, obj: Obj) -> &Table {
        &self.tables[obj as usize]
    }
    pub(crate) fn table_mut(&mut self, obj: Obj) -> &mut Table {
        &mut self.tables[obj as usize]
    }

    /// The newest version, deleted rows included.
    pub(crate) fn row(&self, rec: Rec) -> Option<&Row> {
        self.tables.get(rec.object() as usize)?.rows.get(rec.seq().checked_sub(1)? as usize)?.as_ref()
    }

    /// A row that is not in the recycle bin.
    pub(crate) fn live(&self, rec: Rec) -> Option<&Row> {
        self.row(rec).filter(|row| row.deleted.is_none())
    }

    /// The version that reads see.
    pub(crate) fn visible(&self, rec: Rec) -> Option<&Row> {
        if self.late.is_empty() {
            return self.row(rec);
        }
        match self.late.get(&rec) {
            Some(late) => late.old.as_ref(),
            None => self.row(rec),
        }
    }

    /// Records of an object whose newest change is not visible yet.
    pub(crate) fn late(&self, obj: Obj) -> impl Iterator<Item = Rec> {
        self.late.range(Rec::new(obj, 0)..Rec::new(obj + 1, 0)).map(|(rec, _)| *rec)
    }
    pub(crate) fn has_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// The id a new row will get.
    pub(crate) fn next(&mut self, obj: Obj) -> Rec {
        let table = self.table_mut(obj);
        table.rows.push(None);
        Rec::new(obj, table.rows.len() as u64)
    }

    /// Writes a row's new version (`None`: purges it) and keeps the indexes.
    pub(crate) fn put(&mut self, rec: Rec, new: Option<Row>) {
        let seq = rec.seq();
        let table = &mut self.tables[rec.object() as usize];
        table.changes += 1;
        let place = &mut table.rows[seq as usize - 1];
        let old = std::mem::replace(place, new);
        let new = place.as_ref();
        if old.as_ref().map(|r| r.stamp) != new.map(|r| r.stamp) {
            if let Some(old) = &old {
                table.stamps.remove(&(old.stamp, seq));
            }
            if let Some(new) = new {
                table.stamps.insert((new.stamp, seq));
            }
        }
        let (was, is) = (old.as_ref().and_then(|r| r.deleted), new.and_then(|r| r.deleted));
        if was != is {
            if let Some(at) = was {
                table.bin.remove(&(at, seq));
            }
            if let Some(at) = is {
                table.bin.insert((at, seq));
            }
        }
        for (slot, index) in &mut table.indexes {
            let before = old.as_ref().map_or(Cell::Null, |r| r.slot(*slot));
            let after = new.map_or(Cell::Null, |r| r.slot(*slot));
            if before != after {
                if let Some(key) = key(&self.pool, before) {
                    index.remove(&(key, seq));
                }
                if let Some(key) = key(&self.pool, after) {
                    index.insert((key, seq));
                }
            }
        }
        self.journal.push((rec, old));
    }

    /// Where the running request's changes stand.
    pub(crate) fn mark(&self) -> usize {
        self.journal.len()
    }

    /// Takes back all changes since the mark.
    pub(crate) fn rollback(&mut self, mark: usize) {
        while self.journal.len() > mark {
            let Some((rec, old)) = self.journal.pop() else { return };
            self.put(rec, old);
            self.journal.pop();
        }
    }

    /// Ends a request. With `late_until_ms` its changes stay invisible to reads until then. Who writes a row that another
    /// transaction still holds waits for that one to end: what it changed is visible with what comes after it.
    pub(crate) fn commit(&mut self, late_until_ms: Option<i64>) {
        let journal = std::mem::take(&mut self.journal);
        for (rec, old) in journal {
            match late_until_ms {
                Some(until_ms) => {
                    self.late.entry(rec).or_insert(Late { until_ms, old });
                }
                None => {
                    self.late.remove(&rec);
                }
            }
        }
    }

    /// Makes late changes visible whose time has come.
    pub(crate) fn settle(&mut self, now_ms: i64) {
        if !self.late.is_empty() {
            self.late.retain(|_, late| late.until_ms > now_ms);
        }
    }

    /// Records of an object by the value of an indexed field, in id order, at most `most`.
    /// `None`: not indexed, or more than that.
    pub(crate) fn by_value(&self, obj: Obj, slot: u8, cell: Cell, most: usize) -> Option<Vec<u64>> {
        let index = self.table(obj).indexes.get(&slot)?;
        let Some(key) = key(&self.pool, cell) else { return Some(Vec::new()) };
        let found: Vec<u64> =
            index.range((key, 0)..=(key, u64::MAX)).take(most + 1).map(|(_, seq)| *seq).collect();
        (found.len() <= most).then_some(found)
    }

    /// All live rows whose field refers to `parent`.
    pub(crate) fn referring(&self, obj: Obj, field: usize, parent: Rec) -> Vec<Rec> {
        let Some(slot) = self.schema.get(obj).fields[field].slot() else { return Vec::new() };
        let found = self.by_value(obj, slot, Cell::Ref(parent), usize::MAX - 1).unwrap_or_default();
        found.into_iter().map(|seq| Rec::new(obj, seq)).filter(|rec| self.live(*rec).is_some()).collect()
    }

    pub(crate) fn id15(&self, rec: Rec) -> Id15 {
        ids::build(self.schema.get(rec.object()).prefix, self.pod, rec.seq())
    }
    /// The 18-character id.
    pub(crate) fn id(&self, rec: Rec) -> String {
        ids::long(&self.id15(rec))
    }
    /// The record an id names, existing or not. `Ok(None)`: well formed, but of no object or another org.
    pub(crate) fn read_id(&self, text: &str) -> Result<Option<Rec>, ()> {
        let id = ids::read(text).ok_or(())?;
        let Some(obj) = self.schema.by_prefix(&id[..3]) else { return Ok(None) };
        let rec = Rec::new(obj, ids::sequence(&id));
        Ok((self.id15(rec) == id && rec.seq() > 0).then_some(rec))
    }

    /// Text of a cell, if it is text.
    pub(crate) fn text(&self, cell: Cell) -> Option<&str> {
        cell.sym().map(|sym| self.pool.text(sym))
    }
    pub(crate) fn text_cell(&mut self, text: &str) -> Cell {
        if text.is_empty() { Cell::Null } else { Cell::Text(self.pool.intern(text)) }
    }
    /// Value of a field by name; null for what is not there.
    pub(crate) fn value(&self, rec: Rec, name: &str) -> Cell {
        let Some(field) = self.schema.get(rec.object()).field(name) else { return Cell::Null };
        self.row(rec).map_or(Cell::Null, |row| row.get(rec, field))
    }
    /// The slot of a standard field.
    pub(crate) fn slot(&self, obj: Obj, name: &str) -> Option<u8> {
        self.schema.get(obj).field(name)?.slot()
    }
    /// Sets a field by name in a row that is not stored yet.
    pub(crate) fn set(&self, obj: Obj, row: &mut Row, name: &str, cell: Cell) {
        if let Some(slot) = self.slot(obj, name) {
            row.set(slot, cell);
        }
    }
    /// Live records of an object in id order.
    pub(crate) fn all(&self, obj: Obj) -> impl Iterator<Item = (Rec, &Row)> {
        self.table(obj).rows.iter().enumerate().filter_map(move |(i, row)| {
            let row = row.as_ref().filter(|row| row.deleted.is_none())?;
            Some((Rec::new(obj, i as u64 + 1), row))
        })
    }
}

/// What an index orders by: references raw, text without case, numbers by their text.
fn key(pool: &Pool, cell: Cell) -> Option<u64> {
    match cell {
        Cell::Null => None,
        Cell::Bool(value) => Some(u64::from(value)),
        Cell::Num(mantissa, places) => Some((mantissa as u64).rotate_left(8) ^ u64::from(places)),
        Cell::Date(days) => Some(days as u64),
        Cell::Time(seconds) => Some(seconds as u64),
        Cell::Text(sym) => Some(pool.fold(sym).raw()),
        Cell::Ref(rec) => Some(rec.raw()),
    }
}
