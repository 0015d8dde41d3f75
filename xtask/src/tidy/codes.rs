//! Error codes: each used code is explained under a heading of its own in `docs/errors.md`, each explained code is
//! used, and each is given in one place.

use super::{File, Finding, Tree};
use std::collections::BTreeMap;

const PREFIX: &str = "SYN-";
const DIGITS: usize = 4;
const PAGE: &str = "docs/errors.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut given: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in tree.files().filter(|file| file.is_rust() && !file.path.starts_with("xtask/")) {
        for (number, code) in given_in(file) {
            given.entry(code).or_default().push(format!("{}:{number}", file.path));
        }
    }
    let mut explained: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (number, line) in
        tree.get(PAGE).into_iter().flat_map(File::lines).filter(|(_, line)| line.starts_with('#'))
    {
        for code in codes(line) {
            explained.entry(code).or_default().push(format!("{PAGE}:{number}"));
        }
    }

    let unexplained = given.iter().filter(|(code, _)| !explained.contains_key(*code));
    let unexplained =
        unexplained.map(|(code, places)| format!("{}: {code} has no heading in {PAGE}", places[0]));
    let unused = explained.iter().filter(|(code, _)| !given.contains_key(*code));
    let unused = unused.map(|(code, places)| format!("{}: no source gives {code}", places[0]));
    let twice = given.iter().chain(&explained).filter(|(_, places)| places.len() > 1);
    let twice =
        twice.map(|(code, places)| format!("{}: {code} stands at {} too", places[0], places[1..].join(", ")));
    unexplained.chain(unused).chain(twice).collect()
}

/// A code is given where it stands outside tests as a string of its own, as `Code(1234)`, or as an arm of
/// `Code(match … { … => 1234, … })`; comments and messages only mention it.
fn given_in(file: &File) -> Vec<(usize, String)> {
    let mut given = Vec::new();
    let mut in_match = false;
    for (number, line) in file.lines_before_tests().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        in_match = line.contains("Code(match") || in_match && line.trim() != "})";
        given.extend(
            codes(line).filter(|code| line.contains(&format!("\"{code}\""))).map(|code| (number, code)),
        );
        let before = if in_match { "=> " } else { "Code(" };
        given.extend(numbers_after(line, before).map(|code| (number, code)));
    }
    given
}

fn numbers_after<'a>(line: &'a str, before: &'a str) -> impl Iterator<Item = String> + 'a {
    line.match_indices(before).filter_map(move |(at, _)| {
        let rest = &line[at + before.len()..];
        let digits = &rest[..rest.bytes().take_while(u8::is_ascii_digit).count()];
        Some(format!("{PREFIX}{:04}", digits.parse::<u16>().ok()?))
    })
}

fn codes(line: &str) -> impl Iterator<Item = String> + '_ {
    line.match_indices(PREFIX).filter_map(|(at, _)| {
        let code = line.get(at..at + PREFIX.len() + DIGITS)?;
        code[PREFIX.len()..].bytes().all(|digit| digit.is_ascii_digit()).then(|| code.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str, page: &str) -> Vec<Finding> {
        check(&Tree::planted(&[("crates/a/src/b.rs", source), (PAGE, page)]))
    }

    #[test]
    fn a_code_without_heading_is_found() {
        let source = r#"const A: &str = "SYN-0001";"#;
        assert!(found(source, "## SYN-0001 a").is_empty());
        assert_eq!(
            found(source, "only mentioned: SYN-0001"),
            ["crates/a/src/b.rs:1: SYN-0001 has no heading in docs/errors.md"]
        );
    }

    #[test]
    fn codes_given_as_numbers_are_seen() {
        let source = "const A: Code = Code(7);\nCode(match self {\n    Self::A => 1200,\n    Self::B => 1201,\n})\nSome(x) => 9,";
        let page = "## SYN-0007 a\n## SYN-1200 b\n## SYN-1201 c";
        assert!(found(source, page).is_empty(), "{:?}", found(source, page));
        assert_eq!(found(source, "").len(), 3);
    }

    #[test]
    fn a_heading_without_code_is_found() {
        let mentions = "// SYN-0001\nfn a() {}\n#[cfg(test)]\nconst A: &str = \"SYN-0001\";";
        assert_eq!(found(mentions, "## SYN-0001 a"), ["docs/errors.md:1: no source gives SYN-0001"]);
    }

    #[test]
    fn a_code_given_or_explained_twice_is_found() {
        let source = r#"const A: &str = "SYN-0001";"#;
        assert_eq!(found(&format!("{source}\n{source}"), "## SYN-0001 a").len(), 1);
        assert_eq!(found(source, "## SYN-0001 a\n## SYN-0001 b").len(), 1);
    }
}
