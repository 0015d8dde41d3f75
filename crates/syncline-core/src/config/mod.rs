//! The configuration: `syncline.toml` and the files of `conf.d/`, read with the place of every mistake. It is resolved
//! against the live schemas by [`crate::mapping::compile`]. `docs/configuration.md` describes every key.

mod defaults;
mod literal;
mod predicate;
pub(crate) mod problem;
mod read;
mod reader;
mod schema;
mod tree;
mod types;

pub use defaults::{VendorDefaults, default_text};
pub use problem::{Place, Problem, Severity};
pub(crate) use reader::did_you_mean;
pub use schema::json_schema;
pub use types::*;

use std::sync::Arc;

/// Reads the configuration's files, the main one first: (name as it is to be shown, text). All problems are returned, in
/// the order of the files; there is no configuration where there is one.
pub fn parse(files: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut root = tree::Table::default();
    for (name, text) in files {
        let table = tree::read(name, text, &mut problems);
        tree::merge(&mut root, table, &mut problems);
    }
    let main = files.first().map_or("syncline.toml", |(name, _)| name);
    let start = Place { file: Arc::from(main), line: 1, column: 1 };
    // What could not be read as TOML would only show up again as missing.
    if problems.iter().any(|problem| problem.code == problem::codes::SYNTAX) {
        return Err(problems);
    }
    let config = read::config(&root, &start, &mut problems);
    let position = |problem: &Problem| files.iter().position(|(name, _)| *name == &*problem.file);
    problems.sort_by_key(|problem| (position(problem), problem.line, problem.column, problem.code));
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

#[cfg(test)]
pub(crate) mod tests;
