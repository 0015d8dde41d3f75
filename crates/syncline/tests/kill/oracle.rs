//! From both dumps and what people remember: nothing twice, nothing lost, nothing orphaned.

use crate::people::{Log, SORTS, Side, Sort, Thing, plain, records, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is wrong, a line each.
pub fn wrongs(log: &Log, salesforce: &Value, hubspot: &Value) -> Vec<String> {
    let mut wrongs = Vec::new();
    let both = [Both::of(Side::Salesforce, salesforce), Both::of(Side::HubSpot, hubspot)];
    for side in &both {
        for (object, count) in &side.counts {
            let known = log.things.iter().filter(|thing| thing.sort.object(side.side) == *object).count();
            if *count != known {
                wrongs.push(format!("{object}: {count} records of {known} things"));
            }
        }
    }
    for thing in &log.things {
        let found = both.each_ref().map(|side| side.one(thing, &mut wrongs));
        if let [Some(salesforce), Some(hubspot)] = found {
            lost_edits(thing, salesforce, hubspot, &mut wrongs);
            orphan(thing, &both, salesforce, hubspot, &mut wrongs);
        }
    }
    wrongs
}

/// One side's dump, by name.
struct Both {
    side: Side,
    counts: BTreeMap<&'static str, usize>,
    named: BTreeMap<(&'static str, String), Vec<(String, Value)>>,
    /// Account names by id.
    accounts: BTreeMap<String, String>,
    /// HubSpot's relations: from, to.
    edges: BTreeSet<(String, String)>,
}

impl Both {
    fn of(side: Side, dump: &Value) -> Self {
        let mut both = Self {
            side,
            counts: BTreeMap::new(),
            named: BTreeMap::new(),
            accounts: BTreeMap::new(),
            edges: BTreeSet::new(),
        };
        let objects: BTreeMap<&'static str, Sort> =
            SORTS.into_iter().map(|sort| (sort.object(side), sort)).collect();
        for (object, sort) in objects {
            let rows = records(dump, side, sort);
            both.counts.insert(object, rows.len());
            for (name, id, fields) in rows {
                if sort == Sort::Account {
                    both.accounts.insert(id.clone(), name.clone());
                }
                both.named.entry((object, name)).or_default().push((id, fields));
            }
        }
        for edge in dump["associations"].as_array().into_iter().flatten() {
            both.edges.insert((text(&edge["from"]), text(&edge["to"])));
        }
        both
    }

    fn one(&self, thing: &Thing, wrongs: &mut Vec<String>) -> Option<&(String, Value)> {
        let object = thing.sort.object(self.side);
        let found = self.named.get(&(object, thing.name.clone())).map_or(&[][..], Vec::as_slice);
        if let [one] = found {
            return Some(one);
        }
        wrongs.push(format!("{object} {}: {} records", thing.name, found.len()));
        None
    }

    /// The names of the accounts that a thing belongs to here.
    fn parents(&self, thing: &Thing, (id, fields): &(String, Value)) -> Vec<&String> {
        match self.side {
            Side::Salesforce => self.accounts.get(&text(&fields["AccountId"])).into_iter().collect(),
            Side::HubSpot => {
                let from = format!("{}/{id}", thing.sort.object(Side::HubSpot));
                let mine = self.edges.iter().filter(|(child, _)| *child == from);
                mine.filter_map(|(_, to)| self.accounts.get(to.strip_prefix("companies/")?)).collect()
            }
        }
    }
}

fn lost_edits(
    thing: &Thing,
    (_, salesforce): &(String, Value),
    (_, hubspot): &(String, Value),
    wrongs: &mut Vec<String>,
) {
    for (field, entered) in &thing.last {
        let (of_salesforce, of_hubspot) =
            (thing.sort.field(*field, Side::Salesforce), thing.sort.field(*field, Side::HubSpot));
        let shown = [plain(&salesforce[of_salesforce]), plain(&hubspot[of_hubspot])];
        if shown[0] != shown[1] || !entered.contains(&shown[0]) {
            wrongs.push(format!(
                "{:?} {} {of_salesforce}: {shown:?} where {entered:?} was entered",
                thing.sort, thing.name
            ));
        }
    }
}

fn orphan(
    thing: &Thing,
    both: &[Both; 2],
    salesforce: &(String, Value),
    hubspot: &(String, Value),
    wrongs: &mut Vec<String>,
) {
    let Some(parent) = &thing.parent else { return };
    for (side, row) in both.iter().zip([salesforce, hubspot]) {
        let parents = side.parents(thing, row);
        if parents != [parent] {
            wrongs.push(format!(
                "{:?} {} in {:?}: under {parents:?}, not {parent}",
                thing.sort, thing.name, side.side
            ));
        }
    }
}
