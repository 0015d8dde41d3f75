//! The direction of dependencies:
//! `model ← {kit ← vendors, store, core} ← engine ← {server, sim} ← syncline`, and no I/O below the engine's line.

use super::{Finding, Tree};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

const VENDORS: &str = "vendors";
/// Crate → what it may depend on; `vendors` stands for every crate under `vendors/`.
const ALLOWED: &[(&str, &[&str])] = &[
    ("syncline-model", &[]),
    ("syncline-core", &["syncline-model"]),
    ("syncline-kit", &["syncline-model"]),
    ("syncline-store", &["syncline-model"]),
    (VENDORS, &["syncline-model", "syncline-kit"]),
    ("syncline-engine", &["syncline-model", "syncline-kit", "syncline-core", "syncline-store", VENDORS]),
    (
        "syncline-server",
        &["syncline-model", "syncline-kit", "syncline-core", "syncline-store", "syncline-engine"],
    ),
    (
        "syncline-sim",
        &["syncline-model", "syncline-kit", "syncline-core", "syncline-store", "syncline-engine", VENDORS],
    ),
    (
        "syncline",
        &[
            "syncline-model",
            "syncline-kit",
            "syncline-core",
            "syncline-store",
            "syncline-engine",
            "syncline-server",
            "syncline-sim",
            VENDORS,
        ],
    ),
];
/// Crates that only compute, and what would let them do more.
const PURE: &[&str] = &["syncline-model", "syncline-core"];
const IMPURE: &[&str] = &[
    "async-std",
    "axum",
    "deadpool-postgres",
    "getrandom",
    "hyper",
    "hyper-util",
    "mio",
    "rand",
    "reqwest",
    "rusqlite",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
    "tokio-postgres",
    "tokio-rustls",
    "ureq",
];
/// Never a dependency of a vendor, not even of its tests.
const HIDDEN_FROM_VENDORS: &[&str] = &["syncline-store", "syncline-core"];

/// One crate as its manifest describes it.
struct Crate {
    path: String,
    name: String,
    vendor: bool,
    /// Package names, build dependencies included.
    dependencies: BTreeSet<String>,
    dev_dependencies: BTreeSet<String>,
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    match read(tree) {
        Ok(crates) => check_crates(&crates),
        Err(finding) => vec![finding],
    }
}

fn check_crates(crates: &[Crate]) -> Vec<Finding> {
    let vendors: BTreeSet<&str> =
        crates.iter().filter(|one| one.vendor).map(|one| one.name.as_str()).collect();
    let ours: BTreeSet<&str> = crates.iter().map(|one| one.name.as_str()).collect();
    let mut findings = Vec::new();
    for one in crates {
        let mut refuse = |dependency: &str, why: &str| {
            findings.push(format!("{}: {} must not depend on {dependency}: {why}", one.path, one.name));
        };
        let place = if one.vendor { VENDORS } else { one.name.as_str() };
        // A crate without a line is a tool of the project and may use anything, as long as nothing depends on it.
        let allowed = ALLOWED.iter().find(|(name, _)| *name == place).map(|(_, allowed)| *allowed);
        for dependency in one.dependencies.iter().filter(|name| ours.contains(name.as_str())) {
            let as_listed = if vendors.contains(dependency.as_str()) { VENDORS } else { dependency };
            if allowed.is_some_and(|allowed| !allowed.contains(&as_listed)) {
                refuse(dependency, "it stands above or beside it");
            }
        }
        for dependency in one.dev_dependencies.iter().filter(|_| one.vendor) {
            if vendors.contains(dependency.as_str()) && *dependency != one.name
                || HIDDEN_FROM_VENDORS.contains(&dependency.as_str())
            {
                refuse(dependency, "a vendor's tests know that vendor only");
            }
        }
        for dependency in one.dependencies.iter().filter(|_| PURE.contains(&one.name.as_str())) {
            if IMPURE.contains(&dependency.as_str()) {
                refuse(dependency, "it only computes");
            }
        }
        if PURE.contains(&one.name.as_str()) {
            for dependency in &one.dev_dependencies {
                if IMPURE.contains(&dependency.as_str()) && dependency != "tempfile" {
                    refuse(dependency, "its tests only compute");
                }
            }
        }
    }
    findings
}

fn read(tree: &Tree) -> Result<Vec<Crate>, Finding> {
    let root = tree.get("Cargo.toml").ok_or("Cargo.toml: missing")?;
    let root = parse(&root.path, &root.text)?;
    let shared = table(root.get("workspace")).and_then(|workspace| table(workspace.get("dependencies")));
    let renamed: BTreeMap<&str, &str> = shared
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.get("package")?.as_str()?)))
        .collect();
    tree.under("", "/Cargo.toml")
        .map(|file| {
            let manifest = parse(&file.path, &file.text)?;
            let name = table(manifest.get("package"))
                .and_then(|package| package.get("name"))
                .and_then(Value::as_str);
            Ok(Crate {
                name: name.ok_or_else(|| format!("{}: no package name", file.path))?.to_owned(),
                vendor: file.path.starts_with("vendors/"),
                dependencies: packages(&manifest, &["dependencies", "build-dependencies"], &renamed),
                dev_dependencies: packages(&manifest, &["dev-dependencies"], &renamed),
                path: file.path.clone(),
            })
        })
        .collect()
}

fn parse(path: &str, text: &str) -> Result<Table, Finding> {
    text.parse().map_err(|error| format!("{path}: {error}"))
}

fn table(value: Option<&Value>) -> Option<&Table> {
    value.and_then(Value::as_table)
}

/// Package names in those sections, of all targets.
fn packages(manifest: &Table, sections: &[&str], renamed: &BTreeMap<&str, &str>) -> BTreeSet<String> {
    let targets =
        table(manifest.get("target")).into_iter().flat_map(Table::values).filter_map(Value::as_table);
    std::iter::once(manifest)
        .chain(targets)
        .flat_map(|part| sections.iter().filter_map(|section| table(part.get(*section))))
        .flatten()
        .map(|(name, value)| {
            let own = value.get("package").and_then(Value::as_str);
            own.or_else(|| renamed.get(name.as_str()).copied()).unwrap_or(name).to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str =
        "[workspace.dependencies]\nhubspot = { path = \"vendors/hubspot\", package = \"syncline-hubspot\" }";

    /// What is found when the crate at `path` has these further lines.
    fn found(path: &str, name: &str, lines: &str) -> usize {
        let manifest = format!("[package]\nname = \"{name}\"\n{lines}");
        let path = format!("{path}/Cargo.toml");
        let others = [
            ("Cargo.toml", ROOT),
            ("crates/syncline-model/Cargo.toml", "[package]\nname = \"syncline-model\""),
            ("crates/syncline-store/Cargo.toml", "[package]\nname = \"syncline-store\""),
            ("crates/syncline-engine/Cargo.toml", "[package]\nname = \"syncline-engine\""),
            ("vendors/hubspot/Cargo.toml", "[package]\nname = \"syncline-hubspot\""),
        ];
        let files: Vec<(&str, &str)> = others
            .into_iter()
            .filter(|(other, _)| *other != path)
            .chain([(path.as_str(), manifest.as_str())])
            .collect();
        check(&Tree::planted(&files)).len()
    }

    #[test]
    fn an_edge_against_the_direction_is_found() {
        assert_eq!(
            found("crates/syncline-core", "syncline-core", "[dependencies]\nsyncline-model.workspace = true"),
            0
        );
        assert_eq!(
            found("crates/syncline-core", "syncline-core", "[dependencies]\nsyncline-store.workspace = true"),
            1
        );
        assert_eq!(
            found("crates/syncline-model", "syncline-model", "[build-dependencies]\nsyncline-store = \"1\""),
            1
        );
        let target = "[target.'cfg(unix)'.dependencies]\nsyncline-engine = \"1\"";
        assert_eq!(found("crates/syncline-store", "syncline-store", target), 1);
    }

    #[test]
    fn a_renamed_vendor_is_seen_through() {
        assert_eq!(found("crates/syncline", "syncline", "[dependencies]\nhubspot.workspace = true"), 0);
        assert_eq!(
            found("crates/syncline-server", "syncline-server", "[dependencies]\nhubspot.workspace = true"),
            1
        );
        let own_name = "[dependencies]\nh = { path = \"../hubspot\", package = \"syncline-hubspot\" }";
        assert_eq!(found("vendors/salesforce", "syncline-salesforce", own_name), 1);
    }

    #[test]
    fn tests_may_depend_on_more_but_a_vendors_on_no_other_vendor_and_no_store() {
        let wide = "[dev-dependencies]\nsyncline-store.workspace = true";
        assert_eq!(found("crates/syncline-core", "syncline-core", wide), 0);
        assert_eq!(found("vendors/salesforce", "syncline-salesforce", wide), 1);
        let other = "[dev-dependencies]\nhubspot.workspace = true";
        assert_eq!(found("vendors/salesforce", "syncline-salesforce", other), 1);
        let shell = "[dev-dependencies]\nsyncline-engine.workspace = true";
        assert_eq!(found("vendors/salesforce", "syncline-salesforce", shell), 0);
    }

    #[test]
    fn input_and_output_in_a_pure_crate_are_found() {
        for library in IMPURE {
            let line = format!("[dependencies]\n{library}.workspace = true");
            assert_eq!(found("crates/syncline-core", "syncline-core", &line), 1, "{library}");
            assert_eq!(found("crates/syncline-engine", "syncline-engine", &line), 0, "{library}");
        }
    }
}
