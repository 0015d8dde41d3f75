//! `syncline sim`: the proof, in one command.

mod watching;

use crate::failure::{Exit, Failure};
use std::{
    fmt::Display,
    io::{IsTerminal, Write},
    path::PathBuf,
    time::{Duration, Instant},
};
use syncline_model::{RecordRef, error::Code};
use syncline_sim::{
    AfterViolation, Campaign, Profile, Report, Script, Told, Violation, attempt, defects, shrink,
};
use watching::{Watching, interrupted};

/// How often a campaign says how far it is.
const EVERY: Duration = Duration::from_secs(60);
/// The exit code of what is neither clean nor a violation nor a wrong command line.
const INTERNAL: u8 = 3;

/// Run the engine against simulated companies, seed by seed, and check that nothing is lost or doubled
///
/// The real planner, engine, vendor clients and store work in one thread under virtual time over both sandboxes, while
/// people edit both sides, vendors misbehave and the power goes. Everything follows from the seed. What is checked, and how
/// to read a violation: docs/simulation.md. Exit codes: 0 clean, 1 a violation, 2 wrong command line, 3 internal, or ended
/// before its time. What is violated stands on standard error as soon as it is found; every minute, and when it is ended by
/// SIGINT or SIGTERM, a campaign says there with which `--start` it would go on.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 200)]
    seeds: u64,
    /// The first seed; a campaign that was stopped goes on from where it was
    #[arg(long, value_name = "S", default_value_t = 0)]
    start: u64,
    /// One set-up for all seeds: leads, contacts_only, keyless or ruled; otherwise each seed has its own
    #[arg(long, value_name = "NAME", value_parser = profile)]
    profile: Option<Profile>,
    /// Harder seeds: of what is there before the first contact only the last N things are kept, so that more happens to each
    #[arg(long, value_name = "N", conflicts_with = "script")]
    things: Option<usize>,
    /// Plant this defect; `list` prints their names, one a line (docs/museum.md tells their stories)
    #[arg(long, value_name = "NAME")]
    defect: Option<String>,
    /// End with the first seed that shows a violation
    #[arg(long)]
    stop_at_first: bool,
    /// Print the report as JSON: seeds, start, defect, trace, steps, rounds (runs of the engine), faults, cuts, judged, coverage,
    /// violations,
    /// and things where `--things` is given
    #[arg(long)]
    json: bool,
    /// Tell the story of one seed
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "start", "json", "stop_at_first"])]
    replay: Option<u64>,
    /// Tell the story of a script as `--shrink` writes them
    #[arg(long, value_name = "FILE", conflicts_with_all = ["replay", "seeds", "start", "json"])]
    script: Option<PathBuf>,
    /// Tell after each run also what `explain` says of this record; may be given more than once
    #[arg(long, value_name = "CONNECTION/OBJECT/ID", conflicts_with = "shrink")]
    explain: Vec<RecordRef>,
    /// Instead of telling it, print the shortest script that breaks the same invariant
    #[arg(long)]
    shrink: bool,
    /// How many threads play; by default as many as there are processors
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

fn profile(name: &str) -> Result<Profile, String> {
    Profile::named(name).ok_or_else(|| {
        let known: Vec<&str> = Profile::ALL.into_iter().map(Profile::name).collect();
        format!("there is {}", known.join(", "))
    })
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    if args.defect.as_deref() == Some("list") {
        return list(&mut out);
    }
    if let Some(name) = &args.defect
        && !defects::list().iter().any(|(known, _)| known == name)
    {
        return Err(no_defect(format!("no planted defect is called {name}")).fix(
            "`syncline sim --defect list` prints those this program was built with (cargo feature `defects`)",
        ));
    }
    let campaign = Campaign {
        start: args.start,
        seeds: args.seeds,
        profile: args.profile,
        things: args.things,
        defect: args.defect.clone(),
        after_violation: if args.stop_at_first { AfterViolation::Stop } else { AfterViolation::GoOn },
        threads: args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
    };
    if let Some(script) = one_script(&args, &campaign)? {
        return tell(&args, &script, &mut out);
    }
    let began = Instant::now();
    let bar =
        (std::io::stderr().is_terminal() && !args.json).then(|| indicatif::ProgressBar::new(args.seeds));
    let watching = Watching::new(args.start, std::io::stderr(), bar, EVERY, interrupted()?);
    let report = campaign.run(&watching).map_err(internal)?;
    let next = watching.ended().filter(|_| report.seeds < args.seeds);
    let written = if args.json {
        let text = serde_json::to_string(&report).map_err(internal)?;
        writeln!(out, "{text}")
    } else {
        write_report(&report, began.elapsed().as_secs_f64(), &mut out)
    };
    written.map_err(|error| unwritten(&error))?;
    if let Some(next) = next {
        let _nobody_reads_it =
            writeln!(std::io::stderr(), "{} seeds are played, next: --start {next}", report.seeds);
    }
    verdict(&args, &report.violations)?;
    match next {
        Some(next) => Err(ended_early(&args, next)),
        None => Ok(()),
    }
}

/// The names of the defects that this program has. Without the feature it has none, which an empty list would not say.
fn list(out: &mut impl Write) -> Result<(), Failure> {
    let all = defects::list();
    if all.is_empty() {
        return Err(no_defect("this program was built without planted defects")
            .fix("build with `--features defects`: `cargo run --release -p syncline --features defects -- sim --defect list`"));
    }
    for (name, story) in all {
        writeln!(out, "{name} {story}").map_err(|error| unwritten(&error))?;
    }
    Ok(())
}

fn one_script(args: &Args, campaign: &Campaign) -> Result<Option<Script>, Failure> {
    if let Some(path) = &args.script {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| wrong_script(path, error.to_string()))?;
        return Script::read(&text).map(Some).map_err(|why| wrong_script(path, why));
    }
    Ok(args.replay.map(|seed| campaign.script(seed)))
}

fn wrong_script(path: &std::path::Path, why: String) -> Failure {
    Failure::new(Exit::Usage, Code(118), "the script cannot be read").at(path.display()).because(why)
}

/// One script: its story, or a shorter one that breaks the same.
fn tell(args: &Args, script: &Script, out: &mut impl Write) -> Result<(), Failure> {
    let _planted = defects::plant(args.defect.as_deref());
    if args.shrink {
        let (shorter, violation) = shrink(script).map_err(internal)?;
        let Some(violation) = violation else {
            writeln!(out, "# nothing is violated").map_err(|error| unwritten(&error))?;
            return Ok(());
        };
        let text = shorter.to_text().map_err(internal)?;
        writeln!(out, "# {}: {}\n{text}", violation.invariant, violation.evidence)
            .map_err(|error| unwritten(&error))?;
        return verdict(args, &[violation]);
    }
    let played = attempt(script, Told::With(args.explain.clone())).map_err(internal)?;
    for line in &played.story {
        writeln!(out, "{line}").map_err(|error| unwritten(&error))?;
    }
    verdict(args, &played.violations)
}

fn write_report(report: &Report, seconds: f64, out: &mut impl Write) -> std::io::Result<()> {
    let counts = |counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    for violation in &report.violations {
        writeln!(
            out,
            "seed {} step {}: {}: {}",
            violation.seed, violation.step, violation.invariant, violation.evidence
        )?;
    }
    writeln!(out, "faults: {}", counts(&report.faults))?;
    writeln!(out, "cuts: {}", counts(&report.cuts))?;
    writeln!(out, "judged: {}", counts(&report.judged))?;
    writeln!(out, "operations: {}", counts(&report.coverage))?;
    writeln!(
        out,
        "{} seeds from {}, {} steps, {} runs, {:.1} seeds/s, {} violations, trace {}",
        report.seeds,
        report.start,
        report.steps,
        report.rounds,
        report.seeds as f64 / seconds.max(0.001),
        report.violations.len(),
        report.trace
    )
}

fn verdict(args: &Args, violations: &[Violation]) -> Result<(), Failure> {
    let Some(first) = violations.first() else { return Ok(()) };
    let again = again(args, first.seed);
    Err(Failure::new(Exit::Error, Code(119), format!("an invariant is violated: {}", first.invariant))
        .at(format!("seed {}, step {}", first.seed, first.step))
        .because(&first.evidence)
        .fix(format!("`{again}` tells the story, `{again} --shrink` shortens it")))
}

/// The command that plays this seed as it was played here.
fn again(args: &Args, seed: u64) -> String {
    let mut command = match &args.script {
        Some(path) => format!("syncline sim --script {}", path.display()),
        None => format!("syncline sim --replay {seed}"),
    };
    if let (None, Some(profile)) = (&args.script, args.profile) {
        command.push_str(&format!(" --profile {}", profile.name()));
    }
    if let Some(things) = args.things {
        command.push_str(&format!(" --things {things}"));
    }
    if let Some(defect) = &args.defect {
        command.push_str(&format!(" --defect {defect}"));
    }
    command
}

/// A campaign that was ended before its time shows nothing of the seeds that it did not play.
fn ended_early(args: &Args, next: u64) -> Failure {
    let left = args.start.saturating_add(args.seeds).saturating_sub(next);
    internal("it was ended by a signal")
        .fix(format!("the rest is `--start {next} --seeds {left}`, with what else was given"))
}

/// Internal errors of the simulation end with 3, by the command's contract.
fn internal(cause: impl Display) -> Failure {
    Failure::new(Exit::of(INTERNAL), Code(120), "the simulation cannot go on").because(cause)
}

fn no_defect(what: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, Code(117), what)
}

/// 1 would say that an invariant is violated.
fn unwritten(error: &std::io::Error) -> Failure {
    Failure::output(error).exit(Exit::of(INTERNAL))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn advice(line: &str) -> String {
        let args = Cli::parse_from(line.split(' ')).args;
        let violation = Violation { seed: 57, step: 3, invariant: "no_loss", evidence: "gone".to_owned() };
        verdict(&args, &[violation]).unwrap_err().to_string()
    }

    #[test]
    fn the_advice_plays_the_seed_as_it_was_played() {
        let told = |line: &str, again: &str| {
            let (told, wanted) =
                (advice(line), format!("`{again}` tells the story, `{again} --shrink` shortens it"));
            assert!(told.contains(&wanted), "{told}");
        };
        told("sim", "syncline sim --replay 57");
        told("sim --start 50 --seeds 9 --threads 1", "syncline sim --replay 57");
        let all = "--profile ruled --things 10 --defect tool-1-lost";
        told(&format!("sim {all}"), &format!("syncline sim --replay 57 {all}"));
        told(
            "sim --script a.jsonl --defect tool-1-lost",
            "syncline sim --script a.jsonl --defect tool-1-lost",
        );
    }
}
