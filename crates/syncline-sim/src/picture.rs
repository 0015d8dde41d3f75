//! What both systems hold, read from their dumps and from nothing else.

use crate::{
    attrs::{self, ATTRS, PLACEHOLDER, Type},
    side::Side,
};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
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
    pub(crate) values: BTreeMap<&'static str, String>,
    /// The parent's token: its account, or the company of a lead's contact.
    pub(crate) parent: Parent,
    /// The owner's e-mail.
    pub(crate) owner: Option<String>,
    /// Whether it says somewhere what only stands for a missing value on the other side.
    pub(crate) filler: bool,
    /// Tokens of related people.
    pub(crate) people: BTreeSet<String>,
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
    pub(crate) records: BTreeMap<At, Record>,
}

const SALESFORCE: [&str; 4] = ["Account", "Lead", "Contact", "Opportunity"];
const HUBSPOT: [&str; 3] = ["companies", "contacts", "deals"];

impl Picture {
    /// One side's half of it.
    pub(crate) fn of(side: Side, dump: &Json, owners: &Owners) -> Self {
        let mut picture = Self::default();
        match side {
            Side::Salesforce => picture.read_salesforce(dump, owners),
            Side::HubSpot => picture.read_hubspot(dump, owners),
        }
        picture
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
    pub(crate) fn with(&self, side: Side, half: Self) -> Self {
        let mut records = half.records;
        records.extend(self.of_side(side.other()).map(|(at, record)| (at.clone(), record.clone())));
        Self { records }
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

    /// All records of a side.
    pub(crate) fn of_side(&self, side: Side) -> impl Iterator<Item = (&At, &Record)> {
        self.records.iter().filter(move |(at, _)| at.side == side)
    }

    fn read_salesforce(&mut self, dump: &Json, owners: &Owners) {
        let side = Side::Salesforce;
        let tokens: BTreeMap<&str, Option<String>> = SALESFORCE
            .iter()
            .flat_map(|object| rows(dump, object).map(move |row| (object, row)))
            .filter_map(|(object, row)| Some((row["Id"].as_str()?, token(side, object, row))))
            .collect();
        for object in SALESFORCE {
            for row in rows(dump, object) {
                let Some(id) = row["Id"].as_str() else { continue };
                let life = if row["IsConverted"] == true {
                    Life::Converted
                } else if row["IsDeleted"] == true {
                    Life::Gone
                } else {
                    Life::Live
                };
                let parent = match row["AccountId"].as_str() {
                    None => Parent::None,
                    Some(account) => match tokens.get(account).cloned().flatten() {
                        Some(token) => Parent::Thing(token),
                        None => Parent::Nameless,
                    },
                };
                let owner = row["OwnerId"].as_str().and_then(|id| owners.salesforce.get(id).cloned());
                let mut record = record(side, object, row, life);
                (record.parent, record.owner) = (parent, owner);
                self.records.insert(At { side, object, id: id.to_owned() }, record);
            }
        }
        for role in rows(dump, "OpportunityContactRole") {
            if role["IsDeleted"] == true {
                continue;
            }
            let (Some(deal), Some(person)) = (role["OpportunityId"].as_str(), role["ContactId"].as_str())
            else {
                continue;
            };
            let at = At { side, object: "Opportunity", id: deal.to_owned() };
            if let (Some(record), Some(Some(token))) = (self.records.get_mut(&at), tokens.get(person)) {
                record.people.insert(token.clone());
            }
        }
    }

    fn read_hubspot(&mut self, dump: &Json, owners: &Owners) {
        let side = Side::HubSpot;
        let mut tokens: BTreeMap<String, Option<String>> = BTreeMap::new();
        for object in HUBSPOT {
            for row in rows(dump, object) {
                let Some(id) = row["id"].as_str() else { continue };
                let properties = &row["properties"];
                tokens.insert(format!("{object}/{id}"), token(side, object, properties));
                let life = if row["archived"] == true { Life::Gone } else { Life::Live };
                let mut record = record(side, object, properties, life);
                let owner = properties["hubspot_owner_id"].as_str();
                record.owner = owner.and_then(|id| owners.hubspot.get(id).cloned());
                let mut texts =
                    properties.as_object().into_iter().flatten().filter_map(|(_, text)| text.as_str());
                record.filler = texts.any(|text| text == PLACEHOLDER);
                self.records.insert(At { side, object, id: id.to_owned() }, record);
            }
        }
        for tie in dump["associations"].as_array().into_iter().flatten() {
            let (Some(from), Some(to)) = (tie["from"].as_str(), tie["to"].as_str()) else { continue };
            let Some(at) = address(from) else { continue };
            let primary = tie["types"]
                .as_array()
                .is_some_and(|types| types.iter().any(|of| matches!(of["typeId"].as_u64(), Some(1 | 5))));
            let token = tokens.get(to).cloned().flatten();
            let Some(record) = self.records.get_mut(&at) else { continue };
            if to.starts_with("companies/") && primary {
                record.parent = token.map_or(Parent::Nameless, Parent::Thing);
            } else if to.starts_with("contacts/") {
                record.people.extend(token);
            }
        }
    }
}

fn rows<'a>(dump: &'a Json, object: &str) -> impl Iterator<Item = &'a Json> {
    dump["objects"][object].as_array().into_iter().flatten()
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
    let values = ATTRS
        .iter()
        .filter(|attr| attr.kind == kind)
        .filter_map(|attr| Some((attr.name, attr.read(&fields[attr.field(side, object)?])?)))
        .collect();
    Record {
        kind,
        token: token(side, object, fields),
        life,
        values,
        parent: Parent::None,
        owner: None,
        filler: false,
        people: BTreeSet::new(),
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
