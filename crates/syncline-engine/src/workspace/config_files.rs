//! The configuration's files: `syncline.toml` first, then `conf.d/*.toml` by name.

use super::{file_error, read};
use crate::error::Error;
use std::path::Path;
use syncline_core::config::{self, Config};

/// The main file.
pub const CONFIG: &str = "syncline.toml";
/// The folder of further files.
const FURTHER: &str = "conf.d";

/// The files as read.
#[derive(Debug, Clone)]
pub struct ConfigFiles {
    /// (name as shown, text), the main one first.
    pub files: Vec<(String, String)>,
}

impl ConfigFiles {
    /// Reads the files of a workspace.
    ///
    /// # Errors
    /// [`Error::NoDirectory`], [`Error::NotInitialised`], [`Error::File`].
    pub fn read(dir: &Path) -> Result<Self, Error> {
        if !dir.is_dir() {
            return Err(Error::NoDirectory { dir: dir.to_owned() });
        }
        let main = dir.join(CONFIG);
        if !main.is_file() {
            return Err(Error::NotInitialised { dir: dir.to_owned() });
        }
        let mut files = vec![(CONFIG.to_owned(), read(&main)?)];
        let further = dir.join(FURTHER);
        if further.is_dir() {
            let entries =
                std::fs::read_dir(&further).map_err(|error| file_error(&further, "read", &error))?;
            let mut paths = Vec::new();
            for entry in entries {
                let path = entry.map_err(|error| file_error(&further, "read", &error))?.path();
                if path.extension().is_some_and(|ending| ending == "toml") {
                    paths.push(path);
                }
            }
            paths.sort();
            for path in paths {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                files.push((format!("{FURTHER}/{name}"), read(&path)?));
            }
        }
        Ok(Self { files })
    }

    /// The configuration in them.
    ///
    /// # Errors
    /// [`Error::Config`] with all problems.
    pub fn parse(&self) -> Result<Config, Error> {
        let files: Vec<_> = self.files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        config::parse(&files).map_err(|problems| Error::Config {
            problems: problems.iter().map(ToString::to_string).collect(),
        })
    }
}
