//! Records as HubSpot sends them, the batch and search calls that bring them, and how a record becomes an observation.

use super::{
    HubSpot,
    client::{Answer, Call, Effect},
    codec,
    fault::Fault,
    lock,
    pace::Lane,
};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use syncline_kit::vendor::{ObjectWant, VendorError};
use syncline_model::{
    Currency, FieldName, FieldType, ObjectName, ObjectSchema, Observation, Observed, RecordId, RecordState,
    Version,
    defect::{Defect, planted},
};

/// Inputs of one object batch [d25 usage-details].
pub(super) const BATCH: usize = 100;
/// Rows of one search page.
pub(super) const SEARCH_PAGE: usize = 200;
/// Offset + limit of a search must not go over this.
pub(super) const SEARCH_DEPTH: usize = 10_000;
/// A search body may have 3,000 characters, its list of properties included.
const SEARCH_BODY: usize = 2_950;
/// Lists the ids that a survivor has swallowed.
const MERGED: &str = "hs_merged_object_ids";
pub(super) const DEALS: &str = "deals";
pub(super) const DEAL_CURRENCY: &str = "deal_currency_code";

/// One record.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row {
    #[serde(deserialize_with = "id_text")]
    pub(super) id: String,
    #[serde(default, deserialize_with = "property_texts")]
    pub(super) properties: BTreeMap<String, Option<String>>,
    pub(super) updated_at: Option<Timestamp>,
    pub(super) archived_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) archived: bool,
    /// Of an upsert.
    pub(super) new: Option<bool>,
    pub(super) object_write_trace_id: Option<String>,
}

impl Row {
    /// `updatedAt` in one spelling: HubSpot leaves out milliseconds that are zero.
    pub(super) fn version(&self) -> Option<Version> {
        self.updated_at.map(|at| Version(Arc::from(at.to_string())))
    }

    pub(super) fn text(&self, property: &str) -> Option<&str> {
        self.properties.get(property)?.as_deref()
    }

    /// Ids merged into this record.
    pub(super) fn merged(&self) -> Vec<RecordId> {
        let ids = self.text(MERGED).unwrap_or_default().split(';').map(str::trim);
        ids.filter(|id| !id.is_empty() && *id != self.id).map(RecordId::from).collect()
    }

    /// The stamp that searches filter and sort by, in milliseconds.
    pub(super) fn stamp(&self, object: &ObjectName) -> Option<i64> {
        let own = self.text(modified_property(object)).and_then(codec::instant);
        own.or(self.updated_at).map(Timestamp::as_millisecond)
    }
}

/// Contacts differ from every other object; the other name filters to nothing, silently [gh airbyte PR#85019].
pub(super) fn modified_property(object: &ObjectName) -> &'static str {
    let own = object.as_str() == "contacts" && !planted(Defect::WrongStamp);
    if own { "lastmodifieddate" } else { "hs_lastmodifieddate" }
}

fn id_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    plain(Value::deserialize(deserializer)?).ok_or_else(|| serde::de::Error::custom("an id is missing"))
}

fn property_texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Option<String>>, D::Error> {
    let values = BTreeMap::<String, Value>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|(name, value)| (name, plain(value))).collect())
}

/// HubSpot promises texts; a number or a yes is read all the same.
pub(super) fn plain(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Paging {
    pub(super) next: Option<Next>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Next {
    #[serde(deserialize_with = "id_text")]
    pub(super) after: String,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) results: Vec<T>,
    pub(super) paging: Option<Paging>,
}

impl<T> List<T> {
    pub(super) fn next(&self) -> Option<&str> {
        Some(self.paging.as_ref()?.next.as_ref()?.after.as_str())
    }
}

/// A page of a search.
#[derive(Debug, Deserialize)]
pub(super) struct Found {
    pub(super) total: u64,
    pub(super) results: Vec<Row>,
}

impl Found {
    /// Whether this is all that the filters find: a page may hold fewer rows than it was asked for, and more follow. Counts
    /// what is left where the filters say where to go on.
    pub(super) fn is_all(&self) -> bool {
        self.total <= self.results.len() as u64
    }
}

/// The answer of an object batch.
#[derive(Debug, Deserialize)]
pub(super) struct Batch {
    #[serde(default)]
    pub(super) results: Vec<Row>,
    #[serde(default)]
    errors: Vec<Value>,
}

impl Batch {
    pub(super) fn faults(&self) -> Vec<Fault> {
        self.errors.iter().cloned().map(Fault::of_row).collect()
    }

    /// Reads an answer, or the refusal of the whole call.
    pub(super) fn of(answer: &Answer) -> Result<Self, VendorError> {
        if answer.is_success() { answer.parse() } else { Err(answer.fault().into_error()) }
    }
}

/// What a search asks for.
pub(super) struct Search<'a> {
    /// Property, operator, value; all must hold.
    pub(super) filters: Vec<(&'a str, &'a str, String)>,
    /// Property and whether descending.
    pub(super) sort: (&'a str, bool),
    /// Rows to skip.
    pub(super) skip: usize,
}

impl HubSpot {
    /// What to ask for, so that these fields can be told: the fields that exist, and what every row is asked.
    pub(super) fn properties(&self, want: &ObjectWant, schema: &ObjectSchema) -> Vec<String> {
        let mut names: Vec<String> = want
            .fields
            .iter()
            .filter(|field| schema.fields.contains_key(*field))
            .map(|field| field.as_str().to_owned())
            .collect();
        names.push(modified_property(&want.object).to_owned());
        names.push(MERGED.to_owned());
        let money = |field: &FieldName| {
            schema.fields.get(field).is_some_and(|def| def.field_type == FieldType::Money)
        };
        if want.object.as_str() == DEALS && want.fields.iter().any(money) {
            names.push(DEAL_CURRENCY.to_owned());
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// One page of a search, with these properties; rows whose property list does not fit the body are read by id.
    pub(super) async fn search(
        &self,
        object: &ObjectName,
        search: &Search<'_>,
        properties: &[String],
    ) -> Result<Found, VendorError> {
        let whole = body(search, properties);
        if whole.to_string().len() <= SEARCH_BODY {
            return self.client.fetch(search_call(object, &whole)).await;
        }
        let short = [modified_property(object).to_owned(), MERGED.to_owned()];
        let mut found: Found = self.client.fetch(search_call(object, &body(search, &short))).await?;
        let ids: Vec<RecordId> = found.results.iter().map(|row| RecordId::from(row.id.as_str())).collect();
        let mut rows: BTreeMap<String, Row> = self
            .read_batch(object, &ids, properties)
            .await?
            .into_iter()
            .map(|row| (row.id.clone(), row))
            .collect();
        for row in &mut found.results {
            // A row that is gone meanwhile keeps its short form: its missing properties count as not read.
            if let Some(mut full) = rows.remove(&row.id) {
                // The window's order is the index's, so its stamp stays.
                let stamp = row.properties.remove(modified_property(object)).flatten();
                full.properties.insert(modified_property(object).to_owned(), stamp);
                *row = full;
            }
        }
        Ok(found)
    }

    /// Live records by id, by batches; what is missing is left out.
    pub(super) async fn read_batch(
        &self,
        object: &ObjectName,
        ids: &[RecordId],
        properties: &[String],
    ) -> Result<Vec<Row>, VendorError> {
        self.read_by(object, None, ids.iter().map(RecordId::as_str), properties, false).await
    }

    /// The same by any unique property, of live or of archived records.
    pub(super) async fn read_by(
        &self,
        object: &ObjectName,
        key: Option<&str>,
        ids: impl Iterator<Item = &str>,
        properties: &[String],
        archived: bool,
    ) -> Result<Vec<Row>, VendorError> {
        let mut ids: Vec<&str> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        let mut rows = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(BATCH) {
            let inputs: Vec<Value> = chunk.iter().map(|id| json!({ "id": id })).collect();
            let mut body = json!({ "inputs": inputs, "properties": properties, "propertiesWithHistory": [] });
            if let (Some(key), Some(map)) = (key, body.as_object_mut()) {
                map.insert("idProperty".to_owned(), Value::from(key));
            }
            let query = if archived { "?archived=true" } else { "" };
            let path = format!("/crm/v3/objects/{object}/batch/read{query}");
            let answer = self.client.send(Call::post(path, &body, Effect::Read)).await?;
            rows.extend(Batch::of(&answer)?.results);
        }
        Ok(rows)
    }

    /// A live row's fields as wanted. `missing` is set where the answer lacks a property that should exist.
    pub(super) fn fields(
        want: &ObjectWant,
        schema: &ObjectSchema,
        row: &Row,
        portal: Option<Currency>,
        missing: &mut bool,
    ) -> Vec<(FieldName, Observed)> {
        let currency = row.text(DEAL_CURRENCY).and_then(Currency::new).or(portal);
        let mut fields = Vec::with_capacity(want.fields.len() + want.edges.len());
        for field in &want.fields {
            let Some(definition) = schema.fields.get(field) else {
                fields.push((field.clone(), Observed::NotPermitted));
                continue;
            };
            match row.properties.get(field.as_str()) {
                Some(text) => {
                    let text = text.as_deref().unwrap_or_default();
                    if let Some(observed) = codec::decode(definition.field_type, text, currency) {
                        fields.push((field.clone(), observed));
                    }
                }
                None => *missing = true,
            }
        }
        fields
    }

    /// A live row as an observation without edges.
    pub(super) fn observation(
        &self,
        object: &ObjectName,
        row: &Row,
        fields: Vec<(FieldName, Observed)>,
    ) -> Observation {
        Observation {
            record: self.record(object.clone(), row.id.as_str()),
            version: row.version(),
            modified: row.updated_at,
            state: RecordState::Live,
            fields,
        }
    }

    /// A record that is no longer there.
    pub(super) fn tombstone(
        &self,
        object: &ObjectName,
        id: impl Into<RecordId>,
        at: Option<Timestamp>,
        state: RecordState,
    ) -> Observation {
        Observation {
            record: self.record(object.clone(), id),
            version: None,
            modified: at,
            state,
            fields: Vec::new(),
        }
    }

    /// Remembers that this record was written from here at `at`: searches may show its former self for a while.
    pub(super) fn note_written(&self, object: &ObjectName, id: &RecordId, at: Option<Timestamp>) {
        // Looked through at each doubling, so that a long load is not slowed down by looking.
        const ENOUGH: usize = 1 << 15;
        let Some(at) = at else { return };
        let mut written = lock(&self.written);
        if written.len() >= ENOUGH && written.len().is_power_of_two() {
            let oldest = at.checked_sub(jiff::SignedDuration::from_hours(1)).unwrap_or(at);
            written.retain(|_, stamp| *stamp > oldest);
        }
        written.insert((object.clone(), id.clone()), at);
    }

    /// When this record was last written from here, if that is not long ago.
    pub(super) fn written_at(&self, object: &ObjectName, id: &RecordId) -> Option<Timestamp> {
        lock(&self.written).get(&(object.clone(), id.clone())).copied()
    }
}

fn search_call(object: &ObjectName, body: &Value) -> Call {
    Call::post(format!("/crm/v3/objects/{object}/search"), body, Effect::Read).lane(Lane::Search)
}

fn body(search: &Search<'_>, properties: &[String]) -> Value {
    let filters: Vec<Value> = search
        .filters
        .iter()
        .map(|(property, operator, value)| json!({ "propertyName": property, "operator": operator, "value": value }))
        .collect();
    let (property, descending) = search.sort;
    let direction = if descending { "DESCENDING" } else { "ASCENDING" };
    json!({
        "filterGroups": [{ "filters": filters }],
        "sorts": [{ "propertyName": property, "direction": direction }],
        "properties": properties,
        "limit": SEARCH_PAGE,
        "after": search.skip.to_string(),
    })
}
