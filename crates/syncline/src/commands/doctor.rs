//! `syncline doctor`: everything that stands in the way, with what to do about it.

use crate::{
    failure::{Exit, Failure},
    shell::{Place, block_on, say, say_json, table},
};
use syncline_engine::{
    Outside,
    doctor::{Level, Report, examine},
    registry,
    workspace::Environment,
};
use syncline_model::error::Code;

/// Check configuration, key, accounts, rights and schemas
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let outside = Outside::real()?;
    let environment = Environment::of_process();
    let report =
        block_on(async { Ok(examine(&args.place.dir, &environment, &outside, &registry::adapter).await) })?;
    if args.json {
        say_json(&report)?;
    } else {
        show(&report)?;
    }
    let errors = report.checks.iter().filter(|check| check.level == Level::Error).count();
    match (report.exit, errors) {
        (0, 0) => Ok(()),
        (exit, _) => Err(Failure::new(Exit::of(exit), Code(114), format!("doctor found {errors} errors"))),
    }
}

fn show(report: &Report) -> Result<(), Failure> {
    let mut rows = table(&["", "about", "what"]);
    for check in &report.checks {
        let level = match check.level {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        let code = check.code.as_ref().map(|code| format!("[{code}] ")).unwrap_or_default();
        let fix = check.fix.as_ref().map(|fix| format!("\nfix: {fix}")).unwrap_or_default();
        rows.add_row([level, &check.about, &format!("{code}{}{fix}", check.what)]);
    }
    say(rows)?;
    for needs in &report.needs {
        say(format!("\n{} needs at {}:", needs.connection, needs.vendor))?;
        needs.rights.iter().try_for_each(|right| say(format!("  {right}")))?;
    }
    Ok(())
}
