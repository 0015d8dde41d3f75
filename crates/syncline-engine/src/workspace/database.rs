//! Where what is known is kept: `state.db` in the workspace, or a schema of a PostgreSQL server that several workers
//! share.

use super::{DATABASE, Environment};
use crate::error::Error;
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};
use syncline_store::{Store, postgres::PostgresStore, sqlite::SqliteStore};

/// The schema, where the environment names none.
const SCHEMA: &str = "syncline";

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabasePlace {
    /// A file.
    File(PathBuf),
    /// A server.
    Server {
        /// With its password: not shown.
        url: String,
        /// One a workspace.
        schema: String,
    },
}

impl DatabasePlace {
    /// The place for a workspace: the server that the environment names, else the workspace's own file.
    pub(super) fn of(dir: &Path, environment: &Environment) -> Self {
        match &environment.store {
            Some(url) => Self::Server {
                url: url.clone(),
                schema: environment.store_schema.clone().unwrap_or_else(|| SCHEMA.to_owned()),
            },
            None => Self::File(dir.join(DATABASE)),
        }
    }

    /// Opens a database that is there.
    pub(super) async fn open(&self) -> Result<Arc<dyn Store>, Error> {
        match self {
            Self::File(path) if !path.exists() => {
                let why = "restore it from your backup".to_owned();
                Err(Error::File { path: path.clone(), doing: "found", why })
            }
            Self::File(_) | Self::Server { .. } => self.create().await,
        }
    }

    /// Opens it, and makes an empty one where there is none.
    pub(super) async fn create(&self) -> Result<Arc<dyn Store>, Error> {
        match self {
            Self::File(path) => Ok(Arc::new(SqliteStore::open(path)?)),
            Self::Server { url, schema }
                if url.starts_with("postgres://") || url.starts_with("postgresql://") =>
            {
                Ok(Arc::new(PostgresStore::connect(url, schema).await?))
            }
            Self::Server { .. } => Err(Error::StoreAddress("it does not begin with postgres://".to_owned())),
        }
    }
}

impl fmt::Display for DatabasePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server { schema, .. } => write!(f, "schema {schema} of the database server"),
        }
    }
}

impl fmt::Debug for DatabasePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
