//! Where the key lives. Kept beside the database it only guards against the loss of the database alone, so it can be
//! kept elsewhere (decisions §2).

use super::{Environment, file_error, read};
use crate::{error::Error, secrets::Key};
use std::{
    io::Write,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The key file of a workspace, unless the environment names another.
pub const KEY_FILE: &str = "secret.key";
/// Readable and writable by its owner only.
const PRIVATE: u32 = 0o600;

/// Where the key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// A file.
    File(PathBuf),
    /// The environment variable `SYNCLINE_KEY`.
    Variable(Secretive),
    /// The program was given it.
    Given,
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secretive(String);

impl std::fmt::Debug for Secretive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(redacted)")
    }
}

impl KeyPlace {
    /// The place for a workspace: the variable, else the named file, else the workspace's own.
    pub(super) fn of(dir: &Path, environment: &Environment) -> Self {
        if let Some(key) = &environment.key {
            return Self::Variable(Secretive(key.clone()));
        }
        Self::File(environment.key_file.clone().unwrap_or_else(|| dir.join(KEY_FILE)))
    }

    /// Reads the key.
    pub(super) fn load(&self) -> Result<Key, Error> {
        let (text, origin) = match self {
            Self::File(path) if !path.exists() => return Err(Error::KeyMissing { path: path.clone() }),
            Self::File(path) => (read(path)?, path.display().to_string()),
            Self::Variable(text) => (text.0.clone(), "SYNCLINE_KEY".to_owned()),
            Self::Given => return Err(Error::Internal("no key was given".to_owned())),
        };
        Key::from_hex(&text).ok_or(Error::KeyMalformed { origin })
    }

    /// Whether somebody besides its owner may read the key file.
    pub fn is_readable_by_others(&self) -> bool {
        self.metadata().is_some_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
    }

    /// Whether the key file stands on the same disk as `other`.
    pub fn shares_disk_with(&self, other: &Path) -> bool {
        let other = other.metadata().ok().map(|metadata| metadata.dev());
        self.metadata().is_some_and(|metadata| Some(metadata.dev()) == other)
    }

    fn metadata(&self) -> Option<std::fs::Metadata> {
        match self {
            Self::File(path) => path.metadata().ok(),
            Self::Variable(_) | Self::Given => None,
        }
    }
}

/// Writes a new key file; one that is there is never replaced.
pub(super) fn create(path: &Path, key: &Key) -> Result<(), Error> {
    let failed = |error: &std::io::Error| file_error(path, "written", error);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(path)
        .map_err(|error| failed(&error))?;
    writeln!(file, "{}", key.to_hex()).and_then(|()| file.sync_all()).map_err(|error| failed(&error))
}

/// Takes everybody else's rights to a file away.
pub(super) fn make_private(path: &Path) -> Result<(), Error> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(PRIVATE))
        .map_err(|error| file_error(path, "written", &error))
}
