//! What both systems hold, read from their dumps and from nothing else.

use crate::{
    attrs::{self, ATTRS, PLACEHOLDER, Type},
    side::Side,
};
use bytes::Bytes;
use serde_json::Value as Json;
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

const HUBSPOT: [&str; 3] = ["companies", "contacts", "deals"];
const SALESFORCE: [&str; 4] = ["Account", "Lead", "Contact", "Opportunity"];

/// A line of a dump, read.
#[derive(Debug)]
enum Line {
    /// A record without what other lines say of it; the id of its account.
    Record(At, Record, Option<String>),
    /// A deal and a person who takes part in it.
    Role(At, At),
    /// A record of HubSpot and its primary company.
    Company(At, At),
    /// A record of HubSpot and another company of its.
    Further(At, At),
    /// Nothing that the oracle looks at.
    Other,
}

/// Reads dumps of one system. Most of a dump is as it was in the one before: lines that were read once are known.
#[derive(Debug)]
pub(crate) struct Reader {
    side: Side,
    known: BTreeMap<Box<str>, Arc<Line>>,
    /// The latest dumps without their heads, and what they say.
    latest: Vec<(Bytes, Vec<Arc<Line>>)>,
}

impl Reader {
    pub(crate) fn new(side: Side) -> Self {
        Self { side, known: BTreeMap::new(), latest: Vec::new() }
    }

    /// What these dumps, each of lines of JSON after a head, say.
    pub(crate) fn read(&mut self, dumps: &[Bytes], owners: &Owners) -> Result<Picture, String> {
        self.latest.resize_with(dumps.len(), Default::default);
        for (at, dump) in dumps.iter().enumerate() {
            let head = dump.iter().position(|byte| *byte == b'\n').map_or(dump.len(), |end| end + 1);
            let rest = dump.slice(head..);
            if self.latest[at].0 != rest {
                let lines = self
                    .lines(&rest, owners)
                    .map_err(|why| format!("a dump of {}: {why}", self.side.name()))?;
                self.latest[at] = (rest, lines);
            }
        }
        let lines = self.latest.iter().flat_map(|(_, lines)| lines);
        Ok(Picture::of(self.side, lines.map(|line| &**line)))
    }

    fn lines(&mut self, rest: &[u8], owners: &Owners) -> Result<Vec<Arc<Line>>, String> {
        let text = std::str::from_utf8(rest).map_err(|error| error.to_string())?;
        let mut lines = Vec::new();
        for text in text.lines() {
            let line = match self.known.get(text) {
                Some(line) => Arc::clone(line),
                None => {
                    let json: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
                    let line = Arc::new(Line::of(self.side, &json, owners));
                    self.known.insert(text.into(), Arc::clone(&line));
                    line
                }
            };
            lines.push(line);
        }
        Ok(lines)
    }
}

impl Line {
    fn of(side: Side, json: &Json, owners: &Owners) -> Self {
        match side {
            Side::Salesforce => Self::of_salesforce(json, owners),
            Side::HubSpot => Self::of_hubspot(json, owners),
        }
        .unwrap_or(Self::Other)
    }

    fn of_salesforce(row: &Json, owners: &Owners) -> Option<Self> {
        let side = Side::Salesforce;
        let at = |object, id: &str| At { side, object, id: id.to_owned() };
        if row["object"] == "OpportunityContactRole" {
            let deal = row["OpportunityId"].as_str().filter(|_| row["IsDeleted"] != true)?;
            return Some(Self::Role(at("Opportunity", deal), at("Contact", row["ContactId"].as_str()?)));
        }
        let object = SALESFORCE.into_iter().find(|object| row["object"] == *object)?;
        let life = if row["IsConverted"] == true {
            Life::Converted
        } else if row["IsDeleted"] == true {
            Life::Gone
        } else {
            Life::Live
        };
        let mut record = record(side, object, row, life);
        record.owner = row["OwnerId"].as_str().and_then(|id| owners.salesforce.get(id).cloned());
        let account = row["AccountId"].as_str().map(str::to_owned);
        Some(Self::Record(at(object, row["Id"].as_str()?), record, account))
    }

    fn of_hubspot(row: &Json, owners: &Owners) -> Option<Self> {
        if let (Some(from), Some(to)) = (row["from"].as_str(), row["to"].as_str()) {
            let (from, to) = (address(from)?, address(to)?);
            let mut types = row["types"].as_array()?.iter();
            return match to.object {
                "companies" if types.any(|of| matches!(of["typeId"].as_u64(), Some(1 | 5))) => {
                    Some(Self::Company(from, to))
                }
                "companies" => Some(Self::Further(from, to)),
                "contacts" => Some(Self::Role(from, to)),
                _ => None,
            };
        }
        let at = address(&format!("{}/{}", row["object"].as_str()?, row["id"].as_str()?))?;
        let properties = &row["properties"];
        let life = if row["archived"] == true { Life::Gone } else { Life::Live };
        let mut record = record(at.side, at.object, properties, life);
        let owner = properties["hubspot_owner_id"].as_str();
        record.owner = owner.and_then(|id| owners.hubspot.get(id).cloned());
        let mut texts = properties.as_object().into_iter().flatten().filter_map(|(_, text)| text.as_str());
        record.filler = texts.any(|text| text == PLACEHOLDER);
        Some(Self::Record(at, record, None))
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

fn address(text: &str) -> Option<At> {
    let (object, id) = text.split_once('/')?;
    let object = HUBSPOT.into_iter().find(|known| *known == object)?;
    Some(At { side: Side::HubSpot, object, id: id.to_owned() })
}

fn token(side: Side, object: &str, fields: &Json) -> Option<String> {
    let kind = attrs::kind_of(object)?;
    let name = attrs::of_kind(kind).find(|attr| attr.of == Type::Name)?;
    attrs::token_in(fields[name.field(side, object)?].as_str()?)
}

fn record(side: Side, object: &'static str, fields: &Json, life: Life) -> Record {
    let kind = attrs::kind_of(object).unwrap_or(Kind::Person);
    let values: BTreeMap<_, _> = ATTRS
        .iter()
        .filter(|attr| attr.kind == kind)
        .filter_map(|attr| Some((attr.name, attr.read(&fields[attr.field(side, object)?])?)))
        .collect();
    Record {
        kind,
        token: token(side, object, fields),
        life,
        values: Arc::new(values),
        parent: Parent::None,
        under: None,
        further: BTreeSet::new(),
        owner: None,
        filler: false,
        people: BTreeSet::new(),
        persons: BTreeSet::new(),
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_changed_between_two_dumps_is_seen_and_what_is_gone_is_not() {
        let head = r#"{"vendor":"hubspot","now":"2026-01-01T00:00:00Z"}"#;
        let company = r#"{"object":"companies","id":"1","archived":false,"properties":{"name":"Wu q1"}}"#;
        let deal = r#"{"object":"deals","id":"2","archived":false,"properties":{"dealname":"Lee q2"}}"#;
        let renamed = deal.replace("Lee q2", "Lee q3");
        let tie = r#"{"from":"deals/2","to":"companies/1","types":[{"typeId":5}]}"#;
        let mut reader = Reader::new(Side::HubSpot);
        let mut read = |lines: &[&str]| {
            let picture = reader.read(&[Bytes::from(lines.join("\n"))], &Owners::default()).unwrap().records;
            ["companies/1", "deals/2"].map(|at| picture.get(&address(at).unwrap()).cloned()).into()
        };
        let (first, second) = read(&[head, company, deal, tie]);
        assert_eq!(first.unwrap().token.as_deref(), Some("q1"));
        assert_eq!(second.unwrap().parent, Parent::Thing("q1".to_owned()));
        let (first, second) = read(&[head, company, &renamed]);
        let second = second.unwrap();
        assert!(first.is_some());
        assert_eq!((second.token.as_deref(), second.parent), (Some("q3"), Parent::None));
        let (first, second) = read(&[head, deal, tie]);
        assert!(first.is_none());
        assert_eq!(second.unwrap().parent, Parent::Nameless);
        let further = tie.replace('5', "341");
        let second = read(&[head, company, deal, &further]).1.unwrap();
        assert_eq!((second.parent, second.further), (Parent::None, ["q1".to_owned()].into()));
    }
}
