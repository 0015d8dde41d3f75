//! Planted defects: each is planted somewhere, each has its story in the museum, and nobody but the planted lines names
//! one: what checks must find a defect by what it does.

use super::{File, Finding, Tree};
use std::collections::BTreeMap;

const LIST: &str = "crates/syncline-model/src/defect.rs";
const MUSEUM: &str = "docs/museum.md";
/// Where lines may be planted: the code that ships and that a simulation runs.
const FIELDS: &[&str] = &["crates/syncline-core/src/", "crates/syncline-engine/src/"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(list) = tree.get(LIST) else { return Vec::new() };
    let defects = listed(list);
    let mut planted: BTreeMap<&str, usize> = defects.keys().map(|defect| (*defect, 0)).collect();
    let mut findings = Vec::new();
    for file in tree.files().filter(|file| file.is_rust() && file.path != LIST && !is_tool(file)) {
        for (number, line) in file.lines() {
            let in_field = file.lines_before_tests().any(|(at, _)| at == number) && is_field(&file.path);
            for defect in named(line) {
                match planted.get_mut(defect) {
                    Some(count) if in_field && line.contains(&format!("planted(Defect::{defect})")) => {
                        *count += 1
                    }
                    _ => findings.push(format!("{}:{number}: names the defect `{defect}`", file.path)),
                }
            }
            for name in defects.values().filter(|name| line.contains(&format!("\"{name}\""))) {
                findings.push(format!("{}:{number}: names the defect {name}", file.path));
            }
        }
    }
    let idle = planted.iter().filter(|(_, count)| **count == 0);
    findings.extend(idle.map(|(defect, _)| format!("{LIST}: `{defect}` is planted nowhere")));
    let told: Vec<(usize, &str)> = stories(tree.get(MUSEUM)).collect();
    let untold = defects.values().filter(|name| told.iter().all(|(_, story)| story != *name));
    findings.extend(untold.map(|name| format!("{LIST}: {name} has no heading in {MUSEUM}")));
    let unknown = told.iter().filter(|(_, story)| defects.values().all(|name| name != story));
    findings.extend(unknown.map(|(number, story)| format!("{MUSEUM}:{number}: no defect is called {story}")));
    findings
}

/// This rule speaks of defects itself.
fn is_tool(file: &File) -> bool {
    file.path.starts_with("xtask/")
}

fn is_field(path: &str) -> bool {
    FIELDS.iter().any(|folder| path.starts_with(folder))
        || path.starts_with("vendors/") && path.contains("/src/adapter/")
}

/// `Defect = "name", "reference";` lines: the variant and its name.
fn listed(list: &File) -> BTreeMap<&str, &str> {
    list.lines()
        .filter_map(|(_, line)| {
            let (defect, rest) = line.trim().split_once(" = \"")?;
            let (name, _) = rest.split_once("\", \"")?;
            defect.chars().all(char::is_alphanumeric).then_some((defect, name))
        })
        .collect()
}

/// Variants that a line names; functions of the type begin with a small letter.
fn named(line: &str) -> impl Iterator<Item = &str> {
    line.split("Defect::").skip(1).filter_map(|rest| {
        let end = rest.find(|at: char| !at.is_alphanumeric()).unwrap_or(rest.len());
        rest[..end].starts_with(char::is_uppercase).then(|| &rest[..end])
    })
}

/// Headings of stories, each a name in backticks.
fn stories(museum: Option<&File>) -> impl Iterator<Item = (usize, &str)> {
    museum
        .into_iter()
        .flat_map(File::lines)
        .filter_map(|(number, line)| Some((number, line.strip_prefix("### `")?.split_once('`')?.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "    /// A story.\n    Lost = \"tool-1-lost\", \"tool#1\";";
    const PLANTED: &str = "if planted(Defect::Lost) {}";
    const STORY: &str = "### `tool-1-lost`";

    fn found(files: &[(&str, &str)]) -> Vec<Finding> {
        let list = [(LIST, ONE)];
        check(&Tree::planted(&list.iter().chain(files).copied().collect::<Vec<_>>()))
    }

    #[test]
    fn a_defect_that_is_planted_and_told_is_as_it_should_be() {
        assert!(found(&[("crates/syncline-core/src/a.rs", PLANTED), (MUSEUM, STORY)]).is_empty());
        assert!(found(&[("vendors/x/src/adapter/a.rs", PLANTED), (MUSEUM, STORY)]).is_empty());
    }

    #[test]
    fn one_that_is_planted_nowhere_or_not_told_is_found() {
        assert_eq!(found(&[(MUSEUM, STORY)]).len(), 1);
        assert_eq!(found(&[("crates/syncline-core/src/a.rs", PLANTED)]).len(), 1);
        let twice = format!("{STORY}\n### `tool-2-gone`");
        assert_eq!(found(&[("crates/syncline-core/src/a.rs", PLANTED), (MUSEUM, &twice)]).len(), 1);
    }

    #[test]
    fn whoever_checks_may_not_name_one() {
        let planted = ("crates/syncline-core/src/a.rs", PLANTED);
        for line in [PLANTED, "Defect::Lost => \"duplicates\"", "if name == \"tool-1-lost\" {}"] {
            let found = found(&[planted, (MUSEUM, STORY), ("crates/syncline-sim/src/checks.rs", line)]);
            assert_eq!(found.len(), 1, "{line}: {found:?}");
        }
        let all = "for defect in Defect::all() { plant(Some(*defect)); }";
        assert!(found(&[planted, (MUSEUM, STORY), ("crates/syncline-sim/src/lib.rs", all)]).is_empty());
        let sandbox = found(&[planted, (MUSEUM, STORY), ("vendors/x/src/sandbox/a.rs", PLANTED)]);
        assert_eq!(sandbox.len(), 1, "a sandbox is judged by others and has no defects of ours");
    }
}
