//! `syncline undo RUN`: takes back what a run wrote, by a plan like any other (HUB-6).

use super::{apply, plan};
use crate::{
    failure::Failure,
    shell::{Place, block_on, say, say_json, who},
    work::{Work, announce},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use syncline_engine::{apply_plan, plan_file::Summary, undo};
use syncline_model::plan::{FindingKind, PlanLine};

/// Take back what a run wrote: a plan is made, shown, and carried out once confirmed
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The run: its id as `history` shows it, the first characters of that, or `last`
    run: String,
    #[command(flatten)]
    place: Place,
    /// Only show what would be written, and what cannot come back
    #[arg(long)]
    plan: bool,
    /// Save the plan instead of carrying it out; `syncline apply FILE` does
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print JSON: the plan's lines with --plan, else one document
    #[arg(long)]
    json: bool,
    /// Who takes it back, for the journal
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    block_on(take_back(args))
}

async fn take_back(args: Args) -> Result<(), Failure> {
    let mut work = Work::open(&args.place).await?;
    let run = undo::named(&*work.ctx.store, &args.run).await?;
    work.look_for(run).await?;
    let path = args.out.clone().unwrap_or_else(|| args.place.dir.join(".undo.plan"));
    let (summary, lines) = undo::write(&work.ctx, run, &path).await?;
    let made = shown(&args, &work, &summary, &lines, &path);
    if args.out.is_some() {
        return made.map(drop);
    }
    let applied = match made {
        Ok(true) => Some(apply_plan::apply(&mut work.ctx, &path, &who(args.who.clone())).await),
        Ok(false) => None,
        Err(failure) => {
            let _gone_with_the_question = std::fs::remove_file(&path);
            return Err(failure);
        }
    };
    let _gone_with_the_run = std::fs::remove_file(&path);
    match applied {
        Some(applied) => apply::tell(args.json, &applied?),
        None if args.plan || args.json => Ok(()),
        None => say("nothing was undone"),
    }
}

/// Shows the plan; says whether it is to be carried out.
fn shown(
    args: &Args,
    work: &Work,
    summary: &Summary,
    lines: &[PlanLine],
    path: &Path,
) -> Result<bool, Failure> {
    if args.json && args.out.is_some() {
        let document = serde_json::json!({
            "plan": path,
            "operations": summary.operation_count,
            "findings": summary.findings,
            "cost": summary.cost,
        });
        say_json(&document)?;
    } else if args.json && args.plan {
        lines.iter().try_for_each(say_json)?;
    } else if !args.json {
        announce(&work.ctx)?;
        if args.plan {
            lines
                .iter()
                .filter(|line| matches!(line, PlanLine::Operation(_)))
                .try_for_each(plan::show_line)?;
        }
        plan::show(summary)?;
        say_what_stays(lines)?;
        if args.out.is_some() {
            let place = args.place.dir.display();
            say(format!("\nsaved; apply it with: syncline apply {} --dir {place}", path.display()))?;
        }
    }
    if args.plan || args.out.is_some() || summary.operation_count == 0 {
        return Ok(false);
    }
    if args.yes { Ok(true) } else { apply::confirmed(&format!("undo {}", args.run)) }
}

/// Records that one reason is told for, by name; of more only how many.
const NAMED: usize = 5;

fn say_what_stays(lines: &[PlanLine]) -> Result<(), Failure> {
    let mut stays: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut residues: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        let PlanLine::Finding(finding) = line else { continue };
        match &finding.what {
            FindingKind::NotUndone { attribute, why } => {
                let name = attribute.as_ref().map(|name| format!(".{name}")).unwrap_or_default();
                stays.entry(why.to_string()).or_default().push(format!("{}{name}", finding.record));
            }
            FindingKind::Residue { why } => {
                residues.entry(why.to_string()).or_default().push(finding.record.to_string());
            }
            FindingKind::NoParent { .. } | FindingKind::ContactBeatsLead { .. } | FindingKind::NoIdentity => {
            }
        }
    }
    for (heading, list) in [("left as it is:", stays), ("does not come back as it was:", residues)] {
        if list.is_empty() {
            continue;
        }
        say(format!("\n{heading}"))?;
        for (why, records) in list {
            let more = records.len().saturating_sub(NAMED);
            let named = records.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            say(format!("  {why}: {named}{more}"))?;
        }
    }
    Ok(())
}
