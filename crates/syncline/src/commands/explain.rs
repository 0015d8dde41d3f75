//! `syncline explain CONNECTION/OBJECT/ID`: what a record is and why its values are what they are (HUB-5); and the same
//! decided once more from what an explanation prints.

use crate::{
    failure::{Exit, Failure},
    shell::{Place, block_on, say, say_json, table},
    work::Work,
};
use std::{io::Read, path::PathBuf};
use syncline_engine::explain::{EntityExplained, Explanation, again, explain};
use syncline_model::{RecordRef, error::Code};

/// Say what a record is linked to and why, where each value came from, what waits and how to release it
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The record: CONNECTION/OBJECT/ID
    #[arg(required_unless_present = "again")]
    record: Option<RecordRef>,
    /// Decide once more from an explanation that --json printed (-: standard input), without any workspace
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "dir"])]
    again: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match (&args.again, &args.record) {
        (Some(path), _) => decided_again(path, args.json),
        (None, Some(record)) => block_on(explained(&args, record)),
        (None, None) => Ok(()),
    }
}

async fn explained(args: &Args, record: &RecordRef) -> Result<(), Failure> {
    let work = Work::open(&args.place).await?;
    let explanation = explain(&work.ctx, record).await?;
    if explanation.stored.is_none() {
        return Err(Failure::new(Exit::Error, Code(1163), format!("{record} is not known"))
            .because("it was never captured: another object, hidden from the connection's user, or newer than the last run")
            .fix("run `syncline sync`, or check the address and the user's rights"));
    }
    if args.json {
        return say_json(&explanation);
    }
    show(&explanation)
}

/// The planner is asked once more, with what the explanation says it was given.
fn decided_again(path: &PathBuf, json: bool) -> Result<(), Failure> {
    let mut text = String::new();
    let read = match path.as_os_str().to_str() {
        Some("-") => std::io::stdin().lock().read_to_string(&mut text),
        _ => std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text)),
    };
    let unreadable = || {
        let advice = "give what `syncline explain CONNECTION/OBJECT/ID --json` of this version printed";
        Failure::new(Exit::Usage, Code(1166), "this is no explanation").at(path.display()).fix(advice)
    };
    read.map_err(|error| unreadable().because(error))?;
    let again = again(&text).map_err(|error| unreadable().because(error))?;
    if json {
        say_json(&again)?;
    } else {
        again.entities.iter().try_for_each(entity)?;
    }
    if again.differ.is_empty() {
        return if json { Ok(()) } else { say("\ndecided the same by what it prints") };
    }
    let differ: Vec<String> = again.differ.iter().map(ToString::to_string).collect();
    Err(Failure::new(Exit::Error, Code(1167), "the same inputs decide otherwise")
        .at(format!("entity {}", differ.join(", ")))
        .because(format!("it was printed by {}, or edited since", again.tool))
        .fix("compare both; an explanation of this version that differs unedited is a bug to report"))
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
