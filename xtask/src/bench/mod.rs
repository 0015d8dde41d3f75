//! `cargo run --release -p xtask -- bench`: the figures of `docs/performance.md`, measured on the real binary against both
//! sandboxes as processes of their own, so that their processor time is told apart.

mod process;
mod sandboxes;

use crate::gen_people::{Size, write};
use process::{Cost, cpu_of_one, run};
use sandboxes::Sandboxes;
use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

/// Measures at these numbers of people a system, smallest first.
pub(crate) fn bench(binary: &Path, people: &[u64]) -> io::Result<()> {
    let out = std::env::temp_dir().join(format!("syncline-bench-{}", std::process::id()));
    let mut idles = Vec::new();
    for people in people {
        let dir = out.join(people.to_string());
        idles.push((*people, one(binary, *people, &dir)?));
    }
    if let [(small, first), .., (large, last)] = idles.as_slice() {
        say(&format!(
            "idle cpu at {large} people against {small}: {:.2} times",
            last.as_secs_f64() / first.as_secs_f64().max(0.001)
        ))?;
    }
    fs::remove_dir_all(&out)
}

fn one(binary: &Path, people: u64, dir: &Path) -> io::Result<Duration> {
    say(&format!("\n{people} people in each system, 40 % in both"))?;
    let made = write(Size { people, overlap: 40, doubled: 10, seed: 1 }, dir)?;
    let sandboxes = Sandboxes::start(binary, &made.salesforce, &made.hubspot)?;
    let work = dir.join("workspace");
    let work_text = work.display().to_string();
    let at = ["--dir", work_text.as_str()];
    let command = |words: &[&str], input: Option<&str>| {
        let words: Vec<&str> = words.iter().chain(&at).copied().collect();
        run(binary, &words, input, &[0])
    };
    command(&["init", "--with", "salesforce,hubspot"], None)?;
    command(&["connect", "salesforce"], Some(&sandboxes.salesforce.line))?;
    command(&["connect", "hubspot"], Some(&sandboxes.hubspot.line))?;
    command(&["setup", "hubspot", "--apply"], None)?;
    sandboxes.add_salesforce_keys()?;
    command(&["setup", "salesforce", "--apply"], None)?;

    let plan = dir.join("plan");
    let plan_text = plan.display().to_string();
    let before = sandboxes.cpu();
    let (planned, _) = command(&["plan", "--out", &plan_text], None)?;
    let (applied, answer) = command(&["apply", &plan_text, "--json"], None)?;
    row("first contact: plan", planned)?;
    row("first contact: apply", applied)?;
    say(&format!("  both sandboxes meanwhile: {:.1} s cpu", (sandboxes.cpu() - before).as_secs_f64()))?;
    say(&format!("  {}", answer.trim()))?;
    // Past every overlap and lag: the load is seen once more by each pass, then no more.
    sandboxes.advance(7_200)?;
    let (settled, _) = command(&["sync", "--json"], None)?;
    row("next cycle, two hours later", settled)?;
    let (quiet, answer) = command(&["sync", "--json"], None)?;
    row("idle", quiet)?;
    say(&format!("  {}", answer.trim()))?;
    say(&format!("  database: {} bytes a pair", database(&work)? / pairs(people)))?;

    let changed = people / 100;
    sandboxes.edit(changed)?;
    sandboxes.advance(10)?;
    let (churned, answer) = command(&["sync", "--json"], None)?;
    row(&format!("churn: {changed} edits on each side"), churned)?;
    say(&format!("  {}", answer.trim()))?;
    sandboxes.advance(7_200)?;
    command(&["sync", "--json"], None)?;
    let words: Vec<&str> = ["sync", "--json"].iter().chain(&at).copied().collect();
    let idle = cpu_of_one(binary, &words, 20)?;
    say(&format!("  idle, mean of twenty: {:.1} ms cpu", idle.as_secs_f64() * 1000.0))?;
    say(&format!("  limits broken: {}", sandboxes.violations()?))?;
    Ok(idle)
}

/// People that are in both systems afterwards.
fn pairs(people: u64) -> u64 {
    2 * people - people * 40 / 100
}

fn database(work: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(work)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("state.db") {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}

fn row(what: &str, cost: Cost) -> io::Result<()> {
    say(&format!(
        "  {what}: {:.2} s wall, {:.2} s cpu, {} MB peak",
        cost.wall.as_secs_f64(),
        cost.cpu.as_secs_f64(),
        cost.peak_kib / 1024
    ))
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// The binary that a release build makes.
pub(crate) fn release_binary(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), PathBuf::from)
        .join("release/syncline")
}
