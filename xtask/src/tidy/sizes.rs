//! Files that a person can hold in mind, and crates that must stay small.

use super::{Finding, Tree};

const MAX_FILE_LINES: usize = 1_000;
/// Folder, lines of all its Rust files together, and why.
const CRATE_BUDGETS: &[(&str, usize, &str)] = &[
    ("crates/syncline-kit/", 2_000, "kit holds only what two vendors already use"),
    ("crates/syncline-model/", 4_000, "model is data only; behaviour belongs into core"),
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let long_files = tree.under("", ".rs").filter_map(|file| {
        let lines = file.text.lines().count();
        (lines > MAX_FILE_LINES).then(|| format!("{}: {lines} lines, at most {MAX_FILE_LINES}", file.path))
    });
    let large_crates = CRATE_BUDGETS.iter().filter_map(|(folder, budget, why)| {
        let lines: usize = tree.under(folder, ".rs").map(|file| file.text.lines().count()).sum();
        (lines > *budget).then(|| format!("{folder}: {lines} lines, at most {budget}: {why}"))
    });
    long_files.chain(large_crates).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found() {
        let lines = "//\n".repeat(1_000);
        assert!(check(&Tree::planted(&[("crates/a/src/b.rs", &lines)])).is_empty());
        let long = lines + "//";
        assert_eq!(check(&Tree::planted(&[("crates/a/src/b.rs", &long)])).len(), 1);
    }

    #[test]
    fn a_crate_over_its_budget_is_found() {
        let third = "//\n".repeat(1_000);
        let files = [
            ("crates/syncline-kit/src/a.rs", third.as_str()),
            ("crates/syncline-kit/src/b.rs", &third),
            ("crates/syncline-kit/src/c.rs", "//"),
        ];
        assert!(check(&Tree::planted(&files[..2])).is_empty());
        assert_eq!(check(&Tree::planted(&files)).len(), 1);
    }
}
