//! `syncline sync`: one unattended run, within the guards (HUB-1, HUB-7).

use crate::{
    failure::{Exit, Failure},
    shell::{Place, block_on, say, say_json, who},
    work::Work,
};
use syncline_engine::cycle::{self, Backfill, Needs, Outcome};
use syncline_model::error::Code;

/// Capture, plan, apply and learn until there is nothing left to do (at most three rounds)
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Confirm a first contact or a backfill here; for scripts, and journalled
    #[arg(long)]
    yes_backfill: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    block_on(sync(args))
}

async fn sync(args: Args) -> Result<(), Failure> {
    let mut work = Work::open(&args.place).await?;
    let backfill = match args.yes_backfill {
        true => Backfill::Confirmed(who(None)),
        false => Backfill::Ask,
    };
    let outcome = cycle::sync(&mut work.ctx, &backfill, "sync").await?;
    if args.json {
        say_json(&json(&outcome))?;
    } else {
        show(&outcome)?;
    }
    match &outcome.needs {
        None => Ok(()),
        Some(needs) => Err(person(needs)),
    }
}

/// The contract's JSON of a run.
pub(crate) fn json(outcome: &Outcome) -> serde_json::Value {
    let tally = &outcome.tally;
    let needs = outcome.needs.as_ref().map(|needs| match needs {
        Needs::Confirmation(confirms) => serde_json::json!({ "confirmation": confirms }),
        Needs::Guard(tripped) => serde_json::json!({ "guard": tripped }),
    });
    serde_json::json!({
        "run": outcome.run,
        "rounds": outcome.rounds,
        "created": tally.created,
        "updated": tally.updated,
        "associated": tally.associated,
        "archived": tally.archived,
        "held": outcome.held,
        "findings": outcome.findings,
        "rejected": tally.rejected,
        "unknown": tally.unknown,
        "writes": tally.writes(),
        "calls": outcome.calls,
        "needs": needs,
    })
}

fn show(outcome: &Outcome) -> Result<(), Failure> {
    let tally = &outcome.tally;
    say(format!(
        "{} created, {} updated, {} associated, {} archived, {} refused, {} unknown in {} round(s); {} held, {} findings",
        tally.created,
        tally.updated,
        tally.associated,
        tally.archived,
        tally.rejected,
        tally.unknown,
        outcome.rounds,
        outcome.held,
        outcome.findings
    ))?;
    for (connection, calls) in &outcome.calls {
        say(format!("{calls} {connection} calls"))?;
    }
    Ok(())
}

/// Why a run stopped for a person: exit code 3.
pub(crate) fn person(needs: &Needs) -> Failure {
    match needs {
        Needs::Confirmation(confirms) => {
            let list: Vec<String> = confirms.iter().map(ToString::to_string).collect();
            Failure::new(
                Exit::Person,
                Code(1161),
                "the run stopped before it wrote this: a person has to confirm first",
            )
            .because(list.join("\n"))
            .fix("make a plan, look at it and apply it: syncline plan --out FILE; syncline apply FILE")
        }
        Needs::Guard(tripped) => {
            let list: Vec<String> = tripped.iter().map(ToString::to_string).collect();
            Failure::new(Exit::Person, Code(1162), "a guard stopped the run before it wrote this")
                .because(list.join("\n"))
                .fix("look at the plan; if it is right, apply it: syncline plan --out FILE; syncline apply FILE")
        }
    }
}
