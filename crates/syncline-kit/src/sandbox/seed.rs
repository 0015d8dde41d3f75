//! Seed files: CSV files named after the vendor's objects, as the listener read them from `--seed DIR`.

use std::collections::BTreeMap;

/// File name without its ending → content. Only `*.csv` files are read.
#[derive(Debug, Default, Clone)]
pub struct SeedFiles {
    files: BTreeMap<String, Vec<u8>>,
}

/// How many rows of each object were loaded.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// By object.
    pub rows: BTreeMap<String, u64>,
}

/// A row that breaks a rule stops the load.
#[derive(Debug, thiserror::Error)]
#[error("{file}.csv line {line}: {message}")]
pub struct SeedError {
    /// File name without its ending.
    pub file: String,
    /// Line in that file; the header is line 1.
    pub line: u64,
    /// What is wrong, in the vendor's own words where it has any.
    pub message: String,
}

impl SeedFiles {
    /// Adds a file.
    pub fn insert(&mut self, name: &str, content: Vec<u8>) {
        self.files.insert(name.to_owned(), content);
    }

    /// One file's content.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// All file names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }
}
