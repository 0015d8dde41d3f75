//! `syncline explain CONNECTION/OBJECT/ID`: what a record is and why its values are what they are (HUB-5).

use crate::{
    failure::{Exit, Failure},
    shell::{Place, block_on, say, say_json, table},
    work::Work,
};
use syncline_engine::explain::{EntityExplained, Explanation, explain};
use syncline_model::{RecordRef, error::Code};

/// Say what a record is linked to and why, where each value came from, what waits and how to release it
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The record: CONNECTION/OBJECT/ID
    record: RecordRef,
    #[command(flatten)]
    place: Place,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    block_on(explained(args))
}

async fn explained(args: Args) -> Result<(), Failure> {
    let work = Work::open(&args.place).await?;
    let explanation = explain(&work.ctx, &args.record).await?;
    if explanation.stored.is_none() {
        return Err(Failure::new(Exit::Error, Code(1163), format!("{} is not known", args.record))
            .because("it was never captured: another object, hidden from the connection's user, or newer than the last run")
            .fix("run `syncline sync`, or check the address and the user's rights"));
    }
    if args.json {
        return say_json(&explanation);
    }
    show(&explanation)
}

fn show(explanation: &Explanation) -> Result<(), Failure> {
    say(&explanation.record)?;
    if let Some(stored) = &explanation.stored {
        let modified = stored.modified.map(|at| format!("{at:.0}")).unwrap_or_else(|| "unknown".to_owned());
        say(format!("  {:?}, last changed {modified}", stored.state))?;
        if stored.unidentified {
            say("  not identified yet: the next run says what it is")?;
        }
    }
    explanation.entities.iter().try_for_each(entity)
}

fn entity(entity: &EntityExplained) -> Result<(), Failure> {
    let code = entity.status.code.map(|code| format!(" ({code})")).unwrap_or_default();
    say(format!("\n{} {}: {}{code}", entity.kind, entity.entity, entity.status.name))?;
    for link in &entity.links {
        let agreed = if link.agreed { "" } else { ", nothing agreed yet" };
        say(format!("  is {}: {:?}, because {:?}{agreed}", link.record, link.state, link.evidence))?;
    }
    let mut rows = table(&["attribute", "rule", "side", "agreed", "now", "stands", "result"]);
    for derivation in &entity.derivations {
        for (position, side) in derivation.sides.iter().enumerate() {
            let first = position == 0;
            let result = match (derivation.asks, derivation.case) {
                (true, _) => "a person decides".to_owned(),
                (_, Some(case)) => {
                    format!("{} ({})", derivation.result.as_deref().unwrap_or("(empty)"), case.phrase())
                }
                (false, None) => String::new(),
            };
            rows.add_row([
                if first { derivation.attribute.to_string() } else { String::new() },
                if first { derivation.rule.clone() } else { String::new() },
                format!("{}.{}", side.record.connection, side.field),
                side.base.as_ref().map(ToString::to_string).unwrap_or_else(|| "(nothing)".to_owned()),
                side.now.to_string(),
                side.stand.to_owned(),
                if first { result } else { String::new() },
            ]);
        }
    }
    say(rows)?;
    for operation in &entity.operations {
        say(format!("  to {} in {}", operation.action.word(), operation.connection))?;
    }
    for held in &entity.held {
        let attribute = held.held.attribute.as_ref().map(|name| format!("{name}, ")).unwrap_or_default();
        let until = held.held.until.map(|until| format!(", at the latest {until:.0}")).unwrap_or_default();
        say(format!(
            "  waits ({attribute}to {}): {} ({}){until}",
            held.held.connection, held.text, held.code
        ))?;
    }
    for finding in &entity.findings {
        say(format!("  note: {} ({})", finding.text, finding.code))?;
    }
    Ok(())
}
