//! JSON values into typed ones and back. Numbers go by their text, never through floating point.

use super::{ids, schema::Described, time};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::{collections::BTreeSet, str::FromStr, sync::Arc};
use syncline_model::{Currency, FieldType, Money, Observed, Ref, Value};

/// Reads one field of a row. An amount whose currency nobody told is a number.
pub(super) fn read(described: &Described, field: &str, json: &Json, currency: Option<Currency>) -> Observed {
    let text = json.as_str().unwrap_or_default();
    if json.is_null() || (json.is_string() && text.is_empty()) {
        return Observed::Empty;
    }
    let value = match described.field_type(field) {
        FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Url => {
            plain(json).and_then(Value::text)
        }
        FieldType::Bool => json.as_bool().map(Value::Bool),
        FieldType::Decimal => decimal(json).map(Value::Decimal),
        FieldType::Money => decimal(json).map(|amount| match currency {
            Some(currency) => Value::Money(Money { amount, currency }),
            None => Value::Decimal(amount),
        }),
        FieldType::Date => text.parse().ok().map(Value::Date),
        FieldType::Instant => time::instant(text).map(Value::Instant),
        FieldType::Option => plain(json).map(Value::option),
        FieldType::Options => Some(Value::Options(text.split(';').map(Arc::from).collect::<BTreeSet<_>>())),
        FieldType::Reference => {
            Some(Value::Refs(vec![Ref::to(described.target(field, text), ids::canonical(text))]))
        }
        FieldType::Other => None,
    };
    value.map_or(Observed::NotFetched, Observed::Value)
}

/// A number by its text; large ones come as `1.0E7`.
pub(super) fn decimal(json: &Json) -> Option<Decimal> {
    let text = plain(json)?;
    Decimal::from_str(&text)
        .or_else(|_| Decimal::from_scientific(&text))
        .ok()
        .map(|number| number.normalize())
}

fn plain(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(value) => Some(value.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Writes a field's value; `None` clears it. A checkbox cannot be empty: clearing it takes the tick away.
pub(super) fn write(described: Option<&Described>, field: &str, value: Option<&Value>) -> Json {
    let Some(value) = value else {
        let checkbox = described.is_some_and(|d| d.field_type(field) == FieldType::Bool);
        return if checkbox { Json::Bool(false) } else { Json::Null };
    };
    match value {
        Value::Text(text) | Value::Option(text) => Json::String(text.to_string()),
        Value::Bool(value) => Json::Bool(*value),
        Value::Decimal(number) => to_number(*number),
        Value::Money(money) => to_number(money.amount),
        Value::Date(date) => Json::String(date.to_string()),
        Value::Instant(instant) => Json::String(time::literal(*instant)),
        Value::Options(_) => Json::String(value.to_string()),
        Value::Refs(refs) => refs.first().map_or(Json::Null, |to| Json::String(to.id.to_string())),
    }
}

fn to_number(number: Decimal) -> Json {
    serde_json::Number::from_str(&number.to_string()).map_or(Json::Null, Json::Number)
}

/// Whether what a record holds is what was written, as far as the platform keeps it: text is trimmed on save
/// [doc: research §2.2], numbers keep the field's scale.
pub(super) fn holds(described: &Described, field: &str, observed: &Observed, wanted: Option<&Value>) -> bool {
    match (observed, wanted) {
        (Observed::Empty, None) => true,
        (Observed::Value(Value::Bool(ticked)), None) => !ticked,
        (Observed::Empty, Some(Value::Text(text))) => text.trim().is_empty(),
        (Observed::Empty, Some(Value::Refs(refs))) => refs.is_empty(),
        (Observed::Value(held), Some(wanted)) => same(described, field, held, wanted),
        (
            Observed::Value(_)
            | Observed::Empty
            | Observed::Absent
            | Observed::NotPermitted
            | Observed::NotFetched,
            _,
        ) => false,
    }
}

fn same(described: &Described, field: &str, held: &Value, wanted: &Value) -> bool {
    let scale = described.schema.fields.get(field).and_then(|schema| schema.scale);
    let round = |number: Decimal| scale.map_or(number, |scale| number.round_dp(scale)).normalize();
    match (held, wanted) {
        (Value::Text(a) | Value::Option(a), Value::Text(b) | Value::Option(b)) => a.trim() == b.trim(),
        (Value::Decimal(a), Value::Decimal(b)) => round(*a) == round(*b),
        (Value::Money(a), Value::Money(b)) => round(a.amount) == round(b.amount),
        (Value::Instant(a), Value::Instant(b)) => a.as_second() == b.as_second(),
        (Value::Refs(a), Value::Refs(b)) => a.first().map(|to| &to.id) == b.first().map(|to| &to.id),
        (held, wanted) => held == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn described() -> Described {
        Described::of(
            serde_json::from_value(json!({"name": "X", "fields": [
                {"name": "Amount", "type": "currency", "scale": 2}, {"name": "Tick", "type": "boolean"},
                {"name": "Many", "type": "multipicklist"}, {"name": "At", "type": "datetime"},
                {"name": "Name", "type": "string"}, {"name": "AccountId", "type": "reference",
                "referenceTo": ["Account"]}, {"name": "Share", "type": "percent", "scale": 3}]}))
            .unwrap(),
            None,
        )
    }

    fn value(field: &str, json: &str) -> Observed {
        read(&described(), field, &serde_json::from_str(json).unwrap(), Some(Currency::USD))
    }

    #[test]
    fn numbers_are_exact() {
        for (text, exact) in
            [("0.1", "0.1"), ("12345678901234.57", "12345678901234.57"), ("1.0E7", "10000000")]
        {
            let Observed::Value(Value::Money(money)) = value("Amount", text) else { panic!("{text}") };
            assert_eq!(money.amount.to_string(), exact);
        }
        let wanted = Value::Decimal("12345678901234567.125".parse().unwrap());
        assert_eq!(write(None, "Share", Some(&wanted)).to_string(), "12345678901234567.125");
    }

    #[test]
    fn nothing_is_empty_and_never_a_value() {
        assert_eq!(value("Name", "null"), Observed::Empty);
        assert_eq!(value("Name", "\"\""), Observed::Empty);
        assert_eq!(value("Tick", "false"), Observed::Value(Value::Bool(false)));
    }

    #[test]
    fn what_is_written_reads_back_as_the_same() {
        let described = described();
        for (field, value) in [
            ("Name", Value::text("Ann").unwrap()),
            ("Amount", Value::Money(Money { amount: "1.50".parse().unwrap(), currency: Currency::USD })),
            ("At", Value::Instant("2024-05-01T10:20:30Z".parse().unwrap())),
            ("Many", Value::Options(["a", "b"].into_iter().map(Arc::from).collect())),
            ("AccountId", Value::Refs(vec![Ref::to("Account", "001000000000001AAA")])),
            ("Share", Value::Decimal("0.125".parse().unwrap())),
        ] {
            let wire = write(Some(&described), field, Some(&value));
            let back = read(&described, field, &wire, Some(Currency::USD));
            assert!(holds(&described, field, &back, Some(&value)), "{field}: {back:?}");
        }
        assert_eq!(write(Some(&described), "Tick", None), json!(false));
        assert_eq!(write(Some(&described), "Name", None), Json::Null);
    }
}
