//! What is read of an object, as SOQL, and rows as observations.

use super::{ROLE_FIELD, ROLE_OBJECT, ids, schema::Described, soql, time, value};
use serde_json::Value as Json;
use std::{collections::BTreeSet, sync::Arc};
use syncline_kit::vendor::ObjectWant;
use syncline_model::{
    ConnectionName, Currency, FieldName, FieldType, ObjectName, Observation, Observed, RecordRef,
    RecordState, Ref, Value, Version,
};

/// Fields that tell what has become of a record, read where the object has them.
const STATE_FIELDS: [&str; 6] = [
    "IsDeleted",
    "MasterRecordId",
    "IsConverted",
    "ConvertedAccountId",
    "ConvertedContactId",
    "ConvertedOpportunityId",
];

/// One object's columns.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) object: ObjectName,
    described: Arc<Described>,
    /// Wanted and visible.
    visible: Vec<FieldName>,
    /// Wanted and not visible.
    hidden: Vec<FieldName>,
    roles: bool,
}

impl Reading {
    pub(super) fn new(want: &ObjectWant, described: Arc<Described>) -> Self {
        let (visible, mut hidden): (Vec<FieldName>, Vec<FieldName>) =
            want.fields.iter().cloned().partition(|field| described.has(field.as_str()));
        let wanted = want.edges.iter().any(|edge| edge.as_str() == ROLE_FIELD);
        let roles = wanted && described.roles.is_some();
        hidden.extend(want.edges.iter().filter(|edge| !(roles && edge.as_str() == ROLE_FIELD)).cloned());
        Self { object: want.object.clone(), described, visible, hidden, roles }
    }

    /// Whether contact roles are read along.
    pub(super) fn roles(&self) -> bool {
        self.roles
    }

    /// Names read, for telling whether a later want reads more.
    pub(super) fn names(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let names = |fields: &[FieldName]| fields.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        let mut visible = names(&self.visible);
        if self.roles {
            visible.insert(ROLE_FIELD.to_owned());
        }
        (visible, names(&self.hidden))
    }

    /// `SELECT … FROM object`, once or, where one address cannot carry all columns, several times with the identifying
    /// columns in each. `room` bytes are left for the rest of the query.
    pub(super) fn selects(&self, room: usize) -> Vec<String> {
        let fixed = self.fixed();
        let most =
            soql::MAX_URL.saturating_sub(room + 200 + fixed.iter().map(|name| name.len() + 1).sum::<usize>());
        let mut groups: Vec<Vec<&str>> = vec![Vec::new()];
        let mut length = 0;
        for field in self.visible.iter().map(FieldName::as_str).filter(|field| !fixed.contains(field)) {
            if length + field.len() + 1 > most {
                groups.push(Vec::new());
                length = 0;
            }
            length += field.len() + 1;
            if let Some(group) = groups.last_mut() {
                group.push(field);
            }
        }
        let roles = match (&self.described.roles, self.roles) {
            (Some(children), true) => {
                format!(",(SELECT Id,ContactId,Role,IsPrimary FROM {children} WHERE IsDeleted = false)")
            }
            _ => String::new(),
        };
        let list = |columns: &[&str]| columns.join(",");
        groups
            .iter()
            .enumerate()
            .map(|(position, group)| {
                let columns: Vec<&str> = fixed.iter().copied().chain(group.iter().copied()).collect();
                let children = if position == 0 { roles.as_str() } else { "" };
                format!("SELECT {}{children} FROM {}", list(&columns), self.object)
            })
            .collect()
    }

    fn fixed(&self) -> Vec<&str> {
        let mut fixed = vec!["Id", "SystemModstamp"];
        fixed.extend(STATE_FIELDS.into_iter().filter(|field| self.described.has(field)));
        let money =
            self.visible.iter().any(|field| self.described.field_type(field.as_str()) == FieldType::Money);
        if money && self.described.has("CurrencyIsoCode") {
            fixed.push("CurrencyIsoCode");
        }
        fixed
    }

    /// Whether a row has an amount and does not say in what currency.
    pub(super) fn lacks_currency(&self, row: &Json) -> bool {
        let has_amount = |field: &FieldName| {
            self.described.field_type(field.as_str()) == FieldType::Money
                && row.get(field.as_str()).is_some_and(|value| !value.is_null())
        };
        row.get("CurrencyIsoCode").is_none_or(Json::is_null) && self.visible.iter().any(has_amount)
    }

    /// A row as an observation. `currency` is the org's own; a row's own code comes first.
    pub(super) fn observe(
        &self,
        connection: &ConnectionName,
        row: &Json,
        currency: Option<Currency>,
    ) -> Option<Observation> {
        let text = |name: &str| row.get(name).and_then(Json::as_str);
        let id = ids::canonical(text("Id")?);
        let stamp = text("SystemModstamp");
        let state = state(row);
        let currency = text("CurrencyIsoCode").and_then(Currency::new).or(currency);
        let fields = match state {
            RecordState::Live | RecordState::Converted { .. } => self.fields(row, currency),
            RecordState::Deleted | RecordState::MergedInto(_) => Vec::new(),
        };
        Some(Observation {
            record: RecordRef { connection: connection.clone(), object: self.object.clone(), id },
            version: stamp.map(|stamp| Version(Arc::from(stamp))),
            modified: stamp.and_then(time::instant),
            state,
            fields,
        })
    }

    fn fields(&self, row: &Json, currency: Option<Currency>) -> Vec<(FieldName, Observed)> {
        let mut fields: Vec<(FieldName, Observed)> = self
            .visible
            .iter()
            .filter_map(|field| {
                let json = row.get(field.as_str())?;
                Some((field.clone(), value::read(&self.described, field.as_str(), json, currency)))
            })
            .chain(self.hidden.iter().map(|field| (field.clone(), Observed::NotPermitted)))
            .collect();
        if let (true, Some(children)) = (self.roles, &self.described.roles)
            && let Some(roles) = row.get(children.as_str()).and_then(roles)
        {
            fields.push((FieldName::from(ROLE_FIELD), roles));
        }
        fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        fields
    }

    /// Opportunities whose roles the row does not list in full.
    pub(super) fn lacks_roles(&self, row: &Json) -> bool {
        let Some(children) = self.described.roles.as_deref().filter(|_| self.roles) else { return false };
        row.get(children).and_then(|set| set.get("done")).and_then(Json::as_bool) == Some(false)
    }
}

/// What has become of a record.
fn state(row: &Json) -> RecordState {
    let flag = |name: &str| row.get(name).and_then(Json::as_bool).unwrap_or(false);
    let id =
        |name: &str| row.get(name).and_then(Json::as_str).filter(|id| !id.is_empty()).map(ids::canonical);
    match (flag("IsDeleted"), id("MasterRecordId"), flag("IsConverted")) {
        (true, Some(master), _) => RecordState::MergedInto(master),
        (true, None, _) => RecordState::Deleted,
        (false, _, true) => RecordState::Converted {
            contact: id("ConvertedContactId"),
            account: id("ConvertedAccountId"),
            opportunity: id("ConvertedOpportunityId"),
        },
        (false, _, false) => RecordState::Live,
    }
}

/// A complete set of contact roles; `None` where the answer holds only a part of it.
fn roles(children: &Json) -> Option<Observed> {
    if children.is_null() {
        return Some(Observed::Empty);
    }
    if children.get("done").and_then(Json::as_bool) == Some(false) {
        return None;
    }
    Some(role_set(children.get("records")?.as_array()?))
}

/// Contact roles as one value.
pub(super) fn role_set(rows: &[Json]) -> Observed {
    let mut refs: Vec<Ref> = rows.iter().filter_map(role).collect();
    refs.sort();
    refs.dedup();
    if refs.is_empty() { Observed::Empty } else { Observed::Value(Value::Refs(refs)) }
}

fn role(row: &Json) -> Option<Ref> {
    let text = |name: &str| row.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    Some(Ref {
        object: ObjectName::from("Contact"),
        id: ids::canonical(text("ContactId")?),
        role: text("Role").map(Arc::from),
        primary: row.get("IsPrimary").and_then(Json::as_bool).unwrap_or(false),
        row: text("Id").map(ids::canonical),
    })
}

/// The query for these opportunities' roles.
pub(super) fn roles_query<'a>(opportunities: impl IntoIterator<Item = &'a str>) -> String {
    format!(
        "SELECT Id,OpportunityId,ContactId,Role,IsPrimary FROM {ROLE_OBJECT} WHERE {} ORDER BY Id",
        soql::one_of("OpportunityId", opportunities)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn reading(fields: &[&str], described: &[(&str, &str)]) -> Reading {
        let list: Vec<Json> =
            described.iter().map(|(name, kind)| json!({"name": name, "type": kind, "scale": 2})).collect();
        let described = json!({"name": "Opportunity", "fields": list});
        let described = Described::of(serde_json::from_value(described).unwrap(), None);
        let want = ObjectWant {
            object: "Opportunity".into(),
            fields: fields.iter().map(|name| FieldName::from(*name)).collect(),
            edges: Vec::new(),
        };
        Reading::new(&want, Arc::new(described))
    }

    #[test]
    fn an_amount_is_in_its_rows_currency_and_else_in_the_orgs() {
        let several = reading(&["Amount"], &[("Amount", "currency"), ("CurrencyIsoCode", "picklist")]);
        assert_eq!(several.selects(0), ["SELECT Id,SystemModstamp,CurrencyIsoCode,Amount FROM Opportunity"]);
        let euro = Currency::new("EUR").unwrap();
        let row = json!({"Id": "006000000000001AAA", "Amount": 1.5, "CurrencyIsoCode": "JPY"});
        let seen = several.observe(&"sf".into(), &row, Some(euro)).unwrap();
        assert_eq!(seen.fields[0].1.to_string(), "1.5 JPY");
        let one = reading(&["Amount"], &[("Amount", "currency")]);
        let seen = one
            .observe(&"sf".into(), &json!({"Id": "006000000000001AAA", "Amount": 1.5}), Some(euro))
            .unwrap();
        assert_eq!(seen.fields[0].1.to_string(), "1.5 EUR");
    }

    #[test]
    fn a_column_that_an_answer_lacks_is_not_fetched_and_a_field_without_rights_is_told() {
        let reading =
            reading(&["Amount", "Name", "Secret__c"], &[("Amount", "currency"), ("Name", "string")]);
        let row = json!({"Id": "006000000000001AAA", "Name": null});
        let seen = reading.observe(&"sf".into(), &row, Some(Currency::USD)).unwrap();
        let expected = [("Name", Observed::Empty), ("Secret__c", Observed::NotPermitted)];
        assert_eq!(seen.fields, expected.map(|(name, value)| (FieldName::from(name), value)));
    }
}
