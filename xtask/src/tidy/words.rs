//! What a committed text must not name: folders of one machine, package mirrors of one network, and tools that have
//! nothing to do with the project.

use super::{File, Finding, Tree, text::words};

// Put together here, so that this file does not name them.
const PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tm", "p/")];
const BANNED: &[&str] = &[
    concat!("cla", "ude"),
    concat!("anth", "ropic"),
    concat!("open", "ai"),
    concat!("chat", "gpt"),
    concat!("copi", "lot"),
    concat!("code", "x"),
    concat!("sub", "agent"),
    concat!("bash", "_jobs"),
    concat!("language ", "model"),
];
const CARGO_REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
const NPM_REGISTRY: &str = "https://registry.npmjs.org/";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.files().flat_map(|file| paths(file).chain(banned(file)).chain(registries(file))).collect()
}

fn paths(file: &File) -> impl Iterator<Item = Finding> + '_ {
    file.lines_before_tests().filter_map(|(number, line)| {
        let path = PATHS.iter().find(|path| {
            // `https://host/…/` and `a/…/` are other things.
            line.match_indices(*path).any(|(at, _)| {
                !line[..at].ends_with(|before: char| {
                    before.is_alphanumeric() || matches!(before, '.' | '_' | '-' | '*' | '}')
                })
            })
        })?;
        Some(format!("{}:{number}: a path of one machine ({path})", file.path))
    })
}

fn banned(file: &File) -> impl Iterator<Item = Finding> + '_ {
    file.lines().filter_map(|(number, line)| {
        let lower = line.to_lowercase();
        let word = BANNED.iter().find(|word| words(&lower, word).next().is_some())?;
        Some(format!("{}:{number}: {word}", file.path))
    })
}

/// A lock file that was written behind a mirror names the mirror.
fn registries(file: &File) -> impl Iterator<Item = Finding> + '_ {
    let (key, registry) = match file.path.rsplit('/').next() {
        Some("Cargo.lock") => ("source = \"", CARGO_REGISTRY),
        Some("package-lock.json") => ("\"resolved\": \"", NPM_REGISTRY),
        _ => ("", ""),
    };
    file.lines().filter_map(move |(number, line)| {
        let source = line.trim_start().strip_prefix(key).filter(|_| !key.is_empty())?;
        (!source.starts_with(registry))
            .then(|| format!("{}:{number}: not the public registry: {source}", file.path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::planted(&[(path, text)])).len()
    }

    #[test]
    fn machine_paths_are_found_outside_tests() {
        for path in PATHS {
            let line = format!("let a = \"{path}b\";");
            assert_eq!(found("crates/a/src/b.rs", &line), 1, "{path}");
            assert_eq!(found("docs/a.md", &format!("see {path}b")), 1, "{path}");
            assert_eq!(found("crates/a/tests/b.rs", &line), 0, "{path}");
            assert_eq!(
                found("crates/a/src/b.rs", &format!("#[cfg(test)]\nmod tests {{ {line} }}")),
                0,
                "{path}"
            );
            assert_eq!(found("docs/a.md", &format!("https://example.com{path}b")), 0, "{path}");
        }
    }

    #[test]
    fn banned_words_are_found_anywhere() {
        for word in BANNED {
            assert_eq!(found("crates/a/tests/b.rs", &format!("// by {}", word.to_uppercase())), 1, "{word}");
        }
    }

    #[test]
    fn mirrors_in_lock_files_are_found() {
        assert_eq!(found("Cargo.lock", &format!("source = \"{CARGO_REGISTRY}\"")), 0);
        assert_eq!(found("Cargo.lock", "source = \"sparse+https://mirror.example/\""), 1);
        assert_eq!(
            found("clients/a/package-lock.json", &format!("  \"resolved\": \"{NPM_REGISTRY}a.tgz\",")),
            0
        );
        assert_eq!(
            found("clients/a/package-lock.json", "  \"resolved\": \"http://mirror.example/a.tgz\","),
            1
        );
    }
}
