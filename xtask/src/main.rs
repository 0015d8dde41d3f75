//! Chores of the project that are more than a shell line: `cargo run -p xtask -- tidy`.

mod tidy;

use std::{io::Write, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => report_tidy(),
        _ => {
            let _nowhere_else = writeln!(std::io::stderr(), "usage: cargo run -p xtask -- tidy");
            ExitCode::from(2)
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
