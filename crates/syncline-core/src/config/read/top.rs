//! The tables outside the kinds.

use super::{Names, keys, kind, kind_of};
use crate::{
    config::{
        problem::{Place, Problem, codes},
        reader::{self, Problems, Reader, list, unknown_key, wrong},
        tree::{Entry, Table, Tree},
        types::{Config, ConnectionConfig, JournalKeep, Keys},
    },
    mapping::{Breaker, Guard, ModelChoice, Oscillation},
};
use jiff::SignedDuration;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use syncline_model::{ConnectionName, ObjectName, VendorName};

const MODELS: [(&str, ModelChoice); 2] =
    [("leads_and_contacts", ModelChoice::LeadsAndContacts), ("contacts_only", ModelChoice::ContactsOnly)];
/// A call may take a quarter of it.
const SHORTEST_LEASE: SignedDuration = SignedDuration::from_secs(1);
const KEYS: [(&str, Keys); 2] = [("planted", Keys::Planted), ("none", Keys::None)];

/// Reads the merged files.
pub(crate) fn config(root: &Table, at: &Place, problems: &mut Problems) -> Config {
    let mut top = Reader::new(root, at, "the configuration");
    format(&mut top, problems);
    let model = top.word("model", &MODELS, problems);
    let connections = connections(&mut top, problems);
    let mut names = Names { connections: connections.keys().cloned().collect(), tie: None };
    names.tie = top.text("tie", problems).and_then(|(text, at)| names.connection(text, at, problems));
    let plan_max_age = top.duration("plan_max_age", problems).unwrap_or(SignedDuration::from_hours(24));
    let server = section(&mut top, "server", keys::SERVER, problems, |table, problems| {
        Some((public_url(table, problems), lease(table, problems)))
    });
    let (public_url, lease) = server.unwrap_or_default();
    let poll =
        section(&mut top, "serve", keys::SERVE, problems, |table, problems| table.duration("poll", problems));
    let daily_share = section(&mut top, "budget", keys::BUDGET, problems, |table, problems| {
        table.share("daily_share", problems)
    });
    let journal = section(&mut top, "journal", keys::JOURNAL, problems, |table, problems| {
        Some(journal(table, problems))
    });
    let guard = guard(&mut top, problems);
    let mut kinds = BTreeMap::new();
    if let Some((table, _)) = top.sub("kind", problems) {
        for entry in &table.entries {
            let Some(name) = kind_of(&entry.key, &entry.at, problems) else { continue };
            let Some(table) = reader::table(&entry.node, &entry.key, problems) else { continue };
            kinds.insert(name, kind::kind(name, table, &entry.at, &names, problems));
        }
    }
    if model.is_none() && top.get("model").is_none() {
        top.missing(
            "model",
            "add `model = \"leads_and_contacts\"`, or `model = \"contacts_only\"` where people never are leads",
            problems,
        );
    }
    top.finish(keys::TOP.iter().copied(), problems);
    Config {
        model: model.unwrap_or(ModelChoice::LeadsAndContacts),
        connections,
        public_url,
        daily_share_permille: daily_share.unwrap_or(500),
        lease: lease.unwrap_or(SignedDuration::from_mins(5)),
        poll: poll.unwrap_or(SignedDuration::from_secs(60)),
        plan_max_age,
        journal: journal.unwrap_or_default(),
        guard,
        kinds,
        digest: digest(root),
    }
}

/// See [`Config::digest`].
fn digest(root: &Table) -> String {
    let mut canonical = String::new();
    let decides = |key: &str| !["server", "serve", "journal", "budget"].contains(&key);
    root.canonical(&decides, &mut canonical);
    Sha256::digest(canonical).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn format(top: &mut Reader<'_>, problems: &mut Problems) {
    match top.get("format") {
        None => problems.push(Problem::error(
            codes::FORMAT,
            &top.at,
            "the configuration does not say which format it has",
            "add `format = 1` as its first line",
        )),
        Some(node) => {
            if !matches!(&node.value, Tree::Number(number) if number == "1") {
                problems.push(Problem::error(
                    codes::FORMAT,
                    &node.at,
                    "this version reads only configurations of `format = 1`",
                    "write `format = 1`, or use the version of the program that the file was written for",
                ));
            }
        }
    }
}

/// Reads a table of fixed keys.
fn section<T>(
    top: &mut Reader<'_>,
    name: &str,
    known: &[&str],
    problems: &mut Problems,
    read: impl FnOnce(&mut Reader<'_>, &mut Problems) -> Option<T>,
) -> Option<T> {
    let (table, at) = top.sub(name, problems)?;
    let mut table = Reader::new(table, at, format!("`[{name}]`"));
    let result = read(&mut table, problems);
    table.finish(known.iter().copied(), problems);
    result
}

fn public_url(table: &mut Reader<'_>, problems: &mut Problems) -> Option<String> {
    let (url, at) = table.text("public_url", problems)?;
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        problems.push(Problem::error(
            codes::BAD_VALUE,
            at,
            format!("`{url}` is no web address"),
            "write the address with its scheme, such as \"https://sync.example.com\"",
        ));
    }
    Some(url.trim_end_matches('/').to_owned())
}

fn lease(table: &mut Reader<'_>, problems: &mut Problems) -> Option<SignedDuration> {
    let place = table.get("lease").map(|node| node.at.clone());
    let lease = table.duration("lease", problems)?;
    if lease < SHORTEST_LEASE
        && let Some(at) = place
    {
        problems.push(Problem::error(
            codes::BAD_VALUE,
            &at,
            "a claim on the workspace has to hold for a second at least",
            "write \"5m\", or leave it out",
        ));
    }
    Some(lease)
}

/// A run may take an hour, and its writes are needed until it has ended.
const SHORTEST_KEEP: SignedDuration = SignedDuration::from_hours(1);

fn journal(table: &mut Reader<'_>, problems: &mut Problems) -> JournalKeep {
    let at = table.at.clone();
    let default = JournalKeep::default();
    let observed = table.duration("observed", problems).unwrap_or(default.observed);
    let entries = table.duration("entries", problems).unwrap_or(default.entries.max(observed));
    if observed < SHORTEST_KEEP || entries < observed {
        problems.push(Problem::error(
            codes::BAD_VALUE,
            &at,
            "what was observed has to be kept for an hour at least, and entries as long as what they observed",
            "write `observed = \"90d\"` and `entries = \"400d\"`, or leave them out",
        ));
    }
    JournalKeep { observed, entries }
}

fn connections(top: &mut Reader<'_>, problems: &mut Problems) -> BTreeMap<ConnectionName, ConnectionConfig> {
    let mut connections = BTreeMap::new();
    let Some((table, _)) = top.sub("connection", problems) else { return connections };
    for entry in &table.entries {
        let reserved = keys::FIELD.contains(&entry.key.as_str()) || keys::EDGE.contains(&entry.key.as_str());
        if reserved || entry.key.is_empty() || entry.key.contains(['/', ' ']) {
            problems.push(Problem::error(
                codes::BAD_VALUE,
                &entry.at,
                format!("a connection cannot be called `{}`", entry.key),
                "choose a name without spaces and slashes that is no key of a field or edge",
            ));
            continue;
        }
        let Some(table) = reader::table(&entry.node, &entry.key, problems) else { continue };
        let mut table = Reader::new(table, &entry.at, format!("`[connection.{}]`", entry.key));
        let vendor = table.text("vendor", problems).map(|(vendor, _)| VendorName::new(vendor));
        if vendor.is_none() {
            table.missing("vendor", "add `vendor = \"salesforce\"` or `vendor = \"hubspot\"`", problems);
        }
        let account = table.text("account", problems).map(|(account, _)| account.to_owned());
        let planted = planted(&mut table, problems);
        table.finish(keys::CONNECTION.iter().copied(), problems);
        connections.insert(
            ConnectionName::from(entry.key.as_str()),
            ConnectionConfig {
                vendor: vendor.unwrap_or_else(|| VendorName::new(&entry.key)),
                account,
                keys: planted,
                at: entry.at.clone(),
            },
        );
    }
    connections
}

/// `keys = "none"`, or by object: `keys = { Lead = "none" }`.
fn planted(table: &mut Reader<'_>, problems: &mut Problems) -> BTreeMap<Option<ObjectName>, Keys> {
    let Some(node) = table.get("keys") else { return BTreeMap::new() };
    match &node.value {
        Tree::Text(_) => table.word("keys", &KEYS, problems).map(|keys| (None, keys)).into_iter().collect(),
        Tree::Table(objects) => {
            let mut objects = Reader::new(objects, &node.at, "`keys`");
            let names: Vec<&str> = objects.rest().into_iter().map(|(name, _, _)| name).collect();
            let read = |name| Some((Some(ObjectName::new(name)), objects.word(name, &KEYS, problems)?));
            names.into_iter().filter_map(read).collect()
        }
        Tree::Number(_) | Tree::Bool(_) | Tree::Time(_) | Tree::Array(_) => {
            wrong(
                node,
                "keys",
                &format!("{}, or a table of them by object", list(&["planted", "none"])),
                problems,
            );
            BTreeMap::new()
        }
    }
}

fn guard(top: &mut Reader<'_>, problems: &mut Problems) -> Guard {
    let mut guard = Guard {
        create: Breaker { count: 500, share_permille: 200 },
        blank: Breaker { count: 100, share_permille: 20 },
        archive: Breaker { count: 50, share_permille: 10 },
        oscillation: Oscillation::default(),
    };
    let Some((table, _)) = top.sub("guard", problems) else { return guard };
    for entry in &table.entries {
        let breaker = match entry.key.as_str() {
            "create" => &mut guard.create,
            "blank" => &mut guard.blank,
            "archive" => &mut guard.archive,
            "oscillation" => {
                oscillation(&mut guard.oscillation, entry, problems);
                continue;
            }
            other => {
                problems.push(unknown_key("`[guard]`", other, &entry.at, keys::GUARD.iter().copied()));
                continue;
            }
        };
        let Some(table) = reader::table(&entry.node, &entry.key, problems) else { continue };
        let mut table = Reader::new(table, &entry.at, format!("`guard.{}`", entry.key));
        breaker.count = table.count("count", problems).unwrap_or(breaker.count);
        breaker.share_permille = table.share("share", problems).unwrap_or(breaker.share_permille);
        table.finish(keys::BREAKER.iter().copied(), problems);
    }
    guard
}

fn oscillation(limit: &mut Oscillation, entry: &Entry, problems: &mut Problems) {
    let Some(table) = reader::table(&entry.node, &entry.key, problems) else { return };
    let mut table = Reader::new(table, &entry.at, "`guard.oscillation`");
    limit.flips = table.count("flips", problems).unwrap_or(limit.flips);
    limit.window = table.duration("window", problems).unwrap_or(limit.window);
    if limit.flips == 0 || limit.window.is_zero() {
        problems.push(Problem::error(
            codes::BAD_VALUE,
            &entry.at,
            "with `flips = 0` or no window every field would be parked, or none ever",
            "write at least 1 flip and a window such as \"24h\"",
        ));
    }
    table.finish(keys::OSCILLATION.iter().copied(), problems);
}
