//! Creates, upserts, updates and archives by batches of up to 100.

use super::{Attempt, currency};
use crate::adapter::{
    HubSpot,
    client::{Call, Effect, Failure},
    codec,
    fault::Fault,
    lock,
    pack::{Shape, key_value},
    records::{Batch, DEAL_CURRENCY, Row},
};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use syncline_kit::vendor::{RowOutcome, Write, WriteRow};
use syncline_model::{
    Currency, FieldName, ObjectName, ObjectSchema, Observation, Observed, RecordId, RecordRef, RecordState,
    Value,
    defect::{Defect, planted},
};

pub(super) type Fields = [(FieldName, Option<Value>)];

impl HubSpot {
    /// `batch/create`, `batch/upsert` or `batch/update`. Every input carries a trace id, without which the call would be
    /// all or nothing [amp batch/create]; the order of results is not trusted.
    pub(super) async fn put_objects(
        &self,
        shape: &Shape,
        object: &ObjectName,
        key: Option<&FieldName>,
        rows: &[&WriteRow],
    ) -> Result<Attempt, Failure> {
        let schema = self.schema(object).await.map_err(Failure::Nothing)?;
        let has_money =
            rows.iter().flat_map(|row| fields(row)).any(|(_, value)| matches!(value, Some(Value::Money(_))));
        let (portal, refused) = if has_money {
            let money = self.currencies().await.map_err(Failure::Nothing)?;
            (money.own, self.misplaced(object, &schema, money, rows).await.map_err(Failure::Nothing)?)
        } else {
            (None, BTreeMap::new())
        };
        if refused.len() == rows.len() {
            return Ok(Attempt::Rows(refused.into_values().collect()));
        }
        let inputs: Vec<Json> = rows
            .iter()
            .enumerate()
            .filter(|(position, _)| !refused.contains_key(position))
            .map(|(position, row)| {
                let mut input = Map::new();
                input.insert("objectWriteTraceId".to_owned(), Json::from(trace(position)));
                let mut properties = properties(object, &schema, fields(row));
                if let Some(key) = key {
                    let value = key_value(row, key);
                    properties.insert(key.to_string(), Json::from(value.as_str()));
                    input.insert("idProperty".to_owned(), Json::from(key.as_str()));
                    input.insert("id".to_owned(), Json::from(value));
                } else if let Write::Update { record, .. } = &row.write {
                    input.insert("id".to_owned(), Json::from(record.id.as_str()));
                }
                input.insert("properties".to_owned(), Json::Object(properties));
                Json::Object(input)
            })
            .collect();
        let answer =
            self.client.send(Call::post(shape.path(), &json!({ "inputs": inputs }), Effect::Write)).await?;
        if !answer.is_success() {
            return Ok(Attempt::Refused(answer.fault()));
        }
        let batch: Batch = answer.parse().map_err(|error| Failure::Unknown(error.to_string()))?;
        let mut outcomes = self.settle(object, &schema, portal, key, rows, batch);
        for (position, refused) in refused {
            outcomes[position] = refused;
        }
        Ok(Attempt::Rows(outcomes))
    }

    /// Each row's own outcome. What the answer does not speak of is unknown.
    fn settle(
        &self,
        object: &ObjectName,
        schema: &ObjectSchema,
        portal: Option<Currency>,
        key: Option<&FieldName>,
        rows: &[&WriteRow],
        batch: Batch,
    ) -> Vec<RowOutcome> {
        let faults = batch.faults();
        let mut by_trace = BTreeMap::new();
        let mut untraced = Vec::new();
        for row in batch.results {
            match row.object_write_trace_id.clone() {
                Some(trace) => drop(by_trace.insert(trace, row)),
                None => untraced.push(row),
            }
        }
        let outcome = |(position, row): (usize, &&WriteRow)| {
            let done =
                by_trace.get(&trace(position)).or_else(|| untraced.iter().find(|done| is_of(row, key, done)));
            if let Some(done) = done {
                return self.confirmed(object, schema, portal, row, done);
            }
            match faults.iter().find(|fault| is_about(fault, position, row)) {
                Some(_) if planted(Defect::PartialBatch) && matches!(row.write, Write::Update { .. }) => {
                    self.unchecked(row)
                }
                Some(fault) if is_passing(fault) => RowOutcome::Again { why: fault.message() },
                Some(fault) => RowOutcome::Rejected(fault.rejection(&self.connection, object)),
                None => RowOutcome::Unknown { why: "the answer does not speak of this row".to_owned() },
            }
        };
        rows.iter().enumerate().map(outcome).collect()
    }

    fn confirmed(
        &self,
        object: &ObjectName,
        schema: &ObjectSchema,
        portal: Option<Currency>,
        row: &WriteRow,
        done: &Row,
    ) -> RowOutcome {
        let id = RecordId::from(done.id.as_str());
        self.note_written(object, &id, done.updated_at);
        let created = match &row.write {
            Write::Create { .. } => done.new.unwrap_or(true),
            Write::Update { .. } | Write::Archive { .. } | Write::Associate(_) | Write::Dissociate(_) => {
                false
            }
        };
        let record = self.record(object.clone(), id);
        let mut observation = Observation {
            record: record.clone(),
            // Not the answer's stamp: somebody else's change just before this write stands under it, too, and has not
            // been read. The next capture reads the whole row and learns its version then.
            version: None,
            modified: done.updated_at,
            state: RecordState::Live,
            fields: answered(object, schema, portal, fields(row), done),
        };
        if created {
            self.complete(schema, portal, done, &mut observation);
        }
        let observation = Some(observation);
        RowOutcome::Confirmed { record, created, observation }
    }

    /// What is said of a row whose refusal nobody looked at.
    fn unchecked(&self, row: &WriteRow) -> RowOutcome {
        match &row.write {
            Write::Update { record, .. } => {
                RowOutcome::Confirmed { record: record.clone(), created: false, observation: None }
            }
            Write::Create { .. } | Write::Archive { .. } | Write::Associate(_) | Write::Dissociate(_) => {
                RowOutcome::Unknown { why: "the answer was not looked at".to_owned() }
            }
        }
    }

    /// A record that this very call made has no other author: what its answer does not show is empty, and it has no
    /// edges yet. So the whole record is known, and need not be read again.
    fn complete(
        &self,
        schema: &ObjectSchema,
        portal: Option<Currency>,
        done: &Row,
        observation: &mut Observation,
    ) {
        let Some(want) = lock(&self.wants).get(&observation.record.object).cloned() else { return };
        let mut whole = done.clone();
        for field in want.fields.iter().filter(|field| schema.fields.contains_key(*field)) {
            whole.properties.entry(field.to_string()).or_default();
        }
        let mut missing = false;
        let mut fields = Self::fields(&want, schema, &whole, portal, &mut missing);
        fields.extend(want.edges.into_iter().map(|edge| (edge, Observed::Empty)));
        let others = std::mem::take(&mut observation.fields);
        let extra: Vec<_> =
            others.into_iter().filter(|(name, _)| !fields.iter().any(|(own, _)| own == name)).collect();
        fields.extend(extra);
        observation.fields = fields;
        observation.version = done.version();
    }

    /// `batch/archive`; archiving what is archived is no error.
    pub(super) async fn archive(
        &self,
        shape: &Shape,
        object: &ObjectName,
        rows: &[&WriteRow],
    ) -> Result<Attempt, Failure> {
        let records: Vec<&RecordRef> = rows
            .iter()
            .filter_map(|row| match &row.write {
                Write::Archive { record } => Some(record),
                Write::Create { .. } | Write::Update { .. } | Write::Associate(_) | Write::Dissociate(_) => {
                    None
                }
            })
            .collect();
        let inputs: Vec<Json> = records.iter().map(|record| json!({ "id": record.id })).collect();
        let answer =
            self.client.send(Call::post(shape.path(), &json!({ "inputs": inputs }), Effect::Write)).await?;
        if !answer.is_success() {
            return Ok(Attempt::Refused(answer.fault()));
        }
        let at = Some(self.client.vendor_now());
        let confirmed = records.into_iter().map(|record| RowOutcome::Confirmed {
            record: record.clone(),
            created: false,
            observation: Some(self.tombstone(object, record.id.clone(), at, RecordState::Deleted)),
        });
        Ok(Attempt::Rows(confirmed.collect()))
    }
}

fn trace(position: usize) -> String {
    format!("row-{position}")
}

/// The fields that a row writes.
pub(in crate::adapter) fn fields(row: &WriteRow) -> &Fields {
    match &row.write {
        Write::Create { fields, .. } | Write::Update { fields, .. } => fields,
        Write::Associate(_) | Write::Dissociate(_) | Write::Archive { .. } => &[],
    }
}

/// Fields as the API spells them. An amount of a deal always says its currency, which the deal may not be in.
fn properties(object: &ObjectName, schema: &ObjectSchema, fields: &Fields) -> Map<String, Json> {
    let mut map: Map<String, Json> = fields
        .iter()
        .map(|(field, value)| (field.to_string(), Json::from(codec::encode(value.as_ref()))))
        .collect();
    if let Some(code) = currency::beside(object, schema, fields) {
        map.insert(DEAL_CURRENCY.to_owned(), Json::from(code.as_str()));
    }
    map
}

/// Of the fields that were written, those that the answer shows, as it shows them. An amount is in the currency that the
/// answer names, else in the one that was sent along, else in the portal's; never in the one that was only meant.
pub(in crate::adapter) fn answered(
    object: &ObjectName,
    schema: &ObjectSchema,
    portal: Option<Currency>,
    fields: &Fields,
    row: &Row,
) -> Vec<(FieldName, Observed)> {
    let code = row.text(DEAL_CURRENCY).and_then(Currency::new);
    let currency = code.or_else(|| currency::sent(object, schema, fields)).or(portal);
    let seen = fields.iter().filter_map(|(field, _)| {
        let text = row.properties.get(field.as_str())?.as_deref().unwrap_or_default();
        let definition = schema.fields.get(field)?;
        Some((field.clone(), codec::decode(definition.field_type, text, currency)?))
    });
    seen.collect()
}

/// Whether a result without a trace id is this row's.
fn is_of(row: &WriteRow, key: Option<&FieldName>, done: &Row) -> bool {
    match (&row.write, key) {
        (Write::Update { record, .. }, _) => done.id == record.id.as_str(),
        (Write::Create { .. }, Some(key)) => {
            done.text(key.as_str()).is_some_and(|value| value.eq_ignore_ascii_case(&key_value(row, key)))
        }
        (Write::Create { .. } | Write::Archive { .. } | Write::Associate(_) | Write::Dissociate(_), _) => {
            false
        }
    }
}

/// Whether an error row is about this row: by trace id, or by the record's id.
fn is_about(fault: &Fault, position: usize, row: &WriteRow) -> bool {
    let traces = fault.context("objectWriteTraceId");
    if !traces.is_empty() {
        return traces.contains(&trace(position));
    }
    match &row.write {
        Write::Update { record, .. } => {
            ["ids", "id"].iter().any(|name| fault.context(name).iter().any(|id| id == record.id.as_str()))
        }
        Write::Create { .. } | Write::Archive { .. } | Write::Associate(_) | Write::Dissociate(_) => false,
    }
}

/// A limit or a lock inside a 207 passes.
fn is_passing(fault: &Fault) -> bool {
    matches!(fault.category(), "RATE_LIMITS" | "RATE_LIMIT" | "LOCKED")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::from_value;
    use syncline_model::Money;

    #[test]
    fn an_amount_whose_currency_nobody_named_is_in_the_portals() {
        let euros = Value::Money(Money { amount: 5.into(), currency: Currency::new("EUR").unwrap() });
        let fields = [(FieldName::from("amount"), Some(euros.clone()))];
        let amount = json!({"label": "Amount", "field_type": "money", "createable": true, "updateable": true,
            "required": false, "unique_key": false, "options": [], "restricted": false});
        let schema: ObjectSchema = from_value(json!({"object": "deals", "createable": true,
            "updateable": true, "fields": {"amount": amount}}))
        .unwrap();
        let seen = |properties: Json| {
            let row: Row = from_value(json!({"id": "1", "properties": properties})).unwrap();
            answered(&ObjectName::from("deals"), &schema, Some(Currency::USD), &fields, &row)
        };
        let dollars = Value::Money(Money { amount: 5.into(), currency: Currency::USD });
        assert_eq!(seen(json!({"amount": "5"}))[0].1, Observed::Value(dollars));
        let named = seen(json!({"amount": "5", "deal_currency_code": "EUR"}));
        assert_eq!(named[0].1, Observed::Value(euros));
    }
}
