//! `syncline replay`: whether the journal tells how the present state came about (HUB-6).

use crate::{
    failure::{Exit, Failure},
    shell::{Place, block_on, say, say_json},
};
use syncline_engine::replay::{Replay, replay};
use syncline_model::{JournalSeq, error::Code};

/// Prove the journal: take what is stored back through all that is kept of its past, and forward again
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Only from the last checkpoint at or before this entry on
    #[arg(long, value_name = "SEQ")]
    from: Option<u64>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    block_on(replayed(args))
}

async fn replayed(args: Args) -> Result<(), Failure> {
    let workspace = args.place.open().await?;
    let found = replay(&*workspace.store, args.from.map(JournalSeq)).await?;
    if args.json {
        say_json(&found)?;
    } else {
        show(&found)?;
    }
    if found.same {
        return Ok(());
    }
    let count = found.differs.len() as u64 + found.more;
    Err(Failure::new(
        Exit::Error,
        Code(1164),
        format!("the journal does not tell how the present state came about: {count} differences"),
    )
    .fix("restore the database from your backup; docs/journal.md says what each difference means"))
}

fn show(found: &Replay) -> Result<(), Failure> {
    say(format!("journal: {} entries read, {} to {}", found.entries, found.journal_from.0 + 1, found.to.0))?;
    say(format!(
        "state: {} records and links taken back through {} former rows to entry {}, and forward past {} checkpoints",
        found.rows, found.formers, found.state_from.0, found.checkpoints
    ))?;
    let erased = if found.erased > 0 {
        format!(", {} erased: of those records nothing older is known", found.erased)
    } else {
        String::new()
    };
    say(format!("values: {} rows{erased}", found.values))?;
    if found.unaccounted > 0 {
        say(format!(
            "{} records and links are older than the account and have not changed since",
            found.unaccounted
        ))?;
    }
    for difference in &found.differs {
        match &difference.record {
            Some(record) => say(format!("differs: {record}: {}", difference.what))?,
            None => say(format!("differs: {}", difference.what))?,
        }
    }
    if found.more > 0 {
        say(format!("differs: {} more", found.more))?;
    }
    if found.same { say("same") } else { Ok(()) }
}
