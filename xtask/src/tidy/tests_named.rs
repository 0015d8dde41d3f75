//! A vendor's checklist names, line by line, the test that shows it; a name that no test bears is a promise unkept.

use super::{Finding, Tree, text::words};

const HEADER: [&str; 2] = ["checklist line", "test id"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let pages =
        tree.files().filter(|file| vendor_of(&file.path).is_some() && file.path.ends_with("/README.md"));
    pages
        .flat_map(|page| {
            let vendor = vendor_of(&page.path).unwrap_or_default();
            let mut in_table = false;
            page.lines().filter_map(move |(number, line)| {
                let cells = cells(line);
                if cells == HEADER {
                    in_table = true;
                    return None;
                }
                in_table &= !cells.is_empty();
                let names = cells.get(1).filter(|_| in_table)?;
                let missing: Vec<&str> = ids(names).filter(|id| !exists(tree, vendor, id)).collect();
                let none_named =
                    ids(names).next().is_none() && !names.chars().all(|c| matches!(c, '-' | ':' | ' '));
                (none_named || !missing.is_empty())
                    .then(|| format!("{}:{number}: no such test: {}", page.path, missing.join(", ")))
            })
        })
        .collect()
}

/// `vendors/NAME/` of a path.
fn vendor_of(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("vendors/")?;
    Some(&path[..path.len() - rest.len() + rest.find('/')? + 1])
}

fn cells(line: &str) -> Vec<&str> {
    let Some(row) = line.trim().strip_prefix('|') else { return Vec::new() };
    row.trim_end_matches('|').split('|').map(str::trim).collect()
}

/// Names in a cell: separated by commas or spaces, in backticks or not, with or without the path of their module.
fn ids(cell: &str) -> impl Iterator<Item = &str> {
    cell.split([',', ' ', '`', '·', ';'])
        .filter(|id| id.chars().any(char::is_alphanumeric))
        .map(|id| id.rsplit("::").next().unwrap_or(id))
}

fn exists(tree: &Tree, vendor: &str, id: &str) -> bool {
    let function = format!("fn {id}");
    let in_rust = tree.under(vendor, ".rs").any(|file| words(&file.text, &function).next().is_some());
    let in_clients = || {
        tree.under("clients/", "").any(|file| {
            ['"', '\'', '`'].iter().any(|quote| file.text.contains(&format!("{quote}{id}{quote}")))
        })
    };
    in_rust || in_clients()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(row: &str) -> usize {
        let page = format!(
            "# A\n| checklist line | test id |\n|---|---|\n{row}\n\n| other | table |\n|---|---|\n| a | b |\n"
        );
        check(&Tree::planted(&[
            ("vendors/a/README.md", &page),
            ("vendors/a/src/b.rs", "#[test]\nfn refuses_it() {}\nfn refuses_it_always() {}"),
            ("vendors/b/src/b.rs", "#[test]\nfn elsewhere() {}"),
            ("clients/a/run.mjs", "test('client-pages', async () => {})"),
        ]))
        .len()
    }

    #[test]
    fn tests_of_the_vendor_and_of_its_clients_are_known() {
        assert_eq!(found("| it refuses | `refuses_it`, `client-pages` |"), 0);
        assert_eq!(found("| it refuses | b::tests::refuses_it_always |"), 0);
    }

    #[test]
    fn a_name_that_no_test_bears_is_found() {
        for name in ["refuses", "elsewhere", "`client-page`", "refuses_it, gone", "–"] {
            assert_eq!(found(&format!("| it refuses | {name} |")), 1, "{name}");
        }
    }
}
