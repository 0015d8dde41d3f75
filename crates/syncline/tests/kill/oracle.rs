//! From both dumps and what people remember: nothing twice, nothing lost, nothing orphaned.

use crate::people::{Log, SORTS, Side, Sort, Thing, plain, records, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Something that is wrong.
pub struct Wrong {
    /// With which thing.
    pub thing: Option<usize>,
    /// Whether something is there more often than it should be: no reason excuses that.
    pub is_double: bool,
    pub line: String,
}

/// Everything that is wrong.
pub fn wrongs(log: &Log, salesforce: &Value, hubspot: &Value) -> Vec<Wrong> {
    let mut wrongs = Vec::new();
    let both = [Both::of(Side::Salesforce, salesforce), Both::of(Side::HubSpot, hubspot)];
    for side in &both {
        for (object, count) in &side.counts {
            let known = log.things.iter().filter(|thing| thing.sort.object(side.side) == *object).count();
            if *count > known {
                let line = format!("{object}: {count} records of {known} things");
                wrongs.push(Wrong { thing: None, is_double: true, line });
            }
        }
    }
    for (number, thing) in log.things.iter().enumerate() {
        let mut lines = Vec::new();
        let found = both.each_ref().map(|side| side.named(thing));
        for (side, found) in both.iter().zip(found) {
            if found.len() != 1 {
                let line =
                    format!("{} {}: {} records", thing.sort.object(side.side), thing.name, found.len());
                wrongs.push(Wrong { thing: Some(number), is_double: found.len() > 1, line });
            }
        }
        if let [[salesforce], [hubspot]] = found {
            lost_edits(thing, salesforce, hubspot, &mut lines);
            orphan(thing, &both, salesforce, hubspot, &mut lines);
        }
        wrongs.extend(lines.into_iter().map(|line| Wrong { thing: Some(number), is_double: false, line }));
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

    fn named(&self, thing: &Thing) -> &[(String, Value)] {
        let object = thing.sort.object(self.side);
        self.named.get(&(object, thing.name.clone())).map_or(&[][..], Vec::as_slice)
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
    lines: &mut Vec<String>,
) {
    for (field, entered) in &thing.last {
        let (of_salesforce, of_hubspot) =
            (thing.sort.field(*field, Side::Salesforce), thing.sort.field(*field, Side::HubSpot));
        let shown = [plain(&salesforce[of_salesforce]), plain(&hubspot[of_hubspot])];
        if shown[0] != shown[1] || !entered.contains(&shown[0]) {
            lines.push(format!(
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
    lines: &mut Vec<String>,
) {
    let Some(parent) = &thing.parent else { return };
    for (side, row) in both.iter().zip([salesforce, hubspot]) {
        let parents = side.parents(thing, row);
        if parents != [parent] {
            lines.push(format!(
                "{:?} {} in {:?}: under {parents:?}, not {parent}",
                thing.sort, thing.name, side.side
            ));
        }
    }
}
