//! The workspace: one directory, one company. `syncline.toml` (and `conf.d/*.toml`), `secret.key`, `state.db`.

mod config_files;
mod database;
mod edit;
mod key_file;
mod new;

pub use config_files::{CONFIG, ConfigFiles};
pub use database::DatabasePlace;
pub use edit::set_account;
pub use key_file::{KEY_FILE, KeyPlace};
pub use new::init;

use crate::{ctx::Made, error::Error, secrets::Key};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};
use syncline_core::config::Config;
use syncline_kit::daily::Share;
use syncline_store::{Batch, Store, StoreError};
use uuid::Uuid;

/// The database of a workspace.
pub const DATABASE: &str = "state.db";
/// Where the workspace's id stands in the store.
const ID: &str = "workspace/id";

/// What the environment says about a workspace. Read once by the binary.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `SYNCLINE_KEY`: the key itself.
    pub key: Option<String>,
    /// `SYNCLINE_KEY_FILE`: where the key is kept instead of in the workspace.
    pub key_file: Option<PathBuf>,
    /// `SYNCLINE_STORE`: address of a PostgreSQL server to keep everything on instead of in the workspace. It carries a
    /// password, so it does not stand in the configuration.
    pub store: Option<String>,
    /// `SYNCLINE_STORE_SCHEMA`: the workspace's schema there.
    pub store_schema: Option<String>,
}

impl Environment {
    /// Of this process.
    pub fn of_process() -> Self {
        Self {
            key: std::env::var("SYNCLINE_KEY").ok(),
            key_file: std::env::var_os("SYNCLINE_KEY_FILE").map(PathBuf::from),
            store: std::env::var("SYNCLINE_STORE").ok(),
            store_schema: std::env::var("SYNCLINE_STORE_SCHEMA").ok(),
        }
    }
}

/// An open workspace.
pub struct Workspace {
    /// Its directory.
    pub dir: PathBuf,
    /// Its id; plans carry it.
    pub id: Uuid,
    /// The configuration.
    pub config: Arc<Config>,
    /// Digest of what the configuration decides, [`Config::digest`]: plans carry it.
    pub config_sha256: Arc<str>,
    /// What is kept.
    pub store: Arc<dyn Store>,
    /// Where it is kept.
    pub database_place: DatabasePlace,
    /// Where the key comes from.
    pub key_place: KeyPlace,
    key: Result<Key, Error>,
    /// The mapping that was compiled last.
    pub(crate) made: Mutex<Option<Made>>,
}

impl Workspace {
    /// Opens the workspace in `dir`. A missing or malformed key is told when the key is asked for: history and reviews
    /// can be read without it.
    ///
    /// # Errors
    /// [`Error::NoDirectory`], [`Error::NotInitialised`], [`Error::Config`] with every problem of the configuration,
    /// [`Error::Store`] for a database that cannot be opened, [`Error::File`].
    pub async fn open(dir: &Path, environment: &Environment) -> Result<Self, Error> {
        let files = ConfigFiles::read(dir)?;
        let config = files.parse()?;
        let database_place = DatabasePlace::of(dir, environment);
        let store = database_place.open().await?;
        let id = id_of(&*store).await?.ok_or_else(damaged)?;
        let key_place = KeyPlace::of(dir, environment);
        let key = key_place.load();
        Ok(Self {
            dir: dir.to_owned(),
            id,
            config_sha256: Arc::from(config.digest()),
            config: Arc::new(config),
            store,
            database_place,
            key_place,
            key,
            made: Mutex::default(),
        })
    }

    /// A workspace made of its parts; for the simulation and tests.
    pub fn of_parts(id: Uuid, config: Config, store: Arc<dyn Store>, key: Key) -> Self {
        Self {
            dir: PathBuf::new(),
            id,
            config_sha256: Arc::from(config.digest()),
            config: Arc::new(config),
            store,
            database_place: DatabasePlace::File(PathBuf::new()),
            key_place: KeyPlace::Given,
            key: Ok(key),
            made: Mutex::default(),
        }
    }

    /// How much of what an account's day has left of calls each connection may use.
    pub(crate) fn daily_share(&self) -> Share {
        Share::permille(self.config.daily_share_permille)
    }

    /// The key that opens the credentials.
    ///
    /// # Errors
    /// [`Error::KeyMissing`], [`Error::KeyMalformed`], [`Error::File`].
    pub fn key(&self) -> Result<&Key, Error> {
        self.key.as_ref().map_err(Error::clone)
    }
}

/// The id of the workspace whose database this is; `None` in an empty one.
async fn id_of(store: &dyn Store) -> Result<Option<Uuid>, Error> {
    let Some(bytes) = store.get(ID).await? else { return Ok(None) };
    let text = String::from_utf8(bytes).map_err(|_| damaged())?;
    Ok(Some(text.parse().map_err(|_| damaged())?))
}

fn damaged() -> StoreError {
    StoreError::Corrupt("it is not the database of a workspace: it carries no id".to_owned())
}

fn put_id(batch: &mut Batch, id: Uuid) {
    batch.puts.push((ID.to_owned(), Some(id.to_string().into_bytes())));
}

/// Reads a file of the workspace.
fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| file_error(path, "read", &error))
}

fn file_error(path: &Path, doing: &'static str, error: &std::io::Error) -> Error {
    Error::File { path: path.to_owned(), doing, why: error.to_string() }
}
