//! Schemas of a new org and a new portal, cut down to what the default mapping uses.

use super::super::{Accounts, Schemas};
use std::collections::BTreeMap;
use syncline_model::{
    Account, Currency, FieldSchema, FieldType, ObjectName, ObjectSchema, schema::OptionSchema,
};

/// One line per object: name, then `field` + `:type`, `!` where required, `r` where read-only.
const SALESFORCE: &[(&str, &str)] = &[
    ("User", "Email:email FirstName LastName"),
    (
        "Account",
        "Name! Website:url Phone:phone Industry:option AnnualRevenue:money NumberOfEmployees:decimal BillingStreet \
         BillingCity BillingState BillingPostalCode BillingCountry Description ParentId:ref OwnerId:ref",
    ),
    (
        "Lead",
        "FirstName LastName! Email:email Phone:phone MobilePhone:phone Title Company! Street City State PostalCode \
         Country OwnerId:ref",
    ),
    (
        "Contact",
        "FirstName LastName! Email:email Phone:phone MobilePhone:phone Title MailingStreet MailingCity MailingState \
         MailingPostalCode MailingCountry AccountId:ref OwnerId:ref",
    ),
    (
        "Opportunity",
        "Name! StageName!:option Amount:money CloseDate!:date NextStep Step__c Description Type:option AccountId:ref \
         OwnerId:ref",
    ),
];
const HUBSPOT: &[(&str, &str)] = &[
    ("owners", "email firstName lastName"),
    (
        "companies",
        "name domain website phone industry:option annualrevenue:decimal numberofemployees:decimal address city state \
         zip country description hubspot_owner_id:ref",
    ),
    (
        "contacts",
        "firstname lastname email phone mobilephone jobtitle company address city state zip country \
         hubspot_owner_id:ref",
    ),
    (
        "deals",
        "dealname dealstage:option pipeline:option amount:decimal closedate:instant hs_next_step description \
         dealtype:option hubspot_owner_id:ref",
    ),
];

/// (connection, object, field, [(value, label)]); what follows a `|` is the pipeline.
type Options = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);
const OPTIONS: &[Options] = &[
    (
        "salesforce",
        "Account",
        "Industry",
        &[("Banking", "Banking"), ("Retail", "Retail"), ("Energy", "Energy")],
    ),
    (
        "salesforce",
        "Opportunity",
        "StageName",
        &[("Prospecting", "Prospecting"), ("Closed Won", "Closed Won")],
    ),
    ("salesforce", "Opportunity", "Type", &[("New Business", "New Business")]),
    (
        "hubspot",
        "companies",
        "industry",
        &[("BANKING", "banking"), ("RETAIL", "Retail"), ("COMPUTER_SOFTWARE", "Computer Software")],
    ),
    ("hubspot", "deals", "dealtype", &[("newbusiness", "New Business")]),
    ("hubspot", "deals", "pipeline", &[("default", "Sales")]),
    (
        "hubspot",
        "deals",
        "dealstage",
        &[
            ("prospecting|default", "Prospecting"),
            ("closedwon|default", "Closed  won"),
            ("lost|default", "Lost"),
        ],
    ),
];

pub(super) fn schemas() -> Schemas {
    let mut schemas = BTreeMap::new();
    for (connection, objects) in [("salesforce", SALESFORCE), ("hubspot", HUBSPOT)] {
        let objects =
            objects.iter().map(|(name, fields)| (ObjectName::new(name), object(name, fields))).collect();
        schemas.insert(connection.into(), objects);
    }
    for (connection, object, field, options) in OPTIONS {
        for (value, label) in *options {
            let (value, within) =
                value.split_once('|').map_or((*value, None), |(value, within)| (value, Some(within)));
            option(&mut schemas, connection, object, field, value, label, within);
        }
    }
    schemas
}

pub(super) fn accounts() -> Accounts {
    let account = |id: &str| Account {
        id: id.into(),
        currency: Some(Currency::USD),
        time_zone: "UTC".into(),
        user: "integration".into(),
        user_id: None,
    };
    BTreeMap::from([("salesforce".into(), account("00D1")), ("hubspot".into(), account("1"))])
}

/// Adds an option.
pub(super) fn option(
    schemas: &mut Schemas,
    connection: &str,
    object: &str,
    field: &str,
    value: &str,
    label: &str,
    within: Option<&str>,
) {
    let object = schemas.get_mut(connection).unwrap().get_mut(object).unwrap();
    object.fields.get_mut(field).unwrap().options.push(OptionSchema {
        value: value.into(),
        label: label.into(),
        active: true,
        within: within.map(Into::into),
    });
}

/// Adds a text field.
pub(super) fn text<'a>(
    schemas: &'a mut Schemas,
    connection: &str,
    object: &str,
    name: &str,
) -> &'a mut FieldSchema {
    let object = schemas.get_mut(connection).unwrap().get_mut(object).unwrap();
    object.fields.entry(name.into()).or_insert_with(|| field(FieldType::Text, false))
}

/// Adds a field for planted keys.
pub(super) fn key(schemas: &mut Schemas, connection: &str, object: &str, name: &str, unique: bool) {
    text(schemas, connection, object, name).unique_key = unique;
}

fn object(name: &str, fields: &str) -> ObjectSchema {
    let fields = fields.split_whitespace().map(|text| {
        let (name, kind) = text.split_once(':').unwrap_or((text, "text"));
        (name.trim_end_matches('!').into(), field(field_type(kind), name.ends_with('!')))
    });
    ObjectSchema { object: name.into(), createable: true, updateable: true, fields: fields.collect() }
}

fn field(field_type: FieldType, required: bool) -> FieldSchema {
    FieldSchema {
        label: "".into(),
        field_type,
        createable: true,
        updateable: true,
        required,
        unique_key: false,
        max_length: None,
        scale: None,
        options: Vec::new(),
        restricted: false,
    }
}

fn field_type(name: &str) -> FieldType {
    match name {
        "text" => FieldType::Text,
        "email" => FieldType::Email,
        "phone" => FieldType::Phone,
        "url" => FieldType::Url,
        "decimal" => FieldType::Decimal,
        "money" => FieldType::Money,
        "date" => FieldType::Date,
        "instant" => FieldType::Instant,
        "option" => FieldType::Option,
        "ref" => FieldType::Reference,
        other => panic!("no type {other}"),
    }
}
