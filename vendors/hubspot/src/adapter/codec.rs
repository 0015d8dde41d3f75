//! Property texts to values and back [docs properties].

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rust_decimal::Decimal;
use std::{str::FromStr, sync::Arc};
use syncline_model::{
    Currency, FieldType, Money, Observed, Ref, Value,
    defect::{Defect, planted},
};

/// The object that `hubspot_owner_id` and its like point to.
pub(super) const OWNERS: &str = "owners";

/// Reads a property. `None`: the text is no value of this type, so nothing is said about the field.
pub(super) fn decode(field_type: FieldType, text: &str, currency: Option<Currency>) -> Option<Observed> {
    if text.is_empty() {
        return Some(Observed::Empty);
    }
    let value = match field_type {
        FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Url => Value::text(text)?,
        FieldType::Bool => Value::Bool(yes_or_no(text)?),
        FieldType::Decimal => Value::Decimal(decimal(text)?),
        FieldType::Money => Value::Money(Money { amount: decimal(text)?, currency: currency? }),
        FieldType::Date => Value::Date(date(text)?),
        FieldType::Instant => Value::Instant(instant(text)?),
        FieldType::Option => Value::option(text),
        FieldType::Options => {
            let options: std::collections::BTreeSet<Arc<str>> =
                text.split(';').map(str::trim).filter(|option| !option.is_empty()).map(Arc::from).collect();
            if options.is_empty() {
                return Some(Observed::Empty);
            }
            Value::Options(options)
        }
        FieldType::Reference => Value::Refs(vec![Ref::to(OWNERS, text)]),
        FieldType::Other => return None,
    };
    Some(Observed::Value(value))
}

/// Writes a property; nothing clears it.
pub(super) fn encode(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::Text(text) | Value::Option(text)) => text.to_string(),
        Some(Value::Bool(yes)) => yes.to_string(),
        Some(Value::Decimal(number)) => number.normalize().to_string(),
        Some(Value::Money(money)) => money.amount.normalize().to_string(),
        Some(Value::Date(date)) => date.to_string(),
        Some(Value::Instant(at)) => milliseconds(*at).to_string(),
        Some(Value::Options(options)) => options.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(";"),
        Some(Value::Refs(refs)) => refs.first().map(|first| first.id.to_string()).unwrap_or_default(),
    }
}

/// HubSpot keeps milliseconds.
fn milliseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

fn yes_or_no(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}

fn decimal(text: &str) -> Option<Decimal> {
    if planted(Defect::FloatAmount) {
        return Some(Decimal::new((text.parse::<f64>().ok()? * 100.0) as i64, 2));
    }
    Decimal::from_str(text).or_else(|_| Decimal::from_scientific(text)).ok()
}

/// `2026-03-31`, or epoch milliseconds of that midnight in UTC.
fn date(text: &str) -> Option<Date> {
    match Date::from_str(text) {
        Ok(date) => Some(date),
        Err(_) => instant(text).map(|at| at.to_zoned(TimeZone::UTC).date()),
    }
}

/// ISO 8601, or epoch milliseconds.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    match text.parse::<i64>() {
        Ok(milliseconds) => Timestamp::from_millisecond(milliseconds).ok(),
        Err(_) => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(field_type: FieldType, text: &str) -> String {
        let Some(Observed::Value(value)) = decode(field_type, text, Some(Currency::USD)) else {
            panic!("{text}")
        };
        encode(Some(&value))
    }

    #[test]
    fn values_come_back_as_they_were_spelt() {
        for (field_type, text) in [
            (FieldType::Text, "Zoë; & Co"),
            (FieldType::Bool, "true"),
            (FieldType::Decimal, "1234567890123.45"),
            (FieldType::Money, "0.1"),
            (FieldType::Date, "2026-03-31"),
            (FieldType::Instant, "2026-03-31T10:00:00.123Z"),
            (FieldType::Option, "closedwon"),
            (FieldType::Options, "a;b"),
            (FieldType::Reference, "66077"),
        ] {
            assert_eq!(round_trip(field_type, text), text);
        }
        assert_eq!(round_trip(FieldType::Date, "1774915200000"), "2026-03-31");
        assert_eq!(round_trip(FieldType::Instant, "1774951200000"), "2026-03-31T10:00:00Z");
        assert_eq!(round_trip(FieldType::Decimal, "1.5E3"), "1500");
    }

    #[test]
    fn no_text_is_empty_and_a_wrong_text_is_unread() {
        assert_eq!(decode(FieldType::Decimal, "", None), Some(Observed::Empty));
        assert_eq!(decode(FieldType::Options, ";", None), Some(Observed::Empty));
        assert_eq!(decode(FieldType::Decimal, "many", None), None);
        assert_eq!(decode(FieldType::Money, "5", None), None, "an amount without a currency is none");
        assert_eq!(encode(None), "");
    }
}
