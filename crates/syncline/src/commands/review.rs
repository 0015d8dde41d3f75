//! `syncline review`: questions for a person, and their answers (CRM-2, CRM-19).

use crate::{
    failure::Failure,
    shell::{Place, block_on, say, say_json, table, who},
};
use syncline_engine::{
    Error,
    entropy::{Entropy, Ids},
    reviews::{self, Answer},
};
use syncline_model::{
    RecordRef,
    review::{Question, ReviewState},
};
use syncline_store::{OpenOnly, Store};

/// Reviews read at a time.
const PAGE: usize = 500;

/// Show and answer what only a person can decide
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// What is open
    List {
        #[command(flatten)]
        place: Place,
        /// Answered ones too
        #[arg(long)]
        all: bool,
        /// Print one JSON document a line
        #[arg(long)]
        json: bool,
    },
    /// One review with its records
    Show {
        /// Its number
        id: u64,
        #[command(flatten)]
        place: Place,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// They are the same: all of its records, or those named
    Link {
        /// Its number
        id: u64,
        /// Records, CONNECTION/OBJECT/ID; of several in one system the first is the one that is written, and what is asked
        /// about of that system and not named is its duplicate
        records: Vec<RecordRef>,
        #[command(flatten)]
        place: Place,
        /// Who says so
        #[arg(long, value_name = "NAME")]
        who: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What was parked may be written again
    Release {
        /// Its number
        id: u64,
        #[command(flatten)]
        place: Place,
        /// Who says so
        #[arg(long, value_name = "NAME")]
        who: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// They are not the same, for good
    Reject {
        /// Its number
        id: u64,
        #[command(flatten)]
        place: Place,
        /// Who says so
        #[arg(long, value_name = "NAME")]
        who: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    block_on(act(args.action))
}

async fn act(action: Action) -> Result<(), Failure> {
    match action {
        Action::List { place, all, json } => {
            let workspace = place.open().await?;
            list(&*workspace.store, if all { OpenOnly::No } else { OpenOnly::Yes }, json).await
        }
        Action::Show { id, place, json } => {
            let workspace = place.open().await?;
            show(&*workspace.store, id, json).await
        }
        Action::Link { id, records, place, who: given, json } => {
            let workspace = place.open().await?;
            let entropy = Entropy::system().map_err(Error::Internal)?;
            let answer = Answer { id, who: who(given) };
            let now = jiff::Timestamp::now();
            let entity =
                reviews::link(&*workspace.store, &Ids::new(entropy.into()), &answer, &records, now).await?;
            if json {
                return say_json(&serde_json::json!({"review": id, "state": "linked", "entity": entity}));
            }
            say(format!("review {id}: linked as {entity}; the next sync brings the records together"))
        }
        Action::Release { id, place, who: given, json } => {
            let workspace = place.open().await?;
            let answer = Answer { id, who: who(given) };
            reviews::release(&*workspace.store, &answer, jiff::Timestamp::now()).await?;
            if json {
                return say_json(&serde_json::json!({"review": id, "state": "released"}));
            }
            say(format!("review {id}: released; the next sync writes again"))
        }
        Action::Reject { id, place, who: given, json } => {
            let workspace = place.open().await?;
            reviews::reject(&*workspace.store, &Answer { id, who: who(given) }, jiff::Timestamp::now())
                .await?;
            if json {
                return say_json(&serde_json::json!({"review": id, "state": "rejected"}));
            }
            say(format!("review {id}: rejected for good"))
        }
    }
}

async fn list(store: &dyn Store, which: OpenOnly, json: bool) -> Result<(), Failure> {
    let mut rows = table(&["#", "since", "state", "question"]);
    let mut after = 0;
    loop {
        let page = store.reviews(which, after, PAGE).await.map_err(Error::from)?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for review in &page {
            if json {
                say_json(review)?;
            } else {
                let since = format!("{:.0}", review.opened_at);
                rows.add_row([
                    review.id.to_string(),
                    since,
                    state(&review.state),
                    question(&review.question),
                ]);
            }
        }
    }
    if json || rows.is_empty() { Ok(()) } else { say(rows) }
}

async fn show(store: &dyn Store, id: u64, json: bool) -> Result<(), Failure> {
    let review = store.review(id).await.map_err(Error::from)?;
    let missing = || Error::Review { id, why: "there is no review of this number".to_owned() };
    let review = review.ok_or_else(missing)?;
    let records = records_of(&review.question);
    let stored = store.records(&records).await.map_err(Error::from)?;
    if json {
        let snapshots: Vec<_> = stored.iter().map(|stored| &stored.snapshot).collect();
        return say_json(&serde_json::json!({"review": review, "records": snapshots}));
    }
    say(format!("review {id}, {}: {}", state(&review.state), question(&review.question)))?;
    for (record, stored) in records.iter().zip(&stored) {
        let links = stored.links.iter().map(|link| format!("{} {}", link.facet, link.entity));
        say(format!("\n{record} {}", links.collect::<Vec<_>>().join(", ")))?;
        let Some(snapshot) = &stored.snapshot else { continue };
        let mut rows = table(&["field", "value"]);
        for (field, value) in &snapshot.fields {
            rows.add_row([field.to_string(), value.to_string()]);
        }
        say(rows)?;
    }
    Ok(())
}

fn records_of(question: &Question) -> Vec<RecordRef> {
    match question {
        Question::SameThing { records, .. } => records.clone(),
        Question::Duplicate { candidates, .. } => candidates.clone(),
        Question::Deleted { record, .. } => vec![record.clone()],
        Question::Conflict { .. } | Question::Oscillates { .. } | Question::Parked { .. } => Vec::new(),
    }
}

fn state(state: &ReviewState) -> String {
    match state {
        ReviewState::Open => "open".to_owned(),
        ReviewState::Linked { who, .. } => format!("linked by {who}"),
        ReviewState::Rejected { who, .. } => format!("rejected by {who}"),
        ReviewState::Released { who, .. } => format!("released by {who}"),
        ReviewState::Settled { .. } => "settled by itself".to_owned(),
    }
}

fn question(question: &Question) -> String {
    let list = |records: &[RecordRef]| records.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match question {
        Question::SameThing { kind, key, records } => format!("the same {kind} by {key}? {}", list(records)),
        Question::Deleted { record, .. } => format!("{record} was deleted: what of the others?"),
        Question::Conflict { entity, attribute } => format!("{entity}: both sides changed {attribute}"),
        Question::Oscillates { entity, attribute, since } => {
            format!("{entity}: {attribute} is parked since {since:.0}, something keeps setting it back")
        }
        Question::Duplicate { entity, candidates } => {
            format!("{entity} is not created: the vendor has {}", list(candidates))
        }
        Question::Parked { entity, what } => format!("{entity}: was this written? {what}"),
    }
}
