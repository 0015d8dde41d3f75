//! What people did, as they remember it: every thing they made, and for each of its fields what was entered last. The
//! oracle knows nothing else.

use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Salesforce,
    HubSpot,
}

/// What a thing is; where it begins, and as what it lives on either side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// An account made in Salesforce.
    Account,
    /// A deal made in Salesforce, under an account.
    Deal,
    /// A person made in Salesforce, under an account.
    Contact,
    /// A person made in HubSpot, of no known company.
    Lead,
}

pub const SORTS: [Sort; 4] = [Sort::Account, Sort::Deal, Sort::Contact, Sort::Lead];

impl Sort {
    pub fn object(self, side: Side) -> &'static str {
        match (self, side) {
            (Self::Account, Side::Salesforce) => "Account",
            (Self::Account, Side::HubSpot) => "companies",
            (Self::Deal, Side::Salesforce) => "Opportunity",
            (Self::Deal, Side::HubSpot) => "deals",
            (Self::Contact, Side::Salesforce) => "Contact",
            (Self::Lead, Side::Salesforce) => "Lead",
            (Self::Contact | Self::Lead, Side::HubSpot) => "contacts",
        }
    }

    /// The field that names it, which people leave alone.
    pub fn name_field(self, side: Side) -> &'static str {
        match (self, side) {
            (Self::Account | Self::Deal, Side::Salesforce) => "Name",
            (Self::Account, Side::HubSpot) => "name",
            (Self::Deal, Side::HubSpot) => "dealname",
            (Self::Contact | Self::Lead, Side::Salesforce) => "Email",
            (Self::Contact | Self::Lead, Side::HubSpot) => "email",
        }
    }

    /// Fields that people change: in Salesforce, in HubSpot.
    fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Account => &[
                ("BillingCity", "city"),
                ("Description", "description"),
                ("NumberOfEmployees", "numberofemployees"),
            ],
            Self::Deal => {
                &[("NextStep", "hs_next_step"), ("Amount", "amount"), ("Description", "description")]
            }
            Self::Contact => &[("Title", "jobtitle"), ("MailingCity", "city")],
            Self::Lead => &[("Title", "jobtitle"), ("City", "city")],
        }
    }

    pub fn field_count(self) -> usize {
        self.fields().len()
    }

    pub fn field(self, number: usize, side: Side) -> &'static str {
        let (salesforce, hubspot) = self.fields()[number];
        match side {
            Side::Salesforce => salesforce,
            Side::HubSpot => hubspot,
        }
    }
}

/// One thing.
#[derive(Debug, Clone)]
pub struct Thing {
    pub sort: Sort,
    pub name: String,
    /// By field: what was entered last. Two values where both sides were edited before either could know.
    pub last: BTreeMap<usize, Vec<String>>,
    /// The account it belongs to.
    pub parent: Option<String>,
}

/// A field that was edited, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edited {
    pub thing: usize,
    pub field: usize,
    pub side: Side,
}

/// Everything there is.
#[derive(Debug, Default)]
pub struct Log {
    pub things: Vec<Thing>,
    /// Edits of the present episode.
    pub fresh: Vec<Edited>,
    entered: u64,
}

impl Log {
    /// A value that nobody entered before. All are numbers, so that they fit every field.
    pub fn value(&mut self) -> String {
        self.entered += 1;
        (1_000 + self.entered).to_string()
    }

    /// What was entered is what counts; a value of the other side that nobody could have seen yet may win too.
    pub fn note(&mut self, edited: Edited, value: &str) {
        let elsewhere = self
            .fresh
            .iter()
            .any(|it| (it.thing, it.field) == (edited.thing, edited.field) && it.side != edited.side);
        let last = self.things[edited.thing].last.entry(edited.field).or_default();
        if !elsewhere {
            last.clear();
        }
        last.push(value.to_owned());
        self.fresh.push(edited);
    }

    pub fn of(&self, sort: Sort) -> Vec<usize> {
        (0..self.things.len()).filter(|thing| self.things[*thing].sort == sort).collect()
    }
}

/// Live records of an object by the field that names them, each with its id.
pub fn records(dump: &Value, side: Side, sort: Sort) -> Vec<(String, String, Value)> {
    let rows = dump["objects"][sort.object(side)].as_array().cloned().unwrap_or_default();
    let live = rows.into_iter().filter(|row| row["archived"] != true && row["IsDeleted"] != true);
    live.map(|row| {
        let (id, fields) = match side {
            Side::Salesforce => (row["Id"].clone(), row),
            Side::HubSpot => (row["id"].clone(), row["properties"].clone()),
        };
        (text(&fields[sort.name_field(side)]), text(&id), fields)
    })
    .collect()
}

pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// As people read it: 1001 is 1001.0.
pub fn plain(value: &Value) -> String {
    let text = text(value);
    text.strip_suffix(".0").or(text.strip_suffix(".00")).unwrap_or(&text).to_owned()
}
