//! Both dumps in a few lines: every record with its mapped fields, references by name, one line a record.

use serde_json::Value as Json;
use std::{collections::BTreeMap, fmt};

/// What both vendors hold.
#[derive(PartialEq, Eq)]
pub struct Picture(String);

const SALESFORCE: [(&str, &[&str]); 5] = [
    ("Account", &["Website", "Phone", "Industry", "AnnualRevenue", "BillingCity", "Description", "ParentId"]),
    ("Contact", &["Email", "Phone", "MobilePhone", "Title", "MailingCity", "AccountId"]),
    ("Lead", &["Email", "Phone", "MobilePhone", "Title", "Company", "City"]),
    ("Opportunity", &["StageName", "Amount", "CloseDate", "NextStep", "Description", "AccountId"]),
    ("OpportunityContactRole", &["OpportunityId", "ContactId"]),
];
const HUBSPOT: [(&str, &[&str]); 3] = [
    ("companies", &["domain", "website", "phone", "industry", "annualrevenue", "city", "description"]),
    ("contacts", &["email", "phone", "mobilephone", "jobtitle", "company", "city"]),
    ("deals", &["dealstage", "amount", "closedate", "hs_next_step", "description"]),
];

impl Picture {
    pub fn of(salesforce: &Json, hubspot: &Json) -> Self {
        let mut lines = Vec::new();
        let names = names(&salesforce["objects"], &SALESFORCE, |record| record);
        lines.push("salesforce".to_owned());
        for (object, fields) in SALESFORCE {
            let mut of_object = Vec::new();
            for record in salesforce["objects"][object].as_array().into_iter().flatten() {
                let mut line = format!("  {object} {}", name(record));
                line.extend(fields.iter().filter_map(|field| shown(field, &record[field], &names)));
                line.push_str(if record["IsConverted"] == true { " (converted)" } else { "" });
                line.push_str(if record["IsDeleted"] == true { " (deleted)" } else { "" });
                of_object.push(line);
            }
            of_object.sort();
            lines.extend(of_object);
        }
        let names = names_of_hubspot(&hubspot["objects"]);
        lines.push("hubspot".to_owned());
        for (object, fields) in HUBSPOT {
            let mut of_object = Vec::new();
            for record in hubspot["objects"][object].as_array().into_iter().flatten() {
                let properties = &record["properties"];
                let mut line = format!("  {object} {}", name(properties));
                line.extend(fields.iter().filter_map(|field| shown(field, &properties[field], &names)));
                let from = format!("{object}/{}", record["id"].as_str().unwrap());
                line.push_str(&relations(&hubspot["associations"], &from, &names));
                line.push_str(if record["archived"] == true { " (archived)" } else { "" });
                of_object.push(line);
            }
            of_object.sort();
            lines.extend(of_object);
        }
        Self(lines.iter().map(|line| format!("{}\n", line.trim_end())).collect())
    }

    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn names(
    objects: &Json,
    known: &[(&str, &[&str])],
    fields: impl Fn(&Json) -> &Json,
) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (object, _) in known {
        for record in objects[object].as_array().into_iter().flatten() {
            let id = record["Id"].as_str().or(record["id"].as_str()).unwrap();
            names.insert(id.to_owned(), name(fields(record)));
        }
    }
    names
}

/// Ids are numbers of one object each here.
fn names_of_hubspot(objects: &Json) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (object, fields) in HUBSPOT {
        let names = names(objects, &[(object, fields)], |record| &record["properties"]);
        all.extend(names.into_iter().map(|(id, name)| (format!("{object}/{id}"), name)));
    }
    all
}

fn name(fields: &Json) -> String {
    let text = |field: &str| fields[field].as_str().filter(|text| !text.is_empty());
    let person = [text("FirstName").or(text("firstname")), text("LastName").or(text("lastname"))];
    let person = person.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let own =
        || text("Name").or(text("name")).or(text("dealname")).or(text("domain")).unwrap_or("-").to_owned();
    if person.is_empty() { own() } else { person }
}

fn shown(field: &str, value: &Json, names: &BTreeMap<String, String>) -> Option<String> {
    let text = match value {
        Json::Null => return None,
        Json::String(text) if text.is_empty() => return None,
        Json::String(text) => names.get(text).unwrap_or(text).clone(),
        other => other.to_string(),
    };
    Some(format!(" {field}={text}"))
}

fn relations(associations: &Json, from: &str, names: &BTreeMap<String, String>) -> String {
    let mut relations: Vec<String> = associations
        .as_array()
        .into_iter()
        .flatten()
        .filter(|edge| edge["from"] == from)
        .map(|edge| {
            let types = edge["types"].as_array().unwrap();
            let primary = types.iter().any(|it| it["label"] == "Primary");
            let to = edge["to"].as_str().unwrap();
            format!(
                " -> {}{}",
                names.get(to).map_or(to, String::as_str),
                if primary { " (primary)" } else { "" }
            )
        })
        .collect();
    relations.sort();
    relations.concat()
}
