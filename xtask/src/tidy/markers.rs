//! Marks of unfinished work: a requirement is met or it is not, and what is not met is said in the docs.

use super::{File, Finding, Tree, text::words};

const SOURCES: &[&str] =
    &[".rs", ".py", ".mjs", ".cjs", ".js", ".ts", ".svelte", ".sh", ".sql", ".toml", "Makefile", "run"];
// Put together here, so that this file does not name them.
const WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const CALLS: &[&str] = &[concat!("db", "g!"), concat!("to", "do!("), concat!("unimple", "mented!(")];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files()
        .filter(|file| SOURCES.iter().any(|ending| file.path.ends_with(ending)))
        .flat_map(in_file)
        .collect()
}

fn in_file(file: &File) -> impl Iterator<Item = Finding> + '_ {
    file.lines().filter_map(|(number, line)| {
        let word = WORDS.iter().find(|word| words(line, word).any(|at| !is_quoted(line, at, word.len())));
        let call = CALLS.iter().find(|call| line.contains(*call));
        let mark = word.or(call)?;
        Some(format!("{}:{number}: {mark}", file.path))
    })
}

/// A vendor's value may be spelled so (HubSpot's task type): `"..."` around the word itself.
fn is_quoted(line: &str, at: usize, length: usize) -> bool {
    let quote = |character: Option<char>| matches!(character, Some('"' | '\'' | '`'));
    quote(line[..at].chars().next_back()) && quote(line[at + length..].chars().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mark_is_found() {
        for mark in WORDS.iter().chain(CALLS) {
            let line = format!("fn a() {{}} // {mark} later");
            assert_eq!(check(&Tree::planted(&[("crates/a/src/b.rs", &line)])).len(), 1, "{mark}");
        }
    }

    #[test]
    fn a_vendors_value_and_a_longer_word_are_not_marks() {
        let line = format!("match kind {{ \"{}\" => M{}S }}", WORDS[0], WORDS[0]);
        assert!(check(&Tree::planted(&[("crates/a/src/b.rs", &line)])).is_empty());
    }
}
