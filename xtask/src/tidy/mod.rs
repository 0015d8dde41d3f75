//! Rules about the tree that no compiler checks. Each rule is a function from files to findings, each runs on the real
//! tree as a test of its own, and each has a test that it fires on a planted sample.

mod codes;
mod defects;
mod edges;
mod markers;
mod sizes;
mod tests_named;
mod text;
mod tree;
mod words;

pub(crate) use tree::{File, Tree};

/// One thing to mend: `path:line: what`.
pub(crate) type Finding = String;

/// A rule by name.
pub(crate) type Rule = (&'static str, fn(&Tree) -> Vec<Finding>);

/// All rules.
pub(crate) const RULES: &[Rule] = &[
    ("dependency edges", edges::check),
    ("file and crate sizes", sizes::check),
    ("unfinished work", markers::check),
    ("error codes", codes::check),
    ("checklists name tests", tests_named::check),
    ("planted defects", defects::check),
    ("machine paths and banned words", words::check),
];

/// What every rule finds.
pub(crate) fn all(tree: &Tree) -> Vec<Finding> {
    RULES
        .iter()
        .flat_map(|(name, check)| check(tree).into_iter().map(move |finding| format!("[{name}] {finding}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn real_tree() -> Tree {
        Tree::read(&crate::workspace_root()).unwrap()
    }

    fn assert_tidy(check: fn(&Tree) -> Vec<Finding>) {
        let findings = check(&real_tree());
        assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
    }

    #[test]
    fn dependency_edges() {
        assert_tidy(edges::check);
    }

    #[test]
    fn file_and_crate_sizes() {
        assert_tidy(sizes::check);
    }

    #[test]
    fn unfinished_work() {
        assert_tidy(markers::check);
    }

    #[test]
    fn error_codes() {
        assert_tidy(codes::check);
    }

    #[test]
    fn checklists_name_tests() {
        assert_tidy(tests_named::check);
    }

    #[test]
    fn planted_defects() {
        assert_tidy(defects::check);
    }

    #[test]
    fn machine_paths_and_banned_words() {
        assert_tidy(words::check);
    }

    #[test]
    fn the_tree_is_read_whole() {
        let tree = real_tree();
        for path in ["Cargo.toml", "xtask/src/tidy/mod.rs", "crates/syncline-kit/src/lib.rs"] {
            assert!(tree.files().any(|file| file.path == path), "{path} is missing");
        }
    }
}
