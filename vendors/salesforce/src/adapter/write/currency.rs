//! The currency that amounts are written in. A record of an org with several currencies has one code for all its amounts,
//! `CurrencyIsoCode`, which goes beside an amount; an org with one currency has no such field [doc: research §5].

use crate::adapter::{Salesforce, composite::Part, ids, soql};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use syncline_kit::vendor::{Rejection, RejectionClass, RowOutcome, VendorError, Write, WriteRow};
use syncline_model::{Currency, FieldName, FieldType, ObjectName, RecordId, Value};

/// The code of a record's amounts.
pub(super) const CODE: &str = "CurrencyIsoCode";
/// Ids in one query.
const IDS: usize = 350;

type Fields = [(FieldName, Option<Value>)];

impl Salesforce {
    /// Rows whose amounts would become another amount: in an org with one currency, those in another one, or in any where it
    /// does not tell which it has; in one with several, those that would put further amounts of their record into theirs.
    pub(super) async fn misplaced(
        &self,
        rows: &[WriteRow],
    ) -> Result<BTreeMap<usize, RowOutcome>, VendorError> {
        let mut refused = BTreeMap::new();
        let mut updates: BTreeMap<&ObjectName, Vec<(usize, &RecordId, &Fields)>> = BTreeMap::new();
        for (position, row) in rows.iter().enumerate() {
            let (object, id, fields) = match &row.write {
                Write::Create { object, fields, .. } => (object, None, fields),
                Write::Update { record, fields, .. } => (&record.object, Some(&record.id), fields),
                Write::Associate(_) | Write::Dissociate(_) | Write::Archive { .. } => continue,
            };
            let Some(meant) = meant(fields) else { continue };
            if !self.described(object).is_some_and(|described| described.has(CODE)) {
                let own = self.settings().await?.currency;
                if own != Some(meant) {
                    let told = own.map_or_else(|| "and does not tell it".to_owned(), |own| own.to_string());
                    refused.insert(position, rejected(fields, format!("the org has one currency, {told}")));
                }
            } else if let Some(id) = id
                && fields.iter().all(|(field, _)| field.as_str() != CODE)
            {
                updates.entry(object).or_default().push((position, id, fields));
            }
        }
        for (object, updates) in updates {
            let present = self.present(object, updates.iter().map(|(_, id, _)| *id)).await?;
            for (position, id, fields) in updates {
                let row = present.get(&ids::canonical(id.as_str()));
                if let Some(problem) = row.and_then(|row| self.problem(object, fields, row)) {
                    refused.insert(position, rejected(fields, problem));
                }
            }
        }
        Ok(refused)
    }

    /// Code and amounts of these records as they stand.
    async fn present(
        &self,
        object: &ObjectName,
        records: impl Iterator<Item = &RecordId>,
    ) -> Result<BTreeMap<RecordId, Json>, VendorError> {
        let records: Vec<&str> = records.map(RecordId::as_str).collect();
        let columns = self.amounts(object).iter().map(|field| format!(",{field}")).collect::<String>();
        let parts = records.chunks(IDS).map(|chunk| {
            let condition = soql::one_of("Id", chunk.iter().copied());
            Part::query(&format!("SELECT Id,{CODE}{columns} FROM {object} WHERE {condition}"))
        });
        let (_, replies) = self.client.read_parts(parts.collect()).await?;
        let mut present = BTreeMap::new();
        for reply in replies {
            for row in self.all_rows(reply).await? {
                let id = row.get("Id").and_then(Json::as_str).map(ids::canonical);
                present.extend(id.map(|id| (id, row)));
            }
        }
        Ok(present)
    }

    /// The amounts of an object that people write; others follow from them.
    fn amounts(&self, object: &ObjectName) -> Vec<FieldName> {
        let Some(described) = self.described(object) else { return Vec::new() };
        let fields = described.schema.fields.iter();
        let amounts = fields.filter(|(_, field)| field.field_type == FieldType::Money && field.updateable);
        amounts.map(|(name, _)| name.clone()).collect()
    }

    /// Why these amounts cannot be put into a record that stands so.
    fn problem(&self, object: &ObjectName, fields: &Fields, row: &Json) -> Option<String> {
        let meant = meant(fields)?;
        let stands = row.get(CODE).and_then(Json::as_str).and_then(Currency::new)?;
        let stays = |name: &FieldName| {
            row.get(name.as_str()).is_some_and(|value| !value.is_null())
                && !fields.iter().any(|(field, _)| field == name)
        };
        let other = self.amounts(object).into_iter().find(stays).filter(|_| stands != meant)?;
        Some(format!(
            "the amount is in {meant}, and the record's `{other}` stands in {stands}: one code is for both"
        ))
    }
}

fn meant(fields: &Fields) -> Option<Currency> {
    fields.iter().find_map(|(_, value)| match value {
        Some(Value::Money(money)) => Some(money.currency),
        _ => None,
    })
}

fn rejected(fields: &Fields, message: String) -> RowOutcome {
    let amounts = fields.iter().filter(|(_, value)| matches!(value, Some(Value::Money(_))));
    RowOutcome::Rejected(Rejection {
        class: RejectionClass::Fields(amounts.map(|(field, _)| field.clone()).collect()),
        code: "CURRENCY".to_owned(),
        message,
    })
}
