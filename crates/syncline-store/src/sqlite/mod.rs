//! The store on SQLite: one writer, a few readers, WAL. Calls run inline: a future is ready when it is first polled, so
//! that a simulation on one thread is deterministic; a server wraps long ones.

mod intern;
mod journal;
mod migrate;
mod past;
mod read;
mod records;
mod statements;
mod work;
mod write;

use crate::{
    Answer, Batch, Committed, Dirty, DirtyKey, Fence, JournalFilter, MatchKey, OpenCall, OpenOnly, Store,
    StoreError, StoredEntity, StoredHeld, StoredRecord, StoredValues,
    past::{ChainEntry, Ledger, Past, Place},
};
use intern::Interner;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use syncline_model::{
    ConnectionName, EntityId, JournalSeq, Kind, ObjectName, RecordId, RecordRef, Version,
    journal::JournalEntry, review::Review,
};

/// Readers that are kept open.
const READERS: usize = 4;

/// A store in one file, or in memory.
#[derive(Debug)]
pub struct SqliteStore {
    /// `None`: in memory, where the writer also reads.
    path: Option<PathBuf>,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    names: Interner,
}

impl SqliteStore {
    /// Opens the database file at `path`, creating it if need be, and brings it to the present format.
    ///
    /// # Errors
    /// [`StoreError::TooNew`], [`StoreError::Corrupt`] (a file that is no database of ours), [`StoreError::Engine`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let open = || {
            let mut writer = Connection::open(path)?;
            migrate::set_up_writer(&writer)?;
            migrate::migrate(&mut writer)?;
            Ok(writer)
        };
        let writer = open().map_err(|failure: Failure| located(Some(path), failure))?;
        Ok(Self {
            path: Some(path.to_owned()),
            writer: Mutex::new(writer),
            readers: Mutex::default(),
            names: Interner::default(),
        })
    }

    /// An empty store that ends with its value.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn in_memory() -> Result<Self, StoreError> {
        let writer = migrate::in_memory()?;
        Ok(Self {
            path: None,
            writer: Mutex::new(writer),
            readers: Mutex::default(),
            names: Interner::default(),
        })
    }

    /// Every statement of this store, by name: to look at their plans.
    pub fn statements() -> &'static [(&'static str, &'static str)] {
        statements::ALL
    }

    /// Prepares every statement and looks the file's pages through, which takes a second or two a gigabyte.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] says what is wrong.
    pub fn check(&self) -> Result<(), StoreError> {
        self.read(|connection| {
            for (name, text) in statements::ALL {
                if let Err(error) = connection.prepare(text) {
                    let why = format!("the statement {name} cannot be prepared: {error}");
                    return Err(StoreError::Corrupt(why).into());
                }
            }
            let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            if found == "ok" { Ok(()) } else { Err(StoreError::Corrupt(found).into()) }
        })
    }

    /// Runs `work` in one transaction of the writer.
    fn write<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, StoreError> {
        let writer = lock(&self.writer);
        let result = (|| {
            let transaction = Open::begin(&writer)?;
            let value = work(&writer)?;
            transaction.commit()?;
            Ok(value)
        })();
        result.map_err(|failure: Failure| located(self.path.as_deref(), failure))
    }

    /// Runs `work` on one consistent state.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, StoreError> {
        let Some(path) = &self.path else {
            return work(&lock(&self.writer)).map_err(StoreError::from);
        };
        let pooled = lock(&self.readers).pop();
        let result = (|| {
            let reader = match pooled {
                Some(reader) => reader,
                None => {
                    let reader = Connection::open(path)?;
                    migrate::set_up_reader(&reader)?;
                    reader
                }
            };
            let transaction = reader.unchecked_transaction()?;
            let value = work(&transaction)?;
            transaction.commit()?;
            let mut readers = lock(&self.readers);
            if readers.len() < READERS {
                readers.push(reader);
            }
            Ok(value)
        })();
        result.map_err(|failure: Failure| located(self.path.as_deref(), failure))
    }
}

/// A transaction of the writer, begun and ended by statements that are prepared once. It is rolled back unless it is
/// committed.
struct Open<'a>(&'a Connection);

impl<'a> Open<'a> {
    fn begin(connection: &'a Connection) -> Result<Self, rusqlite::Error> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self(connection))
    }

    fn commit(self) -> Result<(), rusqlite::Error> {
        self.0.prepare_cached("COMMIT")?.execute([]).map(drop)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // What cannot be rolled back is not committed either; the next transaction says what is wrong.
            let _failed = self.0.execute_batch("ROLLBACK");
        }
    }
}

/// With the file that it is about.
fn located(path: Option<&Path>, failure: Failure) -> StoreError {
    let said = |why: String| match path {
        Some(path) => format!("{}: {why}", path.display()),
        None => why,
    };
    match failure.into() {
        StoreError::Corrupt(why) => StoreError::Corrupt(said(why)),
        StoreError::Engine(why) => StoreError::Engine(said(why)),
        other @ (StoreError::Fenced(_) | StoreError::TooNew { .. }) => other,
    }
}

/// A panic elsewhere leaves no transaction open (its guard rolled back), so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What goes wrong inside a transaction.
#[derive(Debug)]
enum Failure {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        let error = match failure {
            Failure::Store(error) => return error,
            Failure::Sqlite(error) => error,
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Corrupt("the file is not a database".to_owned()),
            Some(ErrorCode::DatabaseCorrupt) => Self::Corrupt(error.to_string()),
            Some(_) => Self::Engine(error.to_string()),
            // Without a code it is a column of another type than the format says.
            None => Self::Corrupt(error.to_string()),
        }
    }
}

/// Runs `$body` when polled.
macro_rules! inline {
    ($body:expr) => {
        Box::pin(async move { $body })
    };
}

impl Store for SqliteStore {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        inline!(self.read(|connection| read::get(connection, key)))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Vec<u8>)>> {
        inline!(self.read(|connection| read::list(connection, prefix)))
    }

    fn records<'a>(&'a self, records: &'a [RecordRef]) -> Answer<'a, Vec<StoredRecord>> {
        inline!(self.read(|connection| read::records(connection, &self.names, records)))
    }

    fn entities<'a>(&'a self, entities: &'a [EntityId]) -> Answer<'a, Vec<StoredEntity>> {
        inline!(self.read(|connection| read::entities(connection, &self.names, entities)))
    }

    fn versions<'a>(
        &'a self,
        connection: &'a ConnectionName,
        object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> Answer<'a, Vec<Option<Version>>> {
        inline!(self.read(|reader| read::versions(reader, &self.names, connection, object, ids)))
    }

    fn count_since<'a>(
        &'a self,
        connection: &'a ConnectionName,
        object: &'a ObjectName,
        from: Timestamp,
    ) -> Answer<'a, u64> {
        inline!(self.read(|reader| read::count_since(reader, &self.names, connection, object, from)))
    }

    fn ids<'a>(
        &'a self,
        connection: &'a ConnectionName,
        object: &'a ObjectName,
        after: Option<&'a RecordId>,
        limit: usize,
    ) -> Answer<'a, Vec<RecordId>> {
        inline!(self.read(|reader| read::ids(reader, &self.names, connection, object, after, limit)))
    }

    fn by_keys<'a>(&'a self, kind: Kind, keys: &'a [MatchKey]) -> Answer<'a, Vec<Vec<RecordRef>>> {
        inline!(self.read(|connection| read::by_keys(connection, &self.names, kind, keys)))
    }

    fn dirty<'a>(&'a self, after: Option<&'a DirtyKey>, limit: usize) -> Answer<'a, Vec<Dirty>> {
        inline!(self.read(|connection| work::dirty(connection, after, limit)))
    }

    fn dirty_count(&self) -> Answer<'_, u64> {
        inline!(self.read(work::dirty_count))
    }

    fn next_due(&self) -> Answer<'_, Option<Timestamp>> {
        inline!(self.read(work::next_due))
    }

    fn held<'a>(
        &'a self,
        of: Option<EntityId>,
        after: Option<EntityId>,
        limit: usize,
    ) -> Answer<'a, Vec<StoredHeld>> {
        inline!(self.read(|connection| work::held(connection, of, after, limit)))
    }

    fn held_count(&self) -> Answer<'_, (u64, u64)> {
        inline!(self.read(work::held_count))
    }

    fn reviews(&self, open_only: OpenOnly, after: u64, limit: usize) -> Answer<'_, Vec<Review>> {
        inline!(self.read(|connection| work::reviews(connection, open_only, after, limit)))
    }

    fn review(&self, id: u64) -> Answer<'_, Option<Review>> {
        inline!(self.read(|connection| work::review(connection, id)))
    }

    fn open_calls(&self) -> Answer<'_, Vec<OpenCall>> {
        inline!(self.read(work::open_calls))
    }

    fn journal<'a>(
        &'a self,
        filter: &'a JournalFilter,
        after: JournalSeq,
        limit: usize,
    ) -> Answer<'a, Vec<JournalEntry>> {
        inline!(self.read(|connection| journal::journal(connection, &self.names, filter, after, limit)))
    }

    fn journal_values<'a>(&'a self, entries: &'a [JournalEntry]) -> Answer<'a, Vec<Vec<StoredValues>>> {
        inline!(self.read(|connection| journal::values(connection, &self.names, entries)))
    }

    fn journal_head(&self) -> Answer<'_, JournalSeq> {
        inline!(self.read(|connection| Ok(JournalSeq(journal::head(connection)?.seq))))
    }

    fn ledger(&self) -> Answer<'_, Ledger> {
        inline!(self.read(past::ledger))
    }

    fn past<'a>(&'a self, after: Option<&'a Place>, limit: usize) -> Answer<'a, Vec<Past>> {
        inline!(self.read(|connection| past::past(connection, &self.names, after, limit)))
    }

    fn chain(&self, after: JournalSeq, limit: usize) -> Answer<'_, Vec<ChainEntry>> {
        inline!(self.read(|connection| past::chain(connection, after, limit)))
    }

    fn commit<'a>(&'a self, batch: Batch) -> Answer<'a, Committed> {
        inline!({
            let shapes = self.names.prepare(&lock(&self.writer), &batch).map_err(StoreError::from)?;
            self.write(|transaction| write::commit(transaction, &self.names, &batch, &shapes))
        })
    }

    fn claim_lane<'a>(
        &'a self,
        lane: &'a str,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> Answer<'a, Option<Fence>> {
        inline!(self.write(|transaction| work::claim(transaction, lane, owner, now, until)))
    }

    fn release_lane<'a>(&'a self, fence: &'a Fence) -> Answer<'a, ()> {
        inline!(self.write(|transaction| work::release(transaction, fence)))
    }
}
