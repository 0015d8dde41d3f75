//! `syncline plan`: reads the vendors and says what would be written, and why; writes nothing (HUB-1).

use crate::{
    failure::Failure,
    shell::{Place, block_on, say, say_json, table},
    work::{Work, announce},
};
use std::path::PathBuf;
use syncline_engine::plan_file::{self, Summary};
use syncline_model::{Action, plan::PlanLine};

/// Read both systems and show every intended write before it is made
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Save the plan, to be applied as it is
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the plan's lines as JSON
    #[arg(long)]
    json: bool,
    /// Show every operation with each field, not only counts
    #[arg(long)]
    details: bool,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    block_on(plan(args))
}

async fn plan(args: Args) -> Result<(), Failure> {
    let mut work = Work::open(&args.place).await?;
    work.look().await?;
    let summary = match &args.out {
        Some(path) => plan_file::write(&work.ctx, path).await?,
        None => {
            let mut lines = Vec::new();
            let summary = plan_file::plan(&work.ctx, |line| {
                if args.json || args.details {
                    lines.push(line.clone());
                }
                Ok(())
            })
            .await?;
            for line in &lines {
                if args.json {
                    say_json(line)?;
                } else {
                    show_line(line)?;
                }
            }
            summary
        }
    };
    if args.json {
        return match &args.out {
            Some(path) => say_json(&serde_json::json!({
                "plan": path,
                "operations": summary.operation_count,
                "held": summary.held_count,
                "cost": summary.cost,
                "confirms": summary.confirms,
            })),
            None => Ok(()),
        };
    }
    announce(&work.ctx)?;
    show(&summary)?;
    if let Some(path) = &args.out {
        say(format!(
            "\nsaved; apply it with: syncline apply {} --dir {}",
            path.display(),
            args.place.dir.display()
        ))?;
    }
    Ok(())
}

/// Shows a plan's counts.
pub(crate) fn show(summary: &Summary) -> Result<(), Failure> {
    for confirms in &summary.confirms {
        say(format!("applying this plan confirms the {confirms}"))?;
    }
    if summary.operations.is_empty() {
        say("nothing to write")?;
    } else {
        let mut rows = table(&["system", "what", "do", "records"]);
        for ((connection, what, word), count) in &summary.operations {
            rows.add_row([connection.to_string(), what.clone(), (*word).to_owned(), count.to_string()]);
        }
        say(rows)?;
    }
    if !summary.ties.is_empty() {
        say("\nboth sides differ and the tie rule decides:")?;
        for (attribute, count) in &summary.ties {
            say(format!("  {attribute}: {count}"))?;
        }
    }
    for (reason, count) in &summary.held {
        say(format!("held, {reason}: {count}"))?;
    }
    for (code, count) in &summary.findings {
        say(format!("finding {code}: {count}"))?;
    }
    for (connection, calls) in &summary.cost {
        say(format!("cost: {calls} {connection} calls"))?;
    }
    Ok(())
}

pub(crate) fn show_line(line: &PlanLine) -> Result<(), Failure> {
    match line {
        PlanLine::Operation(operation) => {
            let target = match &operation.action {
                Action::Create { object, .. } => format!("a new {} {object}", operation.connection),
                Action::Update { record, .. } | Action::Archive { record, .. } => record.to_string(),
                Action::Associate(association) | Action::Dissociate(association) => {
                    format!("{} of {} and {}", association.edge, association.from, association.to)
                }
            };
            say(format!("{} {target}", operation.action.word()))?;
            for change in operation.action.fields() {
                let from =
                    change.reason.from.as_ref().map(|from| format!(", from {from}")).unwrap_or_default();
                say(format!(
                    "  {}: {} → {}  ({}: {}{from})",
                    change.field,
                    change.before,
                    change.after,
                    change.reason.rule,
                    change.reason.case.phrase(),
                ))?;
            }
            Ok(())
        }
        PlanLine::Held(held) => {
            let attribute = held.attribute.as_ref().map(|name| format!(".{name}")).unwrap_or_default();
            say(format!(
                "held {}{attribute} → {}: {} ({})",
                held.record,
                held.connection,
                held.reason,
                held.reason.code()
            ))
        }
        PlanLine::Finding(finding) => {
            say(format!("finding {}: {} ({})", finding.record, finding.what, finding.what.code()))
        }
    }
}
