//! `syncline init`: a new workspace.

use crate::{
    failure::{Exit, Failure},
    shell::{Place, block_on, say},
};
use std::{fmt::Write, sync::Arc};
use syncline_core::{
    config::{self, default_text},
    mapping::ModelChoice,
};
use syncline_engine::{
    entropy::Entropy,
    registry,
    workspace::{self, CONFIG, DATABASE, Environment, KEY_FILE},
};
use syncline_model::error::Code;

/// Make a workspace: a configuration to edit, a key, an empty database
///
/// Nothing that is there is replaced.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// The vendors, separated by commas
    #[arg(long, value_name = "VENDORS", value_delimiter = ',', required = true)]
    with: Vec<String>,
    /// How people and companies are modelled
    #[arg(long, value_enum, default_value_t = Model::LeadsAndContacts)]
    model: Model,
}

#[derive(Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum Model {
    /// New people become leads unless their company is a known account
    LeadsAndContacts,
    /// New people become contacts
    ContactsOnly,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    block_on(init(args))
}

async fn init(args: Args) -> Result<(), Failure> {
    let mut with = Vec::new();
    for vendor in &args.with {
        if with.iter().any(|(name, _)| name == vendor) {
            return Err(Failure::new(Exit::Usage, Code(110), format!("{vendor} is named twice"))
                .fix("name each vendor once; a second account is added to syncline.toml by hand"));
        }
        with.push((vendor.as_str(), registry::defaults(&vendor.as_str().into())?));
    }
    let model = match args.model {
        Model::LeadsAndContacts => ModelChoice::LeadsAndContacts,
        Model::ContactsOnly => ModelChoice::ContactsOnly,
    };
    let text = default_text(&with, model);
    if let Err(problems) = config::parse(&[(CONFIG, &text)]) {
        let why: Vec<_> = problems.iter().map(ToString::to_string).collect();
        return Err(Failure::new(
            Exit::Usage,
            Code(111),
            "these vendors do not make a configuration together",
        )
        .because(why.join("\n")));
    }
    let entropy = Arc::new(Entropy::system().map_err(syncline_engine::Error::Internal)?);
    let dir = &args.place.dir;
    workspace::init(dir, &text, &Environment::of_process(), &entropy, jiff::Timestamp::now()).await?;
    say(next_steps(&args))
}

fn next_steps(args: &Args) -> String {
    let dir = args.place.dir.display();
    let mut text = format!(
        "{dir}/{CONFIG}    what is synced, to be edited\n\
         {dir}/{KEY_FILE}  opens the credentials: keep a copy elsewhere\n\
         {dir}/{DATABASE}    what is known of the records\n\
         \n\
         Next:\n"
    );
    for vendor in &args.with {
        let _infallible = writeln!(text, "  syncline connect {vendor} --dir {dir} < {vendor}.json");
    }
    let _infallible = write!(text, "  syncline doctor --dir {dir}");
    text
}
