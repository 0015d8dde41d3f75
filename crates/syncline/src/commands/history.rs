//! `syncline history`: the journal, read back (HUB-6); and `history erase`.

mod told;

use crate::{
    failure::{Exit, Failure},
    shell::{Place, block_on, say, say_json, table, who},
};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use std::collections::BTreeSet;
use syncline_engine::{
    history::{EventKind, Filter, Page, Told, history, with_values},
    retention::{Known, erase},
};
use syncline_model::{ConnectionName, EntityId, JournalSeq, ObjectName, RecordRef, RunId, error::Code};
use told::{sentence, values};

/// Show what was observed, decided, sent and answered
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    show: Show,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Erase the values of a record's past: what its fields were and what was written to it. The entries stay
    Erase(Erase),
}

#[derive(clap::Args)]
struct Show {
    #[command(flatten)]
    place: Place,
    /// Only this run
    #[arg(long, value_name = "RUN")]
    run: Option<uuid::Uuid>,
    /// Only this record and what it is: CONNECTION/OBJECT/ID
    #[arg(long, value_name = "RECORD")]
    record: Option<RecordRef>,
    /// Only this entity and the records that are linked to it now
    #[arg(long, value_name = "ENTITY")]
    entity: Option<uuid::Uuid>,
    /// Only what is about this connection
    #[arg(long, value_name = "CONNECTION")]
    connection: Option<String>,
    /// Only what is about records of this object
    #[arg(long, value_name = "OBJECT")]
    object: Option<String>,
    /// Only entries of this kind; may be repeated
    #[arg(long = "event", value_name = "KIND", value_parser = event_kind())]
    events: Vec<EventKind>,
    /// Only what happened at or after this: 2026-01-31 or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Only what happened before this
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// With the values: what was written and what it replaced, what changed and what it was
    #[arg(long)]
    writes: bool,
    /// Print one JSON document a line
    #[arg(long)]
    json: bool,
    /// At most so many entries, the newest
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// The newest entries before this one
    #[arg(long, value_name = "SEQ", conflicts_with = "after")]
    before: Option<u64>,
    /// The oldest entries after this one
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
}

#[derive(clap::Args)]
struct Erase {
    /// The record: CONNECTION/OBJECT/ID
    record: RecordRef,
    #[command(flatten)]
    place: Place,
    /// It cannot be undone: say that it is meant
    #[arg(long, required = true)]
    yes: bool,
    /// Who asked for it, for the journal (the user of this machine)
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
}

fn event_kind() -> impl TypedValueParser<Value = EventKind> {
    PossibleValuesParser::new(EventKind::ALL.map(EventKind::word)).try_map(|word: String| {
        EventKind::ALL.into_iter().find(|kind| kind.word() == word).ok_or("no such kind of entry")
    })
}

fn time(text: &str) -> Result<Timestamp, String> {
    let day = |date: Date| date.to_zoned(TimeZone::UTC).map(|midnight| midnight.timestamp());
    text.parse::<Timestamp>()
        .or_else(|_| text.parse::<Date>().and_then(day))
        .map_err(|_| "write a day, 2026-01-31, or a time, 2026-01-31T12:00:00Z".to_owned())
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Some(Command::Erase(erase)) => block_on(erased(erase)),
        None => block_on(shown(args.show)),
    }
}

async fn shown(args: Show) -> Result<(), Failure> {
    let workspace = args.place.open().await?;
    let store = &*workspace.store;
    let filter = Filter {
        run: args.run.map(RunId),
        record: args.record,
        entity: args.entity.map(EntityId),
        connection: args.connection.map(ConnectionName::from),
        object: args.object.map(ObjectName::from),
        events: args.events.into_iter().collect::<BTreeSet<_>>(),
        since: args.since,
        until: args.until,
    };
    let page = match args.after {
        Some(after) => Page::After(JournalSeq(after)),
        None => Page::Before(args.before.map(JournalSeq)),
    };
    let entries = history(store, &filter, page, args.limit).await?;
    let told = if args.writes {
        with_values(store, entries).await?
    } else {
        entries.into_iter().map(|entry| Told { entry, values: Vec::new() }).collect()
    };
    if args.json {
        return told.iter().try_for_each(say_json);
    }
    let mut rows = table(&["#", "when", "run", "what"]);
    for Told { entry, values: kept } in &told {
        let run = entry.run.map(|run| run.to_string()).unwrap_or_default();
        let what = if args.writes { values(&entry.event, kept) } else { sentence(&entry.event) };
        rows.add_row([entry.seq.0.to_string(), format!("{:.0}", entry.at), run, what]);
    }
    say(rows)?;
    if told.len() < args.limit {
        return Ok(());
    }
    match (page, told.first(), told.last()) {
        (Page::After(_), _, Some(last)) => say(format!("newer ones: --after {}", last.entry.seq.0)),
        (Page::Before(_), Some(first), _) => say(format!("older ones: --before {}", first.entry.seq.0)),
        _ => Ok(()),
    }
}

async fn erased(args: Erase) -> Result<(), Failure> {
    let workspace = args.place.open().await?;
    match erase(&*workspace.store, Timestamp::now(), &args.record, who(args.who)).await? {
        Known::Yes => say(format!("the values of the past of {} are erased", args.record)),
        Known::No => {
            Err(Failure::new(Exit::Error, Code(1165), format!("nothing was ever kept of {}", args.record))
                .fix("check the address; `syncline history --record` shows what there is"))
        }
    }
}
