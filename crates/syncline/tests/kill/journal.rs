//! The workspace's store as the driver knows it: where it is, how far its journal has come, and that a claim ends with
//! its process. Nothing is judged by it.

use crate::cluster::Cluster;
use jiff::Timestamp;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use syncline_model::JournalSeq;
use syncline_store::{JournalFilter, Store, postgres::PostgresStore, sqlite::SqliteStore};
use tokio::runtime::Runtime;

/// Which store a world is on.
#[derive(Clone)]
pub enum Place {
    Sqlite,
    /// A schema of its own there.
    Postgres {
        cluster: Arc<Cluster>,
        schema: String,
    },
}

impl Place {
    pub fn postgres(cluster: &Arc<Cluster>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let schema = format!("kill_{}_{number}", std::process::id());
        Self::Postgres { cluster: cluster.clone(), schema }
    }

    /// Another one of the same sort, with nothing in it.
    pub fn fresh(&self) -> Self {
        match self {
            Self::Sqlite => Self::Sqlite,
            Self::Postgres { cluster, .. } => Self::postgres(cluster),
        }
    }

    /// Tells a command where the store is.
    pub fn tell(&self, command: &mut Command) {
        command.env_remove("SYNCLINE_STORE").env_remove("SYNCLINE_STORE_SCHEMA");
        if let Self::Postgres { cluster, schema } = self {
            command.env("SYNCLINE_STORE", url(&cluster.url)).env("SYNCLINE_STORE_SCHEMA", schema);
        }
    }
}

/// As `SYNCLINE_STORE` takes it.
fn url(told: &str) -> String {
    if told.starts_with("postgres") {
        return told.to_owned();
    }
    let part = |name: &str| {
        let found = told.split(' ').find_map(|part| part.strip_prefix(&format!("{name}=")));
        found.unwrap_or_default().replace('/', "%2F")
    };
    format!("postgres://{}@{}/{}", part("user"), part("host"), part("dbname"))
}

/// An open connection to it.
pub struct Journal {
    runtime: Runtime,
    store: Arc<dyn Store>,
    file: Option<PathBuf>,
}

impl Journal {
    /// Of the workspace in `dir`, which has been made.
    pub fn open(place: &Place, dir: &Path) -> Self {
        let runtime = Runtime::new().unwrap();
        let file = dir.join("state.db");
        let (store, file): (Arc<dyn Store>, _) = match place {
            Place::Sqlite => (Arc::new(SqliteStore::open(&file).unwrap()), Some(file)),
            Place::Postgres { cluster, schema } => {
                (Arc::new(runtime.block_on(PostgresStore::connect(&cluster.url, schema)).unwrap()), None)
            }
        };
        Self { runtime, store, file }
    }

    /// How many entries the journal has.
    pub fn head(&self) -> u64 {
        self.runtime.block_on(self.store.journal_head()).unwrap().0
    }

    /// How often the journal was written since it had so many entries: what is written together has one time.
    pub fn steps_since(&self, head: u64) -> usize {
        let filter = JournalFilter::default();
        let entries = self.store.journal(&filter, JournalSeq(head), usize::MAX >> 1);
        let entries = self.runtime.block_on(entries).unwrap();
        entries.iter().map(|entry| entry.at).collect::<BTreeSet<_>>().len()
    }

    /// Calls whose intent is stored and whose end is not.
    pub fn open_calls(&self) -> usize {
        self.runtime.block_on(self.store.open_calls()).unwrap().len()
    }

    /// What the open call is, as method and path.
    pub fn open_call(&self) -> Option<String> {
        let open = self.runtime.block_on(self.store.open_calls()).unwrap().pop()?;
        let payload: serde_json::Value = serde_json::from_slice(&open.payload).unwrap();
        payload["call"]["endpoint"].as_str().map(str::to_owned)
    }

    /// What only time would do: the claim of a process that was killed lapses. On SQLite a lock on a file does it.
    pub fn the_claim_lapses(&self) {
        if self.file.is_none() {
            let taken = self.store.claim_lane("sync", "driver", Timestamp::MAX, Timestamp::MAX);
            let fence = self.runtime.block_on(taken).unwrap().unwrap();
            self.runtime.block_on(self.store.release_lane(&fence)).unwrap();
        }
    }
}
