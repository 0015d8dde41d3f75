//! The files under version control, and those about to be.

use super::Finding;
use std::{path::Path, process::Command};

/// A text file.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root of the tree, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All of them, in order of their paths.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: Vec<File>,
}

impl Tree {
    /// Reads what git tracks or would add under `root`; files that are not UTF-8 are left out.
    pub(crate) fn read(root: &Path) -> Result<Self, Finding> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .map_err(|error| format!("git cannot be run: {error}"))?;
        if !listed.status.success() {
            return Err(format!("git ls-files: {}", String::from_utf8_lossy(&listed.stderr)));
        }
        let mut files: Vec<File> = String::from_utf8_lossy(&listed.stdout)
            .split_terminator('\0')
            // Deleted but not yet committed files are listed too, and cannot be read.
            .filter_map(|path| {
                Some(File { path: path.to_owned(), text: std::fs::read_to_string(root.join(path)).ok()? })
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files.dedup_by(|a, b| a.path == b.path);
        Ok(Self { files })
    }

    /// A planted tree.
    #[cfg(test)]
    pub(crate) fn planted(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File { path: path.to_owned(), text: text.to_owned() };
        Self { files: files.iter().map(file).collect() }
    }

    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// The files below a folder (`vendors/hubspot/`) that end so (`.rs`).
    pub(crate) fn under<'a>(&'a self, folder: &'a str, ending: &'a str) -> impl Iterator<Item = &'a File> {
        self.files().filter(move |file| file.path.starts_with(folder) && file.path.ends_with(ending))
    }

    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.files().find(|file| file.path == path)
    }
}

impl File {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whole files of tests: a folder or file named so.
    pub(crate) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| matches!(part, "tests" | "tests.rs" | "benches" | "fixtures"))
            || self.path.ends_with("_tests.rs")
    }

    /// Numbered lines, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Numbered lines up to the unit tests, which stand at the end of a file; none in a file of tests.
    pub(crate) fn lines_before_tests(&self) -> impl Iterator<Item = (usize, &str)> {
        let (all_tests, rust) = (self.is_test(), self.is_rust());
        self.lines().take_while(move |(_, line)| {
            let tests_begin = rust && line.trim() == "#[cfg(test)]";
            !all_tests && !tests_begin
        })
    }
}
