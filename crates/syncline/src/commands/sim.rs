//! `syncline sim`: the proof, in one command.

use crate::failure::{Exit, Failure};
use std::{io::IsTerminal, io::Write, path::PathBuf};
use syncline_model::{RecordRef, error::Code};
use syncline_sim::{
    AfterViolation, Broken, Campaign, Profile, Report, Script, Told, Violation, defects, play, shrink,
};

/// Run the engine against simulated companies, seed by seed, and check that nothing is lost or doubled
///
/// The real planner, engine, vendor clients and store work in one thread under virtual time over both sandboxes, while
/// people edit both sides, vendors misbehave and the power goes. Everything follows from the seed. What is checked, and how
/// to read a violation: docs/simulation.md. Exit codes: 0 clean, 1 a violation, 2 wrong command line, 3 internal.
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
    /// Print the report as JSON
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
        for (name, story) in defects::list() {
            writeln!(out, "{name} {story}").map_err(|error| Failure::output(&error))?;
        }
        return Ok(());
    }
    if let Some(name) = &args.defect
        && !defects::list().iter().any(|(known, _)| known == name)
    {
        return Err(Failure::new(Exit::Usage, Code(117), format!("no planted defect is called {name}")).fix(
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
    let began = std::time::Instant::now();
    let bar =
        (std::io::stderr().is_terminal() && !args.json).then(|| indicatif::ProgressBar::new(args.seeds));
    let report = campaign
        .run(&|done| {
            if let Some(bar) = &bar {
                bar.set_position(done);
            }
        })
        .map_err(|error| internal(&error))?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let written = if args.json {
        let text = serde_json::to_string(&report).map_err(|error| internal(&Broken(error.to_string())))?;
        writeln!(out, "{text}")
    } else {
        write_report(&report, began.elapsed().as_secs_f64(), &mut out)
    };
    written.map_err(|error| Failure::output(&error))?;
    verdict(&report.violations)
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
        let (shorter, violation) = shrink(script).map_err(|error| internal(&error))?;
        let Some(violation) = violation else {
            writeln!(out, "# nothing is violated").map_err(|error| Failure::output(&error))?;
            return Ok(());
        };
        let text = shorter.to_text().map_err(|error| internal(&Broken(error.to_string())))?;
        writeln!(out, "# {}: {}\n{text}", violation.invariant, violation.evidence)
            .map_err(|error| Failure::output(&error))?;
        return verdict(&[violation]);
    }
    let played = play(script, Told::With(args.explain.clone())).map_err(|error| internal(&error))?;
    for line in &played.story {
        writeln!(out, "{line}").map_err(|error| Failure::output(&error))?;
    }
    verdict(&played.violations)
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

fn verdict(violations: &[Violation]) -> Result<(), Failure> {
    let Some(first) = violations.first() else { return Ok(()) };
    Err(Failure::new(Exit::Error, Code(119), format!("an invariant is violated: {}", first.invariant))
        .at(format!("seed {}, step {}", first.seed, first.step))
        .because(&first.evidence)
        .fix(format!("`syncline sim --replay {}` (with the `--things` of this campaign) tells the story, `--shrink` shortens it", first.seed)))
}

/// Internal errors of the simulation end with 3, by the command's contract.
fn internal(error: &Broken) -> Failure {
    Failure::new(Exit::of(3), Code(120), "the simulation cannot go on").because(error)
}
