//! No release has planted defects: neither their names nor what the planted lines would do are in the program.
#![cfg(not(feature = "defects"))]
#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]

use std::{fs, path::Path};

#[test]
fn a_program_built_without_the_feature_has_none() {
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../syncline-model/src/defect.rs");
    let list = fs::read_to_string(list).unwrap();
    let names: Vec<&str> = list
        .lines()
        .filter_map(|line| Some(line.trim().split_once(" = \"")?.1.split_once("\", \"")?.0))
        .collect();
    assert!(names.len() >= 25, "{names:?}");
    let program = fs::read(env!("CARGO_BIN_EXE_syncline")).unwrap();
    let has = |text: &str| memchr::memmem::find(&program, text.as_bytes()).is_some();
    assert!(has("SYN-2009"), "texts of the program are looked at");
    let found: Vec<&str> = names.into_iter().filter(|name| has(name)).collect();
    assert!(found.is_empty(), "{found:?}");
}
