//! `syncline history`: the journal, read back (HUB-6).

use crate::{
    failure::Failure,
    shell::{Place, block_on, say, say_json, table},
};
use std::collections::VecDeque;
use syncline_engine::{Error, Workspace};
use syncline_model::{
    JournalSeq, RecordRef, RunId,
    journal::{Event, IntendedRow, JournalEntry, RowResult},
};
use syncline_store::JournalFilter;

/// Entries read at a time.
const PAGE: usize = 1_000;

/// Show what was observed, decided, sent and answered
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Place,
    /// Only this run
    #[arg(long, value_name = "RUN")]
    run: Option<uuid::Uuid>,
    /// Only this record and what it is: CONNECTION/OBJECT/ID
    #[arg(long, value_name = "RECORD")]
    record: Option<RecordRef>,
    /// Print one JSON document a line
    #[arg(long)]
    json: bool,
    /// The newest entries, at most so many
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    block_on(history(args))
}

async fn history(args: Args) -> Result<(), Failure> {
    let workspace = args.place.open().await?;
    let filter = JournalFilter { run: args.run.map(RunId), record: args.record };
    let entries = newest(&workspace, &filter, args.limit).await?;
    if args.json {
        return entries.iter().try_for_each(say_json);
    }
    let mut rows = table(&["#", "when", "run", "what"]);
    for entry in &entries {
        let run = entry.run.map(|run| run.to_string()).unwrap_or_default();
        rows.add_row([entry.seq.0.to_string(), format!("{:.0}", entry.at), run, sentence(&entry.event)]);
    }
    say(rows)
}

/// The last `limit` entries that pass the filter, oldest first.
async fn newest(
    workspace: &Workspace,
    filter: &JournalFilter,
    limit: usize,
) -> Result<VecDeque<JournalEntry>, Failure> {
    let store = &*workspace.store;
    let mut after = JournalSeq::default();
    if *filter == JournalFilter::default() {
        let head = store.journal_head().await.map_err(Error::from)?;
        after = JournalSeq(head.0.saturating_sub(limit as u64));
    }
    let mut kept = VecDeque::new();
    loop {
        let page = store.journal(filter, after, PAGE).await.map_err(Error::from)?;
        let Some(last) = page.last() else { return Ok(kept) };
        after = last.seq;
        kept.extend(page);
        while kept.len() > limit {
            kept.pop_front();
        }
    }
}

/// An event in one line; calls in one line a row.
fn sentence(event: &Event) -> String {
    match event {
        Event::RunStarted { plan, by } => format!("{by} began to apply plan {plan}"),
        Event::RunEnded { summary } => format!("the run ended: {summary}"),
        Event::Baseline { connection, object, rows, range: (first, last) } => {
            format!("{connection}/{object}: {rows} records first read, {first} to {last}")
        }
        Event::Changed { record, fields } => format!("{record} changed: {}", fields.join(", ")),
        Event::Linked { record, facet, entity, state, evidence } => {
            format!("{record} is {facet} {entity}: {state:?}, {evidence:?}")
        }
        Event::CallIntended { connection, endpoint, rows, .. } => {
            lines(format!("to send to {connection}: {endpoint}"), rows.iter().map(intended))
        }
        Event::CallEnded { call, rows } => lines(format!("answered ({})", call.0), rows.iter().map(result)),
        Event::Confirmed { what, who } => format!("{who} confirmed the {what}"),
        Event::Review { review, state } => format!("review {review}: {state:?}"),
        Event::Config { sha256 } => {
            format!("another configuration or schema is in force ({})", sha256.get(..12).unwrap_or(sha256))
        }
    }
}

fn lines(head: String, rows: impl Iterator<Item = String>) -> String {
    rows.fold(head, |text, row| text + "\n  " + &row)
}

fn intended(row: &IntendedRow) -> String {
    let what = match (&row.record, &row.object) {
        (Some(record), _) => record.to_string(),
        (None, Some(object)) => object.to_string(),
        (None, None) => row.entity.to_string(),
    };
    format!("{} {what}: {}", row.word, row.fields.join(", "))
}

fn result(row: &RowResult) -> String {
    match row {
        RowResult::Confirmed { record, created: true } => format!("created {record}"),
        RowResult::Confirmed { record, created: false } => format!("written {record}"),
        RowResult::Rejected { code, message } => format!("refused: {code}: {message}"),
        RowResult::Unknown { why } => format!("outcome unknown: {why}"),
        RowResult::NotSent { why } => format!("not sent: {why}"),
        RowResult::Resolved { record: Some(record) } => format!("a read found it done: {record}"),
        RowResult::Resolved { record: None } => "a read found that nothing was written".to_owned(),
        RowResult::Parked { why } => format!("undecidable, a person looks: {why}"),
    }
}
