//! The dumps of the two systems, line by line.

use super::{At, Life, Owners, Parent, Picture, Record};
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

pub(super) const HUBSPOT: [&str; 3] = ["companies", "contacts", "deals"];
pub(super) const SALESFORCE: [&str; 4] = ["Account", "Lead", "Contact", "Opportunity"];

/// A line of a dump, read.
#[derive(Debug)]
pub(super) enum Line {
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
