//! What a system holds, taken from its dump: records by object and id, and who belongs to whom.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The live records of one system.
#[derive(Debug, Default)]
pub(crate) struct Stock {
    records: BTreeMap<String, BTreeMap<String, Value>>,
    /// (`deals/1`, `companies/2`)
    pub(crate) ties: BTreeSet<(String, String)>,
}

impl Stock {
    /// Reads `GET /__sandbox/dump`.
    pub(crate) fn of(dump: &Value) -> Self {
        let mut stock = Self::default();
        for (object, rows) in dump["objects"].as_object().into_iter().flatten() {
            let records = stock.records.entry(object.clone()).or_default();
            for row in rows.as_array().into_iter().flatten() {
                let gone = row["archived"] == true || row["IsDeleted"] == true;
                let id = row["id"].as_str().or_else(|| row["Id"].as_str());
                let fields = row.get("properties").unwrap_or(row);
                if let (false, Some(id)) = (gone, id) {
                    records.insert(id.to_owned(), fields.clone());
                }
            }
        }
        for tie in dump["associations"].as_array().into_iter().flatten() {
            if let (Some(from), Some(to)) = (tie["from"].as_str(), tie["to"].as_str()) {
                stock.ties.insert((from.to_owned(), to.to_owned()));
            }
        }
        stock
    }

    /// Ids of an object's records.
    pub(crate) fn ids(&self, object: &str) -> impl Iterator<Item = &str> {
        self.records.get(object).into_iter().flatten().map(|(id, _)| id.as_str())
    }

    /// How many there are.
    pub(crate) fn count(&self, object: &str) -> usize {
        self.ids(object).count()
    }

    /// A value as text; `None` where it is blank or there is no such record.
    pub(crate) fn text(&self, object: &str, id: &str, field: &str) -> Option<String> {
        match self.records.get(object)?.get(id)?.get(field)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some(other.to_string())
            }
        }
    }

    /// Records whose field has this value.
    pub(crate) fn find(&self, object: &str, field: &str, value: &str) -> Vec<String> {
        let is_it =
            |id: &&str| self.text(object, id, field).is_some_and(|text| text.eq_ignore_ascii_case(value));
        self.ids(object).filter(is_it).map(str::to_owned).collect()
    }

    /// How often each address occurs among these objects.
    pub(crate) fn emails(&self, objects: &[(&str, &str)]) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (object, field) in objects {
            for email in self.ids(object).filter_map(|id| self.text(object, id, field)) {
                *counts.entry(email.to_lowercase()).or_default() += 1;
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_spellings_are_read_and_deleted_records_are_left_out() {
        let hubspot = Stock::of(&json!({"objects": {"contacts": [
            {"id": "1", "properties": {"email": "Ada@x.example", "phone": ""}, "archived": false},
            {"id": "2", "properties": {"email": "ada@x.example"}, "archived": true}]},
            "associations": [{"from": "deals/1", "to": "companies/2", "types": []}]}));
        assert_eq!(hubspot.find("contacts", "email", "ada@x.example"), ["1"]);
        assert_eq!(hubspot.text("contacts", "1", "phone"), None);
        assert_eq!(hubspot.emails(&[("contacts", "email")])["ada@x.example"], 1);
        assert!(hubspot.ties.contains(&("deals/1".to_owned(), "companies/2".to_owned())));
        let salesforce = Stock::of(&json!({"objects": {"Opportunity": [
            {"Id": "006", "IsDeleted": false, "Amount": 12.5, "NextStep": null},
            {"Id": "007", "IsDeleted": true}]}}));
        assert_eq!(salesforce.text("Opportunity", "006", "Amount").as_deref(), Some("12.5"));
        assert_eq!(salesforce.count("Opportunity"), 1);
    }
}
