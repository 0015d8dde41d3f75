//! `syncline connect NAME`: credentials in, account checked and pinned (HUB-17).

use crate::{
    failure::{Exit, Failure},
    shell::{Place, block_on, say},
};
use std::io::{self, IsTerminal, Read};
use syncline_engine::{
    Outside,
    connecting::{self, Connect},
    registry,
};
use syncline_model::error::Code;

/// The longest line that is read, in bytes.
const LINE_LIMIT: u64 = 1 << 20;

/// Connect an account: reads one line of JSON from standard input
///
/// The line is what `syncline sandbox` prints: {"vendor": …, "url": …, "credentials": {…}}. For a real vendor leave
/// `url` out. Credentials are checked, stored encrypted, and tied to the account they lead to.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The connection's name in syncline.toml
    name: String,
    #[command(flatten)]
    place: Place,
    /// The vendor, where the line does not say
    #[arg(long)]
    vendor: Option<String>,
    /// Take another account than the one connected before
    #[arg(long)]
    replace_account: bool,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let line = read_line()?;
    block_on(connect(args, &line))
}

async fn connect(args: Args, line: &str) -> Result<(), Failure> {
    let workspace = args.place.open().await?;
    let name = args.name.as_str().into();
    let connect = Connect {
        name: &name,
        vendor: args.vendor.map(Into::into),
        line,
        replace_account: args.replace_account,
    };
    let connected = connecting::connect(&workspace, &Outside::real()?, &registry::adapter, connect).await?;
    let account = &connected.account;
    say(format!("{name}: {} account {} as {}", connected.vendor, account.id, account.user))?;
    if connected.added {
        say(format!("{name} was not in syncline.toml and is added; no kind names it yet"))?;
    }
    if connected.replaced {
        say("another account than before: everything is read anew")?;
    }
    Ok(())
}

fn read_line() -> Result<String, Failure> {
    let input = io::stdin();
    let none = || {
        Failure::new(Exit::Usage, Code(112), "standard input brings no connection line")
            .fix("syncline connect NAME < credentials.json")
    };
    if input.is_terminal() {
        return Err(none());
    }
    let mut text = String::new();
    input.lock().take(LINE_LIMIT).read_to_string(&mut text).map_err(|error| none().because(error))?;
    if text.trim().is_empty() { Err(none()) } else { Ok(text) }
}
