//! What both systems hold, read from their dumps and from nothing else.

mod lines;

pub(crate) use lines::Reader;

use crate::side::Side;
use lines::{HUBSPOT, Line, SALESFORCE};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use syncline_model::Kind;

/// A record's address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) side: Side,
    pub(crate) object: &'static str,
    pub(crate) id: String,
}

impl std::fmt::Display for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.side.name(), self.object, self.id)
    }
}

/// Whether people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Live,
    /// In the bin, or merged away.
    Gone,
    /// A lead that became a contact.
    Converted,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) kind: Kind,
    /// The thing it is, by the token in its name.
    pub(crate) token: Option<String>,
    pub(crate) life: Life,
    /// By attribute, in the oracle's spelling; what is blank is missing.
    pub(crate) values: Arc<BTreeMap<&'static str, String>>,
    /// The parent's token: its account, or the company of a lead's contact.
    pub(crate) parent: Parent,
    /// The id of its parent's record, under whatever name.
    pub(crate) under: Option<String>,
    /// In HubSpot, the companies that are not its primary one.
    pub(crate) further: BTreeSet<String>,
    /// The owner's e-mail.
    pub(crate) owner: Option<String>,
    /// Whether it says somewhere what only stands for a missing value on the other side.
    pub(crate) filler: bool,
    /// Tokens of related people.
    pub(crate) people: BTreeSet<String>,
    /// The ids of their records, under whatever names.
    pub(crate) persons: BTreeSet<String>,
}

/// A record's parent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Parent {
    #[default]
    None,
    /// A thing.
    Thing(String),
    /// A record without a token.
    Nameless,
}

/// Both systems at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) records: Records,
}

/// Records by address. The two sides are shared between pictures: most of what happens changes one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Records([Arc<BTreeMap<At, Record>>; 2]);

impl Records {
    fn of(side: Side, records: BTreeMap<At, Record>) -> Self {
        let (records, none) = (Arc::new(records), Arc::default());
        match side {
            Side::Salesforce => Self([records, none]),
            Side::HubSpot => Self([none, records]),
        }
    }

    fn half(&self, side: Side) -> &BTreeMap<At, Record> {
        let [salesforce, hubspot] = &self.0;
        match side {
            Side::Salesforce => salesforce,
            Side::HubSpot => hubspot,
        }
    }

    pub(crate) fn get(&self, at: &At) -> Option<&Record> {
        self.half(at.side).get(at)
    }

    pub(crate) fn contains_key(&self, at: &At) -> bool {
        self.half(at.side).contains_key(at)
    }

    /// In the order of their addresses.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&At, &Record)> + Clone {
        Side::BOTH.into_iter().flat_map(|side| self.half(side))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &At> + Clone {
        self.iter().map(|(at, _)| at)
    }
}

impl Picture {
    /// One side's half of it.
    fn of<'a>(side: Side, lines: impl Iterator<Item = &'a Line> + Clone) -> Self {
        let tokens: BTreeMap<&At, Option<&String>> = lines
            .clone()
            .filter_map(|line| match line {
                Line::Record(at, record, _) => Some((at, record.token.as_ref())),
                Line::Role(..) | Line::Company(..) | Line::Further(..) | Line::Other => None,
            })
            .collect();
        let parent = |at: &At| match tokens.get(at).copied().flatten() {
            Some(token) => Parent::Thing(token.clone()),
            None => Parent::Nameless,
        };
        let mut records = BTreeMap::new();
        for line in lines.clone() {
            if let Line::Record(at, record, account) = line {
                let mut record = record.clone();
                record.under.clone_from(account);
                if let Some(account) = account {
                    record.parent = parent(&At { side: at.side, object: "Account", id: account.clone() });
                }
                records.insert(at.clone(), record);
            }
        }
        for line in lines {
            match line {
                Line::Role(deal, person) => {
                    let Some(record) = records.get_mut(deal) else { continue };
                    record.persons.insert(person.id.clone());
                    if let Some(Some(token)) = tokens.get(person) {
                        record.people.insert((*token).clone());
                    }
                }
                Line::Company(at, company) => {
                    if let Some(record) = records.get_mut(at) {
                        record.parent = parent(company);
                        record.under = Some(company.id.clone());
                    }
                }
                Line::Further(at, company) => {
                    let record = records.get_mut(at);
                    if let (Some(record), Some(Some(token))) = (record, tokens.get(company)) {
                        record.further.insert((*token).clone());
                    }
                }
                Line::Record(..) | Line::Other => {}
            }
        }
        Self { records: Records::of(side, records) }
    }

    /// The object of this name, if the oracle reads it.
    pub(crate) fn object(side: Side, name: &str) -> Option<&'static str> {
        let known: &[&'static str] = match side {
            Side::Salesforce => &SALESFORCE,
            Side::HubSpot => &HUBSPOT,
        };
        known.iter().copied().find(|known| *known == name)
    }

    /// This, with one side as `half` shows it.
    pub(crate) fn with(mut self, side: Side, half: Self) -> Self {
        let ([salesforce, hubspot], [new_salesforce, new_hubspot]) = (&mut self.records.0, half.records.0);
        match side {
            Side::Salesforce => *salesforce = new_salesforce,
            Side::HubSpot => *hubspot = new_hubspot,
        }
        self
    }

    /// The live records of a thing on a side.
    pub(crate) fn live<'a>(
        &'a self,
        side: Side,
        token: &'a str,
    ) -> impl Iterator<Item = (&'a At, &'a Record)> {
        self.of_side(side)
            .filter(move |(_, record)| record.life == Life::Live && record.token.as_deref() == Some(token))
    }

    /// Whether a record of a thing is in the bin of a side.
    pub(crate) fn bins(&self, side: Side, token: &str) -> bool {
        self.of_side(side)
            .any(|(_, record)| record.life == Life::Gone && record.token.as_deref() == Some(token))
    }

    /// All records of a side.
    pub(crate) fn of_side(&self, side: Side) -> impl Iterator<Item = (&At, &Record)> {
        self.records.half(side).iter()
    }
}

/// Users by id, with their e-mail.
#[derive(Debug, Clone, Default)]
pub(crate) struct Owners {
    pub(crate) salesforce: BTreeMap<String, String>,
    pub(crate) hubspot: BTreeMap<String, String>,
}

impl Owners {
    /// The id of a user on a side.
    pub(crate) fn id(&self, side: Side, email: &str) -> Option<&str> {
        let of = match side {
            Side::Salesforce => &self.salesforce,
            Side::HubSpot => &self.hubspot,
        };
        of.iter().find(|(_, known)| *known == email).map(|(id, _)| id.as_str())
    }

    /// E-mails of users that both sides know.
    pub(crate) fn shared(&self) -> Vec<&str> {
        let known: BTreeSet<&String> = self.hubspot.values().collect();
        self.salesforce.values().filter(|email| known.contains(email)).map(String::as_str).collect()
    }
}
