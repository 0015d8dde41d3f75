//! Chores of the project that are more than a shell line.

mod bench;
mod gen_people;
mod tidy;

use std::{io::Write, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => report_tidy(),
        ["gen", people, out] => match people.parse() {
            Ok(people) => finish(generate(people, Path::new(out))),
            Err(_no_number) => usage(),
        },
        ["bench", sizes @ ..] => match sizes.iter().map(|size| size.parse()).collect::<Result<Vec<u64>, _>>()
        {
            Ok(sizes) => {
                let sizes = if sizes.is_empty() { vec![10_000, 100_000] } else { sizes };
                finish(bench::bench(&bench::release_binary(&workspace_root()), &sizes))
            }
            Err(_no_number) => usage(),
        },
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    let _nowhere_else = writeln!(
        std::io::stderr(),
        "usage: cargo run -p xtask -- tidy\n       cargo run -p xtask -- gen PEOPLE DIR\n       cargo run --release -p xtask -- bench [PEOPLE …]"
    );
    ExitCode::from(2)
}

/// Two systems with 40 % of their people in common.
fn generate(people: u64, out: &Path) -> std::io::Result<()> {
    let made = gen_people::write(gen_people::Size { people, overlap: 40, doubled: 10, seed: 1 }, out)?;
    let mut shown = std::io::stdout();
    writeln!(shown, "{}\n{}\n{}", made.salesforce.display(), made.hubspot.display(), made.truth.display())
}

fn finish(result: std::io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _nowhere_else = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

fn report_tidy() -> ExitCode {
    let findings = match tidy::Tree::read(&workspace_root()) {
        Ok(tree) => tidy::all(&tree),
        Err(error) => vec![error],
    };
    for finding in &findings {
        let _nowhere_else = writeln!(std::io::stderr(), "{finding}");
    }
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn workspace_root() -> std::path::PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
