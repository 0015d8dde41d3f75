//! The currency that amounts are written in. HubSpot keeps one code a deal beside all its amounts, and takes an amount
//! that comes without it in whatever currency the deal stands; an omitted code of a new deal is the account's own
//! currency [docs currencies].

use super::objects::{Fields, fields};
use crate::adapter::{
    HubSpot,
    account::Currencies,
    records::{DEAL_CURRENCY, DEALS, Row},
};
use std::collections::BTreeMap;
use syncline_kit::vendor::{Rejection, RejectionClass, RowOutcome, VendorError, Write, WriteRow};
use syncline_model::{Currency, FieldName, FieldType, ObjectName, ObjectSchema, RecordId, Value};

/// The code that goes beside a row's amounts. None where the deal's code is no property of this account, may not be
/// written, or is written by the row itself.
pub(super) fn beside(object: &ObjectName, schema: &ObjectSchema, fields: &Fields) -> Option<Currency> {
    let can_say = object.as_str() == DEALS
        && schema.fields.get(DEAL_CURRENCY).is_some_and(|field| field.updateable)
        && own_code(fields).is_none();
    meant(fields).filter(|_| can_say)
}

/// The code that reached the vendor with these fields, if one did.
pub(super) fn sent(object: &ObjectName, schema: &ObjectSchema, fields: &Fields) -> Option<Currency> {
    match own_code(fields) {
        Some(code) => code.and_then(Value::as_str).and_then(Currency::new),
        None => beside(object, schema, fields),
    }
}

fn meant(fields: &Fields) -> Option<Currency> {
    fields.iter().find_map(|(_, value)| match value {
        Some(Value::Money(money)) => Some(money.currency),
        _ => None,
    })
}

/// The deal's code where the row itself writes it.
fn own_code(fields: &Fields) -> Option<Option<&Value>> {
    let (_, code) = fields.iter().find(|(field, _)| field.as_str() == DEAL_CURRENCY)?;
    Some(code.as_ref())
}

impl HubSpot {
    /// Rows whose amounts would be taken in another currency than they are meant in, or would put amounts that they do
    /// not speak of into theirs. Only an account of several currencies has to be asked how its deals stand.
    pub(super) async fn misplaced(
        &self,
        object: &ObjectName,
        schema: &ObjectSchema,
        money: Currencies,
        rows: &[&WriteRow],
    ) -> Result<BTreeMap<usize, RowOutcome>, VendorError> {
        if object.as_str() != DEALS {
            return Ok(BTreeMap::new());
        }
        let amounts: Vec<&FieldName> = schema
            .fields
            .iter()
            .filter(|(_, field)| field.field_type == FieldType::Money && field.updateable)
            .map(|(name, _)| name)
            .collect();
        let speaks = |row: &&WriteRow| meant(fields(row)).is_some() && own_code(fields(row)).is_none();
        let ids: Vec<RecordId> =
            rows.iter().filter(|row| money.further && speaks(row)).filter_map(|row| updated(row)).collect();
        let mut asked: Vec<String> = amounts.iter().map(ToString::to_string).collect();
        asked.push(DEAL_CURRENCY.to_owned());
        let read = self.read_batch(object, &ids, &asked).await?;
        let mut refused = BTreeMap::new();
        for (position, row) in rows.iter().enumerate().filter(|(_, row)| speaks(row)) {
            let present = updated(row).and_then(|id| read.iter().find(|read| read.id == id.as_str()));
            let says = beside(object, schema, fields(row)).is_some();
            if let Some(problem) = problem(fields(row), present, money.own, says, &amounts) {
                let written = fields(row).iter().filter(|(_, value)| matches!(value, Some(Value::Money(_))));
                let rejection = Rejection {
                    class: RejectionClass::Fields(written.map(|(field, _)| field.clone()).collect()),
                    code: "OTHER_CURRENCY".to_owned(),
                    message: problem,
                };
                refused.insert(position, RowOutcome::Rejected(rejection));
            }
        }
        Ok(refused)
    }
}

/// Why a row's amounts cannot be put into its deal as that stands.
fn problem(
    fields: &Fields,
    present: Option<&Row>,
    own: Option<Currency>,
    says: bool,
    amounts: &[&FieldName],
) -> Option<String> {
    let meant = meant(fields)?;
    let stands = present.and_then(|row| row.text(DEAL_CURRENCY)).and_then(Currency::new).or(own);
    if stands == Some(meant) {
        return None;
    }
    let in_what = stands.map_or_else(|| "an unknown currency".to_owned(), |stands| stands.to_string());
    if !says {
        return Some(format!(
            "the amount is in {meant}, the deal in {in_what}, and its `{DEAL_CURRENCY}` may not be written"
        ));
    }
    // The code is a field like any other, which people set; nothing in a plan says that it changes.
    if present.is_some_and(|row| row.text(DEAL_CURRENCY).is_some_and(|code| !code.is_empty())) {
        return Some(format!("the amount is in {meant}, and the deal stands in {in_what}"));
    }
    let stays = |name: &&&FieldName| {
        let text = present.and_then(|row| row.text(name.as_str())).unwrap_or_default();
        !text.is_empty() && !fields.iter().any(|(field, _)| field == **name)
    };
    amounts.iter().find(stays).map(|other| {
        format!(
            "the amount is in {meant}, and the deal's `{other}` stands in {in_what}: one code is for both"
        )
    })
}

fn updated(row: &WriteRow) -> Option<RecordId> {
    match &row.write {
        Write::Update { record, .. } => Some(record.id.clone()),
        Write::Create { .. } | Write::Archive { .. } | Write::Associate(_) | Write::Dissociate(_) => None,
    }
}
