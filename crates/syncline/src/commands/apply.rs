//! `syncline apply [FILE]`: carries out a plan, and nothing that is not in it (HUB-1).

use super::plan;
use crate::{
    failure::{Exit, Failure},
    shell::{Place, block_on, say, say_json, who},
    work::{Work, announce},
};
use std::{
    io::{BufRead, IsTerminal, Write},
    path::PathBuf,
};
use syncline_engine::{
    apply_plan::{self, AppliedPlan},
    plan_file,
};
use syncline_model::error::Code;

/// Carry out a saved plan; without a file, make one, show it and ask
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The plan that `syncline plan --out` saved
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// Do not ask before a plan made just now is applied
    #[arg(long)]
    yes: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Who applies it, for the journal
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    block_on(apply(args))
}

async fn apply(args: Args) -> Result<(), Failure> {
    let mut work = Work::open(&args.place).await?;
    let applied = match &args.file {
        Some(path) => {
            let path = path.clone();
            apply_plan::apply(&mut work.ctx, &path, &who(args.who.clone())).await?
        }
        None => {
            let path = args.place.dir.join(".apply.plan");
            if !made(&mut work, &args, &path).await? {
                return say("nothing was applied");
            }
            let applied = apply_plan::apply(&mut work.ctx, &path, &who(args.who.clone())).await;
            let _gone_with_the_run = std::fs::remove_file(&path);
            applied?
        }
    };
    tell(args.json, &applied)
}

/// Makes a plan, shows it and asks; says whether to go on.
async fn made(work: &mut Work, args: &Args, path: &std::path::Path) -> Result<bool, Failure> {
    work.look().await?;
    let summary = plan_file::write(&work.ctx, path).await?;
    if !args.json {
        announce(&work.ctx)?;
        plan::show(&summary)?;
    }
    if args.yes { Ok(true) } else { confirmed("plan") }
}

/// Asks a person on the terminal whether to go on.
pub(crate) fn confirmed(command: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(Exit::Person, Code(1160), "nobody is there to confirm the plan")
            .fix(format!("save it with `syncline {command} --out FILE` and apply that, or say --yes")));
    }
    let mut out = std::io::stdout();
    let asked = write!(out, "\napply this? [y/N] ").and_then(|()| out.flush());
    asked.map_err(|error| Failure::output(&error))?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|error| Failure::output(&error))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

pub(crate) fn tell(json: bool, applied: &AppliedPlan) -> Result<(), Failure> {
    let tally = &applied.tally;
    if json {
        return say_json(&serde_json::json!({
            "run": applied.run,
            "created": tally.created,
            "updated": tally.updated,
            "associated": tally.associated,
            "archived": tally.archived,
            "held": applied.held,
            "findings": applied.findings,
            "moved": applied.moved,
            "postponed": tally.postponed,
            "rejected": tally.rejected,
            "unknown": tally.unknown,
            "writes": tally.writes(),
            "calls": applied.calls,
            "not_undone": applied.not_undone,
            "next": applied.next.as_ref().map(|(path, _)| path),
        }));
    }
    say(format!(
        "run {}: {} created, {} updated, {} associated, {} archived, {} refused, {} unknown; {} held, {} findings",
        applied.run,
        tally.created,
        tally.updated,
        tally.associated,
        tally.archived,
        tally.rejected,
        tally.unknown,
        applied.held,
        applied.findings
    ))?;
    for (connection, calls) in &applied.calls {
        say(format!("{calls} {connection} calls"))?;
    }
    if tally.postponed > 0 {
        say(format!(
            "{} operations were not sent: their records moved, or wait for others",
            tally.postponed
        ))?;
    }
    if !applied.not_undone.is_empty() {
        say("left as it is:")?;
    }
    for finding in &applied.not_undone {
        say(format!("  {} {}: {}", finding.what.code(), finding.record, finding.what))?;
    }
    if let Some((path, summary)) = &applied.next {
        say(format!(
            "{} operations moved after the plan was made and were held; the new plan is {} ({} operations)",
            applied.moved,
            path.display(),
            summary.operation_count
        ))?;
    }
    Ok(())
}
