//! The store on PostgreSQL, for several workers: a pool of connections, one schema per workspace.
//!
//! Writing is READ COMMITTED with row locks: a batch first shares its lane's row, then locks the one row of counters.
//! Reading that takes more than one statement is one REPEATABLE READ snapshot.

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
    names::Names,
    past::{ChainEntry, Ledger, Past, Place},
};
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Transaction,
};
use jiff::Timestamp;
use std::{fmt, time::Duration};
use syncline_model::{
    ConnectionName, EntityId, JournalSeq, Kind, ObjectName, RecordId, RecordRef, Version,
    journal::JournalEntry, review::Review,
};
use tokio_postgres::{Config, IsolationLevel, NoTls, error::SqlState};

/// Connections that are open at most.
const CONNECTIONS: usize = 8;
/// How long a connection may take to come up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A store in one schema of a PostgreSQL database.
///
/// When a connection is lost while a batch commits, its outcome is unknown: [`Store::journal_head`] tells.
pub struct PostgresStore {
    pool: Pool,
    schema: String,
    names: Names,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects to the database at `url` (`postgres://…` or `host=… user=…`), creates the schema if need be, and brings
    /// it to the present format. The connection is not encrypted: the server is local or behind a tunnel.
    ///
    /// # Errors
    /// [`StoreError::TooNew`], [`StoreError::Corrupt`] (a schema that is not ours), [`StoreError::Engine`].
    pub async fn connect(url: &str, schema: &str) -> Result<Self, StoreError> {
        check_schema_name(schema)?;
        let mut config: Config = url.parse().map_err(Failure::from)?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(PATIENCE);
        }
        config.application_name("syncline");
        let settings = migrate::settings(schema);
        let set = Hook::async_fn(move |client, _| {
            let settings = settings.clone();
            Box::pin(async move { client.batch_execute(&settings).await.map_err(HookError::Backend) })
        });
        let manager =
            Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .post_create(set)
            .build()
            .map_err(|error| StoreError::Engine(error.to_string()))?;
        let store = Self { pool, schema: schema.to_owned(), names: Names::default() };
        migrate::migrate(&mut store.client().await?, schema).await?;
        Ok(store)
    }

    async fn client(&self) -> Result<Object, Failure> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => error.into(),
            other @ (PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_)) => StoreError::Engine(other.to_string()).into(),
        })
    }

    /// Every statement of this store, by name: to look at their plans.
    pub fn statements() -> &'static [(&'static str, &'static str)] {
        statements::ALL
    }

    /// Lets the server prepare every statement of this store.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] names the first that it does not understand: a table is not what it should be.
    pub async fn check(&self) -> Result<(), StoreError> {
        let client = self.client().await?;
        for (name, text) in statements::ALL {
            if let Err(error) = client.prepare(text).await {
                let why = StoreError::from(Failure::from(error));
                return Err(StoreError::Corrupt(format!("the statement {name} cannot be prepared: {why}")));
            }
        }
        Ok(())
    }

    /// Ends all connections of this store.
    pub fn close(&self) {
        self.pool.close();
    }
}

/// The schema's name stands in statements and in messages: it is a plain word.
fn check_schema_name(schema: &str) -> Result<(), StoreError> {
    let plain = schema.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if plain && !schema.is_empty() && schema.len() <= 63 && !schema.starts_with("pg_") {
        Ok(())
    } else {
        Err(StoreError::Engine(format!(
            "`{schema}` is no name for a schema: it takes up to 63 of a-z, 0-9 and _, and does not begin with pg_"
        )))
    }
}

/// What goes wrong inside a transaction.
#[derive(Debug)]
enum Failure {
    Postgres(tokio_postgres::Error),
    Store(StoreError),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
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
            Failure::Postgres(error) => error,
        };
        // A server's "detail" quotes keys, which may be a customer's data: it is left out.
        match error.as_db_error() {
            Some(db) if [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED].contains(db.code()) => {
                Self::Corrupt(format!("{}: {}", db.code().code(), db.message()))
            }
            Some(db) => Self::Engine(format!("{}: {}", db.code().code(), db.message())),
            None => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                Self::Engine(format!("{error}{}", cause.unwrap_or_default()))
            }
        }
    }
}

/// Runs `$body` with a connection, which is not used again once it is lost.
macro_rules! connected {
    ($self:ident, |$client:ident| $body:expr) => {
        Box::pin(async move {
            let mut $client = $self.client().await?;
            let result: Result<_, Failure> = async { $body }.await;
            if let Err(Failure::Postgres(error)) = &result
                && is_lost(error)
            {
                drop(Object::take($client));
            }
            result.map_err(StoreError::from)
        })
    };
}

/// Runs `$body` on one consistent state.
macro_rules! reading {
    ($self:ident, |$transaction:ident| $body:expr) => {
        connected!($self, |client| {
            let $transaction = snapshot(&mut client).await?;
            let value = $body.await?;
            $transaction.commit().await?;
            Ok(value)
        })
    };
}

/// Runs `$body` in one transaction that writes.
macro_rules! writing {
    ($self:ident, |$transaction:ident| $body:expr) => {
        connected!($self, |client| {
            let $transaction = client.transaction().await?;
            let value = $body.await?;
            $transaction.commit().await?;
            Ok(value)
        })
    };
}

/// Whether the connection ended with this error: the socket did, or the server said that it ends it (class 57P).
fn is_lost(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_none_or(|db| db.code().code().starts_with("57P"))
}

async fn snapshot(client: &mut Object) -> Result<Transaction<'_>, tokio_postgres::Error> {
    client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await
}

impl Store for PostgresStore {
    fn get<'a>(&'a self, key: &'a str) -> Answer<'a, Option<Vec<u8>>> {
        reading!(self, |transaction| read::get(&transaction, key))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Vec<u8>)>> {
        reading!(self, |transaction| read::list(&transaction, prefix))
    }

    fn records<'a>(&'a self, records: &'a [RecordRef]) -> Answer<'a, Vec<StoredRecord>> {
        reading!(self, |transaction| read::records(&transaction, &self.names, records))
    }

    fn entities<'a>(&'a self, entities: &'a [EntityId]) -> Answer<'a, Vec<StoredEntity>> {
        reading!(self, |transaction| read::entities(&transaction, &self.names, entities))
    }

    fn versions<'a>(
        &'a self,
        connection: &'a ConnectionName,
        object: &'a ObjectName,
        ids: &'a [RecordId],
    ) -> Answer<'a, Vec<Option<Version>>> {
        reading!(self, |transaction| read::versions(&transaction, &self.names, connection, object, ids))
    }

    fn count_since<'a>(
        &'a self,
        connection: &'a ConnectionName,
        object: &'a ObjectName,
        from: Timestamp,
    ) -> Answer<'a, u64> {
        reading!(self, |transaction| read::count_since(&transaction, &self.names, connection, object, from))
    }

    fn ids<'a>(
        &'a self,
        connection: &'a ConnectionName,
        object: &'a ObjectName,
        after: Option<&'a RecordId>,
        limit: usize,
    ) -> Answer<'a, Vec<RecordId>> {
        reading!(self, |transaction| read::ids(&transaction, &self.names, connection, object, after, limit))
    }

    fn by_keys<'a>(&'a self, kind: Kind, keys: &'a [MatchKey]) -> Answer<'a, Vec<Vec<RecordRef>>> {
        reading!(self, |transaction| read::by_keys(&transaction, &self.names, kind, keys))
    }

    fn dirty<'a>(&'a self, after: Option<&'a DirtyKey>, limit: usize) -> Answer<'a, Vec<Dirty>> {
        reading!(self, |transaction| work::dirty(&transaction, after, limit))
    }

    fn dirty_count(&self) -> Answer<'_, u64> {
        reading!(self, |transaction| work::dirty_count(&transaction))
    }

    fn next_due(&self) -> Answer<'_, Option<Timestamp>> {
        reading!(self, |transaction| work::next_due(&transaction))
    }

    fn held<'a>(
        &'a self,
        of: Option<EntityId>,
        after: Option<EntityId>,
        limit: usize,
    ) -> Answer<'a, Vec<StoredHeld>> {
        reading!(self, |transaction| work::held(&transaction, of, after, limit))
    }

    fn held_count(&self) -> Answer<'_, (u64, u64)> {
        reading!(self, |transaction| work::held_count(&transaction))
    }

    fn reviews(&self, open_only: OpenOnly, after: u64, limit: usize) -> Answer<'_, Vec<Review>> {
        reading!(self, |transaction| work::reviews(&transaction, open_only, after, limit))
    }

    fn review(&self, id: u64) -> Answer<'_, Option<Review>> {
        reading!(self, |transaction| work::review(&transaction, id))
    }

    fn open_calls(&self) -> Answer<'_, Vec<OpenCall>> {
        reading!(self, |transaction| work::open_calls(&transaction))
    }

    fn journal<'a>(
        &'a self,
        filter: &'a JournalFilter,
        after: JournalSeq,
        limit: usize,
    ) -> Answer<'a, Vec<JournalEntry>> {
        reading!(self, |transaction| journal::journal(&transaction, &self.names, filter, after, limit))
    }

    fn journal_values<'a>(&'a self, entries: &'a [JournalEntry]) -> Answer<'a, Vec<Vec<StoredValues>>> {
        reading!(self, |transaction| journal::values(&transaction, &self.names, entries))
    }

    fn journal_head(&self) -> Answer<'_, JournalSeq> {
        reading!(self, |transaction| async {
            Ok::<_, Failure>(JournalSeq(journal::head(&transaction).await?.seq))
        })
    }

    fn ledger(&self) -> Answer<'_, Ledger> {
        reading!(self, |transaction| past::ledger(&transaction))
    }

    fn past<'a>(&'a self, after: Option<&'a Place>, limit: usize) -> Answer<'a, Vec<Past>> {
        reading!(self, |transaction| past::past(&transaction, &self.names, after, limit))
    }

    fn chain(&self, after: JournalSeq, limit: usize) -> Answer<'_, Vec<ChainEntry>> {
        reading!(self, |transaction| past::chain(&transaction, after, limit))
    }

    fn commit<'a>(&'a self, batch: Batch) -> Answer<'a, Committed> {
        connected!(self, |client| {
            let shapes = intern::prepare(&client, &self.names, &batch).await?;
            let transaction = client.transaction().await?;
            let committed = write::commit(&transaction, &self.names, &batch, &shapes).await?;
            transaction.commit().await?;
            Ok(committed)
        })
    }

    fn claim_lane<'a>(
        &'a self,
        lane: &'a str,
        owner: &'a str,
        now: Timestamp,
        until: Timestamp,
    ) -> Answer<'a, Option<Fence>> {
        writing!(self, |transaction| work::claim(&transaction, lane, owner, now, until))
    }

    fn release_lane<'a>(&'a self, fence: &'a Fence) -> Answer<'a, ()> {
        writing!(self, |transaction| work::release(&transaction, fence))
    }
}
